/**
 * Work on all transcripts of a store, in slices that leave the event loop its
 * turns.
 *
 * @module
 */
import { Slices } from "../../core/turn.ts";
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

/** Rebuilds transcripts where necessary. One that cannot be rebuilt prevents the log it needs from being pruned. */
export async function rebuildAll(transcripts: Transcripts): Promise<void> {
  for (const workerId of transcripts.toRebuild()) await transcripts.rebuild(workerId);
}

/** Looks at the lines that a power cut may have taken, so that {@linkcode syncAll} says more of them; in turn, or all. */
export async function verifyTails(transcripts: Transcripts, turn?: number): Promise<void> {
  const slices = new Slices();
  for (const workerId of transcripts.unproven(turn)) {
    transcripts.look(workerId);
    await slices.pause();
  }
}

/** Checks what the paths of all files name, so that {@linkcode syncAll} syncs that. */
export async function verifyUnsynced(transcripts: Transcripts): Promise<void> {
  const slices = new Slices();
  for (const workerId of transcripts.written()) {
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
