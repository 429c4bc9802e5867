// Reading the log from where a checkpoint says, and noticing when it is not the log the checkpoint was taken of.

import { assertEquals, assertThrows } from "@std/assert";
import { RuntimeError } from "../../../mod.ts";
import type { LogStart } from "../../../src/fs/recovery/recover.ts";
import { type LogPosition, segmentHeader } from "../../../src/fs/log/segments.ts";
import { eventJson, lineOf, linesOf, segmentOf } from "../log/log_lines.ts";
import { recover } from "./recovery.ts";

const header = segmentHeader("local", 1).length;

/** Just behind event `through` in a segment that begins with event 1. */
function behind(through: number): LogStart {
  const offset = header + linesOf(1, through).length;
  const lineOffset = offset - linesOf(through, through).length;
  return { through, position: { segment: 1, offset, lineOffset } };
}

function corruptBy(...args: Parameters<typeof recover>): RuntimeError<"store_corrupt">["details"] {
  const error = assertThrows(() => recover(...args), RuntimeError);
  assertEquals(error.code, "store_corrupt");
  return error.details as RuntimeError<"store_corrupt">["details"];
}

Deno.test("LogReader from a checkpoint gives only what lies behind it, and does not read what lies before", () => {
  const bytes = segmentOf(1, linesOf(1, 5));
  // Damage in the history costs nothing at opening.
  bytes[header + 5] = 0;
  const { ids, end } = recover({ 1: bytes }, behind(3));
  assertEquals(ids, [4, 5]);
  assertEquals(end.bytesRead, linesOf(4, 5).length);
  assertEquals([end.lastEventId, end.offset, end.tail], [5, bytes.length, undefined]);
});

Deno.test("LogReader from a checkpoint at the end of the log gives nothing, and nothing is in doubt", () => {
  const bytes = segmentOf(1, linesOf(1, 5));
  const { ids, end } = recover({ 1: bytes }, behind(5));
  assertEquals(ids, []);
  assertEquals(end.doubtOffset, end.offset);
  assertEquals(end.lineOffset, behind(5).position?.lineOffset);
});

Deno.test("LogReader from a checkpoint goes on in the next segments, older ones may be gone", () => {
  const start = behind(3);
  const log = { 1: segmentOf(1, linesOf(1, 3)), 4: segmentOf(4, linesOf(4, 5)), 6: segmentOf(6) };
  assertEquals(recover(log, start).ids, [4, 5]);
  const position: LogPosition = { segment: 6, offset: segmentHeader("local", 6).length, lineOffset: 0 };
  assertEquals(recover({ 6: segmentOf(6, linesOf(6, 6)) }, { through: 5, position }).ids, [6]);
});

Deno.test("LogReader throws store_corrupt when the log ends before what the checkpoint covers", () => {
  for (const last of [0, 1, 4]) {
    const bytes = last === 0 ? segmentOf(1) : segmentOf(1, linesOf(1, last));
    const { eventIds, byteOffset } = corruptBy({ 1: bytes }, behind(5));
    assertEquals([eventIds, byteOffset], [[5, 5], bytes.length]);
  }
});

Deno.test("LogReader throws store_corrupt when the segment that the checkpoint names is gone", () => {
  const { file, eventIds } = corruptBy({ 4: segmentOf(4, linesOf(4, 5)) }, behind(3));
  assertEquals([file, eventIds], ["events", [3, 3]]);
});

Deno.test("LogReader throws store_corrupt when the line that the checkpoint names is damaged or another", () => {
  const start = behind(3);
  const lineOffset = start.position?.lineOffset ?? 0;
  const good = segmentOf(1, linesOf(1, 5));
  for (let at = lineOffset; at < (start.position?.offset ?? 0); at++) {
    const bytes = good.slice();
    bytes[at] = (bytes[at] ?? 0) ^ 2;
    assertEquals(corruptBy({ 1: bytes }, start).byteOffset, lineOffset);
  }
  // As long as it was, and whole, but of another event.
  const other = segmentOf(1, linesOf(1, 2), lineOf(eventJson(7), 2), linesOf(4, 5));
  assertEquals(other.length, good.length);
  assertEquals(corruptBy({ 1: other }, start).eventIds, [3, 3]);
});

Deno.test("LogReader throws store_corrupt when a checkpoint at the start of a segment finds no header there", () => {
  const position: LogPosition = { segment: 4, offset: segmentHeader("local", 4).length, lineOffset: 0 };
  const bytes = segmentOf(4, linesOf(4, 4));
  bytes[3] = 0;
  corruptBy({ 4: bytes }, { through: 3, position });
});
