/**
 * The two checkpoint files: selection at an opening, and replacement.
 *
 * @module
 */
import { clearForFile } from "../aside.ts";
import { type Checkpoint, type CheckpointContent, readCheckpoint, writeCheckpoint } from "./checkpoint.ts";
import { removeQuietly, TEMPORARY_SUFFIX } from "../disk/files.ts";
import { guardedAsync, ifCorrupt } from "../disk/faults.ts";
import { nameOf, type WatchedPlace } from "../layout.ts";

/** The checkpoints of a runtime. */
export class Checkpoints {
  readonly #place: WatchedPlace;
  /** True if the current file is intact: a damaged one must not replace the previous one. */
  #currentIsGood = false;

  /** The checkpoints in the directory of a runtime. */
  constructor(place: WatchedPlace) {
    this.#place = place;
  }

  /** Reads the newest usable checkpoint; `undefined` if there is none. Throws `store_version`. */
  load(): Checkpoint | undefined {
    const { checkpoint, previousCheckpoint } = this.#place.layout;
    const current = this.#tryRead(checkpoint);
    this.#currentIsGood = current !== undefined;
    if (current !== undefined) return current;
    const previous = this.#tryRead(previousCheckpoint);
    if (previous === undefined) return undefined;
    // Between its two renames a writer leaves no newest checkpoint for a moment.
    const renamed = this.#tryRead(checkpoint, false);
    if (renamed !== undefined) return renamed;
    this.#report(previousCheckpoint, "the newest checkpoint is not usable; the one before it serves");
    return previous;
  }

  /**
   * Returns the last event that no opening needs, whichever checkpoint it begins
   * with: none unless both are usable. A checkpoint needs its own last event, and
   * the events of transcripts that it marks for a rebuild.
   */
  lastUnneeded(): number {
    const { checkpoint, previousCheckpoint } = this.#place.layout;
    const both = [this.#tryRead(previousCheckpoint), this.#tryRead(checkpoint)];
    const needed = both.flatMap((read) =>
      read === undefined ? [1] : [
        read.snapshot.through,
        ...read.rows.filter((row) => row.transcriptBytes === undefined).map((row) => row.createdEventId),
      ]
    );
    return needed.reduce((first, eventId) => Math.min(first, eventId)) - 1;
  }

  /** Writes a checkpoint; the current one becomes the previous one. Returns its size. */
  async save(content: CheckpointContent): Promise<number> {
    const { fs, layout: { checkpoint, previousCheckpoint, directory } } = this.#place;
    const temporary = `${checkpoint}${TEMPORARY_SUFFIX}`;
    return await guardedAsync("write checkpoint", checkpoint, async () => {
      try {
        for (const path of [temporary, checkpoint, previousCheckpoint]) {
          await clearForFile(this.#place, path);
        }
        fs.remove(temporary);
        const bytes = await writeCheckpoint(this.#place, temporary, content);
        // It may have been renamed already by a call that failed afterwards.
        const isThere = this.#currentIsGood && fs.stat(checkpoint) !== undefined;
        if (isThere) await fs.rename(checkpoint, previousCheckpoint);
        this.#currentIsGood = false;
        await fs.rename(temporary, checkpoint);
        await fs.syncDirectory(directory);
        this.#currentIsGood = true;
        return bytes;
      } catch (error) {
        removeQuietly(fs, temporary);
        throw error;
      }
    });
  }

  #tryRead(path: string, isReported = true): Checkpoint | undefined {
    const read = () => readCheckpoint(this.#place, path);
    return ifCorrupt<Checkpoint | undefined>(read, ({ message }) => {
      if (isReported) this.#report(path, message);
      return undefined;
    });
  }

  #report(path: string, message: string): void {
    const file = nameOf(this.#place.layout, path);
    this.#place.notice({ code: "checkpoint_unusable", severity: "warning", message, file });
  }
}
