/**
 * Replay of the log at an opening: its events go to the host, in chunks, and
 * their effects to the transcripts as soon as they are on the device.
 *
 * @module
 */
import type { StoreHost } from "../../core/store.ts";
import { Slices } from "../../core/turn.ts";
import type { FileSystem } from "../disk/file_system.ts";
import type { RuntimeLayout } from "../layout.ts";
import { LineBuffer } from "../lines/buffer.ts";
import { type ReplayedEffects, replayLine } from "./effects.ts";
import { type LogEnd, type LogStart, readLog } from "./recover.ts";

/** Events pushed at a time. */
const REPLAY_EVENTS = 1_024;

/** A log to replay. */
export interface Replay {
  readonly fs: FileSystem;
  readonly layout: RuntimeLayout;
  readonly runtimeId: string;
  /** First event ids of the segments, in order. */
  readonly segments: readonly number[];
  /** Where the replay starts. */
  readonly start: LogStart;
  /** Receives the texts of the events. */
  readonly host: StoreHost;
  /** Receives the effects of the events. */
  readonly effects: ReplayedEffects;
  /** Bounds the transcript lines in memory. */
  flushIfFull(): Promise<void>;
}

/**
 * Pushes the events after the start, and returns the end of the log. Effects
 * are applied after their chunk was folded, so no file is removed for an
 * invalid event; those of the last chunk are left to the caller.
 */
export async function replayLog(replay: Replay): Promise<LogEnd> {
  const { host, effects } = replay;
  const lines = readLog(replay.fs, replay.layout, replay.runtimeId, replay.segments, replay.start);
  const slices = new Slices();
  const memory = new LineBuffer();
  let texts: string[] = [];
  try {
    for (let step = lines.next();; step = lines.next()) {
      if (step.done) {
        host.replay(texts);
        return step.value;
      }
      const { text, effect } = replayLine(step.value, memory);
      texts.push(text);
      effects.add(effect);
      if (texts.length < REPLAY_EVENTS) continue;
      host.replay(texts);
      texts = [];
      effects.settle(step.value.durable);
      await replay.flushIfFull();
      await slices.pause();
    }
  } finally {
    // Closes the open segment if folding failed.
    lines.return(undefined as never);
  }
}
