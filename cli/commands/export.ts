/**
 * `export`: a runtime, or one worker, as JSON lines.
 *
 * @module
 */
import { exportRuntime, type StoreLocation } from "../../operate.ts";
import { exitCodes } from "../failure.ts";
import type { Io } from "../io.ts";
import type { Options } from "../options.ts";
import { writeOutput } from "./output.ts";

/** Runs `export`. */
export async function exportCommand(io: Io, options: Options, location: StoreLocation): Promise<number> {
  const { worker } = options;
  await writeOutput(io, options, location, (progress) => exportRuntime(location, { ...progress, worker }));
  return exitCodes.ok;
}
