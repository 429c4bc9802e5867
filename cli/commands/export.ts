/**
 * `export`: all of a runtime, or one worker, as JSON lines.
 *
 * @module
 */
import { exportRuntime } from "../../fs_store.ts";
import { findPlace } from "../../src/operate/options.ts";
import { exitCodes } from "../failure.ts";
import type { Io } from "../io.ts";
import { disk, locate } from "../place.ts";
import { withProgress } from "../progress.ts";
import { bytes } from "../units.ts";
import { type OutputOptions, withOutput } from "./output.ts";
import { printJson, type StoreOptions } from "./view.ts";

/** Options of `export`. */
export interface ExportCommandOptions extends StoreOptions, OutputOptions {
  /** Only this worker. */
  readonly worker?: string | undefined;
}

/** Runs `export`. */
export async function exportCommand(
  io: Io,
  directory: string,
  options: ExportCommandOptions,
): Promise<number> {
  const location = locate(directory, options.runtime);
  const { output, worker, json } = options;
  const written = await withProgress(io, output === undefined || json === true, async (progress) => {
    const chunks = exportRuntime(location, { ...progress, worker });
    return await withOutput(io, options, chunks, findPlace(disk, location).layout.directory);
  });
  if (json && output !== undefined) printJson(io, { file: output, bytes: written });
  else if (output !== undefined) io.out(`Wrote ${bytes(written)} to ${output}\n`);
  return exitCodes.ok;
}
