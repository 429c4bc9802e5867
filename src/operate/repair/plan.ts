/**
 * Plan of a repair, derived from the findings and the checkpoints.
 *
 * @module
 */
import { basename } from "@std/path";
import { readCheckpoint } from "../../fs/checkpoint/checkpoint.ts";
import { ifCorrupt } from "../../fs/disk/faults.ts";
import { nameOf, segmentFirstEventId } from "../../fs/layout.ts";
import type { Finding, FindingCode } from "../verify/finding.ts";
import type { FoundPlace } from "../../fs/place/find.ts";
import type { VerifyReport } from "../verify/verify.ts";

/** A step of a repair. */
export interface RepairStep {
  /** Kind of step. */
  readonly action:
    /** Open and close the store, which repairs its end, transcripts and projections. */
    | "open_and_close"
    /** Rewrite `runtime.json`. */
    | "rebuild_identity"
    /** Move aside a file at the path of a directory; the opening recreates it. */
    | "set_aside"
    /** Move a checkpoint aside; an opening reads the log instead. */
    | "set_checkpoint_aside"
    /** Truncate the log before the first damaged event, and transcripts with it. */
    | "cut_log"
    /** Truncate transcripts after the last event of a log that lost its end. */
    | "cut_transcripts"
    /** Move a damaged blob aside, unless it was put again since. */
    | "set_blob_aside"
    /** Not performed: lost blobs have to be put again, or copied from a backup. */
    | "restore_blobs"
    /** Beyond repair: a backup has to be restored. */
    | "restore_backup"
    /** The operator has to correct `config.jsonc`. */
    | "correct_config"
    /** The operator has to move something away that repair cannot, while no program has the store open. */
    | "move_away"
    /** The operator has to run the import again: part of a stream is not a store. */
    | "import_again";
  /** Description. */
  readonly message: string;
  /** The file concerned. */
  readonly file?: string;
  /** The first event concerned. */
  readonly eventId?: number;
}

/** A plan. */
export interface RepairPlan {
  /** The steps, in order; empty for a clean store. The last one opens the store, unless a step is manual. */
  readonly steps: readonly RepairStep[];
  /** First and last event that are lost; null if none is. */
  readonly lost: readonly [first: number, last: number] | null;
}

const MANUAL: ReadonlySet<RepairStep["action"]> = new Set([
  "restore_backup",
  "correct_config",
  "move_away",
  "import_again",
]);

/** Returns true if the operator has to perform the step, before all others. */
export function isManualStep({ action }: RepairStep): boolean {
  return MANUAL.has(action);
}

const LOG_DAMAGE: ReadonlySet<string> = new Set(["log_damaged", "log_gap", "log_inconsistent"]);

/** Plans a repair. */
export function planRepair(place: FoundPlace, report: VerifyReport): RepairPlan {
  const steps: RepairStep[] = [];
  const { counts, findings } = report;
  const found = (code: FindingCode) => findings.find((finding) => finding.code === code);
  const unfinished = found("unfinished_import");
  if (unfinished !== undefined) {
    return { steps: [{ action: "import_again", message: unfinished.message }], lost: null };
  }
  const config = found("config_invalid");
  if (config !== undefined) {
    steps.push({ action: "correct_config", message: config.message, file: "config.jsonc" });
  }
  if (counts.identity_damaged !== undefined) {
    const message = "runtime.json is rewritten from the log";
    steps.push({ action: "rebuild_identity", message, file: "runtime.json" });
  }
  steps.push(...oddSteps(findings));
  const cutAt = firstDamaged(report);
  const isHeld = findings.some(({ code, severity }) =>
    code === "log_behind_transcript" && severity === "damaged"
  );
  const covered = counts.log_behind_checkpoint !== undefined || isHeld;
  if (cutAt !== undefined) steps.push(...cutSteps(place, report, cutAt));
  if (cutAt !== undefined || covered || counts.checkpoint_mismatch || counts.checkpoint_damaged) {
    steps.push(...asideSteps(place, report, cutAt));
  }
  if (isHeld && cutAt === undefined) {
    const eventId = report.lastEventId + 1;
    const message =
      `the events from ${eventId} on are lost; what transcripts hold of them is kept in salvage/`;
    steps.push({ action: "cut_transcripts", message, eventId });
  }
  const lost = findings.filter(({ severity }) => severity === "damaged");
  const transcripts = lost.filter(({ code }) => code.startsWith("transcript_"));
  if (transcripts.length > 0) {
    const message =
      `${transcripts.length} transcripts are damaged, and the log they could be rebuilt from was pruned; ` +
      `restore a backup`;
    steps.push({ action: "restore_backup", message });
  }
  if (
    !steps.some(isManualStep) &&
    (steps.length > 0 || findings.some(({ severity }) => severity === "healable"))
  ) {
    const message =
      "the store is opened and closed, which repairs its end, its transcripts and its projections";
    steps.push({ action: "open_and_close", message });
  }
  steps.push(...blobSteps(findings));
  // A torn end was never acknowledged, so truncating it loses nothing.
  const last = Math.max(report.lastEventId, ...lost.flatMap(({ eventIds }) => eventIds?.[1] ?? []));
  const from = cutAt ?? (covered ? report.lastEventId + 1 : undefined);
  return { steps, lost: from === undefined || from > last ? null : [from, last] };
}

/** Steps for entries of the wrong kind that prevent opening. */
function oddSteps(findings: readonly Finding[]): RepairStep[] {
  return findings.flatMap(({ code, severity, file, message }): RepairStep[] => {
    const isOdd = code === "wrong_kind" && (severity === "damaged" || file === "incoming");
    if (!isOdd || file === undefined) return [];
    // Repair needs the lock to be safe, and salvage/ to move files aside.
    return file === "lock" || file === "salvage"
      ? [{
        action: "move_away",
        message: `${file}: ${message}; move it away while no program has the store open`,
        file,
      }]
      : [{ action: "set_aside", message: `${file}: ${message}; it is moved to salvage/`, file }];
  });
}

/** The first damaged event of the log. */
function firstDamaged({ findings, firstEventId }: VerifyReport): number | undefined {
  const damaged = findings.filter(({ code }) => LOG_DAMAGE.has(code));
  if (damaged.length === 0) return undefined;
  const starts = damaged.map(({ eventIds, file = "" }) =>
    eventIds?.[0] ?? segmentFirstEventId(basename(file)) ?? firstEventId
  );
  return Math.min(...starts);
}

function cutSteps(place: FoundPlace, report: VerifyReport, cutAt: number): RepairStep[] {
  const isFounded = report.firstEventId === 1 ||
    checkpointsOf(place).some(({ through }) => through !== "damaged" && through < cutAt && through > 0);
  if (cutAt <= report.firstEventId && report.firstEventId > 1 || cutAt <= 1 || !isFounded) {
    const message = `no intact event precedes event ${cutAt}; restore a backup, or import an export`;
    return [{ action: "restore_backup", message, eventId: cutAt }];
  }
  const message = `the log is truncated before event ${cutAt}; the rest is kept in salvage/`;
  return [{ action: "cut_log", message, eventId: cutAt }];
}

/** Steps that move unusable checkpoints aside. */
function asideSteps(place: FoundPlace, report: VerifyReport, cutAt: number | undefined): RepairStep[] {
  const limit = cutAt ?? report.lastEventId + 1;
  const wrong = new Set(
    report.findings.filter(({ code }) => code === "checkpoint_mismatch").map(({ eventIds }) => eventIds?.[0]),
  );
  const unusable = checkpointsOf(place).filter(({ through }) =>
    through === "damaged" || through >= limit || wrong.has(through)
  );
  return unusable.map(({ file, through }) => {
    const why = through === "damaged" ? "is damaged" : `does not fit the log (it covers event ${through})`;
    return { action: "set_checkpoint_aside", message: `${file} ${why}; it is moved to salvage/`, file };
  });
}

/** Steps for damaged and missing blobs. */
function blobSteps(findings: readonly Finding[]): RepairStep[] {
  const steps: RepairStep[] = [];
  let lost = 0;
  for (const { code, file, message } of findings) {
    if (code === "blob_missing" || code === "blob_damaged") lost++;
    if (code !== "blob_damaged" || file === undefined) continue;
    steps.push({ action: "set_blob_aside", message: `${file}: ${message}; it is moved to salvage/`, file });
  }
  if (lost === 0) return steps;
  const what = lost === 1 ? "1 blob is" : `${lost} blobs are`;
  const message = `${what} lost: the host has to put the same bytes again, or an operator has to ` +
    `copy their files from a backup`;
  return [...steps, { action: "restore_blobs", message }];
}

/** The checkpoint files, each with the last event that it covers; absent ones are omitted. */
function checkpointsOf(
  place: FoundPlace,
): readonly { readonly file: string; readonly through: number | "damaged" }[] {
  const { layout } = place;
  return [layout.checkpoint, layout.previousCheckpoint].flatMap((path) => {
    const file = nameOf(layout, path);
    const read = () => readCheckpoint(place, path, file)?.snapshot.through;
    const through = ifCorrupt<number | "damaged" | undefined>(read, () => "damaged");
    return through === undefined ? [] : [{ file, through }];
  });
}
