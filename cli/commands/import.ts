/**
 * `import`: a new store from an export.
 *
 * @module
 */
import { importRuntime, openStream } from "../../operate.ts";
import { exitCodes } from "../failure.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { withProgress } from "../progress.ts";
import { counted } from "../units.ts";

/** Runs `import`. */
export async function importCommand(
  io: Io,
  { dryRun = false, json }: Options,
  file: string,
  to: string,
): Promise<number> {
  const { stream, totalBytes = undefined } = file === "-"
    ? { stream: Deno.stdin.readable }
    : openStream(file);
  const report = await withProgress(
    io,
    json,
    (progress) => importRuntime(to, stream, { ...progress, totalBytes, dryRun }),
  );
  const what = `${counted(report.events, "event")} and ${counted(report.workers, "worker")}`;
  const text = dryRun ? `The stream is intact: ${what}.\n` : `Imported ${what} into ${report.directory}\n`;
  print(io, json, { ...report, dryRun }, text);
  return exitCodes.ok;
}
