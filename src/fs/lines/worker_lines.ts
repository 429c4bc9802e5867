/**
 * Lines that add to the transcript of one worker. They are recognized by
 * comparing bytes, because this happens for every line of a page.
 *
 * @module
 */
import { plainLines } from "../../core/json.ts";
import { idOf, matches, transcriptSpan } from "./codec.ts";

const encoder = new TextEncoder();

/** Reads the sequence and count of the lines of one worker. */
export class WorkerLines {
  /** Sequence of the first entry of the last line that was the worker's. */
  seq = 0;
  /** Number of its entries. */
  count = 0;
  readonly #workerId: Uint8Array;
  readonly #createdEventId: number;

  /** Lines of the worker that has this id and was created by this event. */
  constructor(workerId: string, createdEventId: number) {
    this.#workerId = encoder.encode(plainLines(JSON.stringify(workerId)));
    this.#createdEventId = createdEventId;
  }

  /** Returns true if a line is the worker's, and reads its entries. Does not check the line. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    const span = transcriptSpan(bytes, start, end);
    if (span === undefined || idOf(bytes, start) < this.#createdEventId) return false;
    const { workerFrom, workerEnd } = span;
    if (workerEnd - workerFrom !== this.#workerId.length || !matches(bytes, workerFrom, this.#workerId)) {
      return false;
    }
    this.seq = span.seq;
    this.count = span.count;
    return true;
  }
}
