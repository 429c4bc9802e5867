/**
 * Scans the file of a transcript: every line that is whole and the worker's. What
 * the others would hold is in the log.
 *
 * @module
 */
import { isRuntimeError } from "../../core/errors.ts";
import { guarded, isNotFound } from "../../fs/disk/faults.ts";
import { closeQuietly, isPresent } from "../../fs/disk/files.ts";
import { nameOf, workerLayout } from "../../fs/layout.ts";
import { idOf } from "../../fs/lines/codec.ts";
import { isWhole, type Line, scanLines } from "../../fs/lines/scanner.ts";
import { WorkerLines } from "../../fs/lines/worker_lines.ts";
import type { FoundPlace } from "../../fs/place/find.ts";
import {
  hasTranscriptHeader,
  transcriptHeaderBytes,
  type TranscriptOwner,
} from "../../fs/transcripts/file.ts";

/** A line that adds entries to the transcript. */
export interface TranscriptLine extends Pick<Line, "bytes" | "start" | "end" | "offset"> {
  /** Its event. */
  readonly id: number;
  /** Sequence of its first entry. */
  readonly seq: number;
  /** Number of its entries. */
  readonly count: number;
}

/** A scan of the file. The other members are valid after the last line. */
export class TranscriptScan implements Iterable<TranscriptLine> {
  /** Name of the file in the directory of the runtime. */
  readonly file: string;
  /** There is no file. */
  isMissing = false;
  /** Byte offset of the first line that is damaged, or not the worker's; absent if there is none. */
  damagedAt: number | undefined;
  readonly #place: FoundPlace;
  readonly #owner: TranscriptOwner;

  /** A scan that has read nothing yet. */
  constructor(place: FoundPlace, owner: TranscriptOwner) {
    this.#place = place;
    this.#owner = owner;
    this.file = nameOf(place.layout, workerLayout(place.layout, owner.workerId).transcript);
  }

  /** Reads the lines. Throws `store_io`, `store_permission`. */
  *[Symbol.iterator](): Generator<TranscriptLine, void, void> {
    const { fs, layout } = this.#place;
    const { directory, transcript: path } = workerLayout(layout, this.#owner.workerId);
    try {
      const file = guarded("read", path, () => {
        isPresent(fs, directory, "directory", nameOf(layout, directory));
        return fs.open(path, "read");
      });
      try {
        const lines = this.#lines(file);
        for (;;) {
          const { done, value } = guarded("read", path, () => lines.next());
          if (done) return;
          yield value;
        }
      } finally {
        closeQuietly(file);
      }
    } catch (error) {
      const isOdd = isRuntimeError(error) && error.code === "store_corrupt";
      if (!isOdd && !isNotFound(error)) throw error;
      this.isMissing = !isOdd;
      if (isOdd) this.damagedAt = 0;
    }
  }

  *#lines(file: ReturnType<FoundPlace["fs"]["open"]>): Generator<TranscriptLine, void, void> {
    const owner = this.#owner;
    if (!hasTranscriptHeader(file, owner)) return void (this.damagedAt = 0);
    const own = new WorkerLines(owner.workerId, owner.createdEventId);
    for (const line of scanLines(file, transcriptHeaderBytes(owner), file.stat().size)) {
      const { bytes, start, end, offset } = line;
      if (isWhole(line) && own.read(bytes, start, end)) {
        yield { bytes, start, end, offset, id: idOf(bytes, start), seq: own.seq, count: own.count };
      } else this.damagedAt ??= offset;
    }
  }
}
