/**
 * What folding needs of a line of the log, without decoding the contents of
 * its entries. Verification goes through all of a log: this is its path.
 *
 * @module
 */
import { type EventHead, parseEventHead, type TranscriptAppended } from "../../core/events.ts";
import type { WorkerId } from "../../core/ids.ts";
import { eventText, idOf, type TranscriptSpan, transcriptSpan } from "../lines.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const entriesHead = new TextEncoder().encode(',"entries":');
/** A key and a run id with the worst escaping, and what stands around them. */
const HEAD_BYTES_MAX = 16_384;
/** From the digits of the id to those of the time: `,"at":"`. */
const AT_HEAD_BYTES = 7;
const AT_BYTES = 24;

/** The head of the event in an intact line. Throws `store_corrupt` when it is none. */
export function eventHead(bytes: Uint8Array, start: number, end: number): EventHead {
  const span = transcriptSpan(bytes, start, end);
  if (span === undefined) return parseEventHead(eventText(bytes, start, end));
  return plainHead(bytes, start, span) ?? parseEventHead(transcriptHeadText(bytes, start, end));
}

/** The head of a transcript event that has neither run nor key nor an id with escapes: by far the most. */
function plainHead(
  bytes: Uint8Array,
  start: number,
  span: TranscriptSpan,
): Omit<TranscriptAppended, "entries"> | undefined {
  const { workerFrom, workerEnd, seq, count } = span;
  const id = idOf(bytes, start);
  const countEnd = workerEnd + `,"seq":${seq},"count":${count}`.length;
  if (!isEntries(bytes, countEnd)) return undefined;
  const workerId = asciiText(bytes, workerFrom + 1, workerEnd - 1);
  const atFrom = start + `{"id":${id}`.length + AT_HEAD_BYTES;
  const at = asciiText(bytes, atFrom, atFrom + AT_BYTES);
  if (workerId === undefined || at === undefined) return undefined;
  const isInput = bytes[atFrom + AT_BYTES + `","type":"worker.`.length] === 0x69;
  const type = isInput ? "worker.input_accepted" : "worker.transcript_appended";
  return { id, at, type, workerId: workerId as WorkerId, seq, count };
}

/** The text between two places, unless it is more than plain ASCII. */
function asciiText(bytes: Uint8Array, from: number, to: number): string | undefined {
  let text = "";
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x20 || byte > 0x7e || byte === 0x5c) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** The members before `entries`, as one object. */
function transcriptHeadText(bytes: Uint8Array, start: number, end: number): string {
  const limit = Math.min(end, start + HEAD_BYTES_MAX);
  const comma = entriesHead[0] ?? 0;
  for (let at = bytes.indexOf(comma, start); at !== -1 && at < limit; at = bytes.indexOf(comma, at + 1)) {
    if (isEntries(bytes, at)) return `${decoder.decode(bytes.subarray(start, at))}}`;
  }
  return eventText(bytes, start, end);
}

function isEntries(bytes: Uint8Array, at: number): boolean {
  for (let index = 0; index < entriesHead.length; index++) {
    if (bytes[at + index] !== entriesHead[index]) return false;
  }
  return true;
}
