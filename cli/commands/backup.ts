/**
 * `backup`: a copy that is a store itself.
 *
 * @module
 */
import { backup, locateStore } from "../../operate.ts";
import { exitCodes } from "../failure.ts";
import type { Io } from "../io.ts";
import { withProgress } from "../progress.ts";
import { tone } from "../style.ts";
import { bytes, counted, whole } from "../units.ts";
import { exitCodeOf, findingsTable } from "./verify.ts";
import { printJson, type StoreOptions } from "./view.ts";

/** Options of `backup`. */
export interface BackupCommandOptions extends StoreOptions {
  /** Whether to verify the copy. */
  readonly verify: boolean;
}

/** Runs `backup`. */
export async function backupCommand(
  io: Io,
  directory: string,
  to: string,
  options: BackupCommandOptions,
): Promise<number> {
  const location = locateStore(directory, options.runtime);
  const { verify, json } = options;
  const report = await withProgress(
    io,
    json === true,
    (progress) => backup(location, { ...progress, to, verify }),
  );
  const { verified, segments, copiedBytes, keptBytes, lastEventId } = report;
  if (json) printJson(io, report);
  else {
    io.out(`${tone(io, "strong", report.directory)}\n`);
    io.out(
      `  through event ${whole(lastEventId)}: ${bytes(copiedBytes)} copied, ${bytes(keptBytes)} were there; `,
    );
    io.out(`${counted(segments.copied, "segment")} copied, ${whole(segments.kept)} kept\n`);
    if (verified !== undefined) {
      io.out(`  verified: ${verified.verdict}\n`);
      if (verified.verdict !== "clean") io.out(findingsTable(io, verified));
    }
  }
  return verified === undefined ? exitCodes.ok : exitCodeOf(verified.verdict);
}
