/**
 * `salvage/pending.json`: the events that a repair is about to lose. Written
 * and synced before the first step of the repair, and removed when the event
 * `runtime.salvaged` is recorded, by the repair itself or, if it was
 * interrupted, by the next opening.
 *
 * @module
 */
import { SALVAGED } from "../../core/events.ts";
import { fingerprint } from "../../core/keys.ts";
import { integer, object, text } from "../../core/shape.ts";
import type { UnrecordedEvent } from "../../core/store.ts";
import { makeDirectory, replaceFile } from "../disk/files.ts";
import { guardedAsync, ifCorrupt } from "../disk/faults.ts";
import { nameOf, type Place, type WatchedPlace } from "../layout.ts";
import { readSealed, seal } from "../lines/sealed.ts";

const FORMAT = "worker-runtime/salvage";
const KEY_BYTES_MAX = 4_096;

/** First and last event that are lost. */
export type LostRange = readonly [first: number, last: number];

interface SalvageRecord {
  readonly firstLostEventId: number;
  readonly lastLostEventId: number;
  readonly key: string;
}

const recordShape = object({
  firstLostEventId: integer(1),
  lastLostEventId: integer(1),
  key: text(KEY_BYTES_MAX),
});

function read(place: Place): SalvageRecord | undefined {
  return readSealed(place, place.layout.pendingSalvage, FORMAT, recordShape);
}

/** The events that an interrupted repair loses; `undefined` without one. Throws `store_corrupt`. */
export function pendingSalvage(place: Place): LostRange | undefined {
  const record = read(place);
  return record && [record.firstLostEventId, record.lastLostEventId];
}

/** Writes the range durably. Replaces that of an interrupted repair, which `lost` must include. */
export async function beginSalvage(
  { fs, layout, runtimeId }: Place,
  [firstLostEventId, lastLostEventId]: LostRange,
): Promise<void> {
  const key = `${SALVAGED} ${crypto.randomUUID()}`;
  await makeDirectory(fs, layout.salvage, "salvage");
  const bytes = seal({ format: FORMAT, runtimeId }, { firstLostEventId, lastLostEventId, key });
  await replaceFile(fs, layout.pendingSalvage, [bytes], { durable: true });
}

/** The event that an interrupted repair has not recorded. A damaged file is left alone and reported. */
export function unrecordedSalvage(place: WatchedPlace): readonly UnrecordedEvent[] {
  const { fs, layout, layout: { pendingSalvage: path } } = place;
  const foreign = (error: unknown): void => {
    const message = error instanceof Error ? error.message : String(error);
    place.notice({ code: "foreign_entry", severity: "warning", message, file: nameOf(layout, path) });
  };
  return ifCorrupt<readonly UnrecordedEvent[]>(() => {
    const record = read(place);
    if (record === undefined) return [];
    const { firstLostEventId, lastLostEventId, key } = record;
    const data = { firstLostEventId, lastLostEventId, keptIn: "salvage" };
    const event = { name: SALVAGED, data, key, request: fingerprint(JSON.stringify(data)) };
    // If this fails, the next opening finds the key in the log and tries again.
    const recorded = async (): Promise<void> => {
      await guardedAsync("remove", path, async () => {
        fs.remove(path);
        await fs.syncDirectory(layout.salvage);
      }).catch(foreign);
    };
    return [{ ...event, endsBefore: firstLostEventId, recorded }];
  }, (error) => {
    foreign(error);
    return [];
  });
}
