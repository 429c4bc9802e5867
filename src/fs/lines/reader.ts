/**
 * The lines of a buffer, one after the other, and their texts. All of it is
 * decoded at once: to decode each line for itself takes ten times as long. In
 * a string newlines are found much faster than in bytes, and as long as all
 * is ASCII they are at the same places.
 *
 * @module
 */
import { durableTailBytes, eventText, manyText } from "./codec.ts";

const NEWLINE = 0x0a;

/** Reads lines. */
export class LineReader {
  /** Where the line begins in the bytes. */
  start = 0;
  /** Where its newline is. */
  end: number;
  readonly #bytes: Uint8Array;
  /** Where the first line begins. */
  readonly #first: number;
  /** All whole lines; `undefined` when not all bytes are text, or that is in doubt. */
  readonly #text: string | undefined;
  readonly #isAscii: boolean;
  #textStart = 0;
  #textEnd = -1;

  /** Lines from `first` on. */
  constructor(bytes: Uint8Array, first: number) {
    const part = bytes.subarray(first, bytes.lastIndexOf(NEWLINE) + 1);
    this.#bytes = bytes;
    this.#first = first;
    this.#text = manyText(part);
    this.#isAscii = this.#text?.length === part.length;
    this.end = first - 1;
  }

  /** Goes to the next line; `false` when there is none that is whole. */
  advance(): boolean {
    this.start = this.end + 1;
    if (this.#text !== undefined) {
      this.#textStart = this.#textEnd + 1;
      this.#textEnd = this.#text.indexOf("\n", this.#textStart);
    }
    const end = this.#isAscii
      ? this.#textEnd === -1 ? -1 : this.#first + this.#textEnd
      : this.#bytes.indexOf(NEWLINE, this.start);
    if (end === -1) return false;
    this.end = end;
    return true;
  }

  /** The text of the event in this line, which must be intact. */
  eventText(): string {
    if (this.#text === undefined) return eventText(this.#bytes, this.start, this.end);
    const tail = durableTailBytes(this.#bytes, this.end);
    return `${this.#text.slice(this.#textStart, this.#textEnd - tail)}}`;
  }
}
