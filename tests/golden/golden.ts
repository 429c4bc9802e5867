/**
 * Golden directories: stores that earlier versions wrote, and what is to be
 * read from them.
 *
 * @module
 */
import { join } from "@std/path";
import { openReader } from "../fs/reading/reader.ts";

/** The golden directory of a version of the format. */
export function golden(version: string): string {
  return new URL(version, import.meta.url).pathname;
}

/** All that a reader sees of the runtime "local" of a root, as plain JSON. */
export async function seenIn(root: string): Promise<unknown> {
  await using view = await openReader({ directory: join(root, "runtimes", "local") });
  const workers = [...view.allWorkers()];
  const transcripts: Record<string, unknown> = {};
  for (const { record: { workerId } } of workers) {
    transcripts[workerId] = (await view.transcript(workerId, { limit: 1_000 })).items;
  }
  const { items: events } = await view.events({ limit: 1_000 });
  return JSON.parse(JSON.stringify({ overview: view.overview(), workers, transcripts, events }));
}
