// Pages of lines: the right ones, from either side, within the size of a page.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { crc32 } from "node:zlib";
import { limits } from "../../../mod.ts";
import { DamagedLine, type LinePage, readLinePage } from "../../../src/fs/lines/pages.ts";
import { idOf, transcriptMarks } from "../../../src/fs/lines/codec.ts";
import type { SortedLines } from "../../../src/fs/lines/search.ts";
import { fileOf, joined } from "./bytes_file.ts";
import { eventJson, lineOf, saidJson, seqOf } from "../log/log_lines.ts";

function pagesOf(bytes: Uint8Array, next: number, readMax?: number): SortedLines {
  return {
    file: fileOf(bytes, readMax),
    start: 0,
    end: bytes.length,
    first: 1,
    next,
    numberOf: idOf,
    countOf: () => 1,
  };
}

/** Entries in a line of a transcript. */
function countOf(bytes: Uint8Array, start: number, end: number): number {
  return transcriptMarks(bytes, start, end)?.count ?? 0;
}

function eventLines(count: number, bytesOf: (id: number) => number): Uint8Array<ArrayBuffer> {
  const ids = Array.from({ length: count }, (_, index) => index + 1);
  return joined(...ids.map((id) => lineOf(eventJson(id, "x".repeat(bytesOf(id))), id - 1)));
}

function idsOf({ texts }: LinePage): number[] {
  return texts.map((text) => JSON.parse(text).id);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

Deno.test("readLinePage() gives exactly the lines of a page, wherever it lies", () => {
  const lines = pagesOf(eventLines(300, (id) => id * 7 % 1_000), 301);
  for (const [from, to] of [[1, 2], [1, 301], [300, 301], [7, 90], [150, 151], [299, 301]] as const) {
    for (const keep of ["first", "last"] as const) {
      assertEquals(idsOf(readLinePage(lines, { from, to, keep })), range(from, to));
    }
  }
});

Deno.test("readLinePage() gives the same page with short reads", () => {
  const bytes = eventLines(100, (id) => id * 13 % 3_000);
  const page = { from: 20, to: 80, keep: "first" } as const;
  assertEquals(readLinePage(pagesOf(bytes, 101, 1_000), page), readLinePage(pagesOf(bytes, 101), page));
});

Deno.test("readLinePage() ends a page at its size, at the side where the cursor is not", () => {
  const bytesOf = 900_000;
  const lines = pagesOf(eventLines(12, () => bytesOf), 13);
  const first = idsOf(readLinePage(lines, { from: 3, to: 13, keep: "first" }));
  assertEquals(first, range(3, 3 + first.length));
  const last = idsOf(readLinePage(lines, { from: 1, to: 11, keep: "last" }));
  assertEquals(last, range(11 - last.length, 11));
  const most = Math.floor(limits.pageBytesMax / bytesOf);
  assertEquals(first.length, most);
  assert(last.length >= 1 && last.length <= most, `${last.length} lines of at most ${most}`);
});

Deno.test("readLinePage() ends a page at its size where it begins small and goes on large", () => {
  const bytes = eventLines(2_000, (id) => id > 2 && id < 9 ? 900_000 : 10);
  // The first line is the header's place, so that the page is found at the first look.
  const lines = { ...pagesOf(bytes, 2_001), start: bytes.indexOf(0x0a) + 1, first: 2 };
  assertEquals(idsOf(readLinePage(lines, { from: 2, to: 9, keep: "first" })), [2, 3, 4, 5, 6]);
  const last = idsOf(readLinePage(lines, { from: 2, to: 9, keep: "last" }));
  assertEquals([last.at(-1), last.length >= 1 && last.length <= 5], [8, true]);
});

Deno.test("readLinePage() gives one line even if it is larger than a page", () => {
  const lines = pagesOf(eventLines(3, (id) => id === 2 ? limits.pageBytesMax + 5 : 10), 4);
  assertEquals(idsOf(readLinePage(lines, { from: 2, to: 4, keep: "first" })), [2]);
  assertEquals(idsOf(readLinePage(lines, { from: 2, to: 3, keep: "last" })), [2]);
  assertEquals(idsOf(readLinePage(lines, { from: 1, to: 4, keep: "last" })).at(-1), 3);
});

Deno.test("readLinePage() gives the whole line when the page begins or ends inside it", () => {
  const parts = [saidJson(2, "a", 1, "x", 3), saidJson(3, "a", 4, "x", 5), saidJson(9, "a", 9, "x", 1)];
  const bytes = joined(...parts.map((json) => lineOf(json, 0)));
  const lines = { ...pagesOf(bytes, 10), numberOf: seqOf, countOf };
  const seqs = (from: number, to: number): number[] =>
    readLinePage(lines, { from, to, keep: "first" }).texts.map((text) => JSON.parse(text).seq);
  assertEquals(seqs(1, 2), [1]);
  assertEquals(seqs(3, 4), [1]);
  assertEquals(seqs(3, 5), [1, 4]);
  assertEquals(seqs(6, 7), [4]);
  assertEquals(seqs(8, 10), [4, 9]);
});

Deno.test("readLinePage() throws with the place of a damaged line of the page, and of no other line", () => {
  const bytes = eventLines(50, () => 100);
  const lineBytes = bytes.indexOf(0x0a) + 1;
  const at = bytes.indexOf(0x0a, lineBytes * 30);
  const damaged = bytes.slice();
  damaged[at - 40] = (damaged[at - 40] ?? 0) ^ 1;
  const lines = pagesOf(damaged, 51);
  const id = damaged.subarray(0, at).filter((byte) => byte === 0x0a).length + 1;
  const start = damaged.lastIndexOf(0x0a, at - 1) + 1;
  const error = assertThrows(
    () => readLinePage(lines, { from: 1, to: 51, keep: "first" }),
    DamagedLine,
  );
  assertEquals(error.byteOffset, start);
  assertEquals(idsOf(readLinePage(lines, { from: 1, to: id, keep: "first" })), range(1, id));
  assertEquals(idsOf(readLinePage(lines, { from: id + 1, to: 51, keep: "last" })), range(id + 1, 51));
});

Deno.test("readLinePage() throws when the file ends in the middle of the last line", () => {
  const bytes = eventLines(5, () => 100);
  const lines = pagesOf(bytes.subarray(0, bytes.length - 1), 6);
  assertThrows(() => readLinePage(lines, { from: 1, to: 6, keep: "first" }), DamagedLine);
  assertEquals(idsOf(readLinePage(lines, { from: 1, to: 5, keep: "first" })), [1, 2, 3, 4]);
});

Deno.test("readLinePage() gives texts to the letter, whatever characters are in a page", () => {
  const data = ["plain", "é", "字", "\uFFFD", "\uFEFF", "😀", "\u0000", "\u2028"];
  for (const odd of data) {
    const jsons = Array.from({ length: 60 }, (_, index) => eventJson(index + 1, index % 9 === 4 ? odd : "x"));
    const lines = pagesOf(joined(...jsons.map((json, index) => lineOf(json, index * 1_000))), 61);
    for (const [from, to] of [[1, 61], [5, 6], [6, 14], [40, 61]] as const) {
      assertEquals(readLinePage(lines, { from, to, keep: "first" }).texts, jsons.slice(from - 1, to - 1));
    }
  }
});

Deno.test("readLinePage() never gives text for bytes that are none, though their checksum is right", () => {
  const line = (id: number): Uint8Array => lineOf(eventJson(id, "b"), id - 1);
  const bad = line(2);
  const crcAt = bad.length - 19;
  bad[bad.lastIndexOf(0x62, crcAt - 14)] = 0xff;
  const crc = crc32(bad.subarray(0, crcAt)).toString(16).padStart(8, "0");
  bad.set(new TextEncoder().encode(crc), crcAt + 8);
  const page = pagesOf(joined(line(1), bad, line(3)), 4);
  assertThrows(() => readLinePage(page, { from: 1, to: 4, keep: "first" }), TypeError);
  assertEquals(idsOf(readLinePage(page, { from: 1, to: 2, keep: "first" })), [1]);
  assertEquals(idsOf(readLinePage(page, { from: 3, to: 4, keep: "first" })), [3]);
});

Deno.test("readLinePage() finds pages where lines are much longer in one half of the file", () => {
  const lines = pagesOf(eventLines(2_000, (id) => id % 3 * 40 + (id > 1_000 ? 2_000 : 20)), 2_001);
  for (let from = 1; from < 1_951; from += 61) {
    for (const keep of ["first", "last"] as const) {
      assertEquals(idsOf(readLinePage(lines, { from, to: from + 50, keep })), range(from, from + 50));
    }
  }
});

Deno.test("readLinePage() gives pages that others may read between, with a buffer that all share", () => {
  const one = pagesOf(eventLines(300, () => 50), 301);
  const two = pagesOf(eventLines(300, () => 60), 301);
  const page = { from: 100, to: 200, keep: "first" } as const;
  const { texts } = readLinePage(one, page);
  const before = texts.map((text) => `${text} `);
  readLinePage(two, page);
  assertEquals(texts.map((text) => `${text} `), before);
});

Deno.test("readLinePage() throws for whole lines that are lost, doubled or moved", () => {
  const line = (id: number): Uint8Array => lineOf(eventJson(id, "x".repeat(100)), id - 1);
  const orders = {
    lost: [1, 2, 4, 5],
    doubled: [1, 2, 2, 3, 4, 5],
    moved: [1, 3, 2, 4, 5],
    "all but one lost": [1],
  };
  for (const [how, order] of Object.entries(orders)) {
    const lines = pagesOf(joined(...order.map(line)), 6);
    for (const keep of ["first", "last"] as const) {
      assertThrows(() => readLinePage(lines, { from: 1, to: 6, keep }), DamagedLine, "Damaged line", how);
    }
  }
});
