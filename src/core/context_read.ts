/**
 * Reading a context: all of its entries, with their content.
 *
 * @module
 */
import { contextRanges, contextVersion } from "./context.ts";
import { limitExceeded } from "./errors.ts";
import type { ContentOf, HostTypes } from "./host_types.ts";
import { type Json, plainLines } from "./json.ts";
import { limits } from "./limits.ts";
import type { PageRange, TranscriptEntry, TranscriptPage } from "./reading.ts";
import { assertShape, integer, object } from "./shape.ts";
import type { WorkerState } from "./state.ts";
import { byteLength } from "./text.ts";

/** Options of `Worker.context`. */
export interface ContextOptions {
  /** At most so many bytes of content, as JSON; more is `limit_exceeded`. @default {67_108_864} */
  readonly bytesMax?: number | undefined;
}

/** An entry of a context, with its content wherever that is kept. */
export interface ContextEntry<Types extends HostTypes = HostTypes>
  extends Omit<TranscriptEntry<Types>, "content" | "contentBlob"> {
  /** The content: a string, or JSON. */
  readonly content: ContentOf<Types>;
}

/** The part of a transcript that a model sees, at one moment. */
export interface WorkerContext<Types extends HostTypes = HostTypes> {
  /** The event of the last compaction or rewind, or else of the worker's creation; for `expect.contextVersion`. */
  readonly version: number;
  /** All entries: the summary first, then the others in the order of the transcript. */
  readonly entries: readonly ContextEntry<Types>[];
  /** Bytes of all contents, as JSON in UTF-8. */
  readonly bytes: number;
}

/** Reads of the entries of one worker. */
export interface EntryReads {
  /** A page of its transcript. */
  page(range: PageRange): Promise<TranscriptPage>;
  /** The content of an entry. */
  content(entry: TranscriptEntry): Promise<Json>;
}

/** Reads the context of a state. Throws `invalid_request`, and `limit_exceeded` before it reads a blob. */
export async function readContext(
  state: WorkerState,
  options: ContextOptions,
  reads: EntryReads,
): Promise<WorkerContext> {
  const action = "read context";
  assertShape(object({}, { bytesMax: integer(1) }), options, action);
  const { bytesMax = limits.contextBytesDefault } = options;
  const kept: TranscriptEntry[] = [];
  let bytes = 0;
  for await (const entry of entriesOf(state, reads)) {
    bytes += contentBytes(entry);
    if (bytes > bytesMax) {
      throw limitExceeded(action, "context bytes (compact reduces them)", bytesMax, bytes);
    }
    kept.push(entry);
  }
  const entries: ContextEntry[] = [];
  for (const entry of kept) {
    const { contentBlob: _, ...members } = entry;
    entries.push({ ...members, content: await reads.content(entry) });
  }
  return { version: contextVersion(state), entries, bytes };
}

/** The entries of a context in order, read in pages. */
async function* entriesOf(state: WorkerState, reads: EntryReads): AsyncGenerator<TranscriptEntry> {
  const limit = limits.pageItemsMax;
  for (const [first, to] of contextRanges(state)) {
    for (let from = first; from <= to;) {
      const { items } = await reads.page({ from, to: Math.min(to, from + limit - 1), keep: "first", limit });
      yield* items;
      from += items.length;
    }
  }
}

function contentBytes({ content = null, contentBlob }: TranscriptEntry): number {
  return contentBlob?.bytes ?? byteLength(plainLines(JSON.stringify(content)));
}
