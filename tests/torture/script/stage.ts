/**
 * Plays a workload on a separate disk, reproducibly: the clock that measures syncs
 * stands still unless the script wants a slow device.
 *
 * @module
 */
import { type CallHook, hooks, SimulatedDisk, type Trace } from "../../disk/mod.ts";
import { HOME } from "../../kit/opened.ts";
import type { Workload } from "../workloads.ts";
import { bases, configOf } from "./bases.ts";
import { Finding, type History } from "./history.ts";
import { Session } from "./session.ts";

/** Seconds after which a script counts as hanging. */
const HANG_SECONDS = 20;

/** A workload that was played. */
export interface Played {
  readonly disk: SimulatedDisk;
  readonly history: History;
  readonly session: Session;
}

/** Options of a play. */
export interface Staging {
  /** Sees every call, and may inject a fault. Created for the disk, the history and the host of this play. */
  readonly hook?: (disk: SimulatedDisk, history: History, session: Session) => CallHook;
  readonly trace?: Trace;
  /** Called for each rejection. */
  readonly onRefused?: (session: Session) => void;
  /** Varies the lengths of contents. @default {100} */
  readonly size?: number;
}

/** Plays a workload to its end. */
export async function play(workload: Workload, staging: Staging = {}): Promise<Played> {
  const base = (await bases())[workload.base];
  const history = base.history.at(base.history.mark());
  const { bare = false, limits = {}, durability = "synced", directorySync = true } = workload;
  const disk = new SimulatedDisk({ contents: base.image, trace: staging.trace, directorySync });
  if (!bare) disk.plant.file(`${HOME}/config.jsonc`, configOf(limits, durability));
  const session = new Session(disk, history);
  const hook = staging.hook?.(disk, history, session) ?? (() => undefined);
  const trouble: CallHook = (call) => session.trouble?.(call);
  disk.onCall = workload.slow ? hooks(slowDevice, trouble, hook) : hooks(trouble, hook);
  session.onRefused = staging.onRefused;
  await settled(workload.run(session, staging.size ?? 100));
  disk.onCall = undefined;
  return { disk, history, session };
}

/** I7: fails if the work does not end. Ticks are counted: a suspended machine does not count as time for the work. */
export async function settled<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setInterval> | undefined;
  const hanging = new Promise<never>((_, reject) => {
    let seconds = 0;
    timer = setInterval(() => {
      if (++seconds < HANG_SECONDS) return;
      reject(new Finding("I7", `nothing happened for ${HANG_SECONDS} s`));
    }, 1_000);
  });
  try {
    return await Promise.race([work, hanging]);
  } finally {
    clearInterval(timer);
  }
}

const slowDevice: CallHook = ({ operation }) => {
  if (operation === "syncDataNow" || operation === "syncData") clock.nowMs += 2;
  return undefined;
};

const clock = { nowMs: 0 };

/** Stops `performance.now` in this thread while the returned object lives. */
export function stillClock(): Disposable {
  const real = performance.now;
  performance.now = () => clock.nowMs;
  return {
    [Symbol.dispose](): void {
      performance.now = real;
    },
  };
}

/** I7: counts unhandled rejections while the returned object lives. */
export class Unhandled implements Disposable {
  readonly reasons: unknown[] = [];

  constructor() {
    globalThis.addEventListener("unhandledrejection", this.#note);
  }

  /** Throws when there was one. */
  check(): void {
    if (this.reasons.length > 0) throw new Finding("I7", `a rejection that nobody took: ${this.reasons[0]}`);
  }

  [Symbol.dispose](): void {
    globalThis.removeEventListener("unhandledrejection", this.#note);
  }

  readonly #note = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    this.reasons.push(event.reason);
  };
}
