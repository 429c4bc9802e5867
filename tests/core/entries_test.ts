// Entries as text: members and their order, exact content, and content that belongs in a blob.

import { assertEquals, assertThrows } from "@std/assert";
import { encodeEntries, type EntryInput } from "../../src/core/entries.ts";
import { RuntimeError, type RuntimeErrorCode } from "../../src/core/errors.ts";
import type { EventEntry } from "../../src/core/event_types.ts";
import { parseEvent } from "../../src/core/events.ts";
import { limits } from "../../src/core/limits.ts";
import { byteLength } from "../../src/core/text.ts";
import { entries as wrongEntries, lists } from "../../testing/wrong.ts";
import { oddContents, oddJson } from "../../testing/samples.ts";
import { AT } from "./given.ts";

const blob = { sha256: "0f".repeat(32), bytes: 5, mediaType: "image/png\u2028" };

function codeOf(work: () => unknown): RuntimeErrorCode {
  return (assertThrows(work, RuntimeError) as RuntimeError).code;
}

/** The entries of an event with this text. */
function parsed(text: string): readonly EventEntry[] {
  const count = JSON.parse(text).length;
  const json =
    `{"id":3,"at":"${AT}","type":"worker.committed","workerId":"a","seq":1,"count":${count},"entries":${text}}`;
  const event = parseEvent(json);
  return event.type === "worker.committed" ? event.entries ?? [] : [];
}

Deno.test("encodeEntries() writes the members in one order, whatever that of the caller", () => {
  const entry = { content: [1], blobs: [blob], metadata: { m: 1 }, at: AT, id: "i", name: "n", role: "r" };
  const texts = encodeEntries([entry, { content: null, role: "user" }], "test");
  const [first, second] = JSON.parse(texts.text());
  assertEquals(Object.keys(first), ["role", "name", "id", "at", "metadata", "blobs", "content"]);
  assertEquals([first, second], [entry, { role: "user", content: null }]);
  assertEquals([texts.count, texts.blobs], [2, [blob]]);
});

Deno.test("encodeEntries() leaves out members that are undefined", () => {
  const entry: EntryInput = { role: "user", content: "x", name: undefined, id: undefined, blobs: undefined };
  assertEquals(encodeEntries([entry], "test").text(), '[{"role":"user","content":"x"}]');
});

const contents: readonly unknown[] = [
  ...Object.values(oddContents),
  ...Object.values(oddJson).map((text) => JSON.parse(text)),
  null,
  true,
  0,
  -0,
  [],
  [[], {}, null, ""],
  "\ud800",
  "a\udfffb\ud83d",
  "\ud83d\ude00",
  ["\udfff\ud800", { "\ud800": "\u2028\u2029" }],
  { type: "tool_use", input: { a: undefined, b: [{ c: undefined }] } },
  { at: new Date(0), of: [{ toJSON: (): string => "x" }] },
  { dropped: { toJSON: (): undefined => undefined }, kept: 1 },
  "\u2028,\u2029",
  Object.create(null),
];

for (const [index, content] of contents.entries()) {
  Deno.test(`encodeEntries() keeps content exactly as JSON.stringify does, sample ${index + 1}`, () => {
    const metadata = { m: content } as EntryInput["metadata"];
    const entry = { role: "user", content, metadata } as EntryInput;
    const isSmall = byteLength(JSON.stringify(content)) < limits.metadataBytesMax - 8;
    const text = encodeEntries([isSmall ? entry : { role: "user", content } as EntryInput], "test").text();
    assertEquals(/[\n\r\u2028\u2029]/.test(text), false);
    const [read] = parsed(text);
    assertEquals(JSON.stringify(read?.content), JSON.stringify(content));
    if (isSmall) assertEquals(JSON.stringify(read?.metadata), JSON.stringify({ m: content }));
  });
}

for (const [what, entry] of Object.entries(wrongEntries)) {
  // Valid since content may be JSON of any kind, and roles any text.
  if (/^(content|an unknown role)/.test(what)) continue;
  Deno.test(`encodeEntries() rejects ${what}`, () => {
    assertEquals(codeOf(() => encodeEntries([entry as EntryInput], "test")), "invalid_request");
  });
}

for (const [what, entries] of Object.entries(lists)) {
  Deno.test(`encodeEntries() rejects ${what}`, () => {
    assertEquals(codeOf(() => encodeEntries(entries as EntryInput[], "test")), "invalid_request");
  });
}

const invalid: Readonly<Record<string, object>> = {
  "undefined as content": { role: "user", content: undefined },
  "a hole in content": { role: "user", content: [1, , 3] },
  "a cycle in content": { role: "user", content: cycle() },
  "content in a blob of the caller": { role: "user", content: "x", contentBlob: blob },
  "an empty role": { role: "", content: "x" },
  "a role past the bound": { role: "x".repeat(limits.nameBytesMax + 1), content: "x" },
  "a blob with a hash in upper case": {
    role: "user",
    content: "x",
    blobs: [{ ...blob, sha256: "0F".repeat(32) }],
  },
  "a blob of a negative size": { role: "user", content: "x", blobs: [{ ...blob, bytes: -1 }] },
  "an unknown member of a blob": { role: "user", content: "x", blobs: [{ ...blob, name: "x" }] },
  "blobs past the bound": { role: "user", content: "x", blobs: Array(limits.listItemsMax + 1).fill(blob) },
  "a time without milliseconds": { role: "user", content: "x", at: "2026-07-31T08:00:00Z" },
};

function cycle(): unknown {
  const list: unknown[] = [];
  list.push(list);
  return list;
}

for (const [what, entry] of Object.entries(invalid)) {
  Deno.test(`encodeEntries() rejects ${what}`, () => {
    assertEquals(codeOf(() => encodeEntries([entry as EntryInput], "test")), "invalid_request");
  });
}

Deno.test("encodeEntries() omits an empty list of blobs", () => {
  const texts = encodeEntries([{ role: "user", content: "x", blobs: [] }], "test");
  assertEquals(texts.text(), '[{"role":"user","content":"x"}]');
});

Deno.test("encodeEntries() accepts content up to its bound in bytes, and names putBlob beyond it", () => {
  const most = limits.contentBytesMax - 2;
  for (const content of ["x".repeat(most), ["x".repeat(most - 2)]]) {
    assertEquals(encodeEntries([{ role: "user", content }], "test").oversized(), [0]);
  }
  const larger = [
    "x".repeat(most + 1),
    "字".repeat(most / 3 + 1),
    ["x".repeat(most - 1)],
    "\u0001".repeat(most / 6 + 1),
  ];
  for (const content of larger) {
    const work = (): unknown => encodeEntries([{ role: "user", content }], "test");
    const error = assertThrows(work, RuntimeError) as RuntimeError<"limit_exceeded">;
    assertEquals([error.code, error.details.limit.includes("putBlob")], ["limit_exceeded", true]);
    assertEquals(error.details.actual > error.details.max, true);
  }
});

/** Entries whose contents have these sizes as JSON, in bytes. */
function sized(...sizes: number[]): ReturnType<typeof encodeEntries> {
  return encodeEntries(sizes.map((size) => ({ role: "tool", content: "x".repeat(size - 2) })), "test");
}

const KIB = 1_024;
const inline = limits.contentInlineBytesMax;
/** Sizes of contents, and the entries that belong in blobs, in the order of their replacement. */
const spills: Readonly<Record<string, readonly [sizes: number[], oversized: number[]]>> = {
  "small content": [[10, 20], []],
  "content at the bound": [[inline], []],
  "content past the bound": [[inline + 1], [0]],
  "the larger of two": [[10, inline + 1], [1]],
  "all that is past the bound, the largest first": [[inline + 1, 10, inline + 3, inline + 2], [2, 3, 0]],
  "the largest, until the event is small enough": [[200 * KIB, 250 * KIB, 240 * KIB, 200 * KIB, 230 * KIB], [
    1,
  ]],
  "two of the largest": [[...Array(5).fill(200 * KIB), 250 * KIB, 240 * KIB], [5, 6]],
  // Each entry has 14 bytes besides its content.
  "content that just fits": [Array(4).fill(inline - 14), []],
  "content that is one byte too large together": [[inline - 14, inline - 13, inline - 14, inline - 14], [1]],
  "equal ones, in their order": [Array(10).fill(200 * KIB), [0, 1, 2, 3, 4]],
  "no content that is not larger than a reference": [Array(256).fill(150), []],
};

for (const [what, [sizes, oversized]] of Object.entries(spills)) {
  Deno.test(`oversized() returns ${what}`, () => assertEquals(sized(...sizes).oversized(), oversized));
}

Deno.test("oversized() counts bytes, not characters", () => {
  const content = (count: number): EntryInput => ({ role: "tool", content: "字".repeat(count) });
  const most = Math.floor((inline - 2) / 3);
  assertEquals(encodeEntries([content(most)], "test").oversized(), []);
  assertEquals(encodeEntries([content(most + 1)], "test").oversized(), [0]);
});

Deno.test("oversized() counts the members besides the content", () => {
  const metadata = { m: "x".repeat(60 * KIB) };
  const entries = (count: number): EntryInput[] =>
    Array.from({ length: count }, () => ({ role: "tool", metadata, content: "x".repeat(KIB) }));
  assertEquals(encodeEntries(entries(16), "test").oversized(), []);
  // No blob makes the metadata smaller: all content of some size leaves the event.
  assertEquals(encodeEntries(entries(20), "test").oversized().length, 20);
});

Deno.test("replace() puts a reference in the place of content, and the text is an event's", () => {
  const texts = encodeEntries([
    { role: "user", content: "small" },
    { role: "tool", name: "n", content: { large: true }, blobs: [blob] },
  ], "test");
  const units = texts.units;
  assertEquals(texts.content(1), '{"large":true}');
  const content = { sha256: "aa".repeat(32), bytes: 14, mediaType: "application/json" };
  texts.replace(1, content);
  assertEquals([...parsed(texts.text())] as unknown[], [
    { role: "user", content: "small" },
    { role: "tool", name: "n", blobs: [blob], contentBlob: content },
  ]);
  assertEquals([texts.blobs, texts.count, texts.units < units], [[blob, content], 2, true]);
  assertEquals(texts.oversized(), []);
});

Deno.test("units are never fewer than those of the text without its separators", () => {
  for (const sizes of [[10], [10, 2_000, 3], Array(256).fill(2)]) {
    const texts = sized(...sizes);
    assertEquals(texts.units >= texts.text().length - 2, true);
  }
});
