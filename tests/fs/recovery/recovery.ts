// Recovering a log that is given as bytes.

import { type DiskTree, SimulatedDisk } from "../../disk/mod.ts";
import { runtimeLayout, segmentPath } from "../../../src/fs/layout.ts";
import { type LogEnd, LogReader, type LogStart } from "../../../src/fs/recovery/recover.ts";
import { listSegments } from "../../../src/fs/log/segments.ts";

export const layout: ReturnType<typeof runtimeLayout> = runtimeLayout("/data", "local");

/** A disk with these segments, by their first event. */
export function diskOf(segments: Readonly<Record<number, Uint8Array>>): SimulatedDisk {
  const contents = new Map<string, Uint8Array>([[`${layout.events}/`, new Uint8Array()]]);
  const paths = Object.entries(segments).map(([first, bytes]) =>
    [segmentPath(layout, Number(first)), bytes] as const
  );
  return new SimulatedDisk({ contents: (paths.length === 0 ? contents : new Map(paths)) as DiskTree });
}

/** What reading a log gave. */
export interface Recovered {
  readonly ids: readonly number[];
  readonly end: LogEnd;
}

/** Reads the log from its beginning, or from where a checkpoint says. */
export function recover(
  segments: Readonly<Record<number, Uint8Array>>,
  start: LogStart = { through: 0, position: undefined },
): Recovered {
  const fs = diskOf(segments);
  const { firstEventIds } = listSegments({ fs, layout });
  const log = new LogReader({ fs, layout, runtimeId: "local" }, firstEventIds, start);
  const ids = Array.from(log, ({ id }) => id);
  return { ids, end: log.end };
}
