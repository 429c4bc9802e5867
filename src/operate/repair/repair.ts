/**
 * Repair: what is to be done about the findings of a verification, and the
 * doing of it. Tells by default, and acts only when asked to.
 *
 * What the next opening mends by itself is left to an opening. What it
 * refuses is mended here only as far as nothing is lost; to give up
 * acknowledged events (`salvage`) has to be asked for by name. All bytes that
 * are taken away are kept below `salvage/` in the directory of the runtime,
 * which is never cleared by itself.
 *
 * @module
 */
import { basename, dirname } from "@std/path";
import { Clock } from "../../core/clock.ts";
import { invalidRequest, isRuntimeError, RuntimeError } from "../../core/errors.ts";
import type { RuntimeId } from "../../core/ids.ts";
import { limits } from "../../core/limits.ts";
import { Runtime } from "../../core/runtime.ts";
import { DenoFileSystem } from "../../fs/disk/deno_file_system.ts";
import type { FileSystem } from "../../fs/disk/file_system.ts";
import { FsRuntimeStore } from "../../fs/store.ts";
import { encodeName } from "../../fs/names.ts";
import { newOwner, takeLock } from "../../fs/place/lock.ts";
import { beginSalvage, type LostRange } from "../../fs/recovery/salvage_record.ts";
import {
  absoluteLocation,
  findPlace,
  type FoundPlace,
  type OperationOptions,
  rootOf,
  type StoreLocation,
} from "../options.ts";
import { isStuck, planRepair, type RepairStep } from "./plan.ts";
import { Salvage } from "./salvage.ts";
import { verifyPlace, type VerifyReport } from "../verify/verify.ts";

/** Options of {@linkcode repair}. */
export interface RepairOptions extends OperationOptions {
  /** Do it; otherwise only tell. @default {false} */
  readonly apply?: boolean | undefined;
  /** Also give up acknowledged events that are damaged, and all behind them. @default {false} */
  readonly salvage?: boolean | undefined;
  /** The disk. @default the real one */
  readonly fileSystem?: FileSystem | undefined;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: (() => number) | undefined;
}

/** What a repair did, or would do. */
export interface RepairReport {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  /** What verification found before. */
  readonly before: VerifyReport;
  /** What is to be done, in order; empty for a clean store. */
  readonly steps: readonly RepairStep[];
  /** First and last event that are lost with it; null when none is. */
  readonly lost: readonly [first: number, last: number] | null;
  /** Whether the steps were done. */
  readonly applied: boolean;
  /** What verification found afterwards; absent when nothing was done. */
  readonly after?: VerifyReport;
}

/**
 * Repairs a store, or tells what that would do. Telling takes `--allow-read`
 * alone; doing takes the lock and `--allow-write`. Repeating it is harmless:
 * on a clean store there is nothing to do. Throws `store_locked`, and
 * `store_corrupt` when only salvaging helps and it was not asked for.
 */
export async function repair(at: StoreLocation, options: RepairOptions = {}): Promise<RepairReport> {
  const location = absoluteLocation(at);
  const fs = options.fileSystem ?? new DenoFileSystem();
  const place = findPlace(fs, location, true);
  const before = await verifyPlace(place, options);
  const { steps, lost: losing } = planRepair(place, before);
  const lost = joined(losing, before.pendingSalvage);
  const report = { runtimeId: place.runtimeId, before, steps, lost };
  if (options.apply !== true || steps.length === 0) return { ...report, applied: false };
  const stuck = steps.find(isStuck);
  if (stuck?.action === "correct_config") {
    throw invalidRequest("repair", "config.jsonc has to be corrected first");
  }
  if (stuck !== undefined) throw refused(place, stuck.message);
  mustBeInPlace(place, location);
  if (losing !== null && options.salvage !== true) {
    throw refused(place, `events ${losing[0]} to ${losing[1]} would be lost; ask for salvage to accept that`);
  }
  await salvage(place, steps, losing === null ? null : lost, options);
  if (
    before.counts.identity_damaged !== undefined || steps.some(({ action }) => action === "open_and_close")
  ) {
    await openAndClose(place, location, before, options);
  }
  const after = await verifyPlace(place, options);
  return { ...report, applied: true, after };
}

/** Opening needs the directory to be where its root would have it. */
function mustBeInPlace({ layout, runtimeId }: FoundPlace, location: StoreLocation): void {
  if ("root" in location) return;
  const { directory } = layout;
  if (basename(directory) === encodeName(runtimeId) && basename(dirname(directory)) === "runtimes") return;
  const issue = `the directory must be named runtimes/${encodeName(runtimeId)}; move it there first`;
  throw invalidRequest(`change ${JSON.stringify(directory)}`, issue);
}

function refused({ layout }: FoundPlace, reason: string): RuntimeError<"store_corrupt"> {
  const file = layout.directory;
  return new RuntimeError("store_corrupt", `Cannot repair ${JSON.stringify(file)}: ${reason}`, {
    file,
    reason,
  });
}

/** The events lost by this repair and by one that was interrupted before. */
function joined(lost: LostRange | null, pending: LostRange | null): LostRange | null {
  if (lost === null || pending === null) return lost ?? pending;
  return [Math.min(lost[0], pending[0]), Math.max(lost[1], pending[1])];
}

/** Performs, under the lock, the steps that an opening refuses or omits. The lost range is recorded durably first. */
async function salvage(
  place: FoundPlace,
  steps: readonly RepairStep[],
  lost: LostRange | null,
  options: RepairOptions,
): Promise<void> {
  const clock = new Clock(options.now ?? Date.now);
  const lock = await takeLock(place.fs, place.layout, newOwner(options.now ?? Date.now));
  try {
    if (lost !== null) await beginSalvage(place.fs, place.layout, place.runtimeId, lost);
    const work = new Salvage(place, clock);
    for (const step of steps) {
      options.signal?.throwIfAborted();
      await work.run(step);
    }
  } finally {
    lock.release();
  }
}

/** Lets an opening mend the rest; damaged transcripts are read, which rebuilds them. */
async function openAndClose(
  place: FoundPlace,
  location: StoreLocation,
  before: VerifyReport,
  options: RepairOptions,
): Promise<void> {
  const { fs: fileSystem, runtimeId } = place;
  const { now } = options;
  const store = new FsRuntimeStore({ root: rootOf(location), runtimeId, create: false }, {
    fileSystem,
    now,
  });
  const runtime = await Runtime.open({ store, now });
  try {
    for (const { code, workerId } of before.findings) {
      if (workerId === undefined || !code.startsWith("transcript_")) continue;
      await readThrough(runtime, workerId);
    }
    await runtime.flush();
  } finally {
    await runtime.close();
  }
}

/** Reads all of a transcript: where it is damaged, the store rebuilds it. A worker that is gone needs nothing. */
async function readThrough(runtime: Runtime, workerId: string): Promise<void> {
  for (let after: number | null = 0; after !== null;) {
    try {
      const page = await runtime.worker(workerId).transcript({ after, limit: limits.pageItemsMax });
      after = page.next;
    } catch (error) {
      if (isRuntimeError(error) && error.code === "worker_not_found") return;
      throw error;
    }
  }
}
