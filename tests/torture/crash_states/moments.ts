/**
 * The moments of a script at which power may be cut: before each call that
 * changes something or waits for the device, and at its end.
 *
 * @module
 */
import { isChange, isSync, type SimulatedDisk } from "../../disk/mod.ts";
import type { History, Mark } from "../script/history.ts";
import { play } from "../script/stage.ts";
import type { Workload } from "../workloads.ts";

/** One moment. */
export interface Moment {
  /** The call that was about to be made; 0 for the end. */
  readonly call: number;
  /** True if the call makes the log or names durable. */
  readonly makesLast: boolean;
  /** A copy of the machine, without processes. */
  readonly disk: SimulatedDisk;
  /** Promises made by then. */
  readonly mark: Mark;
}

/** A script with its moments. */
export interface Moments {
  readonly moments: readonly Moment[];
  readonly history: History;
}

/** Returns the length of contents, which varies from round to round. */
export function sizeOf(round: number): number {
  return 100 + (round * 173) % 640;
}

/** Plays a script and keeps its moments; or only one, and the end. */
export async function momentsOf(workload: Workload, round: number, only?: number): Promise<Moments> {
  const moments: Moment[] = [];
  const { disk, history, session } = await play(workload, {
    size: sizeOf(round),
    hook: (disk, history) => (call) => {
      if ((isChange(call) || isSync(call)) && (only === undefined || only === call.index)) {
        const isOfLog = call.path.endsWith(".jsonl") && call.path.includes("/events/");
        const makesLast = isSync(call) && (isOfLog || call.operation === "syncDirectory");
        moments.push({ call: call.index, makesLast, disk: disk.fork(), mark: history.mark() });
      }
      return undefined;
    },
  });
  moments.push({ call: 0, makesLast: false, disk: disk.fork(), mark: history.mark() });
  await session.abandon();
  return { moments, history };
}
