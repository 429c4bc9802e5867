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

/** All that a reader sees of the runtime "local" of a root, as plain JSON. Reads every blob. */
export async function seenIn(root: string): Promise<unknown> {
  await using view = await openReader({ directory: join(root, "runtimes", "local") });
  const workers = [...view.allWorkers()];
  const transcripts: Record<string, unknown> = {};
  const contents: Record<string, unknown> = {};
  const contexts: Record<string, number[]> = {};
  for (const { record: { workerId } } of workers) {
    const { items } = await view.transcript(workerId, { limit: 1_000 });
    transcripts[workerId] = items;
    contents[workerId] = await Promise.all(items.map((entry) => view.content(workerId, entry)));
    contexts[workerId] = (await view.context(workerId)).entries.map(({ seq }) => seq);
    for (const ref of items.flatMap(({ blobs = [] }) => blobs)) {
      await new Response(await view.blob(workerId, ref)).bytes();
    }
  }
  const { items: events } = await view.events({ limit: 1_000 });
  const overview = view.overview();
  return JSON.parse(JSON.stringify({ overview, workers, transcripts, contents, contexts, events }));
}

/** A value whose long strings are replaced by their beginning and length, so that a file of it stays small. */
export function shortened(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value),
    (_name, member) =>
      typeof member === "string" && member.length > 1_000
        ? { begins: member.slice(0, 40), length: member.length }
        : member,
  );
}
