/**
 * Import: a new runtime from an export stream. Never overwrites. The runtime is
 * created under a temporary name, and renamed last.
 *
 * @module
 */
import { isRuntimeError, RuntimeError } from "../../core/errors.ts";
import type { EventRecord } from "../../core/event_types.ts";
import { parseEvent, parseEventHead } from "../../core/events.ts";
import { parseRuntimeId, type RuntimeId } from "../../core/ids.ts";
import { limits } from "../../core/limits.ts";
import { Slices } from "../../core/turn.ts";
import { corrupt } from "../../fs/disk/faults.ts";
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
import { ImportDirectory } from "./import_directory.ts";
import { ImportSpace } from "./import_postgres.ts";
import type { ImportTarget, ImportWriter } from "./import_target.ts";
import { ImportedStore } from "./imported_store.ts";
import { Meter, type OperationOptions } from "../options.ts";
import { addPrelude } from "./prelude.ts";
import { blobsOf } from "../read/blob_refs.ts";
import { DEFAULT_SPACE, type PostgresSpace } from "../../postgres/location.ts";
import { untilAborted } from "../../core/until_aborted.ts";

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
  /** Its new directory; absent in a database. */
  readonly directory?: string;
  /** Its space in a database; absent on disk. */
  readonly space?: string;
  /** Events written. */
  readonly events: number;
  /** The last event. */
  readonly lastEventId: number;
  /** Workers. */
  readonly workers: number;
}

/**
 * Creates a new runtime from an export stream, below the root directory `to` or in a
 * space of a PostgreSQL database, keeping ids, times and texts of events. Every event
 * is folded, and the hash of every blob is checked; a store on disk is verified
 * before it is renamed. Requires `--allow-read` and `--allow-write` of `to`, or
 * `--allow-net=HOST:PORT` for the client, and the tables of `createSchema`. Throws
 * `invalid_request` if the runtime already exists, `store_locked` if another import
 * of it is running, and `store_corrupt` if the stream is incomplete or
 * inconsistent; then nothing is left. What a killed import has left is removed by the
 * next one; in a database, 15 s after the kill at the earliest.
 */
export async function importRuntime(
  to: string | URL | PostgresSpace,
  stream: AsyncIterable<Uint8Array>,
  options: ImportOptions = {},
): Promise<ImportReport> {
  return await importStream(targetOf(to, options), stream, options);
}

/** Reads and checks a whole stream, and writes it to a target. */
export async function importStream(
  target: Target,
  stream: AsyncIterable<Uint8Array>,
  options: ImportOptions,
  stage = "import",
): Promise<ImportReport> {
  const meter = new Meter(options);
  meter.stage(stage, options.totalBytes ?? 0, "bytes");
  const lines = decodeStream(untilAborted(stream, options.signal));
  try {
    return await importLines(target, lines, meter, options);
  } finally {
    // Cancels the stream, which closes its file. An error of that would mask the failure of the import.
    await lines.return().catch(() => {});
  }
}

/** A target, and the facts about the place of a runtime in it. */
export interface Target {
  /** The target. */
  readonly target: ImportTarget;
  /** The place of a runtime in it, for the report. */
  readonly placeOf: (runtimeId: RuntimeId) => Pick<ImportReport, "directory" | "space">;
}

function targetOf(to: string | URL | PostgresSpace, options: ImportOptions): Target {
  if (typeof to === "object" && "client" in to) {
    const { space = DEFAULT_SPACE } = to;
    return { target: new ImportSpace(to), placeOf: () => ({ space }) };
  }
  const root = absolutePath(to);
  return {
    target: new ImportDirectory(root, options),
    placeOf: (runtimeId) => ({ directory: runtimeLayout(root, runtimeId).directory }),
  };
}

async function importLines(
  { target, placeOf }: Target,
  lines: ReturnType<typeof decodeStream>,
  meter: Meter,
  { dryRun = false }: ImportOptions,
): Promise<ImportReport> {
  const first = await lines.next();
  if (first.done) throw badStream(1, "the stream is empty");
  const header = parseHeader(first.value.text);
  const runtimeId = inLine(1, () => parseRuntimeId(header.runtimeId));
  const read = async (writer?: ImportWriter): Promise<ImportReport> => {
    const store = new ImportedStore(header, runtimeId, writer);
    try {
      await take(lines, store, writer, meter);
      await store.finish().catch((error) => {
        const isBare = isRuntimeError(error) && error.code === "store_corrupt" && error.details.file === "";
        throw isBare ? corrupt("the stream", error.details.reason) : error;
      });
    } finally {
      store.close();
    }
    const { lastEventId, ledger: { workerCount: workers } } = store;
    const events = lastEventId + 1 - header.firstEventId;
    return { runtimeId, ...placeOf(runtimeId), events, lastEventId, workers };
  };
  return dryRun ? await read() : await target.write(runtimeId, header, read);
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
  writer: ImportWriter | undefined,
  meter: Meter,
): Promise<void> {
  const slices = new Slices();
  let batch: EventRecord[] = [];
  let units = 0;
  for await (const { text, line, bytes } of lines) {
    meter.add(bytes);
    await slices.pause();
    if (text.startsWith(BLOB_LINE)) {
      await inLine(line, () => store.blob(parseBlobLine(parseObject(text, ""))))();
      continue;
    }
    if (!text.startsWith('{"id":')) {
      await inLine(line, () => addPrelude(text, store));
      continue;
    }
    if (bytes > limits.eventBytesMax + 1) {
      throw badStream(line, `an event has at most ${limits.eventBytesMax} bytes`);
    }
    batch.push(inLine(line, () => recordOf(text, store)));
    units += text.length;
    if (units < limits.batchUnitsMax && batch.length < limits.batchEventsMax) continue;
    await writer?.append(batch);
    [batch, units] = [[], 0];
  }
  if (batch.length > 0) await writer?.append(batch);
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
