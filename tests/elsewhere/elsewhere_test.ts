// The core runs where Deno is not: bundled, it passes the conformance suite in Node and in a browser.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { MemoryRuntimeStore, MemoryStorage } from "../../memory_store.ts";
import { testRuntimeStore } from "../../testing/mod.ts";
import { findChromium, look } from "../cli/chromium.ts";
import { isGranted, privileged } from "../privileged.ts";

const here = fromFileUrl(new URL(".", import.meta.url));
const node = isGranted("run") ? await findNode() : undefined;
const chromium = findChromium();

/** The Node of this machine, if it is recent enough. */
async function findNode(): Promise<string | undefined> {
  try {
    const { stdout } = await new Deno.Command("node", { args: ["--version"], stderr: "null" }).output();
    const major = Number(/^v(\d+)/.exec(new TextDecoder().decode(stdout))?.[1]);
    return major >= 20 ? "node" : undefined;
  } catch {
    return undefined;
  }
}

async function run(command: string, args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

async function bundle(entry: string, file: string, ...flags: string[]): Promise<void> {
  const args = ["bundle", "--quiet", ...flags, `--output=${file}`, join(here, entry)];
  const { code, err } = await run(Deno.execPath(), args);
  assertEquals(code, 0, err);
}

/** A test in a directory of its own; where the program is missing, its name says why it is ignored. */
function elsewhereTest(
  name: string,
  program: string | undefined,
  missing: string,
  body: (program: string, directory: string) => Promise<void>,
): void {
  Deno.test({
    ...privileged(name, program === undefined ? missing : undefined),
    fn: async () => {
      const directory = Deno.makeTempDirSync({ prefix: "worker-runtime-test-" });
      try {
        await body(program ?? "", directory);
      } finally {
        Deno.removeSync(directory, { recursive: true });
      }
    },
  });
}

/** How many tests the suite has. */
function suiteLength(): number {
  let length = 0;
  const open = (runtimeId: string) => {
    const storage = new MemoryStorage();
    return {
      store: () => new MemoryRuntimeStore({ runtimeId, storage }),
      remove: () => Promise.resolve(storage.runtimes.clear()),
    };
  };
  testRuntimeStore({ name: "memory", test: () => void length++, open });
  return length;
}

/** The same in plain JavaScript, for the other runtimes. */
const suiteOf = (test: string): string => `
  testRuntimeStore({
    name: "memory",
    test: ${test},
    open: (runtimeId) => {
      const storage = new MemoryStorage();
      return {
        store: () => new MemoryRuntimeStore({ runtimeId, storage }),
        remove: () => Promise.resolve(storage.runtimes.clear()),
      };
    },
  });`;
const imports = `import { MemoryRuntimeStore, MemoryStorage, testRuntimeStore } from "./core.js";`;

elsewhereTest(
  "MemoryRuntimeStore passes the conformance suite in Node",
  node,
  "no Node 20 or later",
  async (program, directory) => {
    await bundle("bundled.ts", join(directory, "core.js"), "--platform=browser");
    Deno.writeTextFileSync(join(directory, "package.json"), '{"type":"module"}');
    const script = `import { test } from "node:test";\n${imports}\n${suiteOf("test")}\n`;
    Deno.writeTextFileSync(join(directory, "suite.js"), script);
    const { code, out, err } = await run(program, ["--test-reporter=tap", join(directory, "suite.js")]);
    assertEquals(code, 0, out.slice(-4_000) + err);
    const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)$`, "m").exec(out)?.[1]);
    assertEquals([count("pass"), count("fail"), count("skipped")], [suiteLength(), 0, 0]);
  },
);

elsewhereTest(
  "MemoryRuntimeStore passes the conformance suite in a browser",
  chromium,
  "no Chromium",
  async (program, directory) => {
    await bundle("bundled.ts", join(directory, "core.js"), "--platform=browser");
    const page = `<!doctype html><title>suite</title><link rel="icon" href="data:,"><script type="module">
      ${imports}
      const tests = [];
      ${suiteOf("(name, body) => tests.push({ name, body })")}
      globalThis.finished = (async () => {
        const failures = [];
        for (const { name, body } of tests) {
          await body().catch((error) => failures.push(name + ": " + error));
        }
        return { run: tests.length, failures, agent: navigator.userAgent };
      })();
    </script>`;
    const files: Record<string, [type: string, body: string]> = {
      "/": ["text/html", page],
      "/core.js": ["text/javascript", Deno.readTextFileSync(join(directory, "core.js"))],
    };
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      const [type, body] = files[new URL(request.url).pathname] ?? ["text/plain", ""];
      return new Response(body, {
        status: body === "" ? 404 : 200,
        headers: {
          "content-type": type,
          "content-security-policy": "default-src 'self' 'unsafe-inline' data:",
        },
      });
    });
    try {
      const how = { width: 800, dark: false };
      const url = `http://127.0.0.1:${server.addr.port}/`;
      const { values: [seen], requests, console } = await look(program, url, how, ["globalThis.finished"]);
      const { run, failures, agent } = seen as { run: number; failures: string[]; agent: string };
      // The policy forbids to compile code; the schema library asks once whether it may, and does without.
      const messages = console.filter((message) => !message.includes('"source":"security"'));
      assertEquals([run, failures, messages], [suiteLength(), [], []]);
      assert(console.length <= 1, `${console.length} messages`);
      assertStringIncludes(agent, "Chrome");
      assertEquals(requests, [url, `${url}core.js`, "data:,"].filter((url) => requests.includes(url)));
    } finally {
      await server.shutdown();
    }
  },
);

elsewhereTest(
  "FsRuntimeStore says in Node that it needs Deno",
  node,
  "no Node 20 or later",
  async (program, directory) => {
    await bundle("../../fs_store.ts", join(directory, "fs_store.mjs"), "--platform=deno");
    const script = `
      import { FsRuntimeSource, FsRuntimeStore } from "./fs_store.mjs";
      const location = { root: ${JSON.stringify(directory)}, runtimeId: "local" };
      for (const Place of [FsRuntimeStore, FsRuntimeSource]) {
        try {
          new Place(location);
        } catch (error) {
          console.log(error.name + ": " + error.message);
        }
      }`;
    Deno.writeTextFileSync(join(directory, "script.mjs"), script);
    const { code, out, err } = await run(program, [join(directory, "script.mjs")]);
    const line =
      "TypeError: Cannot use the file system store: it needs Deno; elsewhere take another RuntimeStore\n";
    assertEquals([code, out], [0, line + line], err);
    assertEquals([...Deno.readDirSync(directory)].map(({ name }) => name).sort(), [
      "fs_store.mjs",
      "script.mjs",
    ]);
  },
);

elsewhereTest(
  "the core is small enough for a page when bundled",
  Deno.execPath(),
  "no Deno",
  async (_program, directory) => {
    const file = join(directory, "core.js");
    await bundle("../../mod.ts", file, "--platform=browser", "--minify");
    const { size } = Deno.statSync(file);
    assert(size > 50_000 && size < 200_000, `${size} bytes`);
  },
);
