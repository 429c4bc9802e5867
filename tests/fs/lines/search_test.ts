// Finding a line by its number, in files of every shape.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { DamagedLine, readLinePage } from "../../../src/fs/lines/pages.ts";
import type { OpenFile } from "../../../src/fs/disk/file_system.ts";
import { idOf } from "../../../src/fs/lines/codec.ts";
import { findLine, type SortedLines } from "../../../src/fs/lines/search.ts";
import { Random } from "../../disk/mod.ts";
import { fileOf, joined } from "./bytes_file.ts";
import { eventJson, lineOf, saidJson, seqOf } from "../log/log_lines.ts";

interface Numbered {
  readonly lines: SortedLines;
  /** Offset of each line by its number. */
  readonly offsets: ReadonlyMap<number, number>;
}

/** A file of events that begins with `first`; `sizes` are those of their data. */
function eventsOf(first: number, sizes: readonly number[], header = 100): Numbered {
  const offsets = new Map<number, number>();
  const parts: Uint8Array[] = [new Uint8Array(header).fill(0x20)];
  parts[0]?.fill(0x0a, header - 1);
  let at = header;
  sizes.forEach((size, index) => {
    const line = lineOf(eventJson(first + index, "x".repeat(size)), first + index - 1);
    offsets.set(first + index, at);
    parts.push(line);
    at += line.length;
  });
  return { lines: sorted(joined(...parts), header, first, first + sizes.length, idOf), offsets };
}

function sorted(
  bytes: Uint8Array,
  start: number,
  first: number,
  next: number,
  numberOf: SortedLines["numberOf"],
): SortedLines {
  return {
    file: fileOf(bytes),
    start,
    end: bytes.length,
    first,
    next,
    numberOf,
    countOf: () => 1,
  };
}

function assertAllFound({ lines, offsets }: Numbered): void {
  for (const [number, offset] of offsets) assertEquals([number, findLine(lines, number)], [number, offset]);
}

Deno.test("findLine() finds every number in files with wildly varying sizes of lines", () => {
  const random = new Random(3);
  for (let round = 0; round < 12; round++) {
    const sizes = Array.from({ length: 1 + random.below(300) }, () => {
      const kind = random.below(10);
      return kind === 0 ? random.below(100_000) : kind < 4 ? random.below(5_000) : random.below(40);
    });
    assertAllFound(eventsOf(1 + random.below(100_000), sizes));
  }
});

Deno.test("findLine() finds every number where one line outweighs all others", () => {
  for (const place of [0, 1, 50, 98, 99]) {
    const sizes = Array.from({ length: 100 }, (_, index) => index === place ? 200_000 : 10);
    assertAllFound(eventsOf(1, sizes));
  }
});

Deno.test("findLine() finds every number where lines end at the borders of its probes", () => {
  // A line with data of n bytes has n and a fixed number of bytes more.
  const overhead = lineOf(eventJson(1_000, ""), 999).length;
  for (const lineBytes of [2_047, 2_048, 2_049, 4_095, 4_096, 4_097, 16_384]) {
    for (const header of [1, 2_047, 2_048]) {
      assertAllFound(eventsOf(1_000, Array.from({ length: 40 }, () => lineBytes - overhead), header));
    }
  }
});

Deno.test("findLine() gives the line in which a number lies, when lines hold several", () => {
  const random = new Random(4);
  const parts: Uint8Array[] = [];
  const expected: number[] = [];
  let at = 0;
  let seq = 1;
  while (seq < 3_000) {
    const count = 1 + random.below(20);
    const line = lineOf(saidJson(seq + 9, 'w"\\', seq, "y".repeat(random.below(800)), count), 0);
    for (let entry = 0; entry < count; entry++) expected[seq + entry] = at;
    parts.push(line);
    at += line.length;
    seq += count;
  }
  const lines = sorted(joined(...parts), 0, 1, seq, seqOf);
  for (let number = 1; number < seq; number++) assertEquals(findLine(lines, number), expected[number]);
});

Deno.test("findLine() reads a small part of a large file", () => {
  const { lines, offsets } = eventsOf(1, Array.from({ length: 20_000 }, (_, index) => 100 + index % 400));
  let read = 0;
  const counting: OpenFile = {
    ...lines.file,
    read: (target, position) => {
      read += target.length;
      return lines.file.read(target, position);
    },
  };
  const numbers = [1, 2, 9_999, 17_001, 20_000];
  for (const number of numbers) {
    assertEquals(findLine({ ...lines, file: counting }, number), offsets.get(number));
  }
  assert(read / numbers.length < 100_000, `${read / numbers.length} bytes for one line of ${lines.end}`);
});

Deno.test("findLine() ends on bytes that are no lines, and reading on from there tells of damage", () => {
  for (const byte of [0x00, 0x0a, 0x7b, 0xff]) {
    const lines = sorted(new Uint8Array(500_000).fill(byte), 100, 1, 2_001, idOf);
    for (const from of [1, 1_000, 2_000]) {
      const offset = findLine(lines, from);
      assert(offset === undefined || (offset >= 100 && offset < 500_000));
      assertThrows(() => readLinePage(lines, { from, to: from + 1, keep: "first" }), DamagedLine);
    }
  }
});
