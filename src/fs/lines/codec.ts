/**
 * The line codec of the log, the transcripts and the sealed files. A line is
 * one JSON object whose last member is the CRC-32 (IEEE 802.3, as zlib computes
 * it) of all bytes before `,"crc"`. A line of the log also has `durable`, the
 * highest event id that was synced when the line was written.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { ENTRIES } from "../../core/events.ts";
import { limits } from "../../core/limits.ts";

/** The byte that ends a line. */
export const NEWLINE = 0x0a;
/** Bytes of the longest line: the largest event with its seal. */
export const LINE_BYTES_MAX: number = limits.eventBytesMax + 4_096;
/**
 * Bytes of `,"crc":"hhhhhhhh"}`. Sealing adds as many to a JSON object: the checksum instead of its brace, and a
 * newline.
 */
export const SEAL_BYTES = 18;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Several times as fast as a strict decoder. */
const laxDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
const hexDigits = encoder.encode("0123456789abcdef");
const trailerHead = encoder.encode(',"crc":"');
const trailerTail = encoder.encode('"}');
const durableHead = encoder.encode(',"durable":');
const idHead = encoder.encode('{"id":');
const typeHead = encoder.encode('","type":"');
const workerHead = encoder.encode('","workerId":');
const seqHead = encoder.encode(',"seq":');
const countHead = encoder.encode(',"count":');
const entriesHead = encoder.encode(ENTRIES);
/** Types of the events that add to a transcript. */
const transcriptTypes = ["worker.committed", "worker.created"] as const;
/** Members with a string that may stand between the count and the entries. */
const stringHeads = [',"runId":', ',"key":', ',"request":'].map((head) => encoder.encode(head));
const NOT_ASCII = /[\x80-\xff]/;
/** Bytes from the end of an id to the end of the time: `,"at":"2026-07-31T08:00:00.000Z`. */
const AT_BYTES = 7 + 24;

/** Lines for the log as one text, to be encoded by {@linkcode encodeLines}. */
export interface LogText {
  /** Each event with its closing brace, followed by the {@linkcode suffix}. */
  readonly text: string;
  /** The end of each line. ASCII, so its length is also its bytes. */
  readonly suffix: string;
}

/**
 * The lines of events. The brace in the middle of each line becomes a comma
 * once they are encoded: removing it from the texts would copy each of them.
 */
export function logText(events: readonly { readonly json: string }[], durable: number): LogText {
  const suffix = `"durable":${durable},"crc":"00000000"}\n`;
  let text = "";
  for (const { json } of events) text += json + suffix;
  return { text, suffix };
}

/**
 * Encodes lines into `target` from `start` and fills in their checksums.
 * Returns the end of each line; `undefined` if they do not fit.
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

/** Bytes of one sealed JSON object, with its newline. */
export function sealedBytes(json: string): Uint8Array {
  const bytes = encoder.encode(`${json.slice(0, -1)},"crc":"00000000"}\n`);
  fillChecksum(bytes, 0, bytes.length - 1);
  return bytes;
}

function fillChecksum(bytes: Uint8Array, start: number, end: number): void {
  let crc = crc32(bytes.subarray(start, end - SEAL_BYTES));
  for (let place = end - 3; place >= end - 10; place--) {
    bytes[place] = hexDigits[crc & 15] ?? 0;
    crc >>>= 4;
  }
}

/** Returns true if the bytes from `start` to `end` (without a newline) are a line with a valid checksum. */
export function isIntact(bytes: Uint8Array, start: number, end: number): boolean {
  const trailer = end - SEAL_BYTES;
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

/** Members of an intact line of the log that order it. */
export interface LineMarks {
  /** The event's id; 0 for a header. */
  readonly id: number;
  /** The highest event id that was synced when the line was written. */
  readonly durable: number;
}

/** The marks of an intact line; `undefined` if it is not a line of a log. */
export function lineMarks(bytes: Uint8Array, start: number, end: number): LineMarks | undefined {
  const durableAt = end - durableTailBytes(bytes, end);
  const digitsAt = durableAt + durableHead.length;
  if (durableAt < start || !matches(bytes, durableAt, durableHead) || !isDigit(bytes[digitsAt])) {
    return undefined;
  }
  return { id: idOf(bytes, start), durable: numberAt(bytes, digitsAt) };
}

/** The event id at the start of a line, or 0. Does not check the line. */
export function idOf(bytes: Uint8Array, start: number): number {
  return matches(bytes, start, idHead) ? numberAt(bytes, start + idHead.length) : 0;
}

/** Returns true if a line holds an event of this type. Does not check the line. */
export function isOfType(bytes: Uint8Array, start: number, type: string): boolean {
  const at = typeAt(bytes, start);
  return at > 0 && isNamed(bytes, at, type);
}

/** Offset of the name of the event's type; 0 if the line holds no event. */
function typeAt(bytes: Uint8Array, start: number): number {
  if (!matches(bytes, start, idHead)) return 0;
  const at = digitsEnd(bytes, start + idHead.length) + AT_BYTES;
  return matches(bytes, at, typeHead) ? at + typeHead.length : 0;
}

function isNamed(bytes: Uint8Array, at: number, name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    if (bytes[at + index] !== name.charCodeAt(index)) return false;
  }
  return bytes[at + name.length] === QUOTE;
}

/** The text of the event in an intact line of the log: the line without `durable` and `crc`. */
export function eventText(bytes: Uint8Array, start: number, end: number): string {
  return `${textOf(bytes, start, end - durableTailBytes(bytes, end))}}`;
}

/** Bytes of an intact line of the log from `,"durable":` to its end. */
export function durableTailBytes(bytes: Uint8Array, end: number): number {
  let last = end - SEAL_BYTES - 1;
  while (isDigit(bytes[last])) last--;
  return end - (last + 1 - durableHead.length);
}

/**
 * The text of many lines at once; `undefined` if they contain the replacement
 * character, so that each must be decoded strictly.
 */
export function manyText(bytes: Uint8Array): string | undefined {
  const text = laxDecoder.decode(bytes);
  return text.includes("\uFFFD") ? undefined : text;
}

/** The text of an event that adds to a transcript, without its entries, which folding does not need. */
export function eventHeadText(bytes: Uint8Array, start: number, end: number, span: TranscriptSpan): string {
  let at = span.countEnd;
  for (const head of stringHeads) {
    if (matches(bytes, at, head)) at = stringEnd(bytes, at + head.length, end);
  }
  const entriesAt = entriesStart(bytes, at, end);
  return entriesAt < end ? `${textOf(bytes, start, entriesAt)}}` : eventText(bytes, start, end);
}

/** Start of the `entries` of an event, and not of a member of that name inside another one; `end` if it has none. */
function entriesStart(bytes: Uint8Array, from: number, end: number): number {
  let depth = 0;
  for (let at = from; at < end; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = stringEnd(bytes, at, end) - 1;
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth++;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth--;
    else if (depth === 0 && byte === COMMA && matches(bytes, at, entriesHead)) return at;
  }
  return end;
}

/** Decodes UTF-8. Calling a decoder takes longer than decoding a line, so ASCII is decoded without it. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  const text: string = Buffer.prototype.toString.call(bytes, "latin1", start, end);
  return NOT_ASCII.test(text) ? decoder.decode(bytes.subarray(start, end)) : text;
}

/** The text of the JSON object in an intact sealed line: the line without `crc`. */
export function sealedText(bytes: Uint8Array, start: number, end: number): string {
  return `${textOf(bytes, start, end - SEAL_BYTES)}}`;
}

/** Location of the worker and the entries in a line that adds to a transcript. */
export interface TranscriptSpan {
  /** Start of the JSON text of the worker's id, with its quotes. */
  readonly workerFrom: number;
  /** End of that text. */
  readonly workerEnd: number;
  /** Sequence of the first entry. */
  readonly seq: number;
  /** Number of entries. */
  readonly count: number;
  /** End of the digits of that number. */
  readonly countEnd: number;
}

/** Worker and entries of a line that adds to a transcript. */
export interface TranscriptMarks extends Pick<TranscriptSpan, "seq" | "count"> {
  /** The JSON text of the worker's id, with its quotes. */
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
  const at = typeAt(bytes, start);
  const type = at === 0 ? undefined : transcriptTypes.find((type) => isNamed(bytes, at, type));
  if (type === undefined || !matches(bytes, at + type.length, workerHead)) return undefined;
  const workerFrom = at + type.length + workerHead.length;
  const workerEnd = stringEnd(bytes, workerFrom, end);
  if (!matches(bytes, workerEnd, seqHead)) return undefined;
  const seqAt = workerEnd + seqHead.length;
  const seqEnd = digitsEnd(bytes, seqAt);
  if (!matches(bytes, seqEnd, countHead)) return undefined;
  const countAt = seqEnd + countHead.length;
  const countEnd = digitsEnd(bytes, countAt);
  return { workerFrom, workerEnd, seq: numberAt(bytes, seqAt), count: numberAt(bytes, countAt), countEnd };
}

/** End of the JSON string that begins at `start`, after its closing quote. */
function stringEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start + 1; at < end; at++) {
    if (bytes[at] === BACKSLASH) at++;
    else if (bytes[at] === QUOTE) return at + 1;
  }
  return end;
}

/** Returns true if the bytes at an offset are those of a pattern. */
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

/** End of the digits at an offset. */
function digitsEnd(bytes: Uint8Array, at: number): number {
  while (isDigit(bytes[at])) at++;
  return at;
}

/** The number whose digits are at an offset. */
function numberAt(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let place = at; isDigit(bytes[place]); place++) value = value * 10 + (bytes[place] ?? 0) - 0x30;
  return value;
}
