// The examples, run as a user runs them: real files in, real files out, a real kill in the middle.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { Runtime } from "../mod.ts";
import { FsRuntimeStore } from "../fs_store.ts";
import { privileged } from "./privileged.ts";

const repository = fromFileUrl(new URL("..", import.meta.url));

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function deno(cwd: string, ...args: string[]): Promise<Result> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--quiet", `--config=${repository}deno.json`, ...args],
    cwd,
    env: { DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

/** Runs the demo with the flags of its task. */
async function demo(...args: string[]): Promise<Result> {
  const flags = ["--allow-read", "--allow-write", `--allow-run=${Deno.execPath()}`];
  return await deno(repository, ...flags, `${repository}examples/demo.ts`, ...args);
}

function processTest(name: string, body: (directory: string) => Promise<void>): void {
  Deno.test({
    ...privileged(name),
    fn: async () => {
      const directory = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "worker-runtime-test-" }));
      try {
        await body(directory);
      } finally {
        Deno.removeSync(directory, { recursive: true });
      }
    },
  });
}

const long = "words and 日本語 🦊 and more words\n".repeat(1_500);

/** A small project with the files that a demo could stumble over; gives those that it should work on. */
function makeProject(directory: string): Map<string, string> {
  const files = new Map([
    ["README.md", "# Title\n\nText.\n\n```sh\n# no heading\n```\n\n## Use: now\n"],
    ["long, with a comma.md", long],
    ["empty.ts", ""],
    [`deep/${"a".repeat(90)}/x.py`, "def f():\n    pass  # TODO: think\n"],
    ["src/日本語.ts", "export function f(): void {}\r\nclass A {}\r\n"],
    ["src/b.rs", "pub fn b() {}\n"],
    ["src/c.rs", "struct C;\n"],
    ["src/d.rs", "enum D {}\n"],
  ]);
  const others = new Map([
    [".git/config.md", "hidden"],
    ["node_modules/x/index.js", "installed"],
    ["data.bin", "no source"],
    ["huge.md", "x".repeat(600_000)],
    ["binary.ts", "a\0b"],
  ]);
  for (const [path, text] of [...files, ...others]) {
    Deno.mkdirSync(join(directory, path, ".."), { recursive: true });
    Deno.writeTextFileSync(join(directory, path), text);
  }
  return files;
}

processTest("demo does every file exactly once, though its process is killed half way", async (directory) => {
  const project = join(directory, "a, project");
  const files = makeProject(project);
  const out = join(directory, "out");
  const result = await demo(project, "--out", out);
  assertEquals(result.code, 0, result.out + result.err);
  assertStringIncludes(result.out, `a worker for each of ${files.size} files`);
  assertMatch(result.out, /was killed \(SIGKILL\) with [4-7] of 8 files done/);
  assertStringIncludes(result.out, "yes: for each of 8 files");
  assert(!result.out.includes("\x1b"), "no colours where there is no terminal");
  assertMatch(result.out, /src\/日本語\.ts +2 +8 +2 /);

  // Not only by its own word.
  const [runtimeId = ""] = [...Deno.readDirSync(join(out, "runtimes"))].map(({ name }) => name);
  await using runtime = await Runtime.open({ store: new FsRuntimeStore({ root: out, runtimeId }) });
  const { workers, usage } = runtime.overview();
  assertEquals([workers.total, workers.busy, usage.requests], [files.size, 0, files.size]);
  const texts: string[] = [];
  for (const { record, lastRun } of runtime.workers().items) {
    assertEquals(lastRun?.outcome, "completed");
    const { items } = await runtime.worker(record.workerId).transcript({ after: 0, limit: 100 });
    texts.push(items.filter(({ role }) => role === "user").map(({ content }) => content).join(""));
    assertEquals(items.filter(({ role }) => role === "assistant").length, 1);
  }
  assertEquals(texts.sort(), [...files.values()].sort());
  const events = (await runtime.events({ after: 0, limit: 1_000 })).items;
  const interrupted = events.filter((event) => "run" in event && event.run?.ended === "interrupted").length;
  assert(interrupted >= 1, "at least one run was open when the process was killed");
  assertStringIncludes(result.out, `8 runs completed, ${interrupted} interrupted by the kill`);
});

processTest("demo works on a single file", async (directory) => {
  Deno.writeTextFileSync(join(directory, "one.md"), "# One\n");
  const { code, out, err } = await demo(directory, `--out=${join(directory, "out")}`);
  assertEquals(code, 0, out + err);
  assertStringIncludes(out, "with 0 of 1 files done");
});

processTest("demo ends with 2 and says why when it cannot begin", async (directory) => {
  Deno.writeTextFileSync(join(directory, "file.md"), "x");
  Deno.mkdirSync(join(directory, "empty"));
  const cases: [string[], string][] = [
    [[join(directory, "nowhere")], "there is no such directory"],
    [[join(directory, "file.md")], "it is not a directory"],
    [[join(directory, "empty")], "it has no Markdown or source file"],
    [["--bogus"], "Cannot understand --bogus"],
    [["a", "b"], "more than one directory"],
    [["--out"], "Cannot use --out"],
    [["--out", join(directory, "file.md", "below"), directory], "Cannot make"],
  ];
  await Promise.all(cases.map(async ([args, why]) => {
    const { code, out, err } = await demo(...args);
    assertEquals([args, code, out], [args, 2, ""]);
    assertStringIncludes(err, why);
    assertStringIncludes(err, "Usage: deno task demo");
  }));
});

processTest("quick start runs with the flags it names, and again", async (directory) => {
  const run = (): Promise<Result> =>
    deno(
      directory,
      "--allow-read=./data",
      "--allow-write=./data",
      `${repository}examples/quick_start.ts`,
    );
  const first = await run();
  assertEquals(first.code, 0, first.err);
  assertStringIncludes(first.out, "Asked, as event 4");
  assertStringIncludes(first.out, "Rejected, because there is news since event 4");
  assertStringIncludes(first.out, "Used so far: 812 input tokens");
  const second = await run();
  assertEquals(second.code, 0, second.err);
  assertStringIncludes(second.out, "It was asked before, as event 4");
  assertStringIncludes(second.out, "Used so far: 1624 input tokens");
});
