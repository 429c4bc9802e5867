// Scanning the log: the lines of the events, and where and why a scan stops.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { isRuntimeError } from "../../../mod.ts";
import {
  intactLines,
  type LogLine,
  LogScan,
  type ScanHooks,
  type ScanRange,
  scanSegment,
} from "../../../src/fs/log/scan.ts";
import { openSegment, type Segment, segmentHeader, withSegment } from "../../../src/fs/log/segments.ts";
import type { Place } from "../../../src/fs/layout.ts";
import { sealedBytes } from "../../../src/fs/lines/codec.ts";
import type { SimulatedDisk } from "../../disk/mod.ts";
import { fileOf, joined } from "../lines/bytes_file.ts";
import { diskOf, layout } from "../recovery/recovery.ts";
import { eventJson, lineOf, linesOf, segmentOf } from "./log_lines.ts";

const header = segmentHeader("local", 1).length;
const twoSegments = { 1: segmentOf(1, linesOf(1, 3)), 4: segmentOf(4, linesOf(4, 5)) };

function placeOf(fs: SimulatedDisk): Place {
  return { fs, layout, runtimeId: "local" };
}

function scanOf(
  segments: Readonly<Record<number, Uint8Array>>,
  range: Partial<ScanRange> = {},
  hooks: ScanHooks = {},
): [readonly number[], LogScan] {
  const listed = Object.keys(segments).map(Number);
  const scan = new LogScan(placeOf(diskOf(segments)), { segments: listed, after: 0, ...range }, hooks);
  return [Array.from(scan, ({ id }) => id), scan];
}

Deno.test("LogScan yields the events of all segments, and stops at the end", () => {
  const [ids, { stop, lastEventId }] = scanOf(twoSegments);
  assertEquals(ids, [1, 2, 3, 4, 5]);
  const { length } = twoSegments[4];
  assertEquals(stop, { reason: "end", segment: 4, offset: length, end: length, paddingBytes: 0 });
  assertEquals(lastEventId, 5);
});

Deno.test("LogScan yields the place of each line, and the highest event known to be synced", () => {
  const lines = [lineOf(eventJson(1), 0), lineOf(eventJson(2), 0), lineOf(eventJson(3), 2)];
  const found: Omit<LogLine, "bytes">[] = [];
  const log = { 1: segmentOf(1, ...lines), 4: segmentOf(4, lineOf(eventJson(4), 0)) };
  const scan = new LogScan(placeOf(diskOf(log)), { segments: [1, 4], after: 0 });
  let offset = header;
  for (const { bytes, ...line } of scan) {
    found.push(line);
    if (line.id === 4) continue;
    assertEquals([line.offset, bytes.slice(line.start, line.end + 1)], [offset, lines[line.id - 1]]);
    offset = line.endOffset;
  }
  assertEquals(found.map(({ durable }) => durable), [0, 0, 2, 3]);
});

Deno.test("LogScan begins with the segment of the event after `after`, or directly after a position", () => {
  assertEquals(scanOf(twoSegments, { after: 2 })[0], [1, 2, 3, 4, 5]);
  assertEquals(scanOf(twoSegments, { after: 3 })[0], [4, 5]);
  const offset = header + linesOf(1, 2).length;
  const position = { segment: 1, offset, lineOffset: header + linesOf(1, 1).length };
  assertEquals(scanOf(twoSegments, { after: 2, position })[0], [3, 4, 5]);
});

Deno.test("LogScan stops after the last event wanted, and reads no further segment", () => {
  const [ids, { stop }] = scanOf({ ...twoSegments, 4: new Uint8Array() }, { through: 3 });
  assertEquals([ids, stop.reason, stop.segment], [[1, 2, 3], "through", 1]);
});

Deno.test("LogScan stops at a line that is damaged, unfinished, or not the next event's", () => {
  const cases = [
    linesOf(4, 4).fill(0x61, 10, 12),
    linesOf(4, 4).subarray(0, 30),
    lineOf(eventJson(5), 3),
    lineOf(eventJson(3), 2),
    lineOf(eventJson(4), 4),
    sealedBytes('{"id":4}'),
  ];
  for (const bad of cases) {
    const [ids, { stop, lastEventId }] = scanOf({ 1: segmentOf(1, linesOf(1, 3), bad, linesOf(4, 5)) });
    assertEquals([ids, lastEventId], [[1, 2, 3], 3]);
    assertEquals([stop.reason, stop.segment, stop.offset], ["line", 1, header + linesOf(1, 3).length]);
  }
});

Deno.test("LogScan stops at a gap between segments, and at an overlap", () => {
  const gap = scanOf({ 1: segmentOf(1, linesOf(1, 3)), 6: segmentOf(6, linesOf(6, 7)) });
  assertEquals([gap[0], gap[1].stop.reason, gap[1].stop.segment], [[1, 2, 3], "gap", 6]);
  const overlap = scanOf({ 1: segmentOf(1, linesOf(1, 3)), 3: segmentOf(3, linesOf(3, 4)) });
  assertEquals([overlap[0], overlap[1].stop.reason, overlap[1].stop.segment], [[1, 2, 3], "gap", 3]);
});

Deno.test("LogScan stops at a header that its reader rejects, before any line of the segment", () => {
  const check = ({ first }: { readonly first: number }): boolean => first !== 4;
  const [ids, { stop }] = scanOf(twoSegments, {}, { check });
  assertEquals([ids, stop.reason, stop.segment, stop.offset], [[1, 2, 3], "header", 4, 0]);
});

Deno.test("LogScan of a log without segments, or of none of its events, stops at the end", () => {
  assertEquals(scanOf({})[1].stop.segment, 0);
  const [ids, { stop, lastEventId }] = scanOf(twoSegments, { through: 0 });
  assertEquals([ids, stop.segment, lastEventId], [[], 0, 0]);
});

Deno.test("LogScan counts no padding as content, and says how much there is", () => {
  const padding = new Uint8Array(5_000).fill(0x20);
  const log = segmentOf(1, linesOf(1, 3), padding);
  const [ids, { stop }] = scanOf({ 1: log });
  assertEquals(ids, [1, 2, 3]);
  const end = log.length - padding.length;
  assertEquals(stop, { reason: "end", segment: 1, offset: end, end, paddingBytes: padding.length });
});

Deno.test("LogScan closes its file when its reader stops early, and throws store_io for a missing segment", () => {
  const fs = diskOf(twoSegments);
  let closed = 0;
  const open = (first: number): Segment => {
    const segment = openSegment(placeOf(fs), first);
    const close = segment.file.close.bind(segment.file);
    segment.file.close = () => (closed++, close());
    return segment;
  };
  for (const { id } of new LogScan(placeOf(fs), { segments: [1, 4], after: 0 }, { open })) {
    if (id === 2) break;
  }
  assertEquals(closed, 1);
  const error = assertThrows(() => Array.from(new LogScan(placeOf(fs), { segments: [1, 4, 6], after: 0 })));
  assert(isRuntimeError(error) && error.code === "store_io");
});

Deno.test("scanSegment() yields the lines from an offset on, up to the first that is not the next", () => {
  const fs = diskOf({ 1: segmentOf(1, linesOf(1, 3), linesOf(5, 5)) });
  const from = header + linesOf(1, 1).length;
  const ids = withSegment(
    placeOf(fs),
    1,
    (segment) => Array.from(scanSegment(segment, from, 1), ({ id }) => id),
  );
  assertEquals(ids, [2, 3]);
});

Deno.test("intactLines() yields what is intact, in any order, and passes over the rest", () => {
  const damaged = linesOf(2, 2).fill(0x61, 10, 12);
  const bytes = joined(
    linesOf(9, 9).subarray(5),
    linesOf(1, 1),
    damaged,
    sealedBytes('{"a":1}'),
    linesOf(8, 8),
    linesOf(3, 4),
  );
  const lines = Array.from(intactLines(fileOf(bytes), 0, bytes.length), ({ id, durable }) => [id, durable]);
  assertEquals(lines, [[1, 0], [8, 7], [3, 2], [4, 3]]);
});

Deno.test("Segment.hasHeader() is false for a header that is damaged or unfinished", () => {
  const whole = segmentHeader("local", 1);
  for (let length = 0; length <= whole.length; length++) {
    const hasHeader = withSegment(
      placeOf(diskOf({ 1: whole.slice(0, length) })),
      1,
      (segment) => segment.hasHeader(),
    );
    assertEquals([length, hasHeader], [length, length === whole.length]);
  }
});
