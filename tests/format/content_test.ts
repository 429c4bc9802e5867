// Random JSON content: what is read is what JSON.stringify wrote, to the last code unit, wherever it was kept.

import fc from "fast-check";
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { SqliteRuntimeStore } from "../../examples/sqlite_store.ts";
import { FsRuntimeStore } from "../../fs_store.ts";
import { MemoryRuntimeStore, MemoryStorage } from "../../memory_store.ts";
import { type Json, limits, Runtime } from "../../mod.ts";
import { exportRuntime, importRuntime, verify } from "../../operate.ts";
import type { RuntimeStore } from "../../store.ts";
import { streamOf, textOf, withDirectory } from "../cli/kit.ts";
import { openReader } from "../fs/reading/reader.ts";
import { onFiles } from "../kit/place.ts";
import { readWithPython, withPython } from "./python.ts";

/** UTF-16 units, most of them odd: halves of pairs, separators, controls, and what JSON escapes. */
const unit = fc.oneof(
  fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  fc.constantFrom(
    "\ud800",
    "\udbff",
    "\udc00",
    "\udfff",
    "🦊",
    "日",
    "\u2028",
    "\u2029",
    "\0",
    "\x7f",
    "\ufeff",
  ),
  fc.constantFrom('"', "\\", "\\u", "/", "\n", "\r", "{", "}", "[", "]", ",", ":", "a"),
);
const text = fc.oneof(
  fc.array(unit, { maxLength: 12 }).map((units) => units.join("")),
  fc.constantFrom(
    "",
    ',"entries":',
    '],"durable":1,"crc":"00000000"}\n',
    "__proto__",
    "constructor",
    "toJSON",
    "0",
    "-1",
  ),
);
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308),
  fc.constantFrom(2 ** 53, 2 ** 53 + 2, -(2 ** 63), 2 ** 64, 1e21, 1e-7, 123456789012345680000, 0.1),
);
const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(text, number, fc.boolean(), fc.constant(null)),
    fc.array(tie("json"), { maxLength: 5 }),
    // fromEntries defines members, also one that is named __proto__.
    fc.array(fc.tuple(text, tie("json")), { maxLength: 5 }).map((members) => Object.fromEntries(members)),
  ),
}));

/** A value nested as deeply as allowed. */
function deep(leaf: Json): Json {
  let value = leaf;
  for (let depth = 0; depth < limits.jsonDepthMax; depth++) value = depth % 2 === 0 ? [value] : { a: value };
  return value;
}

const contents: readonly Json[] = [
  ...fc.sample(json, { numRuns: 600, seed: 17 }),
  deep("\ud800"),
  deep({}),
  // Kept as blobs.
  ["字".repeat(limits.contentInlineBytesMax / 3), "\udfff"],
  { "\ud83e": "\udd8a".repeat(limits.contentInlineBytesMax / 6) },
];

/** Their texts, which the content that is read has to have again. */
const expected = contents.map((content) => JSON.stringify(content));

/** Commits all contents, as content, metadata and data of an event. */
async function fill(store: RuntimeStore): Promise<void> {
  await using runtime = await Runtime.open({ store });
  const worker = await runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
  await Promise.all(contents.map((content) => {
    const isSmall = JSON.stringify(content).length < 10_000;
    const metadata = isSmall && !isDeep(content) ? { metadata: { content } } : {};
    return worker.commit({
      entries: [{ role: "user", content, ...metadata }],
      ...(isSmall ? { events: [{ name: "n", data: content }] } : {}),
    });
  }));
}

/** True for a content that has no room for one more level. */
function isDeep(content: Json): boolean {
  return contents.indexOf(content) === 600 || contents.indexOf(content) === 601;
}

/** Texts of all contents, metadata and data of events that a runtime or a reader returns. */
interface Texts {
  readonly contents: readonly string[];
  readonly metadata: readonly string[];
  readonly data: readonly string[];
}

const all: Texts = {
  contents: expected,
  metadata: expected.filter((text, index) => text.length < 10_000 && !isDeep(contents[index] ?? null)),
  data: expected.filter((text) => text.length < 10_000),
};

/** A transcript and its contents, as a reader or the reader in Python returns them. */
interface Seen {
  readonly contents: { readonly w: readonly Json[] };
  readonly transcripts: { readonly w: readonly { readonly metadata?: { readonly content: Json } }[] };
  readonly events: readonly { readonly events?: readonly { readonly data: Json }[] }[];
}

function textsOf({ contents, transcripts, events }: Seen): Texts {
  return {
    contents: contents.w.map((content) => JSON.stringify(content)),
    metadata: transcripts.w.flatMap(({ metadata }) =>
      metadata === undefined ? [] : [JSON.stringify(metadata.content)]
    ),
    data: events.flatMap(({ events = [] }) => events.map(({ data }) => JSON.stringify(data))),
  };
}

async function readAgain(store: RuntimeStore): Promise<Texts> {
  await using runtime = await Runtime.open({ store });
  const worker = runtime.worker("w");
  const entries = await Array.fromAsync(worker.entries());
  const { items } = await worker.events({ after: 0, limit: limits.pageItemsMax });
  return textsOf({
    contents: { w: await Promise.all(entries.map((entry) => worker.content(entry))) },
    transcripts: { w: entries as unknown as Seen["transcripts"]["w"] },
    events: items as unknown as Seen["events"],
  });
}

/** The same without opening the runtime. */
async function readBeside(root: string): Promise<readonly string[]> {
  await using reader = await openReader({ root, runtimeId: "local" });
  const { items } = await reader.transcript("w", { after: 0, limit: limits.pageItemsMax });
  return await Promise.all(items.map(async (entry) => JSON.stringify(await reader.content("w", entry))));
}

const runtimeId = "local";

Deno.test("JSON content is the same in the memory store, also when it is opened again", async () => {
  const storage = new MemoryStorage();
  await fill(new MemoryRuntimeStore({ runtimeId, storage }));
  assertEquals(await readAgain(new MemoryRuntimeStore({ runtimeId, storage })), all);
});

Deno.test({
  name: "JSON content is the same in the file system store, for its owner and for others",
  ...onFiles,
  fn: () =>
    withDirectory(async (root) => {
      await fill(new FsRuntimeStore({ root, runtimeId }));
      assertEquals(await readAgain(new FsRuntimeStore({ root, runtimeId })), all);
      assertEquals(await readBeside(root), expected);
      assertEquals((await verify({ root, runtimeId })).verdict, "clean");
    }),
});

Deno.test({
  name: "JSON content is the same in the SQLite example",
  ...onFiles,
  fn: () =>
    withDirectory(async (directory) => {
      const path = join(directory, "runtime.db");
      await fill(new SqliteRuntimeStore({ path, runtimeId }));
      assertEquals(await readAgain(new SqliteRuntimeStore({ path, runtimeId })), all);
    }),
});

/** Fills a store, exports it, and imports it elsewhere. */
async function imported(directory: string): Promise<{ root: string; copy: string }> {
  const [root, copy] = [join(directory, "a"), join(directory, "b")];
  await fill(new FsRuntimeStore({ root, runtimeId }));
  await importRuntime(copy, streamOf(await textOf(exportRuntime({ root, runtimeId }))));
  return { root, copy };
}

Deno.test({
  name: "JSON content is the same after an export and an import",
  ...onFiles,
  fn: () =>
    withDirectory(async (directory) => {
      const { copy } = await imported(directory);
      assertEquals(await readAgain(new FsRuntimeStore({ root: copy, runtimeId })), all);
    }),
});

Deno.test({
  ...withPython("JSON content is the same for a reader in Python, also of an import"),
  fn: () =>
    withDirectory(async (directory) => {
      const { root, copy } = await imported(directory);
      for (const place of [root, copy]) {
        const { code, seen, err } = await readWithPython(place);
        assertEquals([code, err], [0, ""]);
        assertEquals(textsOf(seen as Seen), all);
      }
    }),
});
