/**
 * Answers about the blobs that entries refer to.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { isRuntimeError, type Runtime, type TranscriptEntry } from "../../../mod.ts";
import { encodeName } from "../../../src/fs/names.ts";
import type { Answer, Readings } from "../kit/readings.ts";

const PART = /^transcript (.*)$/;

/** Reads every blob that the transcripts among some readings refer to. */
export async function blobReadings(runtime: Runtime, readings: Readings): Promise<Map<string, Answer>> {
  const parts = new Map<string, Answer>();
  for (const { workerId, entry } of entriesIn(readings)) {
    const worker = runtime.worker(workerId);
    for (const ref of entry.blobs ?? []) {
      const read = async () =>
        hashOf(new Uint8Array(await new Response(await worker.blob(ref)).arrayBuffer()));
      parts.set(`blob ${fileOf(workerId, ref.sha256)}`, await answerOf(read));
    }
    const { contentBlob } = entry;
    if (contentBlob === undefined) continue;
    const read = async () => hashOf(JSON.stringify(await worker.content(entry)));
    parts.set(`blob ${fileOf(workerId, contentBlob.sha256)}`, await answerOf(read));
  }
  return parts;
}

/** The files of the blobs that the transcripts among some readings refer to. */
export function referencesIn(readings: Readings): Set<string> {
  return new Set(
    [...entriesIn(readings)].flatMap(({ workerId, entry: { blobs = [], contentBlob } }) =>
      [...blobs, ...contentBlob === undefined ? [] : [contentBlob]].map(({ sha256 }) =>
        fileOf(workerId, sha256)
      )
    ),
  );
}

/** Returns true if an error names the file of the blob that cannot be read, and its worker. */
export function namesBlob(error: unknown, part: string): boolean {
  if (!isRuntimeError(error)) return false;
  if (error.code === "store_permission" || error.code === "store_io") return true;
  if (error.code !== "blob_missing" && error.code !== "blob_corrupt") return false;
  const { workerId, sha256, file } = error.details;
  return part === `blob ${file}` && file === fileOf(workerId, sha256);
}

function* entriesIn(readings: Readings): Generator<{ workerId: string; entry: TranscriptEntry }> {
  for (const [part, { text }] of readings) {
    const [, workerId] = PART.exec(part) ?? [];
    if (workerId === undefined || text === undefined) continue;
    for (const entry of JSON.parse(text)) yield { workerId, entry };
  }
}

function fileOf(workerId: string, sha256: string): string {
  return `workers/${encodeName(workerId)}/blobs/${sha256}`;
}

function hashOf(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function answerOf(read: () => Promise<string>): Promise<Answer> {
  try {
    return { text: await read(), error: undefined };
  } catch (error) {
    return { text: undefined, error };
  }
}
