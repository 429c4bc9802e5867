/**
 * Simulated time: events in order, hosts whose clocks run at rates of their own and
 * which can be stopped, and the faults of each statement.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Clock } from "../../../src/postgres/clock.ts";

/** Lease of the hosts, in milliseconds of the database's clock. */
export const LEASE_MS = 1_000;

/** Result of a statement, as its host experiences it. */
export interface Fault {
  readonly name: string;
  /** Time until the statement happens, in leases; never if absent. */
  readonly happens?: number;
  /** Its answer: it arrives, is replaced by an error at once, or never comes. */
  readonly answer: "arrives" | "error" | "none";
  /** Time from there until the answer arrives, in leases. @default {0} */
  readonly delay?: number;
  /** Later statements of the host never reach the database for so many leases. */
  readonly cut?: number;
  /** The host is stopped for so many leases before the answer arrives. */
  readonly stop?: number;
  /** When the host continues, answers precede timers. */
  readonly answersFirst?: boolean;
}

/** All faults; the first is none. */
export const FAULTS: readonly Fault[] = [
  { name: "none", happens: 0, answer: "arrives" },
  { name: "refused", answer: "error" },
  { name: "lost", answer: "none" },
  { name: "answer lost", happens: 0, answer: "error" },
  { name: "no answer", happens: 0, answer: "none" },
  { name: "slow", happens: 0.3, answer: "arrives" },
  { name: "slow answer", happens: 0, answer: "arrives", delay: 0.3 },
  { name: "late", happens: 0.6, answer: "none" },
  { name: "very late", happens: 2.5, answer: "none" },
  { name: "cut off", answer: "none", cut: 2.2 },
  { name: "stopped", happens: 0, answer: "arrives", stop: 2.2 },
  { name: "stopped, answers first", happens: 0, answer: "arrives", stop: 2.2, answersFirst: true },
  { name: "stopped briefly", happens: 0, answer: "arrives", stop: 0.8 },
  { name: "stopped before it happens", happens: 2.1, answer: "arrives", stop: 2.2 },
];

interface Timed {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Events in order of time. */
export class World {
  #events: Timed[] = [];
  #order = 0;
  /** True time in milliseconds. */
  now = 0;

  /** Schedules an event; returns a function that cancels it. */
  at(at: number, run: () => void): () => void {
    const event = { at: Math.max(at, this.now), order: this.#order++, run };
    const index = this.#events.findLastIndex((other) => other.at <= event.at);
    this.#events.splice(index + 1, 0, event);
    return () => {
      const found = this.#events.indexOf(event);
      if (found >= 0) this.#events.splice(found, 1);
    };
  }

  /** Runs all events up to a time; after each, everything that it has resolved continues. */
  async runUntil(end: number): Promise<void> {
    await turn();
    for (let event = this.#events[0]; event !== undefined && event.at <= end; event = this.#events[0]) {
      this.#events.shift();
      this.now = event.at;
      event.run();
      await turn();
    }
    this.now = end;
  }
}

/** Resolves after all reactions to what has been resolved. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** A process: its clock, and what reaches it while it is stopped. */
export class Process {
  readonly #world: World;
  readonly #rate: number;
  #stoppedUntil = 0;
  #answersFirst = false;
  #held: { readonly isAnswer: boolean; readonly run: () => void }[] = [];
  /** Time until which nothing that it sends arrives. */
  cutUntil = 0;
  /** Its monotonic clock. */
  readonly clock: Clock;

  /** A process whose clock runs `rate` times as fast as the database's. */
  constructor(world: World, rate: number) {
    this.#world = world;
    this.#rate = rate;
    this.clock = {
      now: () => world.now * rate,
      after: (ms, work) => this.#timer(ms, work),
    };
  }

  /** True while it is stopped. */
  get isStopped(): boolean {
    return this.#world.now < this.#stoppedUntil;
  }

  /** Stops the process for so many milliseconds. */
  stop(ms: number, answersFirst: boolean): void {
    if (this.isStopped) return;
    this.#stoppedUntil = this.#world.now + ms;
    this.#answersFirst = answersFirst;
    this.#world.at(this.#stoppedUntil, () => this.#continue());
  }

  /** Passes an answer to the process, once it runs. */
  receive(run: () => void): void {
    this.#deliver({ isAnswer: true, run });
  }

  #timer(ms: number, work: () => void): () => void {
    let isCancelled = false;
    const run = () => {
      if (!isCancelled) work();
    };
    const cancel = this.#world.at(
      this.#world.now + ms / this.#rate,
      () => this.#deliver({ isAnswer: false, run }),
    );
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  #deliver(delivery: { readonly isAnswer: boolean; readonly run: () => void }): void {
    if (this.isStopped) this.#held.push(delivery);
    else delivery.run();
  }

  #continue(): void {
    const held = this.#held;
    this.#held = [];
    const [first, second] = this.#answersFirst ? [true, false] : [false, true];
    for (const kind of [first, second]) {
      for (const { isAnswer, run } of held) {
        // Each is an event of its own: what it resolves continues before the next.
        if (isAnswer === kind) this.#world.at(this.#world.now, run);
      }
    }
  }
}
