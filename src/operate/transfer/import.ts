/**
 * Import: a new store from an export stream. Never overwrites. The store is created
 * under a temporary name, verified, and renamed last.
 *
 * @module
 */
import { isRuntimeError, RuntimeError } from "../../core/errors.ts";
import type { EventRecord } from "../../core/event_types.ts";
import { parseEvent, parseEventHead } from "../../core/events.ts";
import { parseRuntimeId, type RuntimeId } from "../../core/ids.ts";
import { limits } from "../../core/limits.ts";
import { Slices } from "../../core/turn.ts";
import { readConfig } from "../../fs/place/config.ts";
import { writeNew } from "../../fs/disk/files.ts";
import { corrupt } from "../../fs/disk/faults.ts";
import type { FileSystem } from "../../fs/disk/file_system.ts";
import { updateConfigSnapshot } from "../../fs/place/identity.ts";
import { absolutePath, runtimeLayout } from "../../fs/layout.ts";
import { parseObject } from "../../fs/lines/sealed.ts";
import { BLOB_LINE, parseBlobLine } from "./blob_lines.ts";
import {
  badStream,
  decodeStream,
  EXPORT_FORMAT,
  EXPORT_VERSION,
  type ExportHeader,
} from "./export_format.ts";
import type { FoundPlace } from "../../fs/place/find.ts";
import { inImportPlace } from "./import_place.ts";
import { ImportedFiles } from "./imported_files.ts";
import { ImportedStore } from "./imported_store.ts";
import { diskOf, Meter, type OperationOptions } from "../options.ts";
import { addPrelude } from "./prelude.ts";
import { blobsOf } from "../read/blob_refs.ts";
import { untilAborted } from "../../core/until_aborted.ts";
import { verifyPlace } from "../verify/verify.ts";

/** The highest event id accepted: the runtime must be able to continue after it. */
const EVENT_ID_MAX = 2 ** 52;

/** Options of {@linkcode importRuntime}. */
export interface ImportOptions extends OperationOptions {
  /** Size of the stream, if known, for the progress. */
  readonly totalBytes?: number | undefined;
  /** Only read and check the whole stream; write nothing. @default {false} */
  readonly dryRun?: boolean | undefined;
}

/** Result of an import. */
export interface ImportReport {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  /** Its new directory. */
  readonly directory: string;
  /** Events written. */
  readonly events: number;
  /** The last event. */
  readonly lastEventId: number;
  /** Workers. */
  readonly workers: number;
}

/**
 * Creates a new store below the root directory `to` from an export stream, keeping
 * ids, times and texts of events. Every event is folded, the hash of every blob is
 * checked, and the result is verified
 * before it is renamed. Requires `--allow-read` and `--allow-write` of `to`. Throws
 * `invalid_request` if the runtime already exists, `store_locked` if another import
 * of it is running, and `store_corrupt` if the stream is incomplete or
 * inconsistent; then nothing is left on disk. The files of a killed import are
 * removed by the next one.
 */
export async function importRuntime(
  to: string | URL,
  stream: AsyncIterable<Uint8Array>,
  options: ImportOptions = {},
): Promise<ImportReport> {
  const root = absolutePath(to);
  const fs = diskOf(options);
  const meter = new Meter(options);
  meter.stage("import", options.totalBytes ?? 0, "bytes");
  const lines = decodeStream(untilAborted(stream, options.signal));
  try {
    return await importLines(fs, root, lines, meter, options);
  } finally {
    // Cancels the stream, which closes its file. An error of that would mask the failure of the import.
    await lines.return().catch(() => {});
  }
}

async function importLines(
  fs: FileSystem,
  root: string,
  lines: ReturnType<typeof decodeStream>,
  meter: Meter,
  options: ImportOptions,
): Promise<ImportReport> {
  const first = await lines.next();
  if (first.done) throw badStream(1, "the stream is empty");
  const header = parseHeader(first.value.text);
  const runtimeId = inLine(1, () => parseRuntimeId(header.runtimeId));
  const { directory } = runtimeLayout(root, runtimeId);
  const read = async (files: ImportedFiles | undefined): Promise<ImportReport> => {
    const store = new ImportedStore(header, runtimeId, files);
    try {
      await take(lines, store, files, meter);
      await store.finish().catch((error) => {
        const isBare = isRuntimeError(error) && error.code === "store_corrupt" && error.details.file === "";
        throw isBare ? corrupt("the stream", error.details.reason) : error;
      });
    } finally {
      store.close();
    }
    const { lastEventId, ledger: { workerCount: workers } } = store;
    const events = lastEventId + 1 - header.firstEventId;
    return { runtimeId, directory, events, lastEventId, workers };
  };
  if (options.dryRun === true) return await read(undefined);
  return await inImportPlace(fs, root, runtimeId, async (layout) => {
    const place = { fs, layout, runtimeId };
    // The operator's config applies to the import itself.
    if (header.config !== undefined) {
      await writeNew(fs, layout.config, [new TextEncoder().encode(header.config)], { durable: true });
    }
    const config = readConfig(fs, layout.config);
    const files = new ImportedFiles(place, config, header.firstEventId);
    try {
      const report = await read(files);
      const createdAt = header.createdAt === "" ? new Date(0).toISOString() : header.createdAt;
      await updateConfigSnapshot(place, { createdAt, config: {} }, config, true);
      await assertClean(place, header, options);
      return report;
    } finally {
      files.close();
    }
  });
}

/** Verifies the whole store. Throws `store_corrupt` unless it is clean. */
async function assertClean(
  place: FoundPlace,
  header: ExportHeader,
  options: OperationOptions,
): Promise<void> {
  const { verdict, findings, lastEventId } = await verifyPlace(place, options, true);
  if (verdict === "clean" && lastEventId === header.lastEventId) return;
  const worst = findings.find(({ severity }) => severity === "damaged") ??
    findings.find(({ severity }) => severity === "healable");
  const { eventIds } = worst ?? {};
  const reason = `its contents contradict each other: ${
    worst?.message ?? `event ${lastEventId} is the last`
  }`;
  throw corrupt("the stream", reason, eventIds === undefined ? {} : { eventIds });
}

function parseHeader(text: string): ExportHeader {
  const header = inLine(1, () => parseObject(text, "")) as Partial<ExportHeader>;
  if (header.format !== EXPORT_FORMAT) throw badStream(1, `it is not a stream of format ${EXPORT_FORMAT}`);
  const { version, runtimeId, createdAt, firstEventId, lastEventId, config = "" } = header;
  if (typeof version === "number" && version > EXPORT_VERSION) {
    const message = `Cannot import: the stream's version ${version} is newer than ${EXPORT_VERSION}`;
    throw new RuntimeError("store_version", message, { file: "", found: version, supported: EXPORT_VERSION });
  }
  const isWhole = version === EXPORT_VERSION && typeof runtimeId === "string" &&
    typeof createdAt === "string" && typeof config === "string" && isEventId(firstEventId) &&
    isEventId(lastEventId) && firstEventId <= lastEventId + 1;
  if (!isWhole) throw badStream(1, "it lacks its members");
  if (createdAt !== "" && Number.isNaN(Date.parse(createdAt))) throw badStream(1, "createdAt is not a time");
  return header as ExportHeader;
}

function isEventId(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= EVENT_ID_MAX;
}

/** Reads the rest of the stream into the store, in batches. */
async function take(
  lines: AsyncIterable<{ readonly text: string; readonly line: number; readonly bytes: number }>,
  store: ImportedStore,
  files: ImportedFiles | undefined,
  meter: Meter,
): Promise<void> {
  const slices = new Slices();
  let batch: EventRecord[] = [];
  let units = 0;
  for await (const { text, line, bytes } of lines) {
    meter.add(bytes);
    await slices.pause();
    if (text.startsWith(BLOB_LINE)) {
      await inLine(line, () => store.blob(parseBlobLine(parseObject(text, ""))))?.();
      continue;
    }
    if (!text.startsWith('{"id":')) {
      inLine(line, () => addPrelude(text, store));
      continue;
    }
    if (bytes > limits.eventBytesMax + 1) {
      throw badStream(line, `an event has at most ${limits.eventBytesMax} bytes`);
    }
    batch.push(inLine(line, () => recordOf(text, store)));
    units += text.length;
    if (units < limits.batchUnitsMax && batch.length < limits.batchEventsMax) continue;
    await files?.append(batch);
    [batch, units] = [[], 0];
  }
  if (batch.length > 0) await files?.append(batch);
}

/** Validates a whole event, and adds it to the store. */
function recordOf(text: string, store: ImportedStore): EventRecord {
  const event = parseEvent(text);
  const head = event.type === "unknown" ? parseEventHead(text) : event;
  return store.record(text, head, blobsOf(event));
}

function inLine<T>(line: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isRuntimeError(error)) throw error;
    if (error.code === "store_corrupt") throw badStream(line, error.details.reason);
    if (error.code === "invalid_request") throw badStream(line, error.details.issues.join("; "));
    throw error;
  }
}
