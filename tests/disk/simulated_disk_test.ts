// The simulated disk against the real one: the same tests on both, then random programs on both.

import { assertEquals } from "@std/assert";
import { DenoFileSystem } from "../../src/fs/disk/deno_file_system.ts";
import type { FileSystem } from "../../src/fs/disk/file_system.ts";
import { bytesOf, type Ground, outcomeOf, type Subject, testContract, textAt } from "./contract.ts";
import { fileCases } from "./contract_files.ts";
import { identityCases } from "./contract_identity.ts";
import { call, nameCases } from "./contract_names.ts";
import { type Random, SimulatedDisk, withSeed } from "./mod.ts";

const granted = (["read", "write"] as const).every((name) =>
  Deno.permissions.querySync({ name }).state === "granted"
);
const posix = Deno.build.os !== "windows";

/** Permission bits do not bind root. */
function isBoundByModes(): boolean {
  if (!granted || !posix) return false;
  const path = Deno.makeTempFileSync();
  try {
    Deno.chmodSync(path, 0o000);
    Deno.openSync(path).close();
    return false;
  } catch {
    return true;
  } finally {
    Deno.removeSync(path);
  }
}

const real: Subject = {
  name: "DenoFileSystem",
  ignore: !granted,
  posix,
  permissions: isBoundByModes(),
  special: granted && posix &&
    Deno.permissions.querySync({ name: "run", command: "mkfifo" }).state === "granted",
  ground(): Ground {
    const root = Deno.makeTempDirSync();
    return {
      fs: new DenoFileSystem(),
      root,
      link: (path, target) => Deno.symlinkSync(target, path),
      special: (path) => void new Deno.Command("mkfifo", { args: [path] }).outputSync(),
      chmod: (path, mode) => Deno.chmodSync(path, mode),
      [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }),
    };
  },
};

const simulated: Subject = {
  name: "SimulatedDisk",
  ignore: false,
  posix: true,
  permissions: true,
  special: true,
  ground(): Ground {
    const fs = new SimulatedDisk({ contents: new Map([["/root/", new Uint8Array()]]) });
    return {
      fs,
      root: "/root",
      link: (path, target) => fs.plant.link(path, target),
      special: (path) => fs.plant.special(path),
      chmod: (path, mode) => fs.plant.mode(path, mode),
      [Symbol.dispose]: () => {},
    };
  },
};

for (const subject of [real, simulated]) {
  testContract(subject, [...fileCases, ...nameCases, ...identityCases]);
}

const NAMES = ["a", "b", "a/c", "a/d", "b/c", "b/c/e"];
const CALLS = [
  "read",
  "create",
  "stat",
  "identity",
  "openDirectory",
  "list",
  "ensureDirectory",
  "makeDirectory",
  "remove",
  "removeDirectory",
  "lock",
  "syncDirectory",
];

/** Returns a step that can be executed on either disk in any state. */
function stepOf(random: Random): (fs: FileSystem, root: string) => unknown {
  const [path, other] = [random.pick(NAMES), random.pick(NAMES)];
  const [size, position] = [random.below(1500), random.below(1500)];
  const bytes = bytesOf(String.fromCharCode(97 + random.below(26)).repeat(size));
  const kind = random.below(8);
  const name = random.pick(CALLS);
  if (kind === 0) return (fs, root) => fs.rename(`${root}/${path}`, `${root}/${other}`);
  if (kind === 1) return (fs, root) => textAt(fs, `${root}/${path}`);
  if (kind > 4) return (fs, root) => call(fs, name, `${root}/${path}`);
  return (fs, root) => {
    const file = fs.open(`${root}/${path}`, fs.stat(`${root}/${path}`) === undefined ? "create" : "update");
    try {
      if (kind === 2) file.truncate(size);
      else file.write(bytes, position);
      return file.stat();
    } finally {
      file.close();
    }
  };
}

Deno.test({
  name: "SimulatedDisk agrees with DenoFileSystem on random programs",
  ignore: !granted || Deno.build.os !== "linux",
  fn: async () => {
    for (let seed = 1; seed <= 150; seed++) {
      await withSeed(seed, async (random) => {
        using one = real.ground();
        using other = simulated.ground();
        for (let count = 0; count < 60; count++) {
          const step = stepOf(random);
          const expected = await outcomeOf(() => step(one.fs, one.root));
          assertEquals(await outcomeOf(() => step(other.fs, other.root)), expected, `step ${count}`);
        }
      });
    }
  },
});
