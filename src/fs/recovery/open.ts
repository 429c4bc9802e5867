/**
 * Recovery of a store at its opening.
 *
 * @module
 */
import type { Notice } from "../../core/diagnostics.ts";
import type { RuntimeError } from "../../core/errors.ts";
import type { RuntimeId, WorkerId } from "../../core/ids.ts";
import type { StoreHost, UnrecordedEvent } from "../../core/store.ts";
import { Slices } from "../../core/turn.ts";
import type { Checkpoints } from "../checkpoint/checkpoints.ts";
import type { FileSystem } from "../disk/file_system.ts";
import type { RuntimeLayout } from "../layout.ts";
import { LineBuffer } from "../lines/buffer.ts";
import { ReplayedEffects, replayLine } from "./effects.ts";
import { listSegments, sweepStrays } from "../log/segments.ts";
import { LogWriter } from "../log/writer.ts";
import type { OpenedPlace } from "./place.ts";
import type { Quarantine } from "../quarantine.ts";
import type { Transcripts } from "../transcripts/transcripts.ts";
import type { PurgedWorkers } from "../workers/purging.ts";
import { completeTranscripts } from "./completion.ts";
import { type LogEnd, type LogStart, readLog } from "./recover.ts";
import { unrecordedSalvage } from "./salvage_record.ts";
import { repairTail, uncleanOpening } from "./tail.ts";
import { TranscriptWitness } from "./witness.ts";

/** Events pushed at a time. */
const REPLAY_EVENTS = 1_024;

/** The parts of a store that are recovered, and its place. */
export interface Recovery {
  readonly fs: FileSystem;
  readonly layout: RuntimeLayout;
  readonly runtimeId: RuntimeId;
  readonly place: OpenedPlace;
  /** Receives the content. */
  readonly host: StoreHost;
  readonly checkpoints: Checkpoints;
  readonly transcripts: Transcripts;
  readonly purged: PurgedWorkers;
  readonly quarantine: Quarantine;
  /** Removes the files of a worker. */
  purge(workerId: WorkerId, purgedEventId: number): void;
  /** Bounds the transcript lines in memory. */
  flushIfFull(): Promise<void>;
  /** Reports an error of the writer that is final. */
  lost(error: RuntimeError): void;
}

/** A recovered store. */
export interface Recovered {
  /** Continues the log. */
  readonly writer: LogWriter;
  /** Start of the replayed log. */
  readonly start: LogStart;
  /** End of the log. */
  readonly end: LogEnd;
  /** Size of the checkpoint; 0 without one. */
  readonly checkpointBytes: number;
  /** Events that an interrupted repair left unrecorded. */
  readonly unrecorded: readonly UnrecordedEvent[];
}

/**
 * Pushes the checkpoint and the later events to the host, and repairs the
 * effects of a crash. Nothing is repaired before the log is judged, and nothing
 * is removed for an event before it is folded and on the device.
 */
export async function recoverStore(recovery: Recovery): Promise<Recovered> {
  const { fs, layout, runtimeId, place, host, transcripts, quarantine } = recovery;
  const notice = (found: Notice) => host.notice(found);

  const checkpoint = recovery.checkpoints.load();
  const through = checkpoint?.snapshot.through ?? 0;
  const start = { through, position: checkpoint?.position };
  transcripts.beginReplay();
  for (const row of checkpoint?.rows ?? []) transcripts.restore(row);
  recovery.purged.restore(checkpoint?.purgedLeft ?? []);
  const unrecorded = unrecordedSalvage(fs, layout, runtimeId, notice);
  if (checkpoint !== undefined) host.restore(checkpoint.snapshot);

  const listing = listSegments(fs, layout);
  const segments = listing.firstEventIds;
  sweepStrays(fs, layout, listing, notice);

  if (checkpoint !== undefined) await completeTranscripts({ ...recovery, segments, checkpoint, notice });

  const effects = new ReplayedEffects(transcripts, recovery.purge);
  const held = new TranscriptWitness(fs, layout, runtimeId, place.wasSynced);
  const witness = (lastEventId: number) => {
    effects.preview();
    return held.ask(transcripts.lengths(), lastEventId);
  };
  const end = await replayLog(recovery, segments, { ...start, witness }, effects);

  await repairTail(fs, layout, end, quarantine, notice);
  await held.removeAhead(end.lastEventId, quarantine, notice);
  await place.rememberConfig();
  transcripts.endReplay();
  effects.settle(Infinity);

  const isRemoved = end.tail?.row.verdict === "remove_segment";
  const kept = isRemoved ? segments.filter((segment) => segment !== end.segment) : segments;
  const { durability, limits: { segmentBytes } } = place.config;
  const writer = new LogWriter(fs, layout, runtimeId, { ...end, segments: kept }, {
    durability,
    segmentBytes,
    guard: place.guard,
    notice,
    lost: recovery.lost,
  });
  const isClean = isCleanEnd(end, segments);
  if (!isClean) await writer.startSegment();
  if (!isClean && end.lastEventId > 0) notice(uncleanOpening(through, end.lastEventId));
  return { writer, start, end, checkpointBytes: checkpoint?.bytes ?? 0, unrecorded };
}

/**
 * Pushes the events after the start, and returns the end of the log. Effects
 * are applied after their chunk was folded, so no file is removed for an
 * invalid event; those of the last chunk are left to the caller.
 */
async function replayLog(
  { fs, layout, runtimeId, host, flushIfFull }: Recovery,
  segments: readonly number[],
  start: LogStart,
  effects: ReplayedEffects,
): Promise<LogEnd> {
  const lines = readLog(fs, layout, runtimeId, segments, start);
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
      await flushIfFull();
      await slices.pause();
    }
  } finally {
    // Closes the open segment if folding failed.
    lines.return(undefined as never);
  }
}

/** Returns true if the last segment can be continued. After any other end a new one begins. */
function isCleanEnd(end: LogEnd, segments: readonly number[]): boolean {
  // A segment without events may have a header that was never synced.
  const isBare = end.lastEventId > 0 && end.lineOffset === 0;
  return end.tail === undefined && end.bytesRead === 0 && end.segment === segments.at(-1) && !isBare;
}
