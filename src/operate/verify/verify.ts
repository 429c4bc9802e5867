/**
 * Verification of a store: every line of the log, and every other file against the
 * fold of the log. Reads only, takes no lock, works while a writer is active, and
 * keeps only the state and the names of blobs in memory.
 *
 * @module
 */
import { basename } from "@std/path";
import { isRuntimeError } from "../../core/errors.ts";
import type { RuntimeId } from "../../core/ids.ts";
import { defaultConfig, readConfig, type StoreConfig } from "../../fs/place/config.ts";
import { corrupt, guarded, ifCorrupt } from "../../fs/disk/faults.ts";
import type { FileSystem } from "../../fs/disk/file_system.ts";
import { readIdentity, wasSynced } from "../../fs/place/identity.ts";
import { isPresent } from "../../fs/disk/files.ts";
import { importedRuntime, nameOf, type RuntimeLayout } from "../../fs/layout.ts";
import { type LostRange, pendingSalvage as pendingSalvageOf } from "../../fs/recovery/salvage_record.ts";
import { listSegments } from "../../fs/log/segments.ts";
import { cursorExpired } from "../../core/errors.ts";
import { Expected } from "./expected.ts";
import { type Finding, type FindingCode, Findings, type Verdict } from "./finding.ts";
import { findPlace, type FoundPlace, type StoreLocation } from "../../fs/place/find.ts";
import { diskOf, Meter, type OperationOptions } from "../options.ts";
import { logBytes } from "../sizes.ts";
import { untilSteady } from "../../fs/reading/follower.ts";
import { readCheckpoints } from "./checkpoints.ts";
import { FilesVerifier } from "./files.ts";
import { LogVerifier } from "./log.ts";

/** Options of {@linkcode verify}. */
export interface VerifyOptions extends OperationOptions {
  /** Compare only the sizes of blobs, and do not read their bytes. @default {false} */
  readonly quick?: boolean | undefined;
}

/** Result of a verification. Plain JSON. */
export interface VerifyReport {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  /** Its directory. */
  readonly directory: string;
  /** The verdict. */
  readonly verdict: Verdict;
  /** True if the last writer closed the store, and no writer has it open. */
  readonly closed: boolean;
  /** The oldest event that is kept. */
  readonly firstEventId: number;
  /** The last event. */
  readonly lastEventId: number;
  /** Events whose lines are intact. */
  readonly events: number;
  /** Workers. */
  readonly workers: number;
  /** Bytes of the log that were read. */
  readonly logBytes: number;
  /** Bytes of other files that were read. */
  readonly fileBytes: number;
  /** The findings in order, at most a thousand; damage has priority. */
  readonly findings: readonly Finding[];
  /** Findings that are not listed. */
  readonly dropped: number;
  /** First and last event that an interrupted repair loses, and has not recorded; null without one. */
  readonly pendingSalvage: readonly [first: number, last: number] | null;
  /** Findings by code. */
  readonly counts: Readonly<Partial<Record<FindingCode, number>>>;
}

/**
 * Verifies a store. Changes nothing, and requires only `--allow-read` of the store.
 * Damage is reported, not thrown. Throws `store_missing`, `store_version`,
 * `store_permission`, `store_io`.
 *
 * @example Usage
 * ```ts
 * import { Runtime } from "@yoi/worker-runtime";
 * import { FsRuntimeStore } from "@yoi/worker-runtime/fs-store";
 * import { verify } from "@yoi/worker-runtime/operate";
 * import { assertEquals } from "@std/assert";
 *
 * const root = await Deno.makeTempDir();
 * const runtime = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "local" }) });
 * await runtime.close();
 * const { verdict, findings } = await verify({ root, runtimeId: "local" });
 * assertEquals([verdict, findings], ["clean", []]);
 * ```
 */
export async function verify(location: StoreLocation, options: VerifyOptions = {}): Promise<VerifyReport> {
  return await verifyPlace(findPlace(diskOf(options), location, true), options);
}

/** {@linkcode verify} for a known place; `isImporting` is set by an import that verifies its own result. */
export async function verifyPlace(
  place: FoundPlace,
  options: VerifyOptions,
  isImporting: boolean = false,
): Promise<VerifyReport> {
  return await untilSteady(() => verifyOnce(place, options, isImporting));
}

async function verifyOnce(
  place: FoundPlace,
  options: VerifyOptions,
  isImporting: boolean,
): Promise<VerifyReport> {
  const { layout, runtimeId } = place;
  const findings = new Findings();
  const meter = new Meter(options);
  if (importedRuntime(basename(layout.directory)) !== undefined && !isImporting) {
    findings.add(
      "unfinished_import",
      "damaged",
      "the import into this directory did not finish; run it again",
    );
  }
  checkKinds(place, findings);
  const isSynced = checkIdentity(place, findings);
  const oldest = ifCorrupt(() => listSegments(place).firstEventIds[0] ?? Infinity, () => Infinity);
  const pendingSalvage = checkSalvage(place, findings);
  const checkpoints = readCheckpoints(place, findings);
  const segments = segmentsOf(place, findings);
  // Pruned in between: these checkpoints may be older than the first event of the log.
  if (segments[0] !== undefined && segments[0] > oldest) throw cursorExpired(oldest - 1, segments[0]);
  meter.stage("log", logBytes(place, segments), "bytes");
  const expected = new Expected(runtimeId);
  const isQuick = options.quick === true;
  const check = { place, checkpoints, segments, isSynced, expected, isQuick, findings, meter };
  const log = new LogVerifier(check);
  await log.run();
  if (expected.unknownCount > 0) {
    const message =
      `${expected.unknownCount} events are of types that this version does not know; they are kept`;
    findings.add("event_unknown", "info", message);
  }
  const files = new FilesVerifier(check);
  if (log.folded) await files.run();
  return {
    runtimeId,
    directory: layout.directory,
    verdict: findings.verdict,
    closed: files.closed,
    firstEventId: segments[0] ?? 1,
    lastEventId: log.lastEventId,
    events: log.events,
    workers: expected.ledger.workerCount,
    logBytes: log.bytes,
    fileBytes: files.bytes,
    findings: findings.items,
    dropped: findings.dropped,
    pendingSalvage,
    counts: findings.counts,
  };
}

/** Reports a wrong kind, without opening anything, at the paths of the lock, its owner and the directories of the store. */
function checkKinds({ fs, layout }: FoundPlace, findings: Findings): void {
  // The next opening moves a wrong owner.json or incoming aside; it fails on anything else, at once or later.
  const places = [
    [layout.lock, "file", "damaged"],
    [layout.owner, "file", "healable"],
    [layout.workers, "directory", "damaged"],
    [layout.quarantine, "directory", "damaged"],
    [layout.salvage, "directory", "damaged"],
    [layout.incoming, "directory", "healable"],
  ] as const;
  for (const [path, kind, severity] of places) {
    const file = nameOf(layout, path);
    ifCorrupt<unknown>(
      () => guarded("stat", path, () => isPresent(fs, path, kind, file)),
      ({ details: { reason } }) => findings.add("wrong_kind", severity, reason, { file }),
    );
  }
}

/** Checks the identity and the config. Returns true if every answer has waited for the device. */
function checkIdentity(place: FoundPlace, findings: Findings): boolean {
  const file = "runtime.json";
  const identity = findings.ifCorrupt("identity_damaged", "damaged", { file }, undefined, () => {
    const found = readIdentity(place);
    if (found === undefined) throw corrupt(file, "it is missing");
    return found;
  });
  return wasSynced(identity, configOf(place.layout, place.fs, findings));
}

function configOf(layout: RuntimeLayout, fs: FileSystem, findings: Findings): StoreConfig {
  try {
    return readConfig(fs, layout.config);
  } catch (error) {
    if (!isRuntimeError(error) || error.code !== "invalid_request") throw error;
    findings.add("config_invalid", "healable", error.message, { file: "config.jsonc" });
    return defaultConfig;
  }
}

/** Reports an interrupted repair. */
function checkSalvage(place: FoundPlace, findings: Findings): LostRange | null {
  const file = "salvage/pending.json";
  return findings.ifCorrupt("foreign_entry", "info", { file }, null, () => {
    const lost = pendingSalvageOf(place);
    if (lost === undefined) return null;
    const [first, last] = lost;
    const message =
      `a repair was interrupted; the next opening records that events ${first} to ${last} are lost`;
    findings.add("salvage_unrecorded", "healable", message, { file, eventIds: lost });
    return lost;
  });
}

function segmentsOf(place: FoundPlace, findings: Findings): readonly number[] {
  return findings.ifCorrupt<readonly number[]>("log_gap", "damaged", { file: "events" }, [], () => {
    const { firstEventIds, foreign } = listSegments(place, ({ details: { file, reason } }, id) => {
      findings.add("log_damaged", "damaged", reason, { file, eventIds: [id, id] });
    });
    for (const name of foreign) {
      const message = `${JSON.stringify(name)} is not a file of the store`;
      findings.add("foreign_entry", "info", message, { file: `events/${name}` });
    }
    return firstEventIds;
  });
}
