/**
 * Export of a runtime, or of one worker, as one stream of JSON lines. Takes no
 * lock; events added meanwhile are not included.
 *
 * @module
 */
import { RuntimeError, withSpot } from "../../core/errors.ts";
import type { RuntimeEvent } from "../../core/event_types.ts";
import { parseEvent, startOfEntries } from "../../core/events.ts";
import { type WorkerId, workerIdOf, type WorkerName } from "../../core/ids.ts";
import { plainLines } from "../../core/json.ts";
import { snapshotTexts } from "../../core/snapshots.ts";
import type { WorkerState } from "../../core/state.ts";
import type { BlobOwner } from "../../core/store.ts";
import { absoluteLocation, type StoreLocation } from "../../fs/place/find.ts";
import type { PostgresLocation } from "../../postgres/location.ts";
import { Meter, type OperationOptions, placeOf } from "../options.ts";
import { ExportDirectory } from "./export_directory.ts";
import { encodeStream, EXPORT_FORMAT, EXPORT_VERSION, type ExportHeader } from "./export_format.ts";
import { ExportRows } from "./export_postgres.ts";
import type { ExportSource } from "./export_source.ts";
import { cannotExport, ExportedBlobs, purgedMeanwhile } from "./exported_blobs.ts";

/** Options of {@linkcode exportRuntime}. */
export interface ExportOptions extends OperationOptions {
  /**
   * Only this worker. The stream is then that of a runtime with this worker alone:
   * its events are renumbered, and each keeps its original number in `originalId`.
   * It can be imported as a separate runtime.
   */
  readonly worker?: WorkerName | undefined;
}

/**
 * Exports a runtime on disk or in a PostgreSQL database, or one worker, as a stream of
 * JSON lines (the first line names the format). Requires `--allow-read` of the store,
 * or `--allow-net=HOST:PORT` for the client. The stream does not depend on where the
 * runtime is, and exporting an import of it produces the same stream. Throws
 * `store_corrupt` if the log is damaged, `blob_missing` and `blob_corrupt` for a blob
 * that an entry refers to, `worker_not_found`, and `cursor_expired` for a worker whose
 * first events were pruned, and if a writer prunes or purges data that is still to be
 * read: another attempt begins with the data that is kept.
 */
export function exportRuntime(
  location: StoreLocation | PostgresLocation,
  options: ExportOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  // Resolved before the first step: by then the process may have changed its directory.
  return exportFrom("client" in location ? location : absoluteLocation(location), options);
}

async function* exportFrom(
  location: StoreLocation | PostgresLocation,
  options: ExportOptions,
): AsyncGenerator<Uint8Array, void, void> {
  const source = "client" in location
    ? await ExportRows.open(location)
    : await ExportDirectory.open(placeOf(location, options));
  const { worker } = options;
  const meter = new Meter(options);
  const { total, unit } = source.size;
  meter.stage("export", total, unit);
  const lines = worker === undefined
    ? allLines(source, meter)
    : workerLines(source, workerIdOf(worker, source.runtimeId), meter);
  yield* encodeStream(lines);
}

function header(
  { runtimeId, createdAt, config }: ExportSource,
  firstEventId: number,
  lastEventId: number,
): ExportHeader {
  return {
    format: EXPORT_FORMAT,
    version: EXPORT_VERSION,
    runtimeId,
    createdAt,
    firstEventId,
    lastEventId,
    ...(config === undefined ? {} : { config }),
  };
}

/** Parses an event: every export can be imported. */
function parsed(source: ExportSource, text: string): RuntimeEvent {
  try {
    return parseEvent(text);
  } catch (error) {
    throw withSpot(error, () => source.spotOf(Number(originalId(text))));
  }
}

async function* allLines(source: ExportSource, meter: Meter): AsyncGenerator<string, void, void> {
  const { firstEventId, ledger } = source;
  yield plainLines(JSON.stringify(header(source, firstEventId, ledger.runtime.lastEventId)));
  const blobs = new ExportedBlobs(source);
  if (firstEventId > 1) yield* prunedLines(source, blobs);
  for await (const text of source.events(0, meter)) {
    yield* blobs.before(parsed(source, text));
    yield text;
  }
}

/** Lines that replace the pruned events: the state at the last event, independent of the checkpoint it was read from. */
async function* prunedLines(
  source: ExportSource,
  blobs: ExportedBlobs,
): AsyncGenerator<string, void, void> {
  const { firstEventId, ledger } = source;
  const { through, runtimeJson, workers } = snapshotTexts(ledger);
  yield `{"snapshot":{"through":${through},"runtime":${runtimeJson}}}`;
  for (const { workerId, json } of workers) {
    const createdEventId = ledger.worker(workerId)?.createdEventId ?? 0;
    yield `{"snapshotWorker":{"createdEventId":${createdEventId},"part":${json}}}`;
  }
  const missing: BlobOwner[] = [];
  for (const state of ledger.workers()) {
    const { record: { workerId }, createdEventId, transcriptLength, fork } = state;
    if (createdEventId >= firstEventId) continue;
    if (fork?.base !== undefined) {
      yield* blobs.ofBase(workerId, createdEventId, fork.base);
      yield plainLines(JSON.stringify({ transcriptBase: { workerId } }));
    }
    if (transcriptLength === (fork?.seq ?? 0)) continue;
    if (!(yield* oldLines(source, state, blobs))) missing.push({ workerId, createdEventId });
  }
  const [purged] = missing.length === 0 ? [] : await source.purgedSince(missing);
  if (purged === undefined) return;
  throw purgedMeanwhile(purged.workerId, purged.createdEventId, firstEventId);
}

/** The part of a worker's transcript that precedes the log; returns `false` if it does not exist. */
async function* oldLines(
  source: ExportSource,
  state: WorkerState,
  blobs: ExportedBlobs,
): AsyncGenerator<string, boolean, void> {
  const events = source.oldTranscript(state);
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done) return value;
      yield* blobs.before(value.event);
      yield `{"transcriptEvent":${value.text}}`;
    }
  } finally {
    await events.return(false);
  }
}

async function* workerLines(
  source: ExportSource,
  workerId: WorkerId,
  meter: Meter,
): AsyncGenerator<string, void, void> {
  const { runtimeId, firstEventId, ledger } = source;
  const state = ledger.worker(workerId);
  if (state === undefined) {
    const message = `Cannot export worker ${JSON.stringify(workerId)}: there is no such worker`;
    throw new RuntimeError("worker_not_found", message, { workerId });
  }
  const { createdEventId, createdAt } = state;
  if (createdEventId < firstEventId) {
    const why = "its first events were pruned; export the whole runtime";
    throw cannotExport(workerId, createdEventId, why, firstEventId);
  }
  // The first line contains the number of events: count first, then write.
  let count = 1;
  for await (const _found of eventsOfWorker(source, createdEventId, workerId)) count++;
  const { config: _config, ...head } = header(source, 1, count);
  yield plainLines(JSON.stringify({ ...head, createdAt, workerId }));
  yield plainLines(JSON.stringify({ id: 1, at: createdAt, type: "runtime.created", runtimeId }));
  let id = 1;
  const blobs = new ExportedBlobs(source);
  for await (const { event, text } of eventsOfWorker(source, createdEventId, workerId, meter)) {
    yield* blobs.before(event);
    yield renumbered(text, ++id);
  }
}

async function* eventsOfWorker(
  source: ExportSource,
  createdEventId: number,
  workerId: WorkerId,
  meter?: Meter,
): AsyncGenerator<{ readonly event: RuntimeEvent; readonly text: string }, void, void> {
  const mark = plainLines(JSON.stringify(workerId));
  for await (const text of source.events(createdEventId - 1, meter)) {
    if (!text.includes(mark) && !text.includes('"type":"runtime.retired"')) continue;
    const event = parsed(source, text);
    if (event.type === "runtime.retired" || ("workerId" in event && event.workerId === workerId)) {
      yield { event, text };
    }
  }
}

/** The id in the text of an event. */
function originalId(text: string): string {
  return text.slice('{"id":'.length, text.indexOf(","));
}

const ORIGINAL = /,"originalId":\d+$/;

/** Returns an event with a new id, and its original id at the end, but before its entries. */
function renumbered(text: string, id: number): string {
  const comma = text.indexOf(",");
  const entriesAt = startOfEntries(text) ?? text.length - 1;
  const members = text.slice(comma, entriesAt);
  const original = ORIGINAL.test(members) ? "" : `,"originalId":${originalId(text)}`;
  return `{"id":${id}${members}${original}${text.slice(entriesAt)}`;
}
