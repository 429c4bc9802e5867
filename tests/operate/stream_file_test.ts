// saveStream(): a file is absent, the old one or the new one, and no other file is touched.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { isRuntimeError } from "../../mod.ts";
import { saveStream } from "../../operate.ts";
import { withDirectory } from "../cli/kit.ts";

async function* chunksOf(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield await Promise.resolve(new TextEncoder().encode(text));
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield* chunksOf("half ");
  throw new TypeError("the source failed");
}

function names(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
}

async function refused(output: string, replace: boolean): Promise<string> {
  const error = await saveStream(output, chunksOf("new"), { replace }).catch((reason) => reason);
  assert(isRuntimeError(error) && error.code === "invalid_request", String(error));
  return error.message;
}

Deno.test("saveStream() keeps the older file, and shows nothing of the new one, until all of it is written", async () => {
  await withDirectory(async (directory) => {
    const output = join(directory, "x.jsonl");
    Deno.writeTextFileSync(output, "old");
    let seen = "";
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield* chunksOf("new");
      seen = Deno.readTextFileSync(output);
    }
    assertEquals(await saveStream(output, chunks(), { replace: true }), 3);
    assertEquals([seen, Deno.readTextFileSync(output), names(directory)], ["old", "new", ["x.jsonl"]]);
  });
});

Deno.test("saveStream() writes below the directory of its call when the process changes its directory", async () => {
  await withDirectory(async (directory) => {
    const before = Deno.cwd();
    Deno.mkdirSync(join(directory, "later"));
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield* chunksOf("first ");
      Deno.chdir("later");
      yield* chunksOf("second");
    }
    Deno.chdir(directory);
    try {
      await saveStream("x.jsonl", chunks());
    } finally {
      Deno.chdir(before);
    }
    assertEquals(names(directory), ["later", "x.jsonl"]);
    assertEquals(Deno.readTextFileSync(join(directory, "x.jsonl")), "first second");
  });
});

Deno.test("saveStream() changes nothing when its source fails", async () => {
  await withDirectory(async (directory) => {
    const output = join(directory, "x.jsonl");
    await saveStream(output, failing()).then(() => assert(false), () => {});
    assertEquals(names(directory), []);
    Deno.writeTextFileSync(output, "old");
    await saveStream(output, failing(), { replace: true }).then(() => assert(false), () => {});
    assertEquals([Deno.readTextFileSync(output), names(directory)], ["old", ["x.jsonl"]]);
  });
});

Deno.test("saveStream() replaces the partial file of a killed process, and not that of a live one", async () => {
  await withDirectory(async (directory) => {
    const output = join(directory, "x.jsonl");
    Deno.writeTextFileSync(`${output}.partial`, "left by a process that was killed");
    let message = "";
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield* chunksOf("first");
      message = await refused(output, false);
    }
    await saveStream(output, chunks());
    assertStringIncludes(message, "another process");
    assertEquals([Deno.readTextFileSync(output), names(directory)], ["first", ["x.jsonl"]]);
  });
});

Deno.test("saveStream() replaces only a file, and only on request", async () => {
  await withDirectory(async (directory) => {
    const output = join(directory, "x.jsonl");
    Deno.writeTextFileSync(output, "old");
    assertStringIncludes(await refused(output, false), "--force");
    assertStringIncludes(await refused(directory, true), "regular file");
    assertEquals(Deno.readTextFileSync(output), "old");
  });
});

Deno.test({
  name: "saveStream() keeps the mode of the file that it replaces",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await withDirectory(async (directory) => {
      const output = join(directory, "x.jsonl");
      await saveStream(output, chunksOf("a"));
      assertEquals((Deno.statSync(output).mode ?? 0) & 0o777, 0o600);
      Deno.chmodSync(output, 0o644);
      await saveStream(output, chunksOf("b"), { replace: true });
      assertEquals((Deno.statSync(output).mode ?? 0) & 0o777, 0o644);
    });
  },
});

Deno.test("saveStream() writes no file into the store that it is read from, by any path", async () => {
  await withDirectory(async (directory) => {
    const source = join(directory, "store");
    Deno.mkdirSync(join(source, "events"), { recursive: true });
    const log = join(source, "events", "log");
    Deno.writeTextFileSync(log, "the only copy");
    if (Deno.build.os !== "windows") Deno.symlinkSync(source, join(directory, "linked"));
    const paths = [log, join(source, "new"), join(source, "events", "..", "events", "log")];
    if (Deno.build.os !== "windows") paths.push(join(directory, "linked", "events", "log"));
    for (const output of paths) {
      const options = { replace: true, source: { directory: source } };
      const error = await saveStream(output, chunksOf("new"), options).catch((reason) => reason);
      assert(isRuntimeError(error) && error.code === "invalid_request", `${output}: ${error}`);
    }
    assertEquals([Deno.readTextFileSync(log), names(source)], ["the only copy", ["events"]]);
    await saveStream(join(directory, "store.jsonl"), chunksOf("new"), { source: { directory: source } });
  });
});
