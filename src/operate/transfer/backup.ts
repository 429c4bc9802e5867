/**
 * Backup: a copy of a store that is a valid store itself, taken while a writer may
 * have it open. Segments and transcripts that the copy already has are not written
 * again.
 *
 * The order makes it consistent: first the checkpoint is read, then the log is
 * copied, then the part of each transcript that the checkpoint covers, then the
 * rest of the log up to its current end, so that it includes the purge of every
 * worker whose transcript was missing. The checkpoint is written after everything
 * it depends on is synced, and `runtime.json` of a new copy last. If segments are
 * pruned before they are copied, all of this starts over with the newest
 * checkpoint.
 *
 * @module
 */
import { invalidRequest, RuntimeError } from "../../core/errors.ts";
import type { RuntimeId, WorkerId } from "../../core/ids.ts";
import type { Ledger } from "../../core/ledger.ts";
import type { Checkpoint, CheckpointRow } from "../../fs/checkpoint/checkpoint.ts";
import { readCheckpoint } from "../../fs/checkpoint/checkpoint.ts";
import { closeQuietly, makeDirectory, readIfThere, readSmallFile, replaceFile } from "../../fs/disk/files.ts";
import { corrupt, guarded } from "../../fs/disk/faults.ts";
import type { FileLock, FileSystem } from "../../fs/disk/file_system.ts";
import { absolutePath, nameOf, runtimeLayout, segmentPath, workerLayout } from "../../fs/layout.ts";
import { newOwner, takeLock } from "../../fs/place/lock.ts";
import { decodeName } from "../../fs/names.ts";
import { removeSegments } from "../../fs/log/pruning.ts";
import { cursorExpired } from "../../fs/log/segments.ts";
import { hasTranscriptHeader, type TranscriptOwner } from "../../fs/transcripts/file.ts";
import { copyFile, isPrefix } from "./copy_file.ts";
import { makeParts, makeRuntimes } from "./import_place.ts";
import { foldLog, type LogFollower } from "../../fs/reading/follower.ts";
import { logLines, openKept } from "../../fs/reading/log_lines.ts";
import type { FoundPlace, StoreLocation } from "../../fs/place/find.ts";
import { Meter, type OperationOptions, placeOf } from "../options.ts";
import { removeTree } from "../remove_tree.ts";
import { logBytes } from "../sizes.ts";
import { untilSteady } from "../../fs/reading/steady.ts";
import { verifyPlace, type VerifyReport } from "../verify/verify.ts";

/** Bytes at the end of a transcript that are compared: verification of the copy reads all of them. */
const SAMPLE_BYTES = 4_096;

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
    const copy = await untilSteady(async () => {
      const newest = readNewest(place);
      const { follower, ledger } = await foldLog(place);
      if (follower.damage !== undefined) throw follower.damage;
      lock ??= await makeTarget(target, to);
      const copy = new BackupCopy(place, target, follower, ledger, meter);
      await copy.run(newest);
      return copy;
    });
    lock?.release();
    const verified = options.verify === false ? undefined : await verifyPlace(target, options);
    const { copiedBytes, keptBytes, copiedSegments: copied, keptSegments: kept, lastEventId } = copy;
    return {
      runtimeId,
      directory: target.layout.directory,
      lastEventId,
      copiedBytes,
      keptBytes,
      segments: { copied, kept },
      verified,
    };
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
function readNewest(place: FoundPlace): { checkpoint: Checkpoint; bytes: Uint8Array } | undefined {
  const { fs, layout } = place;
  for (const path of [layout.checkpoint, layout.previousCheckpoint, layout.checkpoint]) {
    try {
      const checkpoint = readCheckpoint(place, path, nameOf(layout, path));
      const bytes = readSmallFile(fs, path, Number.MAX_SAFE_INTEGER);
      const again = readCheckpoint(place, path, nameOf(layout, path));
      if (checkpoint === undefined || bytes === undefined || again === undefined) continue;
      if (again.snapshot.through === checkpoint.snapshot.through && bytes.length === checkpoint.bytes) {
        return { checkpoint, bytes };
      }
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.code !== "store_corrupt") throw error;
    }
  }
  return undefined;
}

async function makeTarget({ fs, layout }: FoundPlace, root: string): Promise<FileLock> {
  await makeRuntimes(fs, root);
  await makeDirectory(fs, layout.directory);
  const lock = await takeLock(fs, layout, newOwner(Date.now));
  try {
    await makeParts(fs, layout);
    return lock;
  } catch (error) {
    lock.release();
    throw error;
  }
}

class BackupCopy {
  readonly #from: FoundPlace;
  readonly #to: FoundPlace;
  readonly #follower: LogFollower;
  readonly #ledger: Ledger;
  readonly #meter: Meter;
  /** Segments that were copied or compared before. */
  readonly #seen = new Set<number>();
  copiedBytes = 0;
  keptBytes = 0;
  copiedSegments = 0;
  keptSegments = 0;

  constructor(from: FoundPlace, to: FoundPlace, follower: LogFollower, ledger: Ledger, meter: Meter) {
    this.#from = from;
    this.#to = to;
    this.#follower = follower;
    this.#ledger = ledger;
    this.#meter = meter;
  }

  async run(newest: { checkpoint: Checkpoint; bytes: Uint8Array } | undefined): Promise<void> {
    const { layout: from } = this.#from;
    const { fs, layout: to } = this.#to;
    this.#assertHolds(newest?.checkpoint.position.segment ?? 1);
    await this.#check();
    // The log first: after an interruption, a copy whose transcripts are ahead of its log would be rejected.
    await this.#segments();
    if (newest !== undefined) await this.#transcripts(newest.checkpoint.rows);
    const { segment: last } = this.#follower.position ?? { segment: 1 };
    // A transcript may be missing because its worker was purged: the log of the copy must contain the purge.
    await this.#follower.advance();
    if (this.#follower.damage !== undefined) throw this.#follower.damage;
    // Segments pruned since are in the copy, provided that the log continues after its last segment.
    this.#assertHolds(last);
    await this.#segments();
    await this.#removePurged();
    await fs.syncDirectory(to.workers);
    if (newest !== undefined) await this.#small(to.checkpoint, newest.bytes);
    for (const name of ["config", "identity"] as const) {
      const bytes = readSmallFile(this.#from.fs, from[name], 65_536);
      if (bytes !== undefined) await this.#small(to[name], bytes);
    }
  }

  /** Scans the log of the source: damaged data must not replace a good copy. */
  async #check(): Promise<void> {
    const { segments, lastEventId } = this.#follower;
    this.#meter.stage("check", logBytes(this.#from, segments), "bytes");
    const stretch = { segments, after: (segments[0] ?? 1) - 1, through: lastEventId };
    for await (const _line of logLines(this.#from, stretch, this.#meter)) continue;
    await this.#assertContinues();
  }

  /** Throws `cursor_expired` if a segment was pruned. */
  #assertHolds(segment: number): void {
    const [oldest = 1] = this.#follower.segments;
    if (segment < oldest) throw cursorExpired(segment - 1, oldest);
  }

  /** The last event in the copy. */
  get lastEventId(): number {
    return this.#follower.lastEventId;
  }

  /** Throws unless the copy is an earlier state of the source. */
  async #assertContinues(): Promise<void> {
    const { fs, layout } = this.#to;
    const { segments, position } = this.#follower;
    for (const segment of this.#copied()) {
      const path = segmentPath(layout, segment);
      if (segments.includes(segment) || segment < (segments[0] ?? 1)) continue;
      throw diverged(nameOf(layout, path));
    }
    const last = this.#copied().at(-1);
    if (last !== undefined && last < (segments[0] ?? 1)) {
      if (fs.stat(layout.identity) !== undefined) {
        const reason = "events between this copy and the source were pruned; begin a new copy elsewhere";
        throw corrupt("events", reason);
      }
      // A new copy starts over if the source was pruned meanwhile.
      await removeSegments(fs, layout, this.#copied());
    }
    for (const segment of segments) {
      const [source, copy] = [segmentPath(this.#from.layout, segment), segmentPath(layout, segment)];
      const size = guarded("stat", copy, () => fs.stat(copy)?.size);
      if (size === undefined) continue;
      const sourceSize = segment === position?.segment ? position.offset : this.#sizeOf(segment);
      const isEarlier = size <= sourceSize && isPrefix(this.#from.fs, copy, source, size);
      if (!isEarlier) throw diverged(nameOf(layout, copy));
    }
  }

  #copied(): readonly number[] {
    const { fs, layout } = this.#to;
    const names = guarded("list", layout.events, () => fs.list(layout.events));
    return names.map(({ name }) => Number.parseInt(name, 10)).filter((id) => id > 0).sort((a, b) => a - b);
  }

  async #segments(): Promise<void> {
    const { segments, position } = this.#follower;
    const wanted = segments.filter((segment) => segment <= (position?.segment ?? 1));
    this.#meter.stage("log", logBytes(this.#from, wanted), "bytes");
    for (const segment of wanted) {
      const [source, copy] = [segmentPath(this.#from.layout, segment), segmentPath(this.#to.layout, segment)];
      const isLast = segment === position?.segment;
      const size = isLast ? position?.offset ?? 0 : this.#sizeOf(segment);
      const have = this.#to.fs.stat(copy)?.size;
      const isSeen = this.#seen.has(segment);
      this.#seen.add(segment);
      if (have === size && isSeen) continue;
      if (have === size) {
        this.keptBytes += size;
        this.keptSegments++;
      } else {
        await copyFile(this.#from.fs, source, copy, size, { durable: true, meter: this.#meter });
        this.copiedBytes += size;
        this.copiedSegments++;
      }
    }
    await this.#to.fs.syncDirectory(this.#to.layout.events);
  }

  /** Throws `cursor_expired` if the segment was pruned. */
  #sizeOf(segment: number): number {
    const { file, path } = openKept(this.#from, segment);
    try {
      return guarded("stat", path, () => file.stat().size);
    } finally {
      closeQuietly(file);
    }
  }

  /** Copies the part of each transcript that the checkpoint covers. The worker of a missing one was purged since. */
  async #transcripts(rows: readonly CheckpointRow[]): Promise<void> {
    this.#meter.stage("transcripts", rows.length, "workers");
    const { runtimeId } = this.#from;
    // A transcript lost from the copy in a power cut is rebuilt from the log, unless that was pruned.
    const isPruned = (this.#follower.segments[0] ?? 1) > 1;
    for (const row of rows) {
      this.#meter.add(1);
      const source = workerLayout(this.#from.layout, row.workerId).transcript;
      const owner = { runtimeId, workerId: row.workerId, createdEventId: row.createdEventId };
      try {
        if (hasHeader(this.#from, source, owner)) await this.#transcript(row, source, isPruned);
      } catch (error) {
        if (hasHeader(this.#from, source, owner)) throw error;
      }
    }
  }

  /** Removes files of workers purged since the older copy was made; its log contains the purges by now. */
  async #removePurged(): Promise<void> {
    const { fs, layout, runtimeId } = this.#to;
    for (const { name, kind } of guarded("list", layout.workers, () => fs.list(layout.workers))) {
      const workerId = kind === "directory" ? decodeName(name) : undefined;
      if (workerId === undefined) continue;
      const { directory, transcript } = workerLayout(layout, workerId);
      const createdEventId = this.#ledger.worker(workerId as WorkerId)?.createdEventId;
      if (createdEventId === undefined) await removeTree(fs, directory);
      else if (!hasHeader(this.#to, transcript, { runtimeId, workerId, createdEventId })) {
        guarded("remove", transcript, () => fs.remove(transcript));
      }
    }
  }

  async #transcript(row: CheckpointRow, source: string, durable: boolean): Promise<void> {
    const { workerId, transcriptBytes, transcriptSynced } = row;
    const { directory, transcript: copy } = workerLayout(this.#to.layout, workerId);
    const size = guarded("stat", source, () => this.#from.fs.stat(source)?.size ?? 0);
    // A power cut may have taken unsynced lines; the log of the copy has them, too.
    const bytes = Math.min(size, transcriptBytes ?? size);
    if (bytes === 0 || bytes < (transcriptSynced?.bytes ?? transcriptBytes ?? 0)) return;
    const have = this.#to.fs.stat(copy)?.size ?? -1;
    if (have === bytes && isPrefix(this.#from.fs, copy, source, have, SAMPLE_BYTES)) {
      this.keptBytes += have;
      return;
    }
    guarded("make directory", directory, () => this.#to.fs.makeDirectory(directory));
    await copyFile(this.#from.fs, source, copy, bytes, { durable });
    this.copiedBytes += bytes;
  }

  async #small(path: string, bytes: Uint8Array): Promise<void> {
    const found = readSmallFile(this.#to.fs, path, Number.MAX_SAFE_INTEGER);
    if (found?.length === bytes.length && found.every((byte, index) => byte === bytes[index])) {
      this.keptBytes += bytes.length;
      return;
    }
    await replaceFile(this.#to.fs, path, [bytes], { durable: true });
    this.copiedBytes += bytes.length;
  }
}

/** Returns true if the transcript of this worker exists, rather than that of a later worker with its id. */
function hasHeader({ fs }: FoundPlace, path: string, owner: TranscriptOwner): boolean {
  return guarded("read", path, () => {
    const isFile = fs.stat(path)?.kind === "file";
    return isFile && readIfThere(fs, path, path, (file) => hasTranscriptHeader(file, owner)) === true;
  });
}

function diverged(file: string): RuntimeError {
  const reason = "the copy holds events that the source does not have; begin a new copy elsewhere";
  return corrupt(file, reason);
}
