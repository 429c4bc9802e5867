/**
 * The plan of a case, derived from its seed alone: limits, callers, which
 * operations take part, and the end of each round.
 *
 * @module
 */
import { Random } from "../../disk/mod.ts";

/** Operations of the host besides plain commands. */
export type Activity =
  | "blobs"
  | "collect"
  | "flush"
  | "pages"
  | "prune"
  | "recreate"
  | "runs"
  | "sweep"
  | "unreadReturn"
  | "watch"
  | "watchWorkers";

/** Work of the other process. */
export type Task = "backup" | "export" | "follow" | "verify";

/** The end of a round: a close at rest, a close under load, or SIGKILL. */
export type Ending = "close" | "closeUnderLoad" | "kill";

/** The plan of a case. */
export interface Scenario {
  /** Ids of workers. */
  readonly workerIds: readonly string[];
  /** Concurrent callers. */
  readonly callers: number;
  /** Steps of each caller in each round. */
  readonly steps: number;
  /** Maximum number of commands that a caller issues together. */
  readonly groupMax: number;
  /** Chance that an append is of several kilobytes. */
  readonly bigChance: number;
  /** Operations that take part. */
  readonly activities: ReadonlySet<Activity>;
  /** Work of the other process. */
  readonly tasks: readonly Task[];
  /** The rounds, by their ends. */
  readonly endings: readonly Ending[];
  /** Text of `config.jsonc`. */
  readonly config: string;
}

const ACTIVITIES: readonly Activity[] = [
  "blobs",
  "collect",
  "flush",
  "pages",
  "prune",
  "recreate",
  "runs",
  "sweep",
  "unreadReturn",
  "watch",
  "watchWorkers",
];
const TASKS: readonly Task[] = ["backup", "export", "follow", "verify"];

/** Returns a subset: races between two operations appear most often when few others take part. */
const FOCUSES: readonly { readonly activities: readonly Activity[]; readonly tasks: readonly Task[] }[] = [
  { activities: ACTIVITIES, tasks: TASKS },
  { activities: ["recreate"], tasks: [] },
  { activities: ["blobs", "collect"], tasks: [] },
  { activities: ["blobs", "collect", "recreate"], tasks: ["verify"] },
  { activities: ["blobs", "collect", "prune"], tasks: ["backup", "export"] },
  { activities: ["runs"], tasks: [] },
  { activities: ["runs", "recreate", "blobs"], tasks: ["follow"] },
  { activities: ["prune", "flush"], tasks: [] },
  { activities: ["prune", "sweep"], tasks: ["verify"] },
  { activities: ["prune", "sweep"], tasks: ["backup"] },
  { activities: ["flush"], tasks: ["verify"] },
  { activities: ["watch", "pages", "prune"], tasks: ["follow"] },
  { activities: ["watch", "watchWorkers", "unreadReturn"], tasks: [] },
  { activities: ["prune", "sweep", "pages"], tasks: ["export"] },
];

/** The plan of a seed. */
export function scenarioOf(seed: number): Scenario {
  const random = new Random(seed);
  const focus = random.pick(FOCUSES);
  const sweeps = focus.activities.includes("sweep");
  const workers = sweeps ? 4 + random.below(12) : random.pick([1, 2, 4, 9]);
  const limits = {
    segmentBytes: random.pick([4_096, 4_096, 8_192]),
    checkpointBytes: random.pick([4_096, 8_192]),
    checkpointEvents: random.pick([16, 16, 64]),
    transcriptBufferBytes: random.pick([4_096, 4_096, 16_384]),
  };
  const durability = random.chance(0.3) ? "synced" : "written";
  return {
    workerIds: Array.from({ length: workers }, (_, index) => random.pick(["w", "W", "ä/"]) + index),
    callers: random.pick([1, 2, 4, 8]),
    steps: 10 + random.below(40),
    groupMax: random.pick([1, 4, 12]),
    bigChance: random.pick([0.05, 0.3]),
    activities: new Set(focus.activities),
    tasks: focus.tasks,
    endings: Array.from(
      { length: 2 + random.below(3) },
      () => random.pick(["close", "closeUnderLoad", "kill"]),
    ),
    config: JSON.stringify({ durability, limits }),
  };
}
