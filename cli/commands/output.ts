/**
 * Writing a stream to a file, or to the standard output.
 *
 * @module
 */
import { type OperationOptions, saveStream, type StoreLocation } from "../../operate.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { withProgress } from "../progress.ts";
import { bytes } from "../units.ts";

/** Writes a stream that is read from the store at `source`, and reports the file and its size. */
export async function writeOutput(
  io: Io,
  { output = "-", force, json }: Options,
  source: StoreLocation,
  streamOf: (options: OperationOptions) => AsyncIterable<Uint8Array>,
): Promise<void> {
  if (output === "-") {
    for await (const chunk of streamOf({ signal: io.signal })) io.outBytes(chunk);
    return;
  }
  const written = await withProgress(
    io,
    json,
    (progress) => saveStream(output, streamOf(progress), { replace: force, source }),
  );
  print(io, json, { file: output, bytes: written }, `Wrote ${bytes(written)} to ${output}\n`);
}
