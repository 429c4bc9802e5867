/**
 * `import`: a new store from an export.
 *
 * @module
 */
import { importRuntime, openStream } from "../../operate.ts";
import { exitCodes } from "../failure.ts";
import type { Io } from "../io.ts";
import { withProgress } from "../progress.ts";
import { counted } from "../units.ts";
import { printJson } from "./view.ts";

/** Options of `import`. */
export interface ImportCommandOptions {
  /** Whether only to check the stream. */
  readonly dryRun?: boolean | undefined;
  /** Whether to print JSON. */
  readonly json?: boolean | undefined;
}

/** Runs `import`. */
export async function importCommand(
  io: Io,
  file: string,
  to: string,
  options: ImportCommandOptions,
): Promise<number> {
  const { dryRun, json } = options;
  const { stream, totalBytes = undefined } = file === "-"
    ? { stream: Deno.stdin.readable }
    : openStream(file);
  const report = await withProgress(
    io,
    json === true,
    (progress) => importRuntime(to, stream, { ...progress, totalBytes, dryRun }),
  );
  if (json) printJson(io, { ...report, dryRun: dryRun === true });
  else {
    const what = `${counted(report.events, "event")} and ${counted(report.workers, "worker")}`;
    io.out(dryRun ? `The stream is whole: ${what}.\n` : `Imported ${what} into ${report.directory}\n`);
  }
  return exitCodes.ok;
}
