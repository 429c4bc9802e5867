/**
 * `backup`: a copy that is a store itself.
 *
 * @module
 */
import { backup, type BackupReport, type StoreLocation } from "../../operate.ts";
import { exitCodes } from "../failure.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { withProgress } from "../progress.ts";
import { tone } from "../style.ts";
import { bytes, counted, whole } from "../units.ts";
import { exitCodeOf, findingsTable } from "./verify.ts";

/** Runs `backup`. */
export async function backupCommand(
  io: Io,
  { verify, json }: Options,
  location: StoreLocation,
  to: string,
): Promise<number> {
  const report = await withProgress(io, json, (progress) => backup(location, { ...progress, to, verify }));
  print(io, json, report, summary(io, report));
  return report.verified === undefined ? exitCodes.ok : exitCodeOf(report.verified.verdict);
}

function summary(
  io: Io,
  { directory, verified, segments, copiedBytes, keptBytes, lastEventId }: BackupReport,
): string {
  const copied = `${bytes(copiedBytes)} copied, ${bytes(keptBytes)} unchanged`;
  const inSegments = `${counted(segments.copied, "segment")} copied, ${whole(segments.kept)} unchanged`;
  const verdict = verified === undefined ? "" : `  verified: ${verified.verdict}\n`;
  const findings = verified === undefined || verified.verdict === "clean" ? "" : findingsTable(io, verified);
  return `${tone(io, "strong", directory)}\n` +
    `  through event ${whole(lastEventId)}: ${copied}; ${inSegments}\n${verdict}${findings}`;
}
