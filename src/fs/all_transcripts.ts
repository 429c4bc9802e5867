/**
 * Work on all transcripts of a store, in slices that leave the event loop its
 * turns.
 *
 * @module
 */
import { isRuntimeError } from "../core/errors.ts";
import { Slices } from "../core/turn.ts";
import type { Transcripts } from "./transcripts.ts";

/** Files synced at a time. More of them take no less time in all, and hold up the syncs of the log. */
const PARALLEL_SYNCS = 2;

/** Writes the lines that wait in memory. */
export async function flushAll(transcripts: Transcripts): Promise<void> {
  const slices = new Slices();
  for (const workerId of transcripts.dirty()) {
    transcripts.flush(workerId);
    await slices.pause();
  }
}

/**
 * A checkpoint is no place to leave a transcript unmended: what it is rebuilt
 * from may be pruned behind it. `firstEventId` is where the log begins.
 */
export async function rebuildAll(transcripts: Transcripts, firstEventId: number): Promise<void> {
  for (const [workerId, createdEventId] of transcripts.toRebuild()) {
    await transcripts.rebuild(workerId).catch((error) => {
      // One that is damaged is told when it is read, and keeps the log it needs from being pruned. One that
      // failed for another reason, and of which the log does not hold all, needs what the last checkpoint says.
      const isDamaged = isRuntimeError(error) && error.code === "store_corrupt";
      if (createdEventId < firstEventId && !isDamaged) throw error;
    });
  }
}

/** Looks at the lines that a power cut may have taken, so that {@linkcode syncAll} says more of them; in turn, or all. */
export async function proveAll(transcripts: Transcripts, turn?: number): Promise<void> {
  const slices = new Slices();
  for (const workerId of transcripts.unproven(turn)) {
    try {
      transcripts.look(workerId);
    } catch {
      // A file that cannot be read is told when it is asked for. It goes on counting as not synced.
    }
    await slices.pause();
  }
}

/** Looks at the files that nobody has synced since the opening, so that {@linkcode syncAll} does. */
export async function lookAtAll(transcripts: Transcripts): Promise<void> {
  const slices = new Slices();
  for (const workerId of transcripts.uncertain()) {
    transcripts.look(workerId);
    await slices.pause();
  }
}

/** Syncs the files that were written; in turn, or all. */
export async function syncAll(transcripts: Transcripts, turn?: number): Promise<void> {
  const unsynced = transcripts.unsynced(turn);
  for (let index = 0; index < unsynced.length; index += PARALLEL_SYNCS) {
    const group = unsynced.slice(index, index + PARALLEL_SYNCS);
    await Promise.all(group.map((workerId) => transcripts.sync(workerId)));
  }
}
