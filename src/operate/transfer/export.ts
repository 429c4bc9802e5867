/**
 * Export of a runtime, or of one worker, as one stream of JSON lines. Takes no
 * lock; events added meanwhile are not included.
 *
 * @module
 */
import { RuntimeError } from "../../core/errors.ts";
import type { RuntimeEvent } from "../../core/event_types.ts";
import { parseEvent, startOfEntries } from "../../core/events.ts";
import { type WorkerId, workerIdOf, type WorkerName } from "../../core/ids.ts";
import { plainLines } from "../../core/json.ts";
import type { Ledger } from "../../core/ledger.ts";
import { snapshotTexts } from "../../core/snapshots.ts";
import { openIfThere, readSmallFile } from "../../fs/disk/files.ts";
import { corrupt, guarded, ifCorrupt, located } from "../../fs/disk/faults.ts";
import { readIdentity } from "../../fs/place/identity.ts";
import { nameOf, workerLayout } from "../../fs/layout.ts";
import { isWhole, scanLines } from "../../fs/lines/scanner.ts";
import { eventText, idOf } from "../../fs/lines/codec.ts";
import { segmentSpot } from "../../fs/log/segments.ts";
import {
  hasTranscriptHeader,
  transcriptHeaderBytes,
  type TranscriptOwner,
} from "../../fs/transcripts/file.ts";
import { cannotExport, ExportedBlobs, purgedMeanwhile } from "./exported_blobs.ts";
import { encodeStream, EXPORT_FORMAT, EXPORT_VERSION, type ExportHeader } from "./export_format.ts";
import { foldLog, type LogFollower } from "../../fs/reading/follower.ts";
import { logLines, type ScanRange } from "../../fs/log/scan.ts";
import { absoluteLocation, type FoundPlace, type StoreLocation } from "../../fs/place/find.ts";
import { Meter, type OperationOptions, placeOf } from "../options.ts";
import { logBytes } from "../sizes.ts";
import { purgedSince } from "../read/purged_since.ts";

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
 * Exports a runtime, or one worker, as a stream of JSON lines (the first line names
 * the format). Requires `--allow-read` of the store. Exporting an import of the
 * stream produces the same stream. Throws `store_corrupt` if the log is damaged,
 * `blob_missing` and `blob_corrupt` for a blob that an entry refers to, `worker_not_found`, and `cursor_expired` for a worker whose first events were
 * pruned, and if a writer prunes or purges data that is still to be read: another
 * attempt begins with the data that is kept.
 */
export function exportRuntime(
  location: StoreLocation,
  options: ExportOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  // Resolved before the first step: by then the process may have changed its directory.
  return exportFrom(absoluteLocation(location), options);
}

async function* exportFrom(
  location: StoreLocation,
  options: ExportOptions,
): AsyncGenerator<Uint8Array, void, void> {
  const place = placeOf(location, options);
  const { follower, ledger } = await foldLog(place);
  if (follower.damage !== undefined) throw follower.damage;
  const { worker } = options;
  const meter = new Meter(options);
  meter.stage("export", logBytes(place, follower.segments), "bytes");
  const lines = worker === undefined
    ? allLines(place, follower, ledger, meter)
    : workerLines(place, follower, ledger, workerIdOf(worker, place.runtimeId), meter);
  yield* encodeStream(lines);
}

function header(place: FoundPlace, firstEventId: number, lastEventId: number): ExportHeader {
  const { fs, layout, runtimeId } = place;
  const createdAt = ifCorrupt(() => readIdentity(place)?.createdAt ?? "", () => "");
  const config = readSmallFile(fs, layout.config, 65_536);
  return {
    format: EXPORT_FORMAT,
    version: EXPORT_VERSION,
    runtimeId,
    createdAt,
    firstEventId,
    lastEventId,
    ...(config === undefined ? {} : { config: new TextDecoder().decode(config) }),
  };
}

async function* allLines(
  place: FoundPlace,
  { segments, lastEventId }: LogFollower,
  ledger: Ledger,
  meter: Meter,
): AsyncGenerator<string, void, void> {
  const firstEventId = segments[0] ?? 1;
  yield plainLines(JSON.stringify(header(place, firstEventId, lastEventId)));
  const blobs = new ExportedBlobs(place, ledger, firstEventId);
  if (firstEventId > 1) yield* prunedLines(place, ledger, firstEventId, blobs);
  const range = { segments, after: 0, through: lastEventId };
  for await (const { id, bytes, start, end } of logLines(place, range, meter)) {
    const text = eventText(bytes, start, end);
    // Every export can be imported: each line is an event.
    const event = located(segmentSpot(place.layout, segments, id), () => parseEvent(text));
    yield* blobs.before(event);
    yield text;
  }
}

/** Lines that replace the pruned events: the state at the last event, independent of the checkpoint it was read from. */
async function* prunedLines(
  place: FoundPlace,
  ledger: Ledger,
  firstEventId: number,
  blobs: ExportedBlobs,
): AsyncGenerator<string, void, void> {
  const { through, runtimeJson, workers } = snapshotTexts(ledger);
  yield `{"snapshot":{"through":${through},"runtime":${runtimeJson}}}`;
  for (const { workerId, json } of workers) {
    const createdEventId = ledger.worker(workerId)?.createdEventId ?? 0;
    yield `{"snapshotWorker":{"createdEventId":${createdEventId},"part":${json}}}`;
  }
  const missing: TranscriptOwner[] = [];
  for (const { record: { workerId }, createdEventId, transcriptLength } of ledger.workers()) {
    if (createdEventId >= firstEventId || transcriptLength === 0) continue;
    const owner = { runtimeId: place.runtimeId, workerId, createdEventId };
    if (!(yield* oldTranscript(place, owner, firstEventId, blobs))) missing.push(owner);
  }
  const [purged] = await purgedSince(place, through, missing);
  if (purged === undefined) return;
  throw purgedMeanwhile(purged.workerId, purged.createdEventId, firstEventId);
}

/** Yields the transcript of a worker whose first events were pruned; returns `false` if the file does not exist. */
async function* oldTranscript(
  { fs, layout }: FoundPlace,
  owner: TranscriptOwner,
  firstEventId: number,
  blobs: ExportedBlobs,
): AsyncGenerator<string, boolean, void> {
  const path = workerLayout(layout, owner.workerId).transcript;
  const file = guarded("open", path, () => openIfThere(fs, path));
  if (file === undefined) return false;
  try {
    if (!hasTranscriptHeader(file, owner)) return false;
    const start = transcriptHeaderBytes(owner);
    for (const line of scanLines(file, start, file.stat().size)) {
      if (idOf(line.bytes, line.start) >= firstEventId) return true;
      if (!isWhole(line)) {
        throw corrupt(nameOf(layout, path), "it is damaged, and the log it could be read from was pruned", {
          byteOffset: line.offset,
        });
      }
      const text = eventText(line.bytes, line.start, line.end);
      const spot = { file: nameOf(layout, path), byteOffset: line.offset };
      yield* blobs.before(located(spot, () => parseEvent(text)));
      yield `{"transcriptEvent":${text}}`;
    }
    return true;
  } finally {
    file.close();
  }
}

async function* workerLines(
  place: FoundPlace,
  { segments, lastEventId }: LogFollower,
  ledger: Ledger,
  workerId: WorkerId,
  meter: Meter,
): AsyncGenerator<string, void, void> {
  const state = ledger.worker(workerId);
  if (state === undefined) {
    const message = `Cannot export worker ${JSON.stringify(workerId)}: there is no such worker`;
    throw new RuntimeError("worker_not_found", message, { workerId });
  }
  const { createdEventId, createdAt } = state;
  const firstEventId = segments[0] ?? 1;
  if (createdEventId < firstEventId) {
    const why = "its first events were pruned; export the whole runtime";
    throw cannotExport(workerId, createdEventId, why, firstEventId);
  }
  const range = { segments, after: createdEventId - 1, through: lastEventId };
  // The first line contains the number of events: count first, then write.
  let count = 1;
  for await (const _found of eventsOfWorker(place, range, workerId)) count++;
  const { config: _config, ...head } = header(place, 1, count);
  yield plainLines(JSON.stringify({ ...head, createdAt, workerId }));
  yield plainLines(
    JSON.stringify({ id: 1, at: createdAt, type: "runtime.created", runtimeId: place.runtimeId }),
  );
  let id = 1;
  const blobs = new ExportedBlobs(place, ledger, firstEventId);
  for await (const { event, text } of eventsOfWorker(place, range, workerId, meter)) {
    yield* blobs.before(event);
    yield renumbered(text, ++id);
  }
}

async function* eventsOfWorker(
  place: FoundPlace,
  range: ScanRange,
  workerId: WorkerId,
  meter?: Meter,
): AsyncGenerator<{ readonly event: RuntimeEvent; readonly text: string }, void, void> {
  const mark = plainLines(JSON.stringify(workerId));
  for await (const { id, bytes, start, end } of logLines(place, range, meter)) {
    const text = eventText(bytes, start, end);
    if (!text.includes(mark) && !text.includes('"type":"runtime.retired"')) continue;
    const event = located(segmentSpot(place.layout, range.segments, id), () => parseEvent(text));
    if (event.type === "runtime.retired" || ("workerId" in event && event.workerId === workerId)) {
      yield { event, text };
    }
  }
}

const ORIGINAL = /,"originalId":\d+$/;

/** Returns an event with a new id, and its original id at the end, but before its entries. */
function renumbered(text: string, id: number): string {
  const comma = text.indexOf(",");
  const entriesAt = startOfEntries(text) ?? text.length - 1;
  const members = text.slice(comma, entriesAt);
  const original = ORIGINAL.test(members) ? "" : `,"originalId":${text.slice('{"id":'.length, comma)}`;
  return `{"id":${id}${members}${original}${text.slice(entriesAt)}`;
}
