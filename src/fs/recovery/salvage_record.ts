/**
 * `salvage/pending.json`: the events that a repair is about to lose. Written
 * and synced before the first step of the repair, and removed when the event
 * `runtime.salvaged` is recorded, by the repair itself or, if it was
 * interrupted, by the next opening.
 *
 * @module
 */
import { join } from "@std/path";
import { z } from "zod";
import type { Notice } from "../../core/diagnostics.ts";
import { isRuntimeError } from "../../core/errors.ts";
import { SALVAGED } from "../../core/events.ts";
import { fingerprint } from "../../core/keys.ts";
import type { UnrecordedEvent } from "../../core/store.ts";
import { makeDirectory, readSmallFile, replaceFile } from "../disk/files.ts";
import { corrupt, guardedAsync } from "../disk/faults.ts";
import type { FileSystem } from "../disk/file_system.ts";
import type { RuntimeLayout } from "../layout.ts";
import { seal, unseal } from "../lines/sealed.ts";

const FORMAT = "worker-runtime/salvage";
const FILE = "salvage/pending.json";
const BYTES_MAX = 4_096;

/** First and last event that are lost. */
export type LostRange = readonly [first: number, last: number];

const recordSchema = z.looseObject({
  firstLostEventId: z.int().min(1),
  lastLostEventId: z.int().min(1),
  key: z.string().min(1),
});

type SalvageRecord = z.infer<typeof recordSchema>;

function pathOf(layout: RuntimeLayout): string {
  return join(layout.salvage, "pending.json");
}

function read(fs: FileSystem, layout: RuntimeLayout, runtimeId: string): SalvageRecord | undefined {
  const bytes = readSmallFile(fs, pathOf(layout), BYTES_MAX, FILE);
  if (bytes === undefined) return undefined;
  const { success, data } = recordSchema.safeParse(unseal(bytes, { format: FORMAT, runtimeId }, FILE));
  if (!success) throw corrupt(FILE, "it lacks its members");
  return data;
}

/** The events that an interrupted repair loses; `undefined` without one. Throws `store_corrupt`. */
export function pendingSalvage(
  fs: FileSystem,
  layout: RuntimeLayout,
  runtimeId: string,
): LostRange | undefined {
  const record = read(fs, layout, runtimeId);
  return record && [record.firstLostEventId, record.lastLostEventId];
}

/** Writes the range durably. Replaces that of an interrupted repair, which `lost` must include. */
export async function beginSalvage(
  fs: FileSystem,
  layout: RuntimeLayout,
  runtimeId: string,
  [firstLostEventId, lastLostEventId]: LostRange,
): Promise<void> {
  const key = `${SALVAGED} ${crypto.randomUUID()}`;
  await makeDirectory(fs, layout.salvage, "salvage");
  const bytes = seal({ format: FORMAT, runtimeId }, { firstLostEventId, lastLostEventId, key });
  await replaceFile(fs, pathOf(layout), [bytes], { durable: true });
}

/** The event that an interrupted repair has not recorded. A damaged file is left alone and reported. */
export function unrecordedSalvage(
  fs: FileSystem,
  layout: RuntimeLayout,
  runtimeId: string,
  notice: (notice: Notice) => void,
): readonly UnrecordedEvent[] {
  const foreign = (error: unknown): void => {
    const message = error instanceof Error ? error.message : String(error);
    notice({ code: "foreign_entry", severity: "warning", message, file: FILE });
  };
  try {
    const record = read(fs, layout, runtimeId);
    if (record === undefined) return [];
    const { firstLostEventId, lastLostEventId, key } = record;
    const data = { firstLostEventId, lastLostEventId, keptIn: "salvage" };
    const event = { name: SALVAGED, data, key, request: fingerprint(JSON.stringify(data)) };
    const path = pathOf(layout);
    // If this fails, the next opening finds the key in the log and tries again.
    const recorded = async (): Promise<void> => {
      await guardedAsync("remove", path, async () => {
        fs.remove(path);
        await fs.syncDirectory(layout.salvage);
      }).catch(foreign);
    };
    return [{ ...event, endsBefore: firstLostEventId, recorded }];
  } catch (error) {
    if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
    foreign(error);
    return [];
  }
}
