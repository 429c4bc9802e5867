// Something else in the place of each file and directory of a store, under every operation: typed errors and findings,
// no effect outside, and nothing lost.

import { assert, assertEquals } from "@std/assert";
import { reportHtml } from "../../cli/report/page.ts";
import { openDirectory } from "../../cli/store.ts";
import { FsRuntimeStore } from "../../fs_store.ts";
import { backup, exportRuntime, listRuntimes, repair, verify } from "../../operate.ts";
import { isRuntimeError, Runtime } from "../../mod.ts";
import { textOf } from "../cli/kit.ts";
import { everyEvent, openRuntime } from "../cli/stores.ts";
import { killAt, SimulatedDisk } from "../disk/mod.ts";
import { openReader } from "./reading/reader.ts";
import { acquire } from "../kit/acquire.ts";

const local = { root: "/data", runtimeId: "local" };
const DIRECTORY = "/data/runtimes/local";
const INSIDE = new TextEncoder().encode("somebody's file");

const FILES = [
  "lock",
  "owner.json",
  "config.jsonc",
  "runtime.json",
  "overview.json",
  "checkpoint.json",
  "checkpoint.previous.json",
  "events",
  "events/0000000000000001.jsonl",
  "events/LAST",
  "workers",
  "workers/reviewer",
  "workers/reviewer/worker.json",
  "workers/reviewer/transcript.jsonl",
  "quarantine",
  "salvage",
  "owner.json.tmp",
  "runtime.json.tmp",
  "overview.json.tmp",
  "checkpoint.json.tmp",
  "workers/reviewer/worker.json.tmp",
  "workers/reviewer/transcript.jsonl.tmp",
  "events/0000000000000001.jsonl.tmp",
  "incoming",
  "incoming/1",
  "workers/reviewer/blobs",
  "workers/reviewer/blobs/BLOB",
] as const;

const DIRECTORIES: ReadonlySet<string> = new Set([
  "events",
  "workers",
  "workers/reviewer",
  "workers/reviewer/blobs",
  "incoming",
  "quarantine",
  "salvage",
]);

/** Kinds of things found instead of a file or directory. */
const kinds: Readonly<Record<string, (disk: SimulatedDisk, path: string) => void>> = {
  "a directory": (disk, path) => disk.plant.file(`${path}/inside`, INSIDE),
  "an empty directory": (disk, path) => disk.plant.directory(path),
  "a file": (disk, path) => disk.plant.file(path, INSIDE),
  "a special file": (disk, path) => disk.plant.special(path),
  "a link": (disk, path) => disk.plant.link(path, "/outside/there"),
  "a dangling link": (disk, path) => disk.plant.link(path, "/outside/none"),
  "a link to a directory": (disk, path) => disk.plant.link(path, "/outside"),
};

let made: Promise<SimulatedDisk> | undefined;

function store(): Promise<SimulatedDisk> {
  return made ??= (async () => {
    const fileSystem = new SimulatedDisk();
    for (let turn = 0; turn < 3; turn++) {
      const runtime = await openRuntime({ root: "/data", fileSystem });
      if (turn === 0) {
        await everyEvent(runtime);
        const reviewer = runtime.worker("reviewer");
        await reviewer.append([{
          role: "user",
          content: "an image",
          blobs: [await reviewer.putBlob(INSIDE)],
        }]);
      } else await runtime.worker("reviewer").append([{ role: "assistant", content: `turn ${turn}` }]);
      await runtime.close();
    }
    fileSystem.plant.file("/outside/there", INSIDE);
    return fileSystem;
  })();
}

/** The text of every transcript entry of the worker. */
async function said(runtime: Runtime): Promise<readonly unknown[]> {
  const { items } = await runtime.worker("reviewer").transcript({ limit: 1_000 });
  return items.map(({ content }) => content);
}

async function useAndClose(fileSystem: SimulatedDisk): Promise<readonly unknown[]> {
  const runtime = await Runtime.open({
    store: new FsRuntimeStore({ ...local, create: false }, { fileSystem }),
  });
  try {
    await runtime.worker("reviewer").append([{ role: "assistant", content: "more" }]);
    await runtime.flush();
    return await said(runtime);
  } finally {
    await runtime.close();
  }
}

async function readEverything(fileSystem: SimulatedDisk): Promise<void> {
  await using store = await openDirectory(local, fileSystem);
  const { view } = store;
  view.overview();
  for (const { record } of view.allWorkers()) await view.transcript(record.workerId, { limit: 1_000 });
  await view.events({ after: 0, limit: 1_000 });
  const bounds = { entries: 9, workers: 9, now: 0, signal: new AbortController().signal, fileSystem };
  let page = "";
  for await (const text of reportHtml(store, bounds)) page += text;
  assert(page.endsWith("</html>\n"), page.slice(-20));
}

/** Everything that opens a store or looks at one. */
const operations: Readonly<Record<string, (fileSystem: SimulatedDisk) => Promise<unknown>>> = {
  "repair()": (fileSystem) => repair(local, { fileSystem }),
  "repair() with apply": (fileSystem) => repair(local, { fileSystem, apply: true }),
  "repair() with salvage": (fileSystem) => repair(local, { fileSystem, apply: true, salvage: true }),
  "a read-only view": readEverything,
  "exportRuntime()": (fileSystem) => textOf(exportRuntime(local, { fileSystem })),
  "exportRuntime() of a worker": (fileSystem) =>
    textOf(exportRuntime(local, { fileSystem, worker: "reviewer" })),
  "backup()": (fileSystem) => backup(local, { fileSystem, to: "/copy" }),
  "listRuntimes()": (fileSystem) => Promise.resolve(listRuntimes("/data", { fileSystem })),
  "an opening": useAndClose,
  "prune()": async (fileSystem) => {
    await using runtime = await Runtime.open({ store: new FsRuntimeStore(local, { fileSystem }) });
    await runtime.prune();
  },
  "purge()": async (fileSystem) => {
    await using runtime = await Runtime.open({ store: new FsRuntimeStore(local, { fileSystem }) });
    await runtime.worker("reviewer").stop();
    await runtime.worker("reviewer").purge();
  },
};

async function outcome(work: () => Promise<unknown>, name: string): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    assert(isRuntimeError(error), `${name}: ${error instanceof Error ? error.stack : error}`);
    return false;
  }
}

for (const file of FILES) {
  Deno.test(`every operation copes with something else in the place of ${file}`, async () => {
    const good = await store();
    const names = good.list(`${DIRECTORY}/events`).map(({ name }) => name).sort();
    const [blob] = good.list(`${DIRECTORY}/workers/reviewer/blobs`);
    const path = `${DIRECTORY}/${file.replace("LAST", names.at(-1) ?? "").replace("BLOB", blob?.name ?? "")}`;
    for (const [kind, plant] of Object.entries(kinds)) {
      const isDirectory = DIRECTORIES.has(file);
      if (isDirectory ? kind.includes("directory") && !kind.includes("link") : kind === "a file") continue;
      const odd = good.fork();
      odd.plant.nothing(path);
      plant(odd, path);
      const where = `${kind} in the place of ${file}`;
      const { verdict, findings } = await verify(local, { fileSystem: odd.fork() });
      const about = findings.filter((finding) =>
        path.endsWith(finding.file ?? "none") || finding.file?.startsWith(file)
      );
      assert(about.length > 0, `${where}: verify says nothing of it, but ${JSON.stringify(findings)}`);
      // The other kinds differ from these only in what may lie behind them.
      const isMain = !file.endsWith(".tmp") &&
        ["a directory", "a file", "a special file", "a link"].includes(kind);
      for (const [name, operation] of Object.entries(operations)) {
        if (!isMain && name !== "an opening" && name !== "repair() with salvage") continue;
        const disk = odd.fork();
        const worked = await outcome(() => operation(disk), `${name}, ${where}`);
        if (name === "an opening") {
          // An unusable config is a mistake to correct, and no damage.
          const isKnown = verdict === "damaged" || (file === "config.jsonc" && verdict === "healable");
          assert(worked || isKnown, `${where}: opening is refused, and verify says ${verdict}`);
        }
        assertEquals(disk.peek("/outside/there"), INSIDE, `${name}, ${where}`);
        assertEquals(disk.list("/outside").length, 1, `${name}, ${where}: something was put outside`);
        const isKept = kind !== "a directory" ||
          [...disk.dump().keys()].some((name) => name.endsWith("/inside"));
        assert(isKept || name === "purge()", `${name}, ${where}: what was in the directory is gone`);
      }
    }
  });
}

/** Paths at which an opening refuses other kinds, or leaves them, because no action would be safe. */
const refused: ReadonlySet<string> = new Set([
  "incoming/1",
  "workers/reviewer/blobs",
  "workers/reviewer/blobs/BLOB",
  "lock",
  "config.jsonc",
  "runtime.json",
  "events",
  "events/0000000000000001.jsonl",
  "events/LAST",
  "workers",
  "quarantine",
  "salvage",
]);

for (const file of FILES.filter((name) => !refused.has(name))) {
  Deno.test(`an opening replaces something else in the place of ${file} for good, and loses nothing`, async () => {
    const good = await store();
    for (const [kind, plant] of Object.entries(kinds)) {
      if (DIRECTORIES.has(file) ? kind.includes("directory") && !kind.includes("link") : kind === "a file") {
        continue;
      }
      const disk = good.fork();
      disk.plant.nothing(`${DIRECTORY}/${file}`);
      plant(disk, `${DIRECTORY}/${file}`);
      const where = `${kind} in the place of ${file}`;
      const entries = await useAndClose(disk);
      assertEquals([entries.length, entries.at(-1)], [7, "more"], where);
      await useAndClose(disk);
      const { verdict, findings } = await verify(local, { fileSystem: disk });
      const left = findings.filter(({ severity, code }) =>
        severity !== "info" && code !== "projection_behind"
      );
      // The blobs of a worker are in its directory alone.
      const lost = file === "workers/reviewer" ? ["blob_missing"] : [];
      const wanted = lost.length === 0 ? "clean" : "damaged";
      assertEquals([verdict, left.map(({ code }) => code)], [wanted, lost], where);
    }
  });
}

for (const file of ["workers", "quarantine"]) {
  Deno.test(`repair() sets aside something else in the place of ${file}`, async () => {
    const disk = (await store()).fork();
    disk.plant.special(`${DIRECTORY}/${file}`);
    const done = await repair(local, { fileSystem: disk, apply: true });
    const left = done.after?.findings.filter(({ severity }) => severity === "damaged").map(({ code }) =>
      code
    );
    // The blobs of workers are in their directories alone.
    assertEquals(left, file === "workers" ? ["blob_missing"] : [], JSON.stringify(done.after?.findings));
    assertEquals(disk.list(`${DIRECTORY}/salvage`).map(({ kind }) => kind), ["other"]);
    assertEquals((await useAndClose(disk)).length, 7);
  });
}

for (const file of ["lock", "salvage"]) {
  Deno.test(`repair() asks to move away something else in the place of ${file}`, async () => {
    const disk = (await store()).fork();
    disk.plant.special(`${DIRECTORY}/${file}`);
    const { steps } = await repair(local, { fileSystem: disk });
    assert(steps.some(({ action }) => action === "move_away"), JSON.stringify(steps));
    const error = await repair(local, { fileSystem: disk, apply: true }).catch((reason) => reason);
    assert(isRuntimeError(error) && error.message.includes("move it away"), String(error));
  });
}

Deno.test("every operation copes with a log without segments, and verify() reports log_gap", async () => {
  const odd = (await store()).fork();
  for (const { name } of odd.list(`${DIRECTORY}/events`)) odd.plant.nothing(`${DIRECTORY}/events/${name}`);
  const { verdict, counts } = await verify(local, { fileSystem: odd.fork() });
  assertEquals([verdict, counts.log_gap], ["damaged", 1]);
  for (const [name, operation] of Object.entries(operations)) {
    const disk = odd.fork();
    await outcome(() => operation(disk), `${name} without segments`);
  }
});

Deno.test("a first backup that was killed is reported, and refused with a typed error", async () => {
  const good = await store();
  let kills = 0;
  for (let n = 1;; n += 5) {
    const disk = good.fork();
    disk.onCall = killAt(n);
    const error = await backup(local, { fileSystem: disk, to: "/copy", verify: false }).catch((reason) =>
      reason
    );
    if (!(error instanceof Error)) break;
    kills++;
    const left = disk.kill();
    const copy = { root: "/copy", runtimeId: "local" };
    await outcome(async () => {
      const { verdict } = await verify(copy, { fileSystem: left });
      const isWhole = left.peek("/copy/runtimes/local/runtime.json") !== undefined;
      assertEquals(verdict === "damaged", !isWhole, `call ${n}`);
    }, `verify() behind call ${n}`);
    for (const [name, operation] of [["export", exportRuntime], ["view", openReader]] as const) {
      await outcome(async () => {
        const found = await operation(copy, { fileSystem: left });
        if (Symbol.asyncIterator in found) await textOf(found);
        else await found.close();
      }, `${name} behind call ${n}`);
    }
    await outcome(async () => {
      await (await acquire(new FsRuntimeStore({ ...copy, create: false }, { fileSystem: left.fork() })))
        .close();
    }, `an opening behind call ${n}`);
  }
  assert(kills > 20, `${kills} kills`);
});
