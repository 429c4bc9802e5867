// The tools: the registry for machines without JSR access, the command that uses it, and the counts for CI.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { readResults, report, type Result as TestResult } from "../tools/counts.ts";
import { loadPackages } from "../tools/packages.ts";
import { serveRegistry } from "../tools/registry.ts";
import { isGranted, privileged } from "./privileged.ts";

const tools = `${import.meta.dirname}/../tools/`;
const files = { permissions: { read: true, write: true }, ignore: !isGranted("read") || !isGranted("write") };
const needing = (name: string, fn: () => void | Promise<void>): void =>
  Deno.test({ ...privileged(name), fn });

/** Creates a directory with the layout of the standard library's repository and two packages. */
async function withStd(body: (dir: string) => void | Promise<void>): Promise<void> {
  const dir = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${dir}/path`);
    const config = { name: "@std/path", version: "1.2.3", exports: { ".": "./mod.ts" } };
    Deno.writeTextFileSync(`${dir}/path/deno.json`, JSON.stringify(config));
    Deno.writeTextFileSync(`${dir}/path/mod.ts`, `export { name } from "@std/internal/name";\n`);
    Deno.writeTextFileSync(`${dir}/path/mod_test.ts`, "");
    Deno.mkdirSync(`${dir}/internal`);
    const internal = { name: "@std/internal", version: "1.0.0", exports: { "./name": "./name.ts" } };
    Deno.writeTextFileSync(`${dir}/internal/deno.json`, JSON.stringify(internal));
    Deno.writeTextFileSync(`${dir}/internal/name.ts`, `export const name: string = "the given one";\n`);
    await body(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

interface Result {
  code: number;
  out: string;
  err: string;
}

/** Runs `tools/jsr.ts` with nothing in the environment but `env`. */
async function jsr(args: string[], env: Record<string, string> = {}): Promise<Result> {
  const cache = Deno.makeTempDirSync();
  try {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-config", `${tools}jsr.ts`, ...args],
      clearEnv: true,
      env: { DENO_DIR: cache, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", ...env },
    }).output();
    const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    return { code, out: text(stdout), err: text(stderr) };
  } finally {
    Deno.removeSync(cache, { recursive: true });
  }
}

needing("serveRegistry() responds with the sizes and checksums of the files", async () => {
  await using registry = serveRegistry(`${tools}std`);
  const get = async (path: string): Promise<Response> => await fetch(new URL(path, registry.url));
  for (const name of ["@std/assert", "@std/fs", "@std/jsonc", "@std/path"]) {
    const { latest, versions } = await (await get(`${name}/meta.json`)).json();
    assertEquals(Object.keys(versions), [latest]);
    const { exports, manifest } = await (await get(`${name}/${latest}_meta.json`)).json();
    assert(exports["."].slice(1) in manifest);
    for (const [path, { size, checksum }] of Object.entries<Record<string, unknown>>(manifest)) {
      const bytes = await (await get(`${name}/${latest}${path}`)).bytes();
      assertEquals(bytes.length, size);
      const hash = await crypto.subtle.digest("SHA-256", bytes);
      assertEquals(`sha256-${new Uint8Array(hash).toHex()}`, checksum);
    }
  }
});

needing("serveRegistry() responds with 404 to unknown paths", async () => {
  await using registry = serveRegistry(`${tools}std`);
  const wrong = ["", "@std/none/meta.json", "@std/path/9.9.9_meta.json", "@std/path/9.9.9/mod.ts", "/mod.ts"];
  for (const path of wrong) {
    const response = await fetch(new URL(path, registry.url));
    assertEquals([path, response.status, await response.text()], [path, 404, "not found"]);
  }
});

needing("serveRegistry() finds a free port while another registry runs", async () => {
  await using first = serveRegistry(`${tools}std`);
  await using second = serveRegistry(`${tools}std`);
  const [one, two] = [new URL(first.url), new URL(second.url)];
  assert(one.port !== two.port);
  assertEquals(one.pathname, two.pathname);
});

Deno.test("loadPackages() reads packages as they would be published", files, () =>
  withStd((dir) => {
    const packages = loadPackages(dir);
    assertEquals([...packages.keys()], ["@std/internal", "@std/path"]);
    assertEquals([...packages.get("@std/path")?.files.keys() ?? []], ["/deno.json", "/mod.ts"]);
    const code = new TextDecoder().decode(packages.get("@std/path")?.files.get("/mod.ts"));
    assertEquals(code, `export { name } from "jsr:@std/internal/name";\n`);
  }));

Deno.test("loadPackages() throws when the directory holds no package", files, () =>
  withStd((dir) => {
    assertThrows(() => loadPackages(`${dir}/path`), Error, "no directory in it has a deno.json");
  }));

const printName = `import { name } from "jsr:@std/path@^1"; console.log(name)`;

needing("jsr.ts --std serves the directory to the command", () =>
  withStd(async (dir) => {
    const { code, out, err } = await jsr(["--std", dir, "--", "deno", "eval", printName]);
    assertEquals({ code, out }, { code: 0, out: "the given one\n" }, err);
  }));

needing(
  "jsr.ts takes the directory from the environment, and commands inherit its registry",
  () =>
    withStd(async (dir) => {
      const nested = ["deno", "run", "-A", "--no-config", `${tools}jsr.ts`, "deno", "eval", printName];
      const { code, out, err } = await jsr(nested, { WORKER_RUNTIME_STD_DIR: dir });
      assertEquals({ code, out }, { code: 0, out: "the given one\n" }, err);
      // Only the outer one serves.
      assertEquals(err.split("@std comes from").length, 2, err);
    }),
);

needing("jsr.ts keeps a registry that the user chose", async () => {
  const env = { JSR_URL: "http://127.0.0.1:9/" };
  const { code, out, err } = await jsr(["deno", "eval", `console.log(Deno.env.get("JSR_URL"))`], env);
  assertEquals({ code, out, err }, { code: 0, out: "http://127.0.0.1:9/\n", err: "" });
});

needing("jsr.ts ends with the exit code of the command", async () => {
  const env = { JSR_URL: "http://127.0.0.1:9/" };
  assertEquals((await jsr(["deno", "eval", "Deno.exit(7)"], env)).code, 7);
  assertEquals((await jsr([], env)).code, 2);
});

const noSignals = Deno.build.os === "windows" ? "signals need POSIX" : undefined;
Deno.test({
  ...privileged("jsr.ts passes input and signals on to the command", noSignals),
  fn: async () => {
    const script = `
      Deno.addSignalListener("SIGTERM", () => Deno.exit(9));
      for await (const chunk of Deno.stdin.readable) await Deno.stdout.write(chunk);
      setInterval(() => {}, 1000);`;
    await using child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-config", `${tools}jsr.ts`, "deno", "eval", script],
      env: { JSR_URL: "http://127.0.0.1:9/", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode("hello"));
    await writer.close();
    const reader = child.stdout.getReader();
    assertEquals(new TextDecoder().decode((await reader.read()).value), "hello");
    child.kill("SIGTERM");
    assertEquals((await child.status).code, 9);
    await reader.cancel();
  },
});

Deno.test("readResults() returns tests without their steps", () => {
  const results = readResults(`<testsuites><testsuite name="./tests/a_test.ts" tests="5" disabled="1">
    <testcase name="a &gt; b" line="1"></testcase>
    <testcase name="fails"><failure message="x">&lt;skipped&gt;</failure></testcase>
    <testcase name="fails &gt; step &gt; inner"><failure message="x">x</failure></testcase>
    <testcase name="skips"><skipped/></testcase>
    </testsuite></testsuites>`);
  assertEquals(results.map(({ file, name, outcome }) => `${file}: ${name}: ${outcome}`), [
    "./tests/a_test.ts: a > b: passed",
    "./tests/a_test.ts: fails: failed",
    "./tests/a_test.ts: skips: ignored",
  ]);
});

Deno.test(
  "report() ends with the sums over distinct tests, and counts a failed run as one failure",
  files,
  () => {
    const made = (name: string, outcome: TestResult["outcome"]): TestResult => ({
      file: "./tests/a_test.ts",
      name,
      outcome,
    });
    const runs = {
      core: [made("one", "passed"), made("two", "passed")],
      files: [made("one", "passed"), made("two", "failed"), made("three", "passed"), made("four", "ignored")],
      privileged: [
        made("one", "ignored"),
        made("four (ignored: no Python)", "ignored"),
        made("five", "passed"),
      ],
    };
    assertEquals(report(runs, 1), [
      "core: tests/a_test.ts: 2 passed, 0 failed, 0 ignored",
      "files: tests/a_test.ts: 2 passed, 1 failed, 1 ignored",
      "privileged: tests/a_test.ts: 1 passed, 0 failed, 1 ignored",
      "3 passed, 1 failed",
    ]);
    assertEquals(report({ core: runs.core }, 0).at(-1), "2 passed, 0 failed");
    assertEquals(report({ core: runs.core }, 1).at(-1), "2 passed, 1 failed");
    assertEquals(report({}, 1), ["0 passed, 1 failed"]);
  },
);
