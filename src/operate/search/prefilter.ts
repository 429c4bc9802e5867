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
const IN_BLOB = /"contentBlob":/g;
/** An escape that JSON.stringify does not write. Programs in other languages do, for example for all but ASCII. */
const ODD_ESCAPE = /\\(?:\/|u(?!00(?:0[0-7bef]|1)|d[c-f]|202[89]|d[89ab]..(?!\\ud[c-f])))/g;

const encoder = new TextEncoder();

/** Chooses lines. Each buffer is decoded once as Latin-1, in which patterns are found much faster than in bytes. */
export class Prefilter {
  readonly #patterns: readonly RegExp[];
  readonly #next: number[] = [];
  #bytes: Uint8Array | undefined;
  #origin = 0;
  #text = "";

  /** A filter for a needle. */
  constructor({ written }: Needle) {
    this.#patterns = written === undefined ? [] : [bytePattern(written), IN_BLOB, ODD_ESCAPE];
  }

  /** Returns true if a line may hold a match. The lines of a buffer must be passed in their order. */
  mayMatch({ bytes, start, end, offset }: LineInBuffer): boolean {
    // Without a text to look for, every line may match.
    if (this.#patterns.length === 0) return true;
    if (this.#bytes !== bytes || this.#origin !== offset - start) this.#begin(bytes, offset - start);
    return this.#patterns.some((pattern, index) => {
      if ((this.#next[index] ?? -1) < start) this.#next[index] = this.#find(pattern, start);
      return (this.#next[index] ?? Infinity) < end;
    });
  }

  #begin(bytes: Uint8Array, origin: number): void {
    this.#bytes = bytes;
    this.#origin = origin;
    this.#text = Buffer.prototype.latin1Slice.call(bytes, 0, bytes.length);
    this.#next.length = 0;
  }

  #find(pattern: RegExp, from: number): number {
    pattern.lastIndex = from;
    return pattern.exec(this.#text)?.index ?? Infinity;
  }
}

/** The pattern of a text in the UTF-8 of JSON, as Latin-1. */
function bytePattern(written: NonNullable<Needle["written"]>): RegExp {
  const source = written.map((texts) => {
    const all = texts.map((text) => RegExp.escape(String.fromCharCode(...encoder.encode(text))));
    return all.length === 1 ? all[0] : `(?:${all.join("|")})`;
  });
  return new RegExp(source.join(""), "g");
}
