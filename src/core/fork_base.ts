/**
 * The base of a fork: the entries that it has from the worker it was forked from.
 * They are lines of JSON in blobs of the fork, in order, of about 1 MiB each. One more
 * blob, the index, lists these, and the blobs that the entries refer to.
 *
 * @module
 */
import { blobFacts, blobFactsShape, type BlobRef } from "./blob_ref.ts";
import { RuntimeError } from "./errors.ts";
import type { WorkerFork } from "./event_types.ts";
import type { WorkerId } from "./ids.ts";
import { limits } from "./limits.ts";
import { integer, list, object } from "./shape.ts";
import type { BlobFacts, ReadRange, StoredRuntime } from "./store.ts";
import { byteLength } from "./text.ts";

/** Bytes of lines in a blob, unless a single line has more. */
const CHUNK_BYTES = 1_048_576;
/** Bytes of an index that are read. */
export const INDEX_BYTES_MAX = 67_108_864;
/** Media types of the blobs of a base. */
export const BASE_TYPES = { index: "application/json", lines: "application/jsonl" } as const;

/** An entry of a base, as a page of the transcript has it. */
export interface BaseEntry {
  /** Its sequence. */
  readonly seq: number;
}

/** A blob with entries of a base. */
export interface BaseChunk extends BlobFacts {
  /** Sequence of its first entry. */
  readonly seq: number;
}

/** The index of a base. */
export interface BaseIndex {
  /** Blobs with the entries, in their order. */
  readonly chunks: readonly BaseChunk[];
  /** Blobs that the entries refer to, in the order of their first references. */
  readonly blobs: readonly BlobFacts[];
}

const indexShape = object({
  chunks: list(object({ seq: integer(1), ...blobFacts })),
  blobs: list(blobFactsShape),
});

type BlobReads = Pick<StoredRuntime, "readBlob">;

/** Puts a text as a blob. */
type PutText = (text: string) => Promise<BlobFacts>;

/** Writes entries as a base. */
export class BaseWriter {
  readonly #put: PutText;
  readonly #chunks: BaseChunk[] = [];
  readonly #blobs = new Map<string, BlobFacts>();
  #lines: string[] = [];
  #bytes = 0;
  #first = 1;

  /** A base without entries. */
  constructor(put: PutText) {
    this.#put = put;
  }

  /** Adds an entry, which follows the one before. */
  async add(entry: BaseEntry): Promise<void> {
    const line = JSON.stringify(entry);
    const bytes = byteLength(line) + 1;
    if (this.#bytes > 0 && this.#bytes + bytes > CHUNK_BYTES) await this.#putLines();
    if (this.#lines.length === 0) this.#first = entry.seq;
    this.#lines.push(line);
    this.#bytes += bytes;
  }

  /** Adds a blob that entries refer to; false if it was added before. */
  addBlob({ sha256, bytes }: BlobFacts): boolean {
    if (this.#blobs.has(sha256)) return false;
    this.#blobs.set(sha256, { sha256, bytes });
    return true;
  }

  /** Writes the index; returns the reference to it. */
  async end(): Promise<BlobRef> {
    await this.#putLines();
    const index: BaseIndex = { chunks: this.#chunks, blobs: [...this.#blobs.values()] };
    return { ...await this.#put(JSON.stringify(index)), mediaType: BASE_TYPES.index };
  }

  async #putLines(): Promise<void> {
    if (this.#lines.length === 0) return;
    const { sha256, bytes } = await this.#put(`${this.#lines.join("\n")}\n`);
    this.#chunks.push({ seq: this.#first, sha256, bytes });
    this.#lines = [];
    this.#bytes = 0;
  }
}

/** Reads the index of a base. Throws `blob_missing`, `blob_corrupt`. */
export async function readIndex(
  store: BlobReads,
  workerId: WorkerId,
  { sha256, bytes }: BlobFacts,
): Promise<BaseIndex> {
  if (bytes > INDEX_BYTES_MAX) throw noBase(workerId, sha256, `${bytes} bytes are too many`);
  const index = parseIndex(await textOf(store, workerId, { sha256, bytes }));
  if (index === undefined) throw noBase(workerId, sha256, "it is not the index of a base");
  return index;
}

/** Parses the index of a base; undefined if it is none. */
export function parseIndex(text: string): BaseIndex | undefined {
  const index = parsed(text);
  return indexShape(index, "stored") === undefined ? index as BaseIndex : undefined;
}

/** All blobs of a base: its index, its entries, and those that they refer to. Throws `blob_missing`, `blob_corrupt`. */
export async function blobsOfBase(
  store: BlobReads,
  workerId: WorkerId,
  base: BlobFacts,
): Promise<BlobFacts[]> {
  const { chunks, blobs } = await readIndex(store, workerId, base);
  const all = [base, ...chunks, ...blobs].map(({ sha256, bytes }) => ({ sha256, bytes }));
  return [...new Map(all.map((blob) => [blob.sha256, blob])).values()];
}

/**
 * Entries of a base, as many of a range as fit a page: at least one, if the range is not empty. Throws
 * `blob_missing`, `blob_corrupt`.
 */
export async function readBaseEntries(
  store: BlobReads,
  workerId: WorkerId,
  { base, seq }: WorkerFork,
  { from, to, keep }: ReadRange,
): Promise<BaseEntry[]> {
  if (base === undefined || from > to) return [];
  const { chunks } = await readIndex(store, workerId, base);
  const wanted = chunks.flatMap((chunk, index) => {
    const next = chunks[index + 1]?.seq ?? seq + 1;
    return chunk.seq <= to && next > from ? [{ ...chunk, next }] : [];
  });
  const items: BaseEntry[] = [];
  let bytes = 0;
  for (const chunk of keep === "first" ? wanted : wanted.toReversed()) {
    const lines = await linesOf(store, workerId, chunk);
    const own = lines.map((line, index) => ({ line, seq: chunk.seq + index }))
      .filter(({ seq }) => seq >= from && seq <= to);
    for (const { line, seq } of keep === "first" ? own : own.toReversed()) {
      bytes += byteLength(line);
      if (items.length > 0 && bytes > limits.pageBytesMax) return inOrder(items, keep);
      items.push(entryOf(workerId, chunk, line, seq));
    }
  }
  return inOrder(items, keep);
}

function inOrder(items: BaseEntry[], keep: ReadRange["keep"]): BaseEntry[] {
  return keep === "first" ? items : items.reverse();
}

/** The lines of a blob with the entries up to `next`. */
async function linesOf(
  store: BlobReads,
  workerId: WorkerId,
  chunk: BaseChunk & { readonly next: number },
): Promise<string[]> {
  const lines = (await textOf(store, workerId, chunk)).split("\n");
  if (lines.pop() === "" && lines.length === chunk.next - chunk.seq) return lines;
  throw noBase(workerId, chunk.sha256, `it does not hold entries ${chunk.seq} to ${chunk.next - 1}`);
}

function entryOf(workerId: WorkerId, { sha256 }: BaseChunk, line: string, seq: number): BaseEntry {
  const entry = parsed(line) as BaseEntry | undefined;
  if (entry?.seq !== seq) throw noBase(workerId, sha256, `entry ${seq} is not in its place`);
  return entry;
}

async function textOf(store: BlobReads, workerId: WorkerId, { sha256, bytes }: BlobFacts): Promise<string> {
  return await new Response(await store.readBlob(workerId, { sha256, bytes })).text();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function noBase(workerId: WorkerId, sha256: string, reason: string): RuntimeError<"blob_corrupt"> {
  const message = `Cannot read base of worker ${JSON.stringify(workerId)}: blob ${sha256}: ${reason}`;
  return new RuntimeError("blob_corrupt", message, { workerId, sha256, file: "", reason });
}
