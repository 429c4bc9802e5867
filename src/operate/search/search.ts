/**
 * Search in the transcripts of a runtime.
 *
 * @module
 */
import type { BlobRef } from "../../core/blob_ref.ts";
import { invalidRequest } from "../../core/errors.ts";
import { type RuntimeId, type WorkerId, workerIdOf, type WorkerName } from "../../core/ids.ts";
import type { Json } from "../../core/json.ts";
import type { Ledger } from "../../core/ledger.ts";
import { limits } from "../../core/limits.ts";
import { RuntimeReader } from "../../core/reader.ts";
import type { TranscriptEntry } from "../../core/reading.ts";
import { noContent } from "../../core/reads.ts";
import { workerNotFound } from "../../core/rules.ts";
import { Runtime } from "../../core/runtime.ts";
import { assertShape, list, object, oneOf, type Shape, text } from "../../core/shape.ts";
import type { WorkerState } from "../../core/state.ts";
import { absoluteLocation, type StoreLocation } from "../../fs/place/find.ts";
import type { PostgresLocation } from "../../postgres/location.ts";
import { type OperationOptions, placeOf } from "../options.ts";
import type { Finding } from "../verify/finding.ts";
import { Conduct } from "./conduct.ts";
import { SearchedDirectory } from "./directory.ts";
import { type ContentMatch, matchesIn } from "./matches.ts";
import { type Needle, needleOf } from "./needle.ts";
import { SearchedPages } from "./pages.ts";
import { Prefilter } from "./prefilter.ts";
import { SearchedRows } from "./rows.ts";
import { reportBlob, type SearchedWorker, type SearchSource } from "./source.ts";

/** Options of {@linkcode search}. */
export interface SearchOptions extends Pick<OperationOptions, "signal" | "fileSystem"> {
  /** Only these workers. @default all */
  readonly workers?: readonly WorkerName[] | undefined;
  /** Only entries of these roles. @default all */
  readonly roles?: readonly string[] | undefined;
  /** Only entries of this time or later: a `Date`, or ISO 8601. */
  readonly since?: Date | string | undefined;
  /** Only entries before this time. */
  readonly until?: Date | string | undefined;
  /** A text also matches in other case, by Unicode's simple folding. A RegExp has a flag for it. @default {false} */
  readonly ignoreCase?: boolean | undefined;
  /** Ends the search after this many hits, 1 or more. @default no limit */
  readonly limit?: number | undefined;
  /**
   * Receives damage: `healable` if the log has what a transcript lacks, `damaged` if
   * entries could not be searched. @default the search throws the error of the latter
   */
  readonly onFinding?: ((finding: Finding) => void) | undefined;
}

/** A string in the content of an entry that matches. Plain JSON. */
export interface SearchHit extends ContentMatch {
  /** The worker. */
  readonly workerId: WorkerId;
  /** Sequence of the entry. */
  readonly seq: number;
  /** The event that appended it. */
  readonly eventId: number;
  /** Time of the entry, ISO 8601. */
  readonly at: string;
  /** Role of its author. */
  readonly role: string;
  /** Name of its author or tool. */
  readonly name?: string;
}

/** Checked elsewhere. */
const any: Shape = () => undefined;
const optionsShape = object({}, {
  workers: list(any),
  roles: list(text(limits.nameBytesMax)),
  since: any,
  until: any,
  ignoreCase: oneOf(true, false),
  limit: any,
  onFinding: any,
  signal: any,
  fileSystem: any,
});

/**
 * Searches the transcripts of a runtime on disk, in a PostgreSQL database, or open in
 * this process (then page by page, which is slower), as they are when it begins.
 * Yields a hit for the first match in each string of a content that matches: the
 * content itself, or every string value in it, also of content in blobs. Names of
 * members, and `name`, `id` and `metadata` of entries are not searched. Hits of one
 * worker come in the order of its transcript, those in damaged lines last; workers come
 * in no particular order.
 *
 * A text is found exactly as it is, in whole code points. A RegExp is applied to each
 * string by itself, without its flags `g` and `y`; every entry is read and parsed for
 * it, and one with much backtracking can block the process for as long as that takes.
 *
 * Memory is bounded by the largest content. Takes no lock and changes nothing. Requires
 * `--allow-read` of the store, or `--allow-net=HOST:PORT` for the client. Throws
 * `invalid_request`, `worker_not_found`, `store_missing`, and for damage, unless there
 * is `onFinding`, `store_corrupt`, `blob_missing` and `blob_corrupt`. Every line on disk
 * is checked, whether it matches or not; rows of a database are not.
 */
export function search(
  source: StoreLocation | PostgresLocation | Runtime | RuntimeReader,
  searched: string | RegExp,
  options: SearchOptions = {},
): AsyncGenerator<SearchHit, void, void> {
  assertShape(optionsShape, options, "search");
  const needle = needleOf(searched, options.ignoreCase ?? false);
  const filter = filterOf(options);
  const { limit = Infinity } = options;
  if (limit !== Infinity && !(Number.isSafeInteger(limit) && limit >= 1)) {
    throw invalidRequest("search", `limit: 1 or more is allowed, not ${limit}`);
  }
  // Resolved before the first step: by then the process may have changed its directory.
  const isPath = !isView(source) && !("client" in source);
  return hitsIn(isPath ? absoluteLocation(source) : source, needle, filter, limit, options);
}

function isView(source: object): source is Runtime | RuntimeReader {
  return source instanceof Runtime || source instanceof RuntimeReader;
}

/** Selects entries. */
type Filter = (entry: TranscriptEntry) => boolean;

function filterOf({ roles, since, until }: SearchOptions): Filter {
  const wanted = roles === undefined ? undefined : new Set(roles);
  const [from, to] = [timeOf("since", since), timeOf("until", until)];
  // Times of entries all have the same form.
  return ({ role, at }) =>
    (wanted === undefined || wanted.has(role)) &&
    (from === undefined || at >= from) && (to === undefined || at < to);
}

function timeOf(name: string, time: Date | string | undefined): string | undefined {
  if (time === undefined) return undefined;
  const date = new Date(time);
  if (!Number.isNaN(date.getTime())) return date.toISOString();
  throw invalidRequest("search", `${name}: a time is needed, such as 2026-07-31T08:00:00.000Z`);
}

async function* hitsIn(
  source: StoreLocation | PostgresLocation | Runtime | RuntimeReader,
  needle: Needle,
  isWanted: Filter,
  limit: number,
  options: SearchOptions,
): AsyncGenerator<SearchHit, void, void> {
  const conduct = new Conduct(options.signal, options.onFinding);
  await conduct.pause();
  const opened = await openSource(source, needle, conduct, options);
  try {
    const contents = new Contents(opened, needle, conduct);
    let left = limit;
    for await (const { worker, entries } of opened.candidates()) {
      for (const entry of entries.filter(isWanted)) {
        const { workerId } = worker;
        const { seq, eventId, at, role, name } = entry;
        const named = name === undefined ? {} : { name };
        for (const match of matchesIn(await contents.of(worker, entry), needle.pattern)) {
          yield { workerId, seq, eventId, at, role, ...named, ...match };
          if (--left === 0) return;
          await conduct.pause();
        }
      }
    }
  } finally {
    await opened.close();
  }
}

async function openSource(
  source: StoreLocation | PostgresLocation | Runtime | RuntimeReader,
  needle: Needle,
  conduct: Conduct,
  options: SearchOptions,
): Promise<SearchSource> {
  if (isView(source)) {
    return new SearchedPages(source, chosen(source.allWorkers(), source.runtimeId, options), conduct);
  }
  const choose = (ledger: Ledger) => chosen(ledger.workers(), ledger.runtime.runtimeId, options);
  if ("client" in source) return await SearchedRows.open(source, choose, needle, conduct);
  return await SearchedDirectory.open(placeOf(source, options), choose, needle, conduct);
}

/** The transcripts of workers. Throws `worker_not_found`, `wrong_runtime`. */
function chosen(
  states: Iterable<WorkerState>,
  runtimeId: RuntimeId,
  { workers }: SearchOptions,
): SearchedWorker[] {
  const wanted = workers === undefined
    ? undefined
    : new Set(workers.map((name) => workerIdOf(name, runtimeId)));
  const found: SearchedWorker[] = [];
  for (const { record: { workerId }, createdEventId, transcriptLength: length, fork } of states) {
    if (wanted === undefined || wanted.delete(workerId)) {
      found.push({ workerId, createdEventId, length, fork });
    }
  }
  for (const workerId of wanted ?? []) throw workerNotFound(workerId, "search transcript");
  return found;
}

/** Contents of entries, also those in blobs. */
class Contents {
  readonly #source: SearchSource;
  readonly #prefilter: Prefilter;
  readonly #conduct: Conduct;

  constructor(source: SearchSource, needle: Needle, conduct: Conduct) {
    this.#source = source;
    this.#prefilter = new Prefilter(needle);
    this.#conduct = conduct;
  }

  /** The content of an entry; null if it is a blob that cannot match, or that is damaged, which is reported. */
  async of(worker: SearchedWorker, { content = null, contentBlob }: TranscriptEntry): Promise<Json> {
    if (contentBlob === undefined) return content;
    try {
      return await this.#inBlob(worker.workerId, contentBlob);
    } catch (error) {
      await reportBlob(error, this.#source, worker, this.#conduct);
      return null;
    }
  }

  async #inBlob(workerId: WorkerId, blob: BlobRef): Promise<Json> {
    const { sha256, bytes: size } = blob;
    if (size > limits.contentBytesMax) throw noContent(workerId, sha256, `${size} bytes are too many`);
    const bytes = await new Response(await this.#source.readBlob(workerId, blob)).bytes();
    if (!this.#prefilter.mayMatch({ bytes, start: 0, end: bytes.length, offset: 0 })) return null;
    try {
      return JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      throw noContent(workerId, sha256, "its bytes are not JSON");
    }
  }
}
