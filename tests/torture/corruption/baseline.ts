/**
 * Answers of the undamaged store, and the content of its disk afterwards.
 *
 * @module
 */
import { SimulatedDisk } from "../../disk/mod.ts";
import type { Diagnostic, RuntimeEvent } from "../../../mod.ts";
import { type BaseStore, baseStore, type Ending } from "../kit/base_store.ts";
import { HOME, openOn } from "../../kit/opened.ts";
import { type PageSizes, readAll, type Readings } from "../kit/readings.ts";
import { blobReadings, referencesIn } from "./blob_readings.ts";
import { filesOf } from "./damage.ts";
import { linesOf } from "./mutations.ts";

/** Files that differ after every opening, or belong to the operator. */
const NOT_COMPARED = /^(?:owner\.json|config\.jsonc|lock|quarantine\/)/;

/** One opening, from beginning to end. */
export interface Visit {
  /** All answers. */
  readonly readings: Readings;
  /** All diagnostics. */
  readonly diagnostics: readonly Diagnostic[];
}

/** A base store and its undamaged answers. */
export interface Baseline extends Visit {
  /** The store. */
  readonly base: BaseStore;
  /** End of its writer. */
  readonly ending: Ending;
  /** Its files. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Its files after the visit. */
  readonly after: ReadonlyMap<string, Uint8Array>;
  /** The answers of a second visit after the first. */
  readonly second: Readings;
  /** Its events. */
  readonly events: readonly RuntimeEvent[];
  /** Offset of the last acknowledged batch in the last segment. */
  readonly lastBatchOffset: number;
  /** The files of blobs that entries refer to. */
  readonly referenced: ReadonlySet<string>;
}

/** Opens, reads everything, flushes, closes. */
export async function visit(
  disk: SimulatedDisk,
  workerIds: readonly string[],
  sizes: PageSizes,
): Promise<Visit> {
  const { runtime, diagnostics } = await openOn(disk);
  try {
    const readings = await readAll(runtime, workerIds, sizes);
    const blobs = await blobReadings(runtime, readings);
    await runtime.flush();
    return { readings: new Map([...readings, ...blobs]), diagnostics };
  } finally {
    await runtime.close();
  }
}

/** The baseline of a base store. */
export async function baselineOf(ending: Ending, sizes: PageSizes): Promise<Baseline> {
  const base = await baseStore(ending);
  const files = filesOf(base);
  const disk = new SimulatedDisk({ contents: base.image });
  const { readings, diagnostics } = await visit(disk, base.workerIds, sizes);
  const after = comparedFiles(disk);
  const { readings: second } = await visit(disk, base.workerIds, sizes);
  const events: RuntimeEvent[] = JSON.parse(readings.get("events")?.text ?? "[]");
  const lastBatchOffset = offsetOf(files, base.lastBatchFirst);
  const referenced = referencesIn(readings);
  return { base, ending, files, readings, diagnostics, after, second, events, lastBatchOffset, referenced };
}

/** The files of a store that can be compared with another's. */
export function comparedFiles(disk: SimulatedDisk): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const [path, bytes] of disk.dump()) {
    if (!path.startsWith(`${HOME}/`)) continue;
    const name = path.slice(HOME.length + 1);
    if (!NOT_COMPARED.test(name)) files.set(name, bytes);
  }
  return files;
}

function offsetOf(files: ReadonlyMap<string, Uint8Array>, eventId: number): number {
  const last = [...files.keys()].filter((name) => name.startsWith("events/")).sort().at(-1) ?? "";
  let offset = 0;
  for (const line of linesOf(files.get(last) ?? new Uint8Array())) {
    if (new TextDecoder().decode(line).startsWith(`{"id":${eventId},`)) return offset;
    offset += line.length;
  }
  throw new Error(`Cannot find event ${eventId} in ${last}`);
}
