/**
 * Writing a stream to a file, or to the standard output.
 *
 * @module
 */
import { type OperationOptions, saveStream, type StoreLocation } from "../../operate.ts";
import type { Io } from "../io.ts";
import { withProgress } from "../progress.ts";
import { bytes } from "../units.ts";
import { printJson, type StoreOptions } from "./view.ts";

/** Options of commands that write a stream. */
export interface OutputOptions extends StoreOptions {
  /** The file; the standard output if absent or `-`. */
  readonly output?: string | undefined;
  /** Whether an existing file may be replaced. */
  readonly force?: boolean | undefined;
}

/** Writes a stream that is read from the store at `source`, and reports the file and its size. */
export async function writeOutput(
  io: Io,
  { output, force, json }: OutputOptions,
  source: StoreLocation,
  streamOf: (options: OperationOptions) => AsyncIterable<Uint8Array>,
): Promise<void> {
  if (output === undefined || output === "-") {
    for await (const chunk of streamOf({ signal: io.signal })) io.outBytes(chunk);
    return;
  }
  const written = await withProgress(
    io,
    json === true,
    (progress) => saveStream(output, streamOf(progress), { replace: force, source }),
  );
  if (json) printJson(io, { file: output, bytes: written });
  else io.out(`Wrote ${bytes(written)} to ${output}\n`);
}
