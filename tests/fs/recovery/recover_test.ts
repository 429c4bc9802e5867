// Reading the log back: what is good is given, what is bad is told with its place.

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { isRuntimeError, RuntimeError } from "../../../mod.ts";
import { segmentHeader } from "../../../src/fs/log/segments.ts";
import { joined } from "../lines/bytes_file.ts";
import { eventJson, lineOf, linesOf, segmentOf } from "../log/log_lines.ts";
import { recover, type Recovered } from "./recovery.ts";

const header1 = segmentHeader("local", 1).length;
const encoder = new TextEncoder();

function corruptBy(...args: Parameters<typeof recover>): RuntimeError<"store_corrupt">["details"] {
  const error = assertThrows(() => recover(...args), RuntimeError);
  if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
  return error.details;
}

function idsAndTail({ ids, end }: Recovered): [readonly number[], string | undefined] {
  return [ids, end.tail?.row.name];
}

Deno.test("LogReader gives all events over all segments, and where the log ends", () => {
  const last = segmentOf(6, linesOf(6, 7));
  const { ids, end } = recover({ 1: segmentOf(1, linesOf(1, 3)), 4: segmentOf(4, linesOf(4, 5)), 6: last });
  assertEquals(ids, [1, 2, 3, 4, 5, 6, 7]);
  assertEquals(end, {
    lastEventId: 7,
    segment: 6,
    offset: last.length,
    lineOffset: last.length - linesOf(7, 7).length,
    // Only event 7 is behind what any line says was synced.
    doubtOffset: last.length - linesOf(7, 7).length,
    paddingBytes: 0,
    bytesRead: linesOf(1, 7).length,
    isClosed: false,
    tail: undefined,
  });
});

Deno.test("LogReader of a new log gives no event, and nothing is in doubt", () => {
  const { ids, end } = recover({ 1: segmentOf(1) });
  assertEquals(ids, []);
  assertEquals([end.lastEventId, end.offset, end.doubtOffset, end.tail], [0, header1, header1, undefined]);
});

Deno.test("LogReader has all lines in doubt that no later one saw synced", () => {
  const lines = [1, 2, 3, 4, 5].map((id) => lineOf(eventJson(id), id <= 3 ? id - 1 : 2));
  const { end } = recover({ 1: segmentOf(1, ...lines) });
  assertEquals(end.doubtOffset, header1 + (lines[0]?.length ?? 0) + (lines[1]?.length ?? 0));
});

Deno.test("LogReader finds a torn tail at every place where the last batch may be cut", () => {
  const good = segmentOf(1, linesOf(1, 3));
  const batch = joined(lineOf(eventJson(4), 3), lineOf(eventJson(5), 3));
  for (let length = 1; length < batch.length; length++) {
    const { ids, end } = recover({ 1: joined(good, batch.subarray(0, length)) });
    const whole = length >= lineOf(eventJson(4), 3).length;
    assertEquals(ids, whole ? [1, 2, 3, 4] : [1, 2, 3]);
    const isBorder = length === lineOf(eventJson(4), 3).length;
    assertEquals([length, end.tail?.row.name], [length, isBorder ? undefined : "torn_tail"]);
    assertEquals(end.lastEventId, ids.length);
  }
});

Deno.test("LogReader takes an intact line behind a hole for no witness, when it does not claim the hole was synced", () => {
  const hole = new Uint8Array(lineOf(eventJson(4), 3).length);
  const batch = joined(hole, lineOf(eventJson(5), 3));
  const { ids, end } = recover({ 1: segmentOf(1, linesOf(1, 3), batch) });
  assertEquals(idsAndTail({ ids, end }), [[1, 2, 3], "torn_tail"]);
  assertEquals([end.lastEventId, end.tail?.bytes], [3, batch.length]);
});

Deno.test("LogReader finds damage at every byte that a later line saw synced", () => {
  const bytes = segmentOf(1, linesOf(1, 3));
  const lastLine = bytes.length - linesOf(3, 3).length;
  // The newline of event 2 is the first byte that only event 3 itself could tell of.
  for (let at = header1; at < lastLine - 1; at++) {
    const damaged = bytes.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 4;
    const { file, eventIds, byteOffset } = corruptBy({ 1: damaged });
    const k = at < header1 + linesOf(1, 1).length ? 1 : 2;
    assertEquals([file, eventIds], ["events/0000000000000001.jsonl", [k, k]]);
    assertEquals(byteOffset, k === 1 ? header1 : header1 + linesOf(1, 1).length);
  }
});

Deno.test("LogReader throws store_corrupt when more lies behind the bad line than one write can leave", () => {
  const { reason } = corruptBy({ 1: segmentOf(1, linesOf(1, 2), new Uint8Array(9_000_000)) });
  assertStringIncludes(reason, "more bytes follow it");
});

Deno.test("LogReader does not take a line that is intact but not the next", () => {
  const wrong = [
    lineOf(eventJson(3), 1), // one is missing
    lineOf(eventJson(1), 0), // it is there already
    lineOf('{"no":"id"}', 1),
    lineOf(eventJson(2), 2), // it cannot have been synced before it was written
    lineOf(eventJson(2), 9),
  ];
  for (const line of wrong) {
    const log = { 1: segmentOf(1, linesOf(1, 1), line) };
    const claims = JSON.parse(new TextDecoder().decode(line)).durable >= 2;
    if (claims) assertEquals(corruptBy(log).eventIds, [2, 2]);
    else assertEquals(idsAndTail(recover(log)), [[1], "torn_tail"]);
  }
});

Deno.test("LogReader throws store_corrupt for a gap, an overlap and a missing first segment", () => {
  const gap = corruptBy({ 1: segmentOf(1, linesOf(1, 3)), 6: segmentOf(6, linesOf(6, 7)) });
  assertEquals([gap.file, gap.eventIds], ["events", [4, 5]]);
  const overlap = corruptBy({ 1: segmentOf(1, linesOf(1, 3)), 3: segmentOf(3, linesOf(3, 4)) });
  assertEquals(overlap.file, "events/0000000000000003.jsonl");
  const noFirst = corruptBy({ 4: segmentOf(4, linesOf(4, 5)) });
  assertEquals([noFirst.file, noFirst.eventIds], ["events", [1, 3]]);
  assertEquals(corruptBy({}).file, "events");
});

Deno.test("LogReader throws store_corrupt for a bad end of a segment that is not the last", () => {
  const torn = linesOf(4, 4).subarray(0, 20);
  const { eventIds } = corruptBy({ 1: segmentOf(1, linesOf(1, 3), torn), 5: segmentOf(5, linesOf(5, 5)) });
  assertEquals(eventIds, [4, 4]);
});

Deno.test("LogReader throws store_corrupt for stray bytes between segments that fit, and has nothing cut", () => {
  const stray = linesOf(4, 4).subarray(0, 20);
  const first = segmentOf(1, linesOf(1, 3), stray);
  const { file, byteOffset } = corruptBy({ 1: first, 4: segmentOf(4, linesOf(4, 5)) });
  assertEquals([file, byteOffset], ["events/0000000000000001.jsonl", first.length - 20]);
});

Deno.test("LogReader finds an unfinished segment at every length of its header", () => {
  const header = segmentHeader("local", 4);
  for (let length = 0; length < header.length; length++) {
    const { ids, end } = recover({ 1: segmentOf(1, linesOf(1, 3)), 4: header.subarray(0, length) });
    assertEquals(idsAndTail({ ids, end }), [[1, 2, 3], "unfinished_segment"]);
    assertEquals([end.segment, end.offset, end.lastEventId], [4, 0, 3]);
  }
});

Deno.test("LogReader throws store_corrupt for a damaged header with events behind it", () => {
  const bytes = segmentOf(4, lineOf(eventJson(4), 3));
  for (let at = 0; at < segmentHeader("local", 4).length - 1; at++) {
    const damaged = bytes.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    const { file, eventIds } = corruptBy({ 1: segmentOf(1, linesOf(1, 3)), 4: damaged });
    assertEquals([file, eventIds], ["events/0000000000000004.jsonl", [4, 4]]);
  }
});

Deno.test("LogReader throws store_corrupt for a segment of another runtime, or under another name", () => {
  const other = joined(segmentHeader("other", 1), linesOf(1, 2));
  assertStringIncludes(corruptBy({ 1: other }).reason, '"other"');
  const renamed = { 1: segmentOf(1, linesOf(1, 3)), 4: segmentOf(5, linesOf(5, 5)) };
  assertStringIncludes(corruptBy(renamed).reason, "begins with event 5");
});

Deno.test("LogReader throws store_version for a segment that a newer version wrote", () => {
  const header = { format: "worker-runtime/events", version: 2, runtimeId: "local", firstEventId: 4, new: 1 };
  const newer = joined(lineOf(JSON.stringify(header), 3), encoder.encode("whatever\n"));
  const error = assertThrows(() => recover({ 1: segmentOf(1, linesOf(1, 3)), 4: newer }), RuntimeError);
  assertEquals(error.code, "store_version");
  assertEquals(error.details, { file: "events/0000000000000004.jsonl", found: 2, supported: 1 });
});

Deno.test("LogReader throws store_version for a segment that requires an unknown feature", () => {
  const text = new TextDecoder().decode(segmentHeader("local", 4));
  assertStringIncludes(text, '"requires":[],');
  const header = { ...JSON.parse(text), requires: ["drafts"], durable: undefined, crc: undefined };
  const newer = joined(lineOf(JSON.stringify(header), 3), linesOf(4, 5));
  const error = assertThrows(() => recover({ 1: segmentOf(1, linesOf(1, 3)), 4: newer }), RuntimeError);
  assertEquals(error.code, "store_version");
  const file = "events/0000000000000004.jsonl";
  assertEquals(error.details, { file, found: 1, supported: 1, requires: "drafts" });
});
