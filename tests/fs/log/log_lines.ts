// Lines, segments and records of a log, made by hand.

import type { EventRecord } from "../../../store.ts";
import { encodeLines, logText, transcriptMarks } from "../../../src/fs/lines/codec.ts";
import { segmentHeader } from "../../../src/fs/log/segments.ts";
import { joined } from "../lines/bytes_file.ts";

export const AT = "2026-01-02T03:04:05.678Z";

/** The text of an event of the host's own. */
export function eventJson(id: number, data: unknown = "x"): string {
  return JSON.stringify({ id, at: AT, type: "custom", name: "n", data });
}

/** The text of an event with one entry for a transcript. */
export function saidJson(id: number, workerId: string, seq: number, content = "x", count = 1): string {
  const head = { id, at: AT, type: "worker.committed", workerId, seq, count };
  const entries = Array.from({ length: count }, () => ({ role: "user", content }));
  return JSON.stringify({ ...head, entries });
}

/** One line of a log, with its newline. */
export function lineOf(json: string, durable: number): Uint8Array<ArrayBuffer> {
  const line = logText([{ json }], durable);
  const bytes = new Uint8Array(line.text.length * 3);
  const [end] = encodeLines(line, bytes, 0) ?? [];
  return bytes.slice(0, end);
}

/** Lines of the events `first` to `last`, each synced before the next. */
export function linesOf(first: number, last: number, data?: unknown): Uint8Array<ArrayBuffer> {
  const ids = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return joined(...ids.map((id) => lineOf(eventJson(id, data), id - 1)));
}

/** A segment of the runtime "local". */
export function segmentOf(first: number, ...lines: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return joined(segmentHeader("local", first), ...lines);
}

/** An event as it is given to the writer. */
export function recordOf(id: number, data?: unknown): EventRecord {
  return { id, json: eventJson(id, data) };
}

/** Events as they are given to the writer. */
export function recordsOf(first: number, last: number): EventRecord[] {
  return Array.from({ length: last - first + 1 }, (_, index) => recordOf(first + index));
}

/** The sequence of the first entry in a line of a transcript, or 0. */
export function seqOf(bytes: Uint8Array, start: number, end: number): number {
  return transcriptMarks(bytes, start, end)?.seq ?? 0;
}
