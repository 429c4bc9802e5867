/**
 * Chooses the lines that may hold a match by their bytes, without decoding or
 * parsing them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Line } from "../../fs/lines/scanner.ts";
import type { Needle } from "./needle.ts";

/** A line in a buffer. Other lines in the buffer have the same difference of `offset` and `start`. */
export type LineInBuffer = Pick<Line, "bytes" | "start" | "end" | "offset">;

/** Content in a blob: the line does not have it. */
const IN_BLOB = `"contentBlob":`;
/** An escape that JSON.stringify does not write. Programs in other languages do, for example for all but ASCII. */
const ODD_ESCAPE = String.raw`\\(?:\/|u(?!00(?:0[0-7bef]|1)|d[c-f]|202[89]|d[89ab]..(?!\\ud[c-f])))`;

const encoder = new TextEncoder();

/** Chooses lines. Each buffer is decoded once as Latin-1, in which patterns are found much faster than in bytes. */
export class Prefilter {
  /** Found in every line that may match; absent if every line may. */
  readonly #pattern: RegExp | undefined;
  #bytes: Uint8Array | undefined;
  #origin = 0;
  #text = "";
  /** The next place of the pattern. */
  #next = -1;

  /** A filter for a needle. */
  constructor({ written }: Needle) {
    // One pattern: the text is read once for all of them.
    const sources = written === undefined ? [] : [byteSource(written), IN_BLOB, ODD_ESCAPE];
    this.#pattern = written === undefined ? undefined : new RegExp(sources.join("|"), "g");
  }

  /** Returns true if a line may hold a match. The lines of a buffer must be passed in their order. */
  mayMatch({ bytes, start, end, offset }: LineInBuffer): boolean {
    const pattern = this.#pattern;
    if (pattern === undefined) return true;
    if (this.#bytes !== bytes || this.#origin !== offset - start) this.#begin(bytes, offset - start);
    if (this.#next < start) {
      pattern.lastIndex = start;
      this.#next = pattern.exec(this.#text)?.index ?? Infinity;
    }
    return this.#next < end;
  }

  #begin(bytes: Uint8Array, origin: number): void {
    this.#bytes = bytes;
    this.#origin = origin;
    this.#text = Buffer.prototype.latin1Slice.call(bytes, 0, bytes.length);
    this.#next = -1;
  }
}

/** The source of the pattern of a text in the UTF-8 of JSON, as Latin-1. */
function byteSource(written: NonNullable<Needle["written"]>): string {
  return written.map((texts) => {
    const all = texts.map((text) => RegExp.escape(String.fromCharCode(...encoder.encode(text))));
    return all.length === 1 ? all[0] : `(?:${all.join("|")})`;
  }).join("");
}
