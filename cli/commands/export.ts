/**
 * `export`: a runtime, or one worker, as JSON lines.
 *
 * @module
 */
import { exportRuntime, locateStore } from "../../operate.ts";
import { exitCodes } from "../failure.ts";
import type { Io } from "../io.ts";
import { type OutputOptions, writeOutput } from "./output.ts";

/** Options of `export`. */
export interface ExportCommandOptions extends OutputOptions {
  /** Only this worker. */
  readonly worker?: string | undefined;
}

/** Runs `export`. */
export async function exportCommand(
  io: Io,
  directory: string,
  options: ExportCommandOptions,
): Promise<number> {
  const location = locateStore(directory, options.runtime);
  const { worker } = options;
  await writeOutput(io, options, location, (progress) => exportRuntime(location, { ...progress, worker }));
  return exitCodes.ok;
}
