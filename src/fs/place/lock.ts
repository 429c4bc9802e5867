/**
 * One writer: an operating system lock on `lock`, held while the store is open, and
 * `owner.json` beside it for the error message of later openings. The system
 * releases the lock with its process, so it is never stale; the file is never
 * renamed or removed, because the lock is on the inode.
 *
 * @module
 */
import { Clock } from "../../core/clock.ts";
import { RuntimeError } from "../../core/errors.ts";
import { replaceInStore } from "../aside.ts";
import { isPresent, readSmallFile } from "../disk/files.ts";
import { guarded } from "../disk/faults.ts";
import type { FileLock, FileSystem } from "../disk/file_system.ts";
import { type Files, nameOf } from "../layout.ts";

/** The holder of the lock. */
export interface Owner {
  /** Process id. */
  readonly pid: number;
  /** Time at which it opened the store, ISO 8601. */
  readonly openedAt: string;
  /** Random id of this opening. */
  readonly instanceId: string;
}

/** Creates the owner record of this process. Throws `invalid_request` if the clock gives no time. */
export function newOwner(now: () => number): Owner {
  return { pid: Deno.pid, openedAt: new Clock(now).now(), instanceId: crypto.randomUUID() };
}

/** Pauses between attempts: after a kill some systems release a lock with a delay. */
const PAUSES_MS: readonly number[] = [0, 10, 30, 60, 100];
/** Pause between further attempts, while the caller waits for the lock. */
const POLL_MS = 100;

/**
 * Takes the lock and records its owner. Throws `store_locked`, `store_corrupt` for
 * a link at its path, or `store_io` if locks have no effect.
 */
export async function takeLock(place: Files, owner: Owner): Promise<FileLock> {
  const lock = await holdLock(place);
  try {
    await writeOwner(place, owner);
    return lock;
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Takes the lock without writing; waits `waitMs` until it is free. Throws the errors of {@linkcode takeLock}. */
export async function holdLock(place: Files, waitMs = 0): Promise<FileLock> {
  const { fs, layout } = place;
  // Locking creates the file if it is missing.
  guarded("lock", layout.lock, () => isPresent(fs, layout.lock, "file", nameOf(layout, layout.lock)));
  const held = await tryLock(fs, layout.lock, waitMs);
  if (held === undefined) throw lockedError(place);
  const lock = { identity: () => held.identity(), release: () => releaseQuietly(held) };
  try {
    testLock(fs, layout.lock);
    return lock;
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Records the owner of the lock. */
export async function writeOwner(place: Files, owner: Owner): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(owner)}\n`);
  await replaceInStore(place, place.layout.owner, () => [bytes], { durable: false });
}

async function tryLock(fs: FileSystem, path: string, waitMs: number): Promise<FileLock | undefined> {
  const until = performance.now() + waitMs;
  for (let attempt = 0;; attempt++) {
    const leftMs = until - performance.now();
    const pauseMs = PAUSES_MS[attempt] ?? Math.min(POLL_MS, leftMs);
    if (attempt >= PAUSES_MS.length && leftMs <= 0) return undefined;
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const lock = guarded("lock", path, () => fs.lock(path));
    if (lock !== undefined) return lock;
  }
}

/** Throws if a second handle gets the lock too, as on some shared file systems. */
function testLock(fs: FileSystem, path: string): void {
  const second = guarded("lock", path, () => fs.lock(path));
  if (second === undefined) return;
  releaseQuietly(second);
  const message = `Cannot lock ${JSON.stringify(path)}: this file system grants one lock twice, ` +
    `so two processes could write the same store`;
  throw new RuntimeError("store_io", message, { operation: "lock", path, systemCode: "" });
}

/** Releases a lock; the system releases it with its handle, even if unlocking fails. */
function releaseQuietly(lock: FileLock): void {
  try {
    lock.release();
  } catch {
    // There is nothing left to do.
  }
}

function lockedError({ fs, layout }: Files): RuntimeError<"store_locked"> {
  const by = readOwner(fs, layout.owner);
  const owner = by === undefined ? "another process" : `process ${by.pid} (since ${by.openedAt})`;
  const message = `Cannot open store ${JSON.stringify(layout.directory)}: ${owner} has it open`;
  return new RuntimeError("store_locked", message, { path: layout.directory, owner });
}

/** The owner recorded last; `undefined` if the record is missing or damaged. */
export function readOwner(fs: FileSystem, path: string): Owner | undefined {
  try {
    const owner = JSON.parse(new TextDecoder().decode(readSmallFile(fs, path, 4_096)));
    return typeof owner.pid === "number" && typeof owner.openedAt === "string" ? owner : undefined;
  } catch {
    // The record is only for messages; the lock is valid without it.
    return undefined;
  }
}
