/**
 * Backup: a copy of a store that is a valid store itself, taken while a writer may
 * have it open. Segments, transcripts and blobs that the copy already has are not
 * written again.
 *
 * The order makes it consistent: first the checkpoint is read, then the blobs are
 * copied that the log refers to, then the log itself, then the part of each
 * transcript that the checkpoint covers, then the rest of the log up to its current
 * end, with its blobs, so that it includes the purge of every worker whose
 * transcript was missing. The checkpoint is written after everything it depends on
 * is synced, and `runtime.json` of a new copy last. If segments are pruned before
 * they are copied, all of this starts over with the newest checkpoint.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { cursorExpired, invalidRequest } from "../../core/errors.ts";
import type { RuntimeId, WorkerId } from "../../core/ids.ts";
import type { Ledger } from "../../core/ledger.ts";
import { type Checkpoint, type CheckpointRow, readCheckpoint } from "../../fs/checkpoint/checkpoint.ts";
import {
  closeQuietly,
  makeDirectory,
  readIfThere,
  readSmallFile,
  replaceFile,
  sizeOf,
} from "../../fs/disk/files.ts";
import { corrupt, guarded, ifCorrupt } from "../../fs/disk/faults.ts";
import type { FileLock, FileSystem } from "../../fs/disk/file_system.ts";
import { absolutePath, nameOf, runtimeLayout, segmentPath, workerLayout } from "../../fs/layout.ts";
import { newOwner, takeLock } from "../../fs/place/lock.ts";
import { decodeName } from "../../fs/names.ts";
import { listSegments, removeSegments } from "../../fs/log/segments.ts";
import { hasTranscriptHeader, type TranscriptOwner, transcriptOwner } from "../../fs/transcripts/file.ts";
import { BlobCopy, type BlobsOwner, type CopiedBlobs } from "./copy_blobs.ts";
import { makeParts, makeRuntimes } from "./import_place.ts";
import { foldLog, type LogFollower, untilSteady } from "../../fs/reading/follower.ts";
import { logLines, openKept } from "../../fs/log/scan.ts";
import type { FoundPlace, StoreLocation } from "../../fs/place/find.ts";
import { copyFile, isPrefix } from "../copy_file.ts";
import { Meter, type OperationOptions, placeOf } from "../options.ts";
import { purgedSince } from "../read/purged_since.ts";
import { removeTree } from "../remove_tree.ts";
import { entriesIn, logBytes } from "../sizes.ts";
import { verifyPlace, type VerifyReport } from "../verify/verify.ts";

/** Bytes at the end of a transcript that are compared: verification of the copy reads all of them. */
const SAMPLE_BYTES = 4_096;

/** Times that the log is followed because of purges before the backup begins again. */
const ATTEMPTS_MAX = 32;

/** Options of {@linkcode backup}. */
export interface BackupOptions extends OperationOptions {
  /** Root directory of the copy. An existing copy of the same runtime is brought up to date. */
  readonly to: string | URL;
  /** Verify the whole copy afterwards. @default {true} */
  readonly verify?: boolean | undefined;
}

/** Result of a backup. */
export interface BackupReport {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  /** The directory of the copy. */
  readonly directory: string;
  /** The last event in it. */
  readonly lastEventId: number;
  /** Bytes written. */
  readonly copiedBytes: number;
  /** Bytes that the copy already had. */
  readonly keptBytes: number;
  /** Segments of the log: written, and unchanged. */
  readonly segments: { readonly copied: number; readonly kept: number };
  /** Blobs: written, unchanged, and damaged in the source and therefore not copied. */
  readonly blobs: CopiedBlobs;
  /** The verification of the copy; `undefined` if it was not requested. */
  readonly verified: VerifyReport | undefined;
}

/**
 * Copies a store to another root, or brings an older copy up to date. Requires
 * `--allow-read` of both and `--allow-write` of `to`; the source is not changed.
 * Throws `store_corrupt` if the source is damaged, or if the copy has diverged (it
 * was opened as a store and written to): then the copy is unchanged. Throws
 * `cursor_expired` if a writer keeps pruning the segments to be copied next, after
 * several attempts.
 */
export async function backup(location: StoreLocation, options: BackupOptions): Promise<BackupReport> {
  const place = placeOf(location, options);
  const { fs, runtimeId } = place;
  const to = absolutePath(options.to);
  const target = { ...place, layout: runtimeLayout(to, runtimeId) };
  if (isSameDirectory(fs, place.layout.directory, target.layout.directory)) {
    throw invalidRequest("back up", "the copy must lie elsewhere");
  }
  const meter = new Meter(options);
  let lock: FileLock | undefined;
  try {
    const report = await untilSteady(async () => {
      const newest = readNewest(place);
      const { follower, ledger } = await foldLog(place);
      if (follower.damage !== undefined) throw follower.damage;
      await makeRuntimes(fs, to);
      await makeDirectory(fs, target.layout.directory);
      lock ??= await takeLock(target, newOwner(Date.now));
      await makeParts(fs, target.layout);
      const counts = { copiedBytes: 0, keptBytes: 0 };
      const copied = new Set<number>();
      const blobs = new BlobCopy(place, target, meter);
      const progress = { meter, copied, blobs, blobsThrough: 0, counts };
      await copyStore({ from: place, to: target, follower, ledger, ...progress }, newest);
      const kept = segmentsToCopy(follower).filter((segment) => !copied.has(segment));
      const segments = { copied: copied.size, kept: kept.length };
      const { lastEventId } = follower;
      const copiedBytes = counts.copiedBytes + blobs.copiedBytes;
      const keptBytes = counts.keptBytes + blobs.keptBytes + logBytes(target, kept);
      const { directory } = target.layout;
      return { runtimeId, directory, lastEventId, copiedBytes, keptBytes, segments, blobs: blobs.numbers };
    });
    lock?.release();
    const verified = options.verify === false ? undefined : await verifyPlace(target, options);
    return { ...report, verified };
  } finally {
    lock?.release();
  }
}

/** Returns true if both paths name the same directory, also through a link above it. */
function isSameDirectory(fs: FileSystem, one: string, other: string): boolean {
  if (one === other) return true;
  const [here, there] = guarded("back up", one, () => [fs.identity(one), fs.identity(other)]);
  if (here === undefined || there === undefined || here.inode === 0) return false;
  return here.inode === there.inode && here.device === there.device;
}

/** Reads the newest checkpoint with its bytes; the file may be replaced while it is read. */
function readNewest(place: FoundPlace): (Checkpoint & { readonly content: Uint8Array }) | undefined {
  const { fs, layout } = place;
  for (const path of [layout.checkpoint, layout.previousCheckpoint, layout.checkpoint]) {
    const newest = ifCorrupt(() => {
      const checkpoint = readCheckpoint(place, path, nameOf(layout, path));
      const bytes = readSmallFile(fs, path, Number.MAX_SAFE_INTEGER);
      const again = readCheckpoint(place, path, nameOf(layout, path));
      if (checkpoint === undefined || bytes?.length !== checkpoint.bytes) return undefined;
      return again?.snapshot.through === checkpoint.snapshot.through
        ? { ...checkpoint, content: bytes }
        : undefined;
    }, () => undefined);
    if (newest !== undefined) return newest;
  }
  return undefined;
}

/** A copy in progress. */
interface Copy {
  readonly from: FoundPlace;
  readonly to: FoundPlace;
  readonly follower: LogFollower;
  readonly ledger: Ledger;
  readonly meter: Meter;
  readonly blobs: BlobCopy;
  /** The last event whose blobs were copied. */
  blobsThrough: number;
  /** Segments that were written. */
  readonly copied: Set<number>;
  readonly counts: { copiedBytes: number; keptBytes: number };
}

async function copyStore(copy: Copy, newest: ReturnType<typeof readNewest>): Promise<void> {
  const { from: { fs: source, layout: from }, to: { fs, layout: to }, follower } = copy;
  await checkSource(copy);
  await assertCopies(copy, newest);
  copy.blobs.clear();
  const { lastEventId } = follower;
  await copyBlobs(copy);
  // The log may have been followed past the pruning of segments that are not in the copy yet.
  if (follower.lastEventId !== lastEventId) await assertCopies(copy, newest);
  // The log first: after an interruption, a copy whose transcripts are ahead of its log would be rejected.
  await copySegments(copy);
  if (newest !== undefined) await copyTranscripts(copy, newest.rows);
  const last = follower.position?.segment ?? 1;
  // A transcript may be missing because its worker was purged: the log of the copy must contain the purge.
  await advance(follower);
  await copyBlobs(copy);
  // Segments pruned since are in the copy, provided that the log continues after its last segment.
  assertHolds(follower, last);
  await copySegments(copy);
  removePurged(copy);
  await copy.blobs.removeOthers(ownersAfter(copy, 0), follower);
  await fs.syncDirectory(to.workers);
  await copySmall(copy, to.checkpoint, newest?.content);
  for (const name of ["config", "identity"] as const) {
    await copySmall(copy, to[name], readSmallFile(source, from[name], 65_536));
  }
}

/**
 * Copies the blobs that the log refers to. Those of a worker that was purged meanwhile may be incomplete: then the
 * log is followed past the purge, which the copy needs.
 */
async function copyBlobs(copy: Copy): Promise<void> {
  const { from, follower, blobs, meter } = copy;
  for (let attempt = 1;; attempt++) {
    // The blobs of the others were complete when their last events were copied.
    const owners = ownersAfter(copy, copy.blobsThrough);
    meter.stage("blobs", owners.length, "workers");
    for (const { workerId } of owners) {
      await blobs.copy(workerId);
      meter.add(1);
    }
    copy.blobsThrough = follower.lastEventId;
    const [purged] = await purgedSince(from, follower.lastEventId, owners);
    if (purged === undefined) return;
    if (attempt === ATTEMPTS_MAX) throw cursorExpired(purged.createdEventId, follower.lastEventId);
    await advance(follower);
  }
}

/** The workers that have an event after this one. */
function ownersAfter({ from: { runtimeId }, ledger }: Copy, eventId: number): BlobsOwner[] {
  const workers = [...ledger.workers()].filter(({ lastEventId }) => lastEventId > eventId);
  return workers.map((state) => ({ ...transcriptOwner(runtimeId, state), base: state.fork?.base }));
}

async function advance(follower: LogFollower): Promise<void> {
  await follower.advance();
  if (follower.damage !== undefined) throw follower.damage;
}

/** Scans the log of the source: damaged data must not replace a good copy. */
async function checkSource({ from, follower, meter }: Copy): Promise<void> {
  const { segments, lastEventId } = follower;
  meter.stage("check", logBytes(from, segments), "bytes");
  const range = { segments, after: 0, through: lastEventId };
  for await (const _line of logLines(from, range, meter)) continue;
}

/** Throws `cursor_expired` if a segment was pruned. */
function assertHolds({ segments: [oldest = 1] }: LogFollower, segment: number): void {
  if (segment < oldest) throw cursorExpired(segment - 1, oldest);
}

/** Throws unless the source holds what the checkpoint needs, and the copy is an earlier state of it. */
async function assertCopies(copy: Copy, newest: ReturnType<typeof readNewest>): Promise<void> {
  assertHolds(copy.follower, newest?.position.segment ?? 1);
  await assertContinues(copy);
}

/** Throws unless the copy is an earlier state of the source. */
async function assertContinues(copy: Copy): Promise<void> {
  const { from, to, follower: { segments } } = copy;
  const { fs, layout } = to;
  const [oldest = 1] = segments;
  const copied = listSegments(to).firstEventIds;
  const shared = copied.filter((segment) => segment >= oldest);
  const foreign = shared.find((segment) => {
    const path = segmentPath(layout, segment);
    const size = sizeOf(fs, path);
    return !segments.includes(segment) || size > sizeToCopy(copy, segment) ||
      !isPrefix(fs, path, segmentPath(from.layout, segment), size);
  });
  if (foreign !== undefined) {
    const reason = "the copy holds events that the source does not have; begin a new copy elsewhere";
    throw corrupt(nameOf(layout, segmentPath(layout, foreign)), reason);
  }
  if (shared.length > 0 || copied.length === 0) return;
  if (fs.stat(layout.identity) !== undefined) {
    const reason = "events between this copy and the source were pruned; begin a new copy elsewhere";
    throw corrupt("events", reason);
  }
  // A new copy starts over if the source was pruned meanwhile.
  await removeSegments(to, copied);
}

/** The segments up to the last event read. */
function segmentsToCopy({ segments, position }: LogFollower): readonly number[] {
  return segments.filter((segment) => segment <= (position?.segment ?? 1));
}

async function copySegments(copy: Copy): Promise<void> {
  const { from, to, follower, meter, copied, counts } = copy;
  const segments = segmentsToCopy(follower);
  meter.stage("log", logBytes(from, segments), "bytes");
  for (const segment of segments) {
    const [source, target] = [segmentPath(from.layout, segment), segmentPath(to.layout, segment)];
    const end = sizeToCopy(copy, segment);
    if (to.fs.stat(target)?.size === end) continue;
    await copyFile(from.fs, source, target, { end, durable: true }, meter);
    copied.add(segment);
    counts.copiedBytes += end;
  }
  await to.fs.syncDirectory(to.layout.events);
}

/** Bytes of a segment that are to be copied. Throws `cursor_expired` if it was pruned. */
function sizeToCopy({ from, follower: { position } }: Copy, segment: number): number {
  if (segment === position?.segment) return position.offset;
  const { file, path } = openKept(from, segment);
  try {
    return guarded("stat", path, () => file.stat().size);
  } finally {
    closeQuietly(file);
  }
}

/** Copies the part of each transcript that the checkpoint covers. The worker of a missing one was purged since. */
async function copyTranscripts(copy: Copy, rows: readonly CheckpointRow[]): Promise<void> {
  const { from, meter } = copy;
  meter.stage("transcripts", rows.length, "workers");
  for (const row of rows) {
    meter.add(1);
    const { workerId, createdEventId, transcriptBefore: before = 0 } = row;
    const owner = { runtimeId: from.runtimeId, workerId, createdEventId, before };
    const isThere = () => hasHeader(from, owner);
    try {
      if (isThere()) await copyTranscript(copy, row);
    } catch (error) {
      if (isThere()) throw error;
    }
  }
}

async function copyTranscript(
  { from, to, follower: { segments: [oldest = 1] }, counts }: Copy,
  { workerId, transcriptBytes, transcriptSynced }: CheckpointRow,
): Promise<void> {
  const source = workerLayout(from.layout, workerId).transcript;
  const { directory, transcript: target } = workerLayout(to.layout, workerId);
  const size = sizeOf(from.fs, source);
  // A power cut may have taken unsynced lines; the log of the copy has them, too.
  const bytes = Math.min(size, transcriptBytes ?? size);
  if (bytes === 0 || bytes < (transcriptSynced?.bytes ?? transcriptBytes ?? 0)) return;
  if (to.fs.stat(target)?.size === bytes && isPrefix(from.fs, target, source, bytes, SAMPLE_BYTES)) {
    counts.keptBytes += bytes;
    return;
  }
  guarded("make directory", directory, () => to.fs.makeDirectory(directory));
  // A transcript lost from the copy in a power cut is rebuilt from the log, unless that was pruned.
  await copyFile(from.fs, source, target, { end: bytes, durable: oldest > 1 });
  counts.copiedBytes += bytes;
}

/** Removes files of workers purged since the older copy was made; its log contains the purges by now. */
function removePurged({ to, to: { fs, layout }, ledger }: Copy): void {
  for (const { name, kind } of entriesIn(fs, layout.workers)) {
    const workerId = kind === "directory" ? decodeName(name) : undefined;
    if (workerId === undefined) continue;
    const { directory, transcript } = workerLayout(layout, workerId);
    const state = ledger.worker(workerId as WorkerId);
    if (state === undefined) removeTree(fs, directory);
    else if (!hasHeader(to, transcriptOwner(to.runtimeId, state))) {
      guarded("remove", transcript, () => fs.remove(transcript));
    }
  }
}

/** Writes a small file; absent bytes are skipped. */
async function copySmall({ to: { fs }, counts }: Copy, path: string, bytes?: Uint8Array): Promise<void> {
  if (bytes === undefined) return;
  const found = readSmallFile(fs, path, Number.MAX_SAFE_INTEGER);
  const isSame = found !== undefined && Buffer.compare(found, bytes) === 0;
  counts[isSame ? "keptBytes" : "copiedBytes"] += bytes.length;
  if (!isSame) await replaceFile(fs, path, [bytes], { durable: true });
}

/** Returns true if the transcript of this worker exists, rather than that of a later worker with its id. */
function hasHeader({ fs, layout }: FoundPlace, owner: TranscriptOwner): boolean {
  const { transcript: path } = workerLayout(layout, owner.workerId);
  return guarded("read", path, () => {
    const isFile = fs.stat(path)?.kind === "file";
    return isFile && readIfThere(fs, path, path, (file) => hasTranscriptHeader(file, owner)) === true;
  });
}
