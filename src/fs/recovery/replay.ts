/**
 * Replays the log at an opening: gives its events to the runtime, in chunks,
 * and their effects to the transcripts, as soon as they are on the device.
 *
 * @module
 */
import type { WorkerId } from "../../core/ids.ts";
import { Slices } from "../../core/turn.ts";
import type { FileSystem } from "../disk/file_system.ts";
import type { RuntimeLayout } from "../layout.ts";
import { LineBuffer } from "../lines/buffer.ts";
import { type ReplayedEffect, ReplayedEffects, replayLine } from "../log/loading.ts";
import { type LogEnd, type LogStart, readLog } from "./recover.ts";
import { TranscriptWitness } from "./witness.ts";
import type { Transcripts } from "../transcripts/transcripts.ts";

/** Events given to the runtime at a time. */
const REPLAY_EVENTS = 1_024;

/** What is replayed, and what the store does meanwhile. */
export interface Replay {
  readonly fs: FileSystem;
  readonly layout: RuntimeLayout;
  readonly runtimeId: string;
  /** First event ids of the segments, in order. */
  readonly segments: readonly number[];
  /** From where the log is to be read. */
  readonly start: LogStart;
  /** The transcripts, as the checkpoint has them. */
  readonly transcripts: Transcripts;
  /** Whether answers have always waited for the device. */
  readonly wasSynced: boolean;
  /** Removes the files of a worker. */
  purge(workerId: WorkerId, purgedEventId: number): void;
  /** Keeps bounded what waits to be written. */
  flushIfFull(): Promise<void>;
  /** Mends the end of the log, and what transcripts hold past it. */
  mend(end: LogEnd, witness: TranscriptWitness): Promise<void>;
}

/**
 * Yields the texts of the events in chunks. Effects are applied after their
 * chunk was folded, so no file is removed for an invalid event. Returns the end
 * of the recovered log.
 */
export async function* replayLog(replay: Replay): AsyncGenerator<readonly string[], LogEnd, void> {
  const { fs, layout, runtimeId, segments, start, transcripts, wasSynced } = replay;
  const effects = new ReplayedEffects(transcripts, (workerId, id) => replay.purge(workerId, id));
  const held = new TranscriptWitness(fs, layout, runtimeId, wasSynced);
  const unfolded: (ReplayedEffect | undefined)[] = [];
  const takeIn = () => {
    for (const effect of unfolded.splice(0)) effects.add(effect);
  };
  const witness = (lastEventId: number) => {
    takeIn();
    effects.preview();
    return held.ask(transcripts.lengths(), lastEventId);
  };
  const lines = readLog(fs, layout, runtimeId, segments, { ...start, witness });
  const slices = new Slices();
  const memory = new LineBuffer();
  let texts: string[] = [];
  for (;;) {
    const step = lines.next();
    if (step.done) {
      yield texts;
      takeIn();
      await replay.mend(step.value, held);
      effects.settle(Infinity);
      return step.value;
    }
    const { text, effect } = replayLine(step.value, memory);
    texts.push(text);
    unfolded.push(effect);
    if (texts.length < REPLAY_EVENTS) continue;
    const { durable } = step.value;
    yield texts;
    texts = [];
    takeIn();
    effects.settle(durable);
    await replay.flushIfFull();
    await slices.pause();
  }
}
