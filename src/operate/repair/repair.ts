/**
 * Repair of a store: planned from the findings of a verification, performed on
 * request.
 *
 * Damage that an opening can repair is repaired by opening the store. Damage that
 * prevents opening is repaired here if nothing is lost; acknowledged events are
 * deleted only with `salvage`. All bytes that are removed are kept below `salvage/`
 * in the directory of the runtime, which is never emptied automatically.
 *
 * @module
 */
import { Clock } from "../../core/clock.ts";
import { invalidRequest, isRuntimeError, RuntimeError } from "../../core/errors.ts";
import type { RuntimeId } from "../../core/ids.ts";
import { limits } from "../../core/limits.ts";
import type { Runtime } from "../../core/runtime.ts";
import { newOwner, takeLock } from "../../fs/place/lock.ts";
import { beginSalvage, type LostRange } from "../../fs/recovery/salvage_record.ts";
import { assertInPlace, openPlace } from "../open_runtime.ts";
import { findPlace, type FoundPlace, type StoreLocation } from "../../fs/place/find.ts";
import { diskOf, type OperationOptions } from "../options.ts";
import { isManualStep, planRepair, type RepairPlan, type RepairStep } from "./plan.ts";
import { performStep } from "./salvage.ts";
import { verifyPlace, type VerifyReport } from "../verify/verify.ts";

/** Options of {@linkcode repair}. */
export interface RepairOptions extends OperationOptions {
  /** Perform the repair, rather than only plan it. @default {false} */
  readonly apply?: boolean | undefined;
  /** Also delete damaged acknowledged events and all later ones, and move damaged blobs aside. @default {false} */
  readonly salvage?: boolean | undefined;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: (() => number) | undefined;
}

/** Result of a repair, or of its plan. */
export interface RepairReport extends RepairPlan {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  /** The verification before. */
  readonly before: VerifyReport;
  /** True if the steps were performed. */
  readonly applied: boolean;
  /** The verification afterwards; absent if nothing was done. */
  readonly after?: VerifyReport;
}

/**
 * Repairs a store, or plans the repair. A plan requires `--allow-read` only;
 * with `apply` it takes the lock and requires `--allow-write`. Idempotent. Throws
 * `store_locked`, and `store_corrupt` if only salvaging helps and it was not
 * requested.
 */
export async function repair(location: StoreLocation, options: RepairOptions = {}): Promise<RepairReport> {
  const place = findPlace(diskOf(options), location, true);
  const before = await verifyPlace(place, options);
  const { steps, lost: losing } = planRepair(place, before);
  const lost = joined(losing, before.pendingSalvage);
  const report = { runtimeId: place.runtimeId, before, steps, lost };
  const canApply = steps.some(({ action }) => action !== "restore_blobs");
  if (options.apply !== true || !canApply) return { ...report, applied: false };
  const manual = steps.find(isManualStep);
  if (manual?.action === "correct_config") {
    throw invalidRequest("repair", "config.jsonc has to be corrected first");
  }
  if (manual !== undefined) throw refused(place, manual.message);
  assertInPlace(place);
  if (losing !== null && options.salvage !== true) {
    throw refused(
      place,
      `events ${losing[0]} to ${losing[1]} would be lost; only salvage (--salvage) accepts that`,
    );
  }
  if (steps.some(({ action }) => action === "set_blob_aside") && options.salvage !== true) {
    throw refused(place, "damaged blobs would be moved to salvage/; only salvage (--salvage) accepts that");
  }
  await salvage(place, steps, losing === null ? null : lost, options);
  if (steps.some(({ action }) => action === "open_and_close")) await openAndClose(place, before, options);
  const after = await verifyPlace(place, options);
  return { ...report, applied: true, after };
}

function refused({ layout }: FoundPlace, reason: string): RuntimeError<"store_corrupt"> {
  const file = layout.directory;
  return new RuntimeError("store_corrupt", `Cannot repair ${JSON.stringify(file)}: ${reason}`, {
    file,
    reason,
  });
}

/** Returns the events lost by this repair and by an interrupted earlier one. */
function joined(lost: LostRange | null, pending: LostRange | null): LostRange | null {
  if (lost === null || pending === null) return lost ?? pending;
  return [Math.min(lost[0], pending[0]), Math.max(lost[1], pending[1])];
}

/** Performs, under the lock, the steps that an opening rejects or omits. The lost range is recorded durably first. */
async function salvage(
  place: FoundPlace,
  steps: readonly RepairStep[],
  lost: LostRange | null,
  options: RepairOptions,
): Promise<void> {
  const clock = new Clock(options.now ?? Date.now);
  const lock = await takeLock(place, newOwner(options.now ?? Date.now));
  try {
    if (lost !== null) await beginSalvage(place, lost);
    for (const step of steps) {
      options.signal?.throwIfAborted();
      await performStep(place, clock, step);
    }
  } finally {
    lock.release();
  }
}

/** Opens the store, which repairs the rest, and closes it. Damaged transcripts are read, which rebuilds them. */
async function openAndClose(place: FoundPlace, before: VerifyReport, options: RepairOptions): Promise<void> {
  const runtime = await openPlace(place, options.now);
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

/** Reads all of a transcript: the store rebuilds it if it is damaged. A missing worker is skipped. */
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
