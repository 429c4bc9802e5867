/**
 * Writing a stream to a file, or to the standard output. The file needs only
 * `--allow-write`, and is never replaced unasked.
 *
 * @module
 */
import { invalidRequest } from "../../src/core/errors.ts";
import { guarded, isExisting, storeFault } from "../../src/fs/faults.ts";
import type { Io } from "../io.ts";

/** Where a command writes to. */
export interface OutputOptions {
  /** The file; the standard output when absent or `-`. */
  readonly output?: string | undefined;
  /** Whether a file that is there may be replaced. */
  readonly force?: boolean | undefined;
}

/** Writes chunks; gives the bytes. A new file that was not finished is removed. */
export async function withOutput(
  io: Io,
  { output, force }: OutputOptions,
  chunks: AsyncIterable<Uint8Array>,
): Promise<number> {
  if (output === undefined || output === "-") return await written(chunks, (chunk) => io.outBytes(chunk));
  using file = open(output, force === true);
  try {
    const bytes = await written(chunks, (chunk) => {
      for (let at = 0; at < chunk.length;) at += file.writeSync(chunk.subarray(at));
    });
    file.syncSync();
    return bytes;
  } catch (error) {
    Deno.removeSync(output);
    throw storeFault(error, "write", output);
  }
}

function open(path: string, replace: boolean): Deno.FsFile {
  try {
    const how = replace ? { create: true, truncate: true } : { createNew: true };
    return guarded("write", path, () => Deno.openSync(path, { write: true, mode: 0o600, ...how }));
  } catch (error) {
    if (!(error instanceof Error) || !isExisting(error.cause)) throw error;
    throw invalidRequest(`write ${JSON.stringify(path)}`, "it exists; --force replaces it");
  }
}

async function written(
  chunks: AsyncIterable<Uint8Array>,
  write: (chunk: Uint8Array) => void,
): Promise<number> {
  let bytes = 0;
  for await (const chunk of chunks) {
    write(chunk);
    bytes += chunk.length;
  }
  return bytes;
}
