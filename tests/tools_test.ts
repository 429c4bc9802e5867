// The tools: the registry for machines that cannot reach JSR, the command that uses it, and the counts for CI.

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { readCounts, report } from "../tools/counts.ts";
import { loadPackages } from "../tools/packages.ts";
import { serveRegistry } from "../tools/registry.ts";

const tools = `${import.meta.dirname}/../tools/`;
const isGranted = (name: "net" | "read" | "run" | "write"): boolean =>
  Deno.permissions.querySync({ name }).state === "granted";
const files = { permissions: { read: true, write: true }, ignore: !isGranted("read") || !isGranted("write") };
const network = { permissions: { read: true, net: true }, ignore: !isGranted("read") || !isGranted("net") };
const commands = { permissions: "inherit", ignore: files.ignore || !isGranted("run") } as const;

/** A directory laid out like the repository of the standard library, with one package in it. */
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

Deno.test("serveRegistry() answers with sizes and checksums that fit the files", network, async () => {
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

Deno.test("serveRegistry() answers 404 for what it does not have", network, async () => {
  await using registry = serveRegistry(`${tools}std`);
  const wrong = ["", "@std/none/meta.json", "@std/path/9.9.9_meta.json", "@std/path/9.9.9/mod.ts", "/mod.ts"];
  for (const path of wrong) {
    const response = await fetch(new URL(path, registry.url));
    assertEquals([path, response.status, await response.text()], [path, 404, "not found"]);
  }
});

Deno.test("serveRegistry() finds a port while another registry runs", network, async () => {
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

Deno.test("jsr.ts --std serves the directory to the command", commands, () =>
  withStd(async (dir) => {
    const { code, out, err } = await jsr(["--std", dir, "--", "deno", "eval", printName]);
    assertEquals({ code, out }, { code: 0, out: "the given one\n" }, err);
  }));

Deno.test(
  "jsr.ts takes the directory from the environment, for itself and for what it runs",
  commands,
  () =>
    withStd(async (dir) => {
      const nested = ["deno", "run", "-A", "--no-config", `${tools}jsr.ts`, "deno", "eval", printName];
      const { code, out, err } = await jsr(nested, { WORKER_RUNTIME_STD_DIR: dir });
      assertEquals({ code, out }, { code: 0, out: "the given one\n" }, err);
      // Only the outer one serves.
      assertEquals(err.split("@std comes from").length, 2, err);
    }),
);

Deno.test("jsr.ts leaves a registry that the user chose alone", commands, async () => {
  const env = { JSR_URL: "http://127.0.0.1:9/" };
  const { code, out, err } = await jsr(["deno", "eval", `console.log(Deno.env.get("JSR_URL"))`], env);
  assertEquals({ code, out, err }, { code: 0, out: "http://127.0.0.1:9/\n", err: "" });
});

Deno.test("jsr.ts ends with the exit code of the command", commands, async () => {
  const env = { JSR_URL: "http://127.0.0.1:9/" };
  assertEquals((await jsr(["deno", "eval", "Deno.exit(7)"], env)).code, 7);
  assertEquals((await jsr([], env)).code, 2);
});

Deno.test({
  name: "jsr.ts passes input and signals on to the command",
  ...commands,
  ignore: commands.ignore || Deno.build.os === "windows",
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

Deno.test("readCounts() counts tests, not their steps", () => {
  const counts = readCounts(`<testsuites><testsuite name="./tests/a_test.ts" tests="5" disabled="1">
    <testcase name="a &gt; b" line="1"></testcase>
    <testcase name="fails"><failure message="x">&lt;skipped&gt;</failure></testcase>
    <testcase name="fails &gt; step &gt; inner"><failure message="x">x</failure></testcase>
    <testcase name="skips"><skipped/></testcase>
    </testsuite></testsuites>`);
  assertEquals(counts, [{ name: "./tests/a_test.ts", passed: 1, failed: 1, ignored: 1 }]);
});

Deno.test({
  name: "report() ends with the sums, and counts a failed run as a failure",
  permissions: { read: true },
  ignore: !isGranted("read"),
  fn: () => {
    const counts = [
      { name: "./tests/a_test.ts", passed: 2, failed: 0, ignored: 1 },
      { name: "./tests/b_test.ts", passed: 3, failed: 0, ignored: 0 },
    ];
    assertStringIncludes(report(counts, 0)[0] ?? "", "tests/a_test.ts: 2 passed, 0 failed, 1 ignored");
    assertEquals(report(counts, 0).at(-1), "5 passed, 0 failed");
    assertEquals(report(counts, 1).at(-1), "5 passed, 1 failed");
    assertEquals(report([], 1), ["0 passed, 1 failed"]);
  },
});
