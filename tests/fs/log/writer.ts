// A writer of the log on a simulated disk.

import { assert } from "@std/assert";
import type { Notice } from "../../../src/core/diagnostics.ts";
import { LogWriter } from "../../../src/fs/log/writer.ts";
import { PlaceGuard } from "../../../src/fs/place/guard.ts";
import { segmentPath } from "../../../src/fs/layout.ts";
import type { CallHook, DiskOperation, ErrorCode, SimulatedDisk } from "../../disk/mod.ts";
import { withoutRoom } from "../lines/bytes_file.ts";
import { linesOf, segmentOf } from "./log_lines.ts";
import { diskOf, layout } from "../recovery/recovery.ts";

export const path: string = segmentPath(layout, 1);
export const begin: Uint8Array<ArrayBuffer> = segmentOf(1, linesOf(1, 2));

export interface Setup {
  readonly disk: SimulatedDisk;
  readonly writer: LogWriter;
  readonly guard: PlaceGuard;
  readonly notices: Notice[];
}

/** A guard of the runtime's place, which is locked. */
export function guardOn(disk: SimulatedDisk): PlaceGuard {
  disk.plant.directory(layout.workers);
  const lock = disk.lock(layout.lock);
  assert(lock !== undefined);
  const guard = new PlaceGuard({ fs: disk, layout }, lock);
  guard.holdInside();
  return guard;
}

/** A writer behind event 2. */
export function setup(options: { segmentBytes?: number; durability?: "synced" | "written" } = {}): Setup {
  const disk = diskOf({ 1: begin });
  const notices: Notice[] = [];
  const guard = guardOn(disk);
  const lineOffset = begin.length - linesOf(2, 2).length;
  const start = { segments: [1], lastEventId: 2, offset: begin.length, lineOffset };
  const { segmentBytes = 1_000_000, durability = "synced" } = options;
  const place = { fs: disk, layout, runtimeId: "local", notice: (found: Notice) => void notices.push(found) };
  const writer = new LogWriter(place, start, { segmentBytes, durability, guard });
  return { disk, writer, guard, notices };
}

export function failing(operations: readonly DiskOperation[], code: ErrorCode, applied = false): CallHook {
  return ({ operation }) => operations.includes(operation) ? { kind: "error", code, applied } : undefined;
}

export function bytesOf(disk: SimulatedDisk, file: string = path): Uint8Array {
  return disk.peek(file) ?? new Uint8Array();
}

/** What a segment holds, without the room behind it. */
export function contentOf(disk: SimulatedDisk, file: string = path): Uint8Array {
  return withoutRoom(bytesOf(disk, file));
}

export const syncs: readonly DiskOperation[] = ["syncData", "syncDataNow", "sync"];
