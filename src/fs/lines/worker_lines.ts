/**
 * The lines that add to the transcript of one worker, told from all others
 * by a comparison of bytes: this is done for every line of a page.
 *
 * @module
 */
import {
  AT_BYTES,
  countHead,
  digitsEnd,
  idHead,
  idOf,
  matches,
  numberAt,
  transcriptTypeNames,
} from "./codec.ts";

const encoder = new TextEncoder();

/** Reads what the lines of one worker say of their entries. */
export class WorkerLines {
  /** Sequence of the first entry of the last line that was one. */
  seq = 0;
  /** Number of its entries. */
  count = 0;
  /** What stands between time and sequence, for each type of event. */
  readonly #heads: readonly Uint8Array[];
  readonly #createdEventId: number;

  /** Lines of the worker with this id, as JSON, that was created by this event. */
  constructor(workerIdJson: string, createdEventId: number) {
    this.#heads = transcriptTypeNames.map((type) =>
      encoder.encode(`","type":"${type}","workerId":${workerIdJson},"seq":`)
    );
    this.#createdEventId = createdEventId;
  }

  /** Whether a line is one of the worker's. Does not check the line. */
  read(bytes: Uint8Array, start: number): boolean {
    if (idOf(bytes, start) <= this.#createdEventId) return false;
    const headAt = digitsEnd(bytes, start + idHead.length) + AT_BYTES;
    for (const head of this.#heads) {
      if (matches(bytes, headAt, head)) return this.#readNumbers(bytes, headAt + head.length);
    }
    return false;
  }

  #readNumbers(bytes: Uint8Array, seqAt: number): boolean {
    const countAt = digitsEnd(bytes, seqAt);
    if (!matches(bytes, countAt, countHead)) return false;
    this.seq = numberAt(bytes, seqAt);
    this.count = numberAt(bytes, countAt + countHead.length);
    return true;
  }
}
