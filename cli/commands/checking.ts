/**
 * Commands that find and repair damage: `verify` and `repair`.
 *
 * @module
 */
import {
  type Finding,
  isManualStep,
  repair,
  type RepairReport,
  type StoreLocation,
  type Verdict,
  verify,
  type VerifyReport,
} from "../../operate.ts";
import { exitCodes } from "../failure.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { withProgress } from "../progress.ts";
import { type Tone, tone, visible } from "../style.ts";
import { table } from "../table.ts";
import { bytes, counted, duration, whole } from "../units.ts";

/** Runs `verify`. */
export async function verifyCommand(
  io: Io,
  { quick, json }: Options,
  location: StoreLocation,
): Promise<number> {
  const startedAt = io.now();
  const report = await withProgress(io, json, (progress) => verify(location, { ...progress, quick }));
  print(io, json, report, findingsTable(io, report) + summary(io, report, io.now() - startedAt));
  return exitCodeOf(report.verdict);
}

/** The exit code of a verdict. */
export function exitCodeOf(verdict: Verdict): number {
  return verdict === "clean" ? exitCodes.ok : exitCodes[verdict];
}

const SEVERITY_TONES: Readonly<Record<Finding["severity"], Tone>> = {
  info: "faint",
  pending: "name",
  healable: "warn",
  damaged: "bad",
};

/** Findings as a table; empty if there are none. */
export function findingsTable(io: Io, { findings, dropped }: VerifyReport): string {
  if (findings.length === 0) return "";
  const rows = findings.map(({ severity, code, file = "", byteOffset, message }) => [
    tone(io, SEVERITY_TONES[severity], severity),
    code,
    byteOffset === undefined ? visible(file) : `${visible(file)} @${byteOffset}`,
    visible(message),
  ]);
  const columns = [{ name: "SEVERITY" }, { name: "FINDING" }, { name: "WHERE", flexible: true }, {
    name: "WHAT",
    flexible: true,
  }];
  const more = dropped === 0
    ? ""
    : tone(io, "faint", `... and ${whole(dropped)} more; --json counts them by code\n`);
  return `${table(io, columns, rows)}${more}\n`;
}

const VERDICTS: Readonly<Record<Verdict, readonly [Tone, string]>> = {
  clean: ["good", "clean"],
  healable: ["warn", 'healable: nothing is lost; the next opening, or "repair --apply", repairs it'],
  damaged: ["bad", 'damaged: see above; "repair" lists what can be done'],
};

/** An unusable config prevents opening and repair, but is not damage. */
const UNUSABLE_CONFIG = "healable: nothing is lost; no program can open it until config.jsonc is corrected";

function summary(io: Io, report: VerifyReport, ms: number): string {
  const [kind, meaning] = VERDICTS[report.verdict];
  const isConfig = report.verdict === "healable" && report.counts.config_invalid !== undefined;
  const text = isConfig ? UNUSABLE_CONFIG : meaning;
  const read = report.logBytes + report.fileBytes;
  const speed = read < 50_000_000 ? "" : ` (${bytes(read / ms * 1_000)}/s)`;
  const state = report.closed ? "closed in good order" : "open, or not closed";
  return `${tone(io, "strong", report.runtimeId)} is ${tone(io, kind, text)}\n` +
    `  ${counted(report.events, "event")}, ${counted(report.workers, "worker")}, ${state}; ` +
    `${bytes(read)} read in ${duration(ms)}${speed}\n`;
}

/** Runs `repair`. */
export async function repairCommand(
  io: Io,
  { apply, salvage, json }: Options,
  location: StoreLocation,
): Promise<number> {
  const report = await withProgress(
    io,
    json,
    (progress) => repair(location, { ...progress, apply, salvage }),
  );
  print(io, json, report, repairText(io, report));
  return exitCodeOf((report.after ?? report.before).verdict);
}

function nextStep(steps: RepairReport["steps"], lost: RepairReport["lost"]): string {
  const byHand = steps.find(isManualStep);
  if (steps.every(({ action }) => action === "restore_blobs")) return "Repair cannot do it.";
  const isSalvage = lost !== null || steps.some(({ action }) => action === "set_blob_aside");
  if (byHand === undefined) {
    return `Run again with ${isSalvage ? "--apply --salvage" : "--apply"} to do it.`;
  }
  if (byHand.action === "correct_config") {
    return "Correct config.jsonc first: until then nothing can open the store.";
  }
  if (byHand.action === "restore_backup") return "Only a backup or an export can help: --apply is refused.";
  return "Follow the steps by hand: --apply is refused until then.";
}

function repairText(io: Io, { before, steps, lost, applied, after }: RepairReport): string {
  if (steps.length === 0) return `${findingsTable(io, before)}There is nothing to repair.\n`;
  let text = findingsTable(io, before);
  text += `${tone(io, "strong", applied ? "Done:" : "To be done:")}\n`;
  for (const [index, { message }] of steps.entries()) text += `  ${index + 1}. ${visible(message)}\n`;
  if (lost !== null) text += `${tone(io, "bad", `Lost: events ${lost[0]} to ${lost[1]}`)}\n`;
  if (!applied) text += `\nNothing was changed. ${nextStep(steps, lost)}\n`;
  if (after !== undefined) text += `\nVerified again: ${after.verdict}.\n${findingsTable(io, after)}`;
  return text;
}
