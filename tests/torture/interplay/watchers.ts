/**
 * Watchers: quick and slow ones, some that end early. Each sees every event
 * of its scope once and in order, from its start to its end.
 *
 * @module
 */
import { isRuntimeError, type Runtime, type RuntimeEvent } from "../../../mod.ts";
import type { Random } from "../../disk/mod.ts";
import { Finding } from "../script/history.ts";
import { type Archive, isOf } from "./archive.ts";
import { pause, type Pending } from "./pending.ts";

/** The end of a watcher: its own, by `return` or a signal; a cursor that expired; or the stream's. */
type End = "aborted" | "ended" | "expired" | "live" | "returned";

/** Events that a watcher asks for besides those of one worker: members, and workers of any life. */
interface Filter {
  readonly has?: readonly ("entries" | "run" | "status")[];
  readonly workers?: readonly [string, string, ...string[]];
}

/** A watcher of the runtime or of one worker. */
class Watcher {
  readonly seen: RuntimeEvent[] = [];
  readonly after: number;
  readonly workerId: string | undefined;
  end: End = "live";
  readonly #events: AsyncGenerator<RuntimeEvent, void, void>;
  readonly #abort = new AbortController();
  readonly #random: Random;

  readonly filter: Filter;

  constructor(
    runtime: Runtime,
    workerId: string | undefined,
    after: number | undefined,
    filter: Filter,
    random: Random,
  ) {
    this.workerId = workerId;
    this.filter = filter;
    this.after = after ?? runtime.lastEventId;
    this.#random = random;
    const { has, workers } = filter;
    const options = { after, has, signal: this.#abort.signal };
    this.#events = workerId === undefined
      ? runtime.watch({ ...options, workers })
      : runtime.worker(workerId).watch(options);
  }

  /** Returns true for an event that its filter lets through. */
  wants(event: RuntimeEvent): boolean {
    const { has, workers } = this.filter;
    if (has !== undefined && !has.some((name) => name in event)) return false;
    return workers === undefined || workers.some((workerId) => isOf(event, workerId));
  }

  /** Reads to the end, or for so many events. */
  async read(eventsMax: number, pending: Pending): Promise<void> {
    const slowness = this.#random.pick([0, 0, 0.05, 0.5]);
    try {
      while (this.seen.length < eventsMax) {
        const { done, value } = await this.#events.next();
        if (this.end !== "live") return;
        if (done) return void (this.end = "ended");
        this.seen.push(value);
        if (this.#random.chance(slowness)) await pause(this.#random.below(4));
      }
      await this.leave(this.#random.chance(0.5), pending);
    } catch (error) {
      if (!isRuntimeError(error)) throw error;
      if (error.code !== "cursor_expired") {
        throw new Finding("I7", `a watcher ends with ${error.code}: ${error.message}`);
      }
      this.end = "expired";
    }
  }

  /** Ends it early: nothing comes afterwards. */
  async leave(byReturn: boolean, pending: Pending): Promise<void> {
    if (this.end !== "live") return;
    this.end = byReturn ? "returned" : "aborted";
    if (!byReturn) this.#abort.abort();
    else await pending.wait("return() of a watcher", this.#events.return());
    const { done } = await pending.wait(`next() of a watcher that ${this.end}`, this.#events.next());
    if (done !== true) throw new Finding("I7", `a watcher that ${this.end} goes on`);
  }
}

/** All watchers of a session. */
export class Watchers {
  readonly #runtime: Runtime;
  readonly #archive: Archive;
  readonly #pending: Pending;
  readonly #all: Watcher[] = [];
  readonly #reading = new Set<Promise<void>>();

  /** No watchers yet. */
  constructor(runtime: Runtime, archive: Archive, pending: Pending) {
    this.#runtime = runtime;
    this.#archive = archive;
    this.#pending = pending;
  }

  /** Number of all watchers. */
  get count(): number {
    return this.#all.length;
  }

  /** Begins to watch. */
  begin(random: Random, workerId: string | undefined, fail: (error: unknown) => void): void {
    const first = workerId === undefined ? 0 : this.#runtime.worker(workerId).state().createdEventId - 1;
    const after = random.chance(0.4)
      ? undefined
      : first + random.below(Math.max(1, this.#runtime.lastEventId + 1 - first));
    const watcher = new Watcher(this.#runtime, workerId, after, this.#anyFilter(random, workerId), random);
    this.#all.push(watcher);
    const eventsMax = random.chance(0.3) ? 1 + random.below(40) : Infinity;
    const reading = watcher.read(eventsMax, this.#pending).catch(fail).finally(() =>
      this.#reading.delete(reading)
    );
    this.#reading.add(reading);
  }

  #anyFilter(random: Random, workerId: string | undefined): Filter {
    const has = random.chance(0.3) ? { has: random.pick([["entries"], ["run", "status"]] as const) } : {};
    const ids = this.#runtime.workers({ limit: 20 }).items.map(({ record }) => record.workerId);
    const [one, other] = [random.pick(["none", ...ids]), random.pick(["none", ...ids])];
    if (workerId !== undefined || one === other || random.chance(0.5)) return has;
    return { ...has, workers: [one, other] };
  }

  /** Ends a live watcher while it waits for an event. */
  async leaveOne(random: Random): Promise<void> {
    const live = this.#all.filter(({ end }) => end === "live");
    if (live.length > 0) await random.pick(live).leave(random.chance(0.7), this.#pending);
  }

  /** Every watcher has seen what it should of a log that is known to its end. */
  async check(): Promise<void> {
    for (const watcher of this.#all) {
      const name = `a watcher of ${watcher.workerId ?? "the runtime"} after event ${watcher.after}`;
      await this.#pending.wait(`${name} at event ${watcher.seen.at(-1)?.id}`, this.#caughtUp(watcher));
      const wrong = this.#wrongWith(watcher);
      if (wrong !== undefined) throw new Finding("I7", `${name}: ${wrong}`);
    }
  }

  /** After a close they have all ended, and have seen nothing twice and missed nothing between. */
  async checkClosed(): Promise<void> {
    await this.#pending.wait("the end of watchers after a close", Promise.all(this.#reading));
    for (const watcher of this.#all) {
      if (watcher.end === "live") {
        throw new Finding("I7", "the runtime is closed, and a watcher is not at its end");
      }
    }
  }

  async #caughtUp(watcher: Watcher): Promise<void> {
    const last = this.#wanted(watcher).at(-1)?.id ?? 0;
    while (watcher.end === "live" && (watcher.seen.at(-1)?.id ?? 0) < last) await pause(1);
  }

  /** Events that a watcher should see if it goes on to the end; the purge of its worker is the last. */
  #wanted(watcher: Watcher): RuntimeEvent[] {
    const { after, workerId } = watcher;
    const wanted = this.#archive.events.slice(after).filter((event) => isOf(event, workerId));
    const purged = workerId === undefined ? -1 : wanted.findIndex(({ type }) => type === "worker.purged");
    const whole = purged === -1 ? wanted : wanted.slice(0, purged + 1);
    return whole.filter((event) => watcher.wants(event));
  }

  #wrongWith(watcher: Watcher): string | undefined {
    const { after, workerId, seen, end } = watcher;
    const to = seen.at(-1)?.id ?? after;
    const different = this.#archive.differenceFrom(
      seen,
      { from: after + 1, to },
      workerId,
      (event) => watcher.wants(event),
    );
    if (different !== undefined) return different;
    const isPurged = this.#archive.events.slice(after).some((event) =>
      isOf(event, workerId) && event.type === "worker.purged"
    );
    if (end === "ended" && (workerId === undefined || !isPurged)) return "it ended early";
    if (end === "ended" && watcher.filter.has === undefined && seen.at(-1)?.type !== "worker.purged") {
      return "it ended before the purge";
    }
    if (end === "expired" && this.#archive.prunedTo <= to + 1) return "its cursor expired without a pruning";
    return undefined;
  }
}
