/**
 * Import: a new store from an export stream. Never overwrites. `runtime.json`
 * comes last, so that an import which did not finish is no store.
 *
 * @module
 */
import { invalidRequest, isRuntimeError, RuntimeError } from "../../core/errors.ts";
import { type EventRecord, parseEventHead } from "../../core/events.ts";
import { parseRuntimeId, type RuntimeId } from "../../core/ids.ts";
import { limits } from "../../core/limits.ts";
import { Slices } from "../../core/turn.ts";
import { readConfig } from "../config.ts";
import { DenoFileSystem } from "../deno_file_system.ts";
import { makeDirectory, writeNew } from "../disk.ts";
import { guardedAsync } from "../faults.ts";
import type { FileLock, FileSystem } from "../file_system.ts";
import { updateConfigSnapshot } from "../identity.ts";
import { absolutePath, type RuntimeLayout, runtimeLayout, runtimesDirectory } from "../layout.ts";
import { takeLock } from "../lock.ts";
import {
  badStream,
  decodeStream,
  EXPORT_FORMAT,
  EXPORT_VERSION,
  type ExportHeader,
} from "./export_format.ts";
import { ImportedStore, type ImportTarget } from "./imported_store.ts";
import { Meter, type OperationOptions } from "./options.ts";
import { removeTree } from "./remove_tree.ts";

/** Options of {@linkcode importRuntime}. */
export interface ImportOptions extends OperationOptions {
  /** The disk. @default the real one */
  readonly fileSystem?: FileSystem | undefined;
  /** Bytes of the stream, where known, for the progress. */
  readonly totalBytes?: number | undefined;
  /** Only read the stream to its end and check it; write nothing. @default {false} */
  readonly dryRun?: boolean | undefined;
}

/** What was imported. */
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
 * Makes a new store below the root directory `to` from an export stream, event by event as
 * they are: ids, times and texts. Every event is folded on the way. Requires
 * `--allow-read` and `--allow-write` of `to`. Throws `invalid_request` when
 * the runtime is there already, `store_corrupt` when the stream is not whole;
 * nothing is left behind then.
 */
export async function importRuntime(
  to: string | URL,
  stream: AsyncIterable<Uint8Array>,
  options: ImportOptions = {},
): Promise<ImportReport> {
  const root = absolutePath(to);
  const fs = options.fileSystem ?? new DenoFileSystem();
  const meter = new Meter(options);
  meter.stage("import", options.totalBytes ?? 0, "bytes");
  const lines = decodeStream(stream);
  const first = await lines.next();
  if (first.done) throw badStream(1, "the stream is empty");
  const header = parseHeader(first.value.text);
  const runtimeId = parseRuntimeId(header.runtimeId);
  const layout = runtimeLayout(root, runtimeId);
  const place = options.dryRun === true ? undefined : await begin(fs, root, layout, runtimeId, header);
  const store = new ImportedStore(place?.target, header, runtimeId);
  try {
    await take(lines, store, meter);
    await store.finish();
    if (place !== undefined) {
      const createdAt = header.createdAt === "" ? new Date(0).toISOString() : header.createdAt;
      // Renamed into its place when it is whole: whoever finds it finds a whole store.
      await updateConfigSnapshot(fs, layout, runtimeId, { createdAt, config: {} }, place.target.config, true);
    }
    const { events, lastEventId, workers } = store;
    return { runtimeId, directory: layout.directory, events, lastEventId, workers };
  } catch (error) {
    store.close();
    place?.lock.release();
    if (place !== undefined) await removeTree(fs, layout.directory);
    throw error;
  } finally {
    place?.lock.release();
  }
}

function parseHeader(text: string): ExportHeader {
  let header: Partial<ExportHeader>;
  try {
    header = JSON.parse(text);
  } catch {
    throw badStream(1, "it is no JSON");
  }
  if (header?.format !== EXPORT_FORMAT) throw badStream(1, `it is no ${EXPORT_FORMAT} stream`);
  const { version = 0, runtimeId, createdAt, firstEventId, lastEventId } = header;
  if (version > EXPORT_VERSION) {
    const message = `Cannot import: the stream's version ${version} is newer than ${EXPORT_VERSION}`;
    throw new RuntimeError("store_version", message, { file: "", found: version, supported: EXPORT_VERSION });
  }
  const isWhole = typeof runtimeId === "string" && typeof createdAt === "string" &&
    Number.isSafeInteger(firstEventId) && Number.isSafeInteger(lastEventId);
  if (!isWhole) throw badStream(1, "it lacks its members");
  return header as ExportHeader;
}

/** Makes the place, which must not be there. */
async function begin(
  fs: FileSystem,
  root: string,
  layout: RuntimeLayout,
  runtimeId: RuntimeId,
  header: ExportHeader,
): Promise<{ readonly target: ImportTarget; readonly lock: FileLock }> {
  await guardedAsync("make directory", root, () => fs.ensureDirectory(root));
  await makeDirectory(fs, runtimesDirectory(root));
  const { directory } = layout;
  const isNew = await guardedAsync(
    "make directory",
    directory,
    () => Promise.resolve(fs.makeDirectory(directory)),
  );
  if (!isNew) {
    const issue = `runtime ${JSON.stringify(runtimeId)} is there already; import into another root`;
    throw invalidRequest(`import into ${JSON.stringify(root)}`, issue);
  }
  const owner = { pid: Deno.pid, openedAt: new Date().toISOString(), instanceId: crypto.randomUUID() };
  const lock = await takeLock(fs, layout, owner);
  try {
    await fs.syncDirectory(runtimesDirectory(root));
    await makeDirectory(fs, layout.events, "events");
    await makeDirectory(fs, layout.workers, "workers");
    if (header.config !== undefined) {
      await writeNew(fs, layout.config, [new TextEncoder().encode(header.config)], { durable: true });
    }
    const config = readConfig(fs, layout.config);
    return { target: { fs, layout, config }, lock };
  } catch (error) {
    lock.release();
    await removeTree(fs, directory);
    throw error;
  }
}

/** Reads the rest of the stream into the store, in batches. */
async function take(
  lines: AsyncIterable<{ readonly text: string; readonly line: number; readonly bytes: number }>,
  store: ImportedStore,
  meter: Meter,
): Promise<void> {
  const slices = new Slices();
  let batch: EventRecord[] = [];
  let units = 0;
  for await (const { text, line, bytes } of lines) {
    meter.add(bytes);
    await slices.pause();
    if (!text.startsWith('{"id":')) {
      inLine(line, () => store.prelude(text));
      continue;
    }
    batch.push(inLine(line, () => store.record(text, parseEventHead(text))));
    units += text.length;
    if (units < limits.batchUnitsMax && batch.length < limits.batchEventsMax) continue;
    await store.append(batch);
    [batch, units] = [[], 0];
  }
  await store.append(batch);
}

function inLine<T>(line: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
    throw badStream(line, error.details.reason);
  }
}
