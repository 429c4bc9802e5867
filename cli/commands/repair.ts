/**
 * `repair`: preview or perform a repair.
 *
 * @module
 */
import { isManualStep, repair, type RepairReport, type StoreLocation } from "../../operate.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { withProgress } from "../progress.ts";
import { tone, visible } from "../style.ts";
import { exitCodeOf, findingsTable } from "./verify.ts";

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
  print(io, json, report, shown(io, report));
  return exitCodeOf((report.after ?? report.before).verdict);
}

function nextStep(steps: RepairReport["steps"], lost: RepairReport["lost"]): string {
  const byHand = steps.find(isManualStep);
  if (byHand === undefined) {
    return `Run again with ${lost === null ? "--apply" : "--apply --salvage"} to do it.`;
  }
  if (byHand.action === "correct_config") {
    return "Correct config.jsonc first: until then nothing can open the store.";
  }
  if (byHand.action === "restore_backup") return "Only a backup or an export can help: --apply is refused.";
  return "Follow the steps by hand: --apply is refused until then.";
}

function shown(io: Io, { before, steps, lost, applied, after }: RepairReport): string {
  if (steps.length === 0) return `${findingsTable(io, before)}There is nothing to repair.\n`;
  let text = findingsTable(io, before);
  text += `${tone(io, "strong", applied ? "Done:" : "To be done:")}\n`;
  for (const [index, { message }] of steps.entries()) text += `  ${index + 1}. ${visible(message)}\n`;
  if (lost !== null) text += `${tone(io, "bad", `Lost: events ${lost[0]} to ${lost[1]}`)}\n`;
  if (!applied) text += `\nNothing was changed. ${nextStep(steps, lost)}\n`;
  if (after !== undefined) text += `\nVerified again: ${after.verdict}.\n${findingsTable(io, after)}`;
  return text;
}
