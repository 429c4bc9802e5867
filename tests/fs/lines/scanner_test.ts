// Reading lines in chunks: the same lines however the reads fall.

import { assert, assertEquals } from "@std/assert";
import { type Line, scanLines } from "../../../src/fs/lines/scanner.ts";
import { Random } from "../../disk/mod.ts";
import { fileOf } from "./bytes_file.ts";

const MIB = 1_048_576;
const encoder = new TextEncoder();

interface Scanned {
  readonly text: string;
  readonly offset: number;
  readonly endOffset: number;
  readonly terminated: boolean;
}

/** All lines as text, latin1 so that bytes can be told apart. */
function scanned(
  bytes: Uint8Array,
  from = 0,
  end = bytes.length,
  lineBytesMax = MIB,
  readMax = Infinity,
): Scanned[] {
  // Copied one by one: the next step may overwrite a line.
  return Array.from(scanLines(fileOf(bytes, readMax), from, end, lineBytesMax), copied);
}

function copied({ bytes, start, end, offset, endOffset, terminated }: Line): Scanned {
  return {
    text: new TextDecoder("latin1").decode(bytes.subarray(start, end)),
    offset,
    endOffset,
    terminated,
  };
}

Deno.test("scanLines() gives lines with their places, and the unfinished one at the end", () => {
  assertEquals(scanned(encoder.encode("a\n\nbc\nde")), [
    { text: "a", offset: 0, endOffset: 2, terminated: true },
    { text: "", offset: 2, endOffset: 3, terminated: true },
    { text: "bc", offset: 3, endOffset: 6, terminated: true },
    { text: "de", offset: 6, endOffset: 8, terminated: false },
  ]);
  assertEquals(scanned(encoder.encode("")), []);
  assertEquals(scanned(encoder.encode("a\n")).length, 1);
});

Deno.test("scanLines() splits at LF alone", () => {
  const text = "a\rb\u0085c\u2028d\u2029e\vf\fg\0h";
  const lines = scanned(encoder.encode(`${text}\n`));
  assertEquals(lines.length, 1);
  assertEquals(lines[0]?.text, new TextDecoder("latin1").decode(encoder.encode(text)));
});

Deno.test("scanLines() stays within the stretch it was given", () => {
  const bytes = encoder.encode("one\ntwo\nthree\n");
  assertEquals(scanned(bytes, 4, 8).map(({ text }) => text), ["two"]);
  const [first, second] = scanned(bytes, 4, 10);
  assertEquals(first?.terminated, true);
  assertEquals(second, { text: "th", offset: 8, endOffset: 10, terminated: false });
});

Deno.test("scanLines() gives the same lines with short reads", () => {
  const random = new Random(2);
  const text = Array.from({ length: 200 }, () => "x".repeat(random.below(50))).join("\n");
  const bytes = encoder.encode(text);
  const expected = scanned(bytes);
  for (const readMax of [1, 2, 7, 64]) {
    assertEquals(scanned(bytes, 0, bytes.length, MIB, readMax), expected);
  }
});

Deno.test("scanLines() puts lines together that lie across the borders of its chunks", () => {
  for (const shift of [-2, -1, 0, 1, 2]) {
    const head = "h".repeat(MIB + shift - 1);
    const lines = [head, "a", "b".repeat(3 * MIB), "", "c".repeat(MIB), "end"];
    const found = scanned(encoder.encode(`${lines.join("\n")}\n`), 0, undefined, 4 * MIB);
    assertEquals(found.map(({ text }) => text.length), lines.map((line) => line.length));
    assert(found.every(({ text }, index) => text === lines[index]));
    let offset = 0;
    for (const line of found) {
      assertEquals(line.offset, offset);
      offset = line.endOffset;
    }
  }
});

Deno.test("scanLines() ends with a line that is longer than allowed, unterminated", () => {
  const bytes = encoder.encode(`a\n${"b".repeat(5 * MIB)}\nc\n`);
  const [first, second, ...rest] = scanned(bytes, 0, bytes.length, 2 * MIB);
  assertEquals(first?.text, "a");
  assertEquals(second?.terminated, false);
  assertEquals(second?.offset, 2);
  assert((second?.text.length ?? 0) >= 2 * MIB);
  assert((second?.text.length ?? 0) < 5 * MIB, "the rest of it was not read");
  assertEquals(rest, []);
});

Deno.test("scanLines() ends where the file ends, though it was said to be longer", () => {
  const bytes = encoder.encode("a\nb");
  assertEquals(scanned(bytes, 0, 100), [
    { text: "a", offset: 0, endOffset: 2, terminated: true },
    { text: "b", offset: 2, endOffset: 3, terminated: false },
  ]);
});
