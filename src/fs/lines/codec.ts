/**
 * The line codec, shared by the log, the transcripts and the sealed files: one
 * JSON object whose last member is the CRC-32 (IEEE 802.3, as zlib computes
 * it) of all bytes before `,"crc"`. A line of the log also says, in `durable`,
 * the highest event id that had been synced when it was written.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";

/** Bytes of `,"crc":"hhhhhhhh"}`. */
const TRAILER_BYTES = 18;
const NEWLINE = 0x0a;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Several times as fast as one that throws. */
const laxDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
const hexDigits = encoder.encode("0123456789abcdef");
const trailerHead = encoder.encode(',"crc":"');
const trailerTail = encoder.encode('"}');
const durableHead = encoder.encode(',"durable":');
/** What a line begins with. */
export const idHead: Uint8Array = encoder.encode('{"id":');
const seqHead = encoder.encode(',"seq":');
/** What stands before the number of entries. */
export const countHead: Uint8Array = encoder.encode(',"count":');
const workerHead = encoder.encode(',"workerId":');
/** Types of the events that add to a transcript. */
export const transcriptTypeNames = ["worker.input_accepted", "worker.transcript_appended"] as const;
const transcriptTypes = transcriptTypeNames.map((type) => encoder.encode(`","type":"${type}",`));
const entriesHead = encoder.encode(',"entries":');
/** Members with a string that may stand between the count and the entries. */
const stringHeads = [',"runId":', ',"key":', ',"request":'].map((head) => encoder.encode(head));
const NOT_ASCII = /[\x80-\xff]/;
/** Bytes of `,"at":"` and of the time behind it. */
export const AT_BYTES: number = 7 + 24;

/** Lines for the log as one text, to be encoded by {@linkcode encodeLines}. */
export interface LogText {
  /** Each event with its closing brace, and behind it the {@linkcode suffix}. */
  readonly text: string;
  /** What each line ends in. ASCII, so its length is also its bytes. */
  readonly suffix: string;
}

/**
 * The lines of events. The brace in the middle of each line becomes a comma
 * once they are bytes: to cut it off a text would copy every one of them.
 */
export function logText(events: readonly { readonly json: string }[], durable: number): LogText {
  const suffix = `"durable":${durable},"crc":"00000000"}\n`;
  let text = "";
  for (const { json } of events) text += json + suffix;
  return { text, suffix };
}

/**
 * Encodes lines into `target` from `start` and fills in their checksums.
 * Returns where each line ends; nothing when they do not fit.
 */
export function encodeLines(
  { text, suffix }: LogText,
  target: Uint8Array,
  start: number,
): number[] | undefined {
  const { read, written } = encoder.encodeInto(text, start === 0 ? target : target.subarray(start));
  if (read < text.length) return undefined;
  const ends: number[] = [];
  const end = start + written;
  for (let from = start; from < end;) {
    const lineEnd = target.indexOf(NEWLINE, from) + 1;
    target[lineEnd - suffix.length - 1] = COMMA;
    fillChecksum(target, from, lineEnd - 1);
    ends.push(lineEnd);
    from = lineEnd;
  }
  return ends;
}

/** How many bytes sealing adds to a JSON object: the checksum in the place of its brace, and a newline. */
export const SEAL_BYTES: number = TRAILER_BYTES;

/** Bytes of one sealed JSON object, with its newline. */
export function sealedBytes(json: string): Uint8Array {
  const bytes = encoder.encode(`${json.slice(0, -1)},"crc":"00000000"}\n`);
  fillChecksum(bytes, 0, bytes.length - 1);
  return bytes;
}

function fillChecksum(bytes: Uint8Array, start: number, end: number): void {
  let crc = crc32(bytes.subarray(start, end - TRAILER_BYTES));
  for (let place = end - 3; place >= end - 10; place--) {
    bytes[place] = hexDigits[crc & 15] ?? 0;
    crc >>>= 4;
  }
}

/** Whether the bytes from `start` to `end` (without a newline) are one whole line with the right checksum. */
export function isIntact(bytes: Uint8Array, start: number, end: number): boolean {
  const trailer = end - TRAILER_BYTES;
  if (trailer <= start || !matches(bytes, trailer, trailerHead) || !matches(bytes, end - 2, trailerTail)) {
    return false;
  }
  let crc = crc32(bytes.subarray(start, trailer));
  for (let place = end - 3; place >= end - 10; place--) {
    if (bytes[place] !== hexDigits[crc & 15]) return false;
    crc >>>= 4;
  }
  return true;
}

/** What an intact line of the log says of itself. */
export interface LineMarks {
  /** The event's id; 0 for a header. */
  readonly id: number;
  /** The highest event id that was synced before. */
  readonly durable: number;
}

/** The marks of an intact line of the log, or `undefined` when it is no line of a log. */
export function lineMarks(bytes: Uint8Array, start: number, end: number): LineMarks | undefined {
  const trailer = end - TRAILER_BYTES;
  let digits = trailer;
  while (digits > start && isDigit(bytes[digits - 1])) digits--;
  if (digits === trailer || !matches(bytes, digits - durableHead.length, durableHead)) return undefined;
  const durable = numberAt(bytes, digits);
  return { id: matches(bytes, start, idHead) ? numberAt(bytes, start + idHead.length) : 0, durable };
}

/** The event id at the start of a line, or 0. Does not check the line. */
export function idOf(bytes: Uint8Array, start: number): number {
  return matches(bytes, start, idHead) ? numberAt(bytes, start + idHead.length) : 0;
}

/** The text of the event in an intact line of the log: the line without `durable` and `crc`. */
export function eventText(bytes: Uint8Array, start: number, end: number): string {
  return `${textOf(bytes, start, end - durableTailBytes(bytes, end))}}`;
}

/** Bytes of what an intact line of the log has besides its event: from `,"durable":` to its end. */
export function durableTailBytes(bytes: Uint8Array, end: number): number {
  let cut = end - TRAILER_BYTES - 1;
  while (isDigit(bytes[cut])) cut--;
  return end - (cut + 1 - durableHead.length);
}

/**
 * The text of many lines at once; `undefined` when they must be decoded one
 * by one, strictly: they hold the character that stands for bytes that are no
 * text.
 */
export function manyText(bytes: Uint8Array): string | undefined {
  const text = laxDecoder.decode(bytes);
  return text.includes("\uFFFD") ? undefined : text;
}

/** The text of an event that adds to a transcript, without its entries: as much as folding needs. */
export function eventHeadText(bytes: Uint8Array, start: number, end: number, span: TranscriptSpan): string {
  let at = span.countEnd;
  for (const head of stringHeads) {
    if (matches(bytes, at, head)) at = stringEnd(bytes, at + head.length, end);
  }
  return matches(bytes, at, entriesHead) ? `${textOf(bytes, start, at)}}` : eventText(bytes, start, end);
}

/**
 * The text of bytes in UTF-8. A decoder takes longer to call than to decode a
 * line, so ASCII, where a character is a byte, goes without it.
 */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  const text: string = Buffer.prototype.toString.call(bytes, "latin1", start, end);
  return NOT_ASCII.test(text) ? decoder.decode(bytes.subarray(start, end)) : text;
}

/** The text of the JSON object in an intact sealed line: the line without `crc`. */
export function sealedText(bytes: Uint8Array, start: number, end: number): string {
  return `${textOf(bytes, start, end - TRAILER_BYTES)}}`;
}

/** Where a transcript line names its worker, and what it says of its entries. */
export interface TranscriptSpan {
  /** Where the JSON text of the worker's id begins, quotes and all. */
  readonly workerFrom: number;
  /** Where it ends. */
  readonly workerEnd: number;
  /** Sequence of the first entry. */
  readonly seq: number;
  /** Number of entries. */
  readonly count: number;
  /** Where that number ends. */
  readonly countEnd: number;
}

/** What a transcript line says of its entries. */
export interface TranscriptMarks extends Pick<TranscriptSpan, "seq" | "count"> {
  /** The JSON text of the worker's id, quotes and all. */
  readonly workerIdJson: string;
}

/** The marks of an intact line that adds to a transcript; `undefined` for any other line. */
export function transcriptMarks(bytes: Uint8Array, start: number, end: number): TranscriptMarks | undefined {
  const span = transcriptSpan(bytes, start, end);
  if (span === undefined) return undefined;
  const { workerFrom, workerEnd, seq, count } = span;
  return { workerIdJson: textOf(bytes, workerFrom, workerEnd), seq, count };
}

/** The span of a line that adds to a transcript; `undefined` for any other line. Does not check the line. */
export function transcriptSpan(bytes: Uint8Array, start: number, end: number): TranscriptSpan | undefined {
  if (!matches(bytes, start, idHead)) return undefined;
  let at = digitsEnd(bytes, start + idHead.length) + AT_BYTES;
  const type = transcriptTypes.find((type) => matches(bytes, at, type));
  if (type === undefined) return undefined;
  at += type.length - 1;
  if (!matches(bytes, at, workerHead)) return undefined;
  const workerFrom = at + workerHead.length;
  const workerEnd = stringEnd(bytes, workerFrom, end);
  if (!matches(bytes, workerEnd, seqHead)) return undefined;
  const seq = numberAt(bytes, workerEnd + seqHead.length);
  const countAt = digitsEnd(bytes, workerEnd + seqHead.length);
  if (!matches(bytes, countAt, countHead)) return undefined;
  const count = numberAt(bytes, countAt + countHead.length);
  const countEnd = digitsEnd(bytes, countAt + countHead.length);
  return { workerFrom, workerEnd, seq, count, countEnd };
}

/** Where the JSON string that begins at `start` ends, past its closing quote. */
function stringEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start + 1; at < end; at++) {
    if (bytes[at] === BACKSLASH) at++;
    else if (bytes[at] === QUOTE) return at + 1;
  }
  return end;
}

/** Whether a pattern is at a place. */
export function matches(bytes: Uint8Array, at: number, pattern: Uint8Array): boolean {
  if (at < 0) return false;
  for (let index = 0; index < pattern.length; index++) {
    if (bytes[at + index] !== pattern[index]) return false;
  }
  return true;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Where the digits at a place end. */
export function digitsEnd(bytes: Uint8Array, at: number): number {
  while (isDigit(bytes[at])) at++;
  return at;
}

/** The number whose digits are at a place. */
export function numberAt(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let place = at; isDigit(bytes[place]); place++) value = value * 10 + (bytes[place] ?? 0) - 0x30;
  return value;
}
