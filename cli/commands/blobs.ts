/**
 * Blobs of a worker: `blobs` lists them and removes those that no entry refers to,
 * `blob` writes one to a file.
 *
 * @module
 */
import { openRuntime, type WorkerBlob, workerBlobs } from "../../operate.ts";
import { invalidRequest } from "../../store.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { oneLine, tone } from "../style.ts";
import { table } from "../table.ts";
import { bytes, counted, whole } from "../units.ts";
import { writeOutput } from "./moving.ts";
import type { Located } from "./view.ts";
import type { OpenedStore } from "../store.ts";

const COLUMNS = [
  { name: "BLOB" },
  { name: "BYTES", align: "right" },
  { name: "TYPE", flexible: true },
  { name: "ENTRIES", align: "right" },
  { name: "NEWEST", align: "right", optional: true },
] as const;

/** Runs `blobs`. */
export async function blobsCommand(
  io: Io,
  { apply, json }: Options,
  { location }: Located,
  workerId: string,
): Promise<void> {
  if (apply && "client" in location) {
    throw invalidRequest(
      "remove blobs",
      "--apply works on stores on disk; the owner of a database has removeUnreferencedBlobs",
    );
  }
  const blobs = await workerBlobs(location, workerId, { signal: io.signal });
  const unreferenced = blobs.filter(({ references }) => references === 0);
  const applied = apply === true && unreferenced.length > 0;
  let removed: readonly Pick<WorkerBlob, "sha256" | "bytes">[] = [];
  if (applied && !("client" in location)) {
    await using runtime = await openRuntime(location);
    removed = await runtime.worker(workerId).removeUnreferencedBlobs();
  }
  const what = applied ? removed : unreferenced;
  const size = what.reduce((sum, blob) => sum + blob.bytes, 0);
  const sum = `${counted(what.length, "blob")} (${bytes(size)}) that no entry refers to`;
  const ending = unreferenced.length === 0
    ? "Entries refer to all of them.\n"
    : applied
    ? `Removed ${sum}.\n`
    : `Would remove ${sum}.\nNothing was changed. Run again with --apply to do it.\n`;
  const text = blobs.length === 0
    ? "no blobs\n"
    : table(io, COLUMNS, blobs.map((blob) => rowOf(io, blob))) + ending;
  print(io, json, { blobs, removed, applied }, text);
}

function rowOf(io: Io, { sha256, bytes: size, mediaType, references, seq, missing }: WorkerBlob): string[] {
  const type = missing ? tone(io, "bad", "missing") : oneLine(mediaType ?? "");
  return [sha256, bytes(size), type, whole(references), seq === undefined ? "" : whole(seq)];
}

/** Runs `blob`. */
export async function blobCommand(
  io: Io,
  options: Options,
  { view, source, location }: OpenedStore,
  workerId: string,
  sha256: string,
): Promise<void> {
  const { record } = view.worker(workerId);
  if (!/^[0-9a-f]{64}$/.test(sha256)) {
    throw invalidRequest(
      `read blob ${JSON.stringify(sha256)}`,
      "a SHA-256 of 64 hexadecimal digits is needed",
    );
  }
  const size = await source.blobSize(record.workerId, sha256) ?? 0;
  const stream = await view.blob(workerId, { sha256, bytes: size, mediaType: "" });
  await writeOutput(io, options, location, ({ signal }) => untilAborted(stream, signal));
}

async function* untilAborted(
  stream: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    signal?.throwIfAborted();
    yield chunk;
  }
}
