/**
 * Random pages of events and of transcripts in both directions. The expected page
 * is determined once the log is known to that point.
 *
 * @module
 */
import {
  type EventPage,
  isRuntimeError,
  type PageOptions,
  type Runtime,
  type RuntimeEvent,
  type TranscriptPage,
} from "../../../mod.ts";
import type { Random } from "../../disk/mod.ts";
import { seqsOf } from "../kit/fold.ts";
import type { Archive } from "./archive.ts";

/** Reads a page of events, of the runtime or of one worker. */
export async function readEvents(
  runtime: Runtime,
  archive: Archive,
  random: Random,
  workerId: string | undefined,
): Promise<void> {
  const range = rangeOf(random, runtime.lastEventId);
  const page = workerId === undefined
    ? await runtime.events(range)
    : await runtime.worker(workerId).events(range);
  archive.claim(() => archive.differenceFrom(page.items, spanOf(page, range), workerId));
}

/** The ids that a page of events went through. */
function spanOf(
  page: EventPage,
  { after, before }: PageOptions,
): { readonly from: number; readonly to: number } {
  const { items, next, previous, firstEventId, lastEventId } = page;
  if (after !== undefined) return { from: after + 1, to: next ?? lastEventId };
  const from = previous ?? Math.min(firstEventId, items[0]?.id ?? firstEventId);
  return { from, to: Math.min((before ?? Infinity) - 1, lastEventId) };
}

/** Reads a page of a transcript. */
export async function readTranscript(
  runtime: Runtime,
  archive: Archive,
  random: Random,
  workerId: string,
): Promise<void> {
  const worker = runtime.worker(workerId);
  const range = rangeOf(random, worker.state().transcriptLength);
  const page = await worker.transcript(range);
  archive.claim(() => wrongWith(page, range, archive, workerId));
}

function wrongWith(
  { items, length, next, previous }: TranscriptPage,
  { after, before, limit = 50 }: PageOptions,
  archive: Archive,
  workerId: string,
): string | undefined {
  const first = after !== undefined
    ? after + 1
    : Math.max(1, Math.min(before ?? Infinity, length + 1) - limit);
  const end = after !== undefined
    ? Math.min(length + 1, after + 1 + limit)
    : Math.min(before ?? Infinity, length + 1);
  const seqs = Array.from({ length: Math.max(0, end - first) }, (_, index) => first + index);
  const found = items.map(({ seq }) => seq);
  const name = `transcript of ${workerId}, ${length} entries, ${JSON.stringify({ after, before, limit })}:`;
  if (`${found}` !== `${seqs}`) return `${name} ${found}, not ${seqs}`;
  if (items.length > 0 && ((next === null) !== (end > length) || (previous === null) !== (first <= 1))) {
    return `${name} next ${next}, previous ${previous}`;
  }
  for (const { seq, eventId, content, contentBlob, blobs } of items) {
    const event = archive.events[eventId - 1];
    const entry = event !== undefined && "entries" in event && event.workerId === workerId
      ? event.entries?.[seq - (event.seq ?? 0)]
      : undefined;
    const text = JSON.stringify([entry?.content, entry?.contentBlob, entry?.blobs]);
    if (text !== JSON.stringify([content, contentBlob, blobs])) {
      return `${name} entry ${seq} is not the one of event ${eventId}`;
    }
  }
  return undefined;
}

function rangeOf(random: Random, length: number): PageOptions {
  const limit = 1 + random.below(60);
  const cursor = random.below(length + 2);
  return random.pick([{ limit }, { after: Math.min(cursor, length), limit }, { before: cursor, limit }]);
}

/** Reads contents and blobs of a page: those of a worker that was not purged meanwhile are there. */
export async function readBlobs(
  runtime: Runtime,
  archive: Archive,
  random: Random,
  workerId: string,
): Promise<void> {
  const worker = runtime.worker(workerId);
  const { lastEventId } = runtime;
  const { items } = await worker.transcript({ limit: 1 + random.below(30) });
  try {
    for (const entry of items) {
      // Reading verifies size and hash.
      await worker.content(entry);
      for (const ref of entry.blobs ?? []) await new Response(await worker.blob(ref)).arrayBuffer();
    }
  } catch (error) {
    mustBePurged(archive, workerId, lastEventId, error);
  }
}

/** Reads the context of a worker, which is that of an event. */
export async function readContext(runtime: Runtime, archive: Archive, workerId: string): Promise<void> {
  const worker = runtime.worker(workerId);
  const state = worker.state();
  const { lastEventId, createdEventId } = state;
  try {
    const { entries, version } = await worker.context();
    const seqs = entries.map(({ seq }) => seq);
    const wanted = seqsOf(state);
    archive.claim(() => {
      const changes = archive.events.slice(createdEventId - 1, lastEventId)
        .filter((event) =>
          isOfWorker(event, workerId) && ("context" in event || event.id === createdEventId)
        );
      const last = changes.at(-1)?.id;
      return version === last && `${seqs}` === `${wanted}`
        ? undefined
        : `context of ${workerId}: ${seqs} of event ${version}, not ${wanted} of event ${last}`;
    });
  } catch (error) {
    mustBePurged(archive, workerId, lastEventId, error);
  }
}

function isOfWorker(event: RuntimeEvent, workerId: string): boolean {
  return "workerId" in event && event.workerId === workerId;
}

/** A blob may only be missing because its worker was purged after an event. Throws any other error. */
export function mustBePurged(archive: Archive, workerId: string, after: number, error: unknown): void {
  if (!isRuntimeError(error) || error.code !== "blob_missing") throw error;
  archive.claim(() => {
    const isPurged = archive.events.slice(after).some((event) =>
      event.type === "worker.purged" && event.workerId === workerId
    );
    return isPurged ? undefined : error.message;
  });
}
