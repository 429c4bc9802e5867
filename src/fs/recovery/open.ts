/**
 * Recovery of a store at its opening.
 *
 * @module
 */
import type { UnrecordedEvent } from "../../core/store.ts";
import { Slices } from "../../core/turn.ts";
import { ReplayedEffects } from "./effects.ts";
import { listSegments, sweepStrays } from "../log/segments.ts";
import { LogWriter } from "../log/writer.ts";
import type { Recovery } from "./recovery.ts";
import { completeTranscripts } from "./completion.ts";
import { type LogEnd, LogReader, type LogStart } from "./recover.ts";
import { unrecordedSalvage } from "./salvage_record.ts";
import { repairTail, uncleanOpening } from "./tail.ts";
import { type AheadOfLog, aheadOfLog, bestWitness, removeAhead, workersOnDisk } from "./witness.ts";

/** Events pushed at a time. */
const REPLAY_EVENTS = 1_024;

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
  const { notice, host, transcripts, config } = recovery;

  const checkpoint = recovery.checkpoints.load();
  const through = checkpoint?.snapshot.through ?? 0;
  const start = { through, position: checkpoint?.position };
  transcripts.beginReplay();
  for (const row of checkpoint?.rows ?? []) transcripts.restore(row);
  recovery.purged.restore(checkpoint?.purgedLeft ?? []);
  const unrecorded = unrecordedSalvage(recovery);
  if (checkpoint !== undefined) host.restore(checkpoint.snapshot);

  const listing = listSegments(recovery);
  const segments = listing.firstEventIds;
  sweepStrays(recovery, listing);

  if (checkpoint !== undefined) await completeTranscripts(recovery, segments, checkpoint);

  const effects = new ReplayedEffects(transcripts, recovery.purge);
  let ahead: readonly AheadOfLog[] = [];
  const witness = (lastEventId: number) => {
    effects.apply(Infinity);
    const lengths = transcripts.lengths();
    ahead = workersOnDisk(recovery, lengths.keys()).flatMap((workerId) =>
      aheadOfLog(recovery, workerId, lengths.get(workerId)?.transcriptBytes ?? 0, lastEventId)
    );
    return bestWitness(recovery, ahead, recovery.wasSynced, lastEventId);
  };
  const end = await replayLog(recovery, segments, { ...start, witness }, effects);

  await repairTail(recovery, end, recovery.quarantine);
  await removeAhead(recovery, ahead, end.lastEventId, recovery.quarantine);
  await recovery.rememberConfig();
  transcripts.endReplay();
  effects.finish();

  const isRemoved = end.tail?.row.verdict === "remove_segment";
  const kept = isRemoved ? segments.filter((segment) => segment !== end.segment) : segments;
  const { durability, limits: { segmentBytes } } = config;
  const options = { durability, segmentBytes, guard: recovery.guard };
  const writer = new LogWriter(recovery, { ...end, segments: kept }, options);
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
  recovery: Recovery,
  segments: readonly number[],
  start: LogStart,
  effects: ReplayedEffects,
): Promise<LogEnd> {
  const { host, flushIfFull } = recovery;
  const log = new LogReader(recovery, segments, start);
  const slices = new Slices();
  let texts: string[] = [];
  for (const line of log) {
    texts.push(effects.add(line));
    if (texts.length < REPLAY_EVENTS) continue;
    host.replay(texts);
    texts = [];
    effects.settle(line.durable);
    await flushIfFull();
    await slices.pause();
  }
  host.replay(texts);
  return log.end;
}

/** Returns true if the last segment can be continued. After any other end a new one begins. */
function isCleanEnd(end: LogEnd, segments: readonly number[]): boolean {
  // A segment without events may have a header that was never synced.
  const isBare = end.lastEventId > 0 && end.lineOffset === 0;
  return end.tail === undefined && end.bytesRead === 0 && end.segment === segments.at(-1) && !isBare;
}
