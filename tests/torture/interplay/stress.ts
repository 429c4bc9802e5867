/**
 * Concurrent callers of all operations of a runtime.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { isRuntimeError, type Run, type Runtime } from "../../../mod.ts";
import { Random } from "../../disk/mod.ts";
import { give, type Handles, randomCommand } from "../model/commands.ts";
import type { Command } from "../model/reference.ts";
import { Finding } from "../script/history.ts";
import type { Archive } from "./archive.ts";
import type { HeldRuns } from "./held_runs.ts";
import { mustBePurged, readBlobs, readContext, readEvents, readTranscript } from "./pages.ts";
import { pause, type Pending } from "./pending.ts";
import type { Activity, Scenario } from "./scenario.ts";
import { WaitingRuns } from "./waiting_runs.ts";
import type { Watchers } from "./watchers.ts";

/** Rejections that a valid command may receive when others are at work. */
const REFUSALS: ReadonlySet<string> = new Set([
  "conflict",
  "cursor_expired",
  "invalid_request",
  "key_reused",
  "run_ended",
  "runtime_closed",
  "runtime_retired",
  "worker_busy",
  "worker_exists",
  "worker_not_found",
  "worker_not_running",
]);

/** The reason for which a caller withdraws a command. */
const NOT_WANTED = new Error("The command is not wanted any more");

/** State shared by callers. */
export interface Stressed {
  readonly runtime: Runtime;
  readonly archive: Archive;
  readonly scenario: Scenario;
  readonly held: HeldRuns;
  readonly watchers: Watchers;
  readonly pending: Pending;
  /** Reports a finding outside the callers. */
  readonly fail: (error: unknown) => void;
}

/** All callers of a session. */
export class Stress {
  readonly #stressed: Stressed;
  readonly #handles: Handles = { runs: new Map(), purged: new Map() };
  readonly #waiting: WaitingRuns;

  constructor(stressed: Stressed) {
    this.#stressed = stressed;
    this.#waiting = new WaitingRuns(stressed);
  }

  /** Lets all callers take their steps. */
  async run(random: Random): Promise<void> {
    const { callers, steps, activities, workerIds } = this.#stressed.scenario;
    const seeds = Array.from({ length: callers }, () => random.fork());
    if (activities.has("sweep")) {
      for (const workerId of workerIds) await this.#give(commandOf("create", workerId, 1));
    }
    await Promise.all(seeds.map(async (seed) => {
      const own = new Random(seed);
      for (let step = 0; step < steps; step++) await this.#step(own);
    }));
    if (!activities.has("sweep")) return;
    await this.#age(random);
    await this.#sweep(random);
  }

  /** Appends to every worker together, with flushes between; a close must follow. */
  async burst(random: Random): Promise<void> {
    const { runtime, scenario: { workerIds, activities } } = this.#stressed;
    const all = (kind: Command["kind"], number: () => number): Promise<unknown> =>
      Promise.all(workerIds.map((workerId) => this.#give(commandOf(kind, workerId, number()))));
    await all("purge", () => 1);
    await all("create", () => 1);
    let isOver = false;
    const flush = async (): Promise<void> => {
      while (!isOver && activities.has("flush")) {
        await (random.chance(0.2) ? pause(random.below(2)) : turn());
        await this.#try("flush", () => runtime.flush());
      }
    };
    const flushing = flush();
    await all("say", () => 1_000 + random.below(3_000)).finally(() => isOver = true);
    await flushing;
  }

  async #step(random: Random): Promise<void> {
    const { scenario: { groupMax, activities } } = this.#stressed;
    const group = Array.from({ length: 1 + random.below(groupMax) }, () => {
      const controller = random.chance(0.03) ? new AbortController() : undefined;
      const given = this.#give(this.#anyCommand(random), controller?.signal);
      controller?.abort(NOT_WANTED);
      return given;
    });
    const beside = [...activities].filter(() => random.chance(0.25)).map((activity) =>
      this.#act(activity, random)
    );
    await Promise.all([...group, ...beside]);
    if (random.chance(0.3)) await pause(random.below(4));
  }

  #anyCommand(random: Random): Command {
    const { archive, scenario: { workerIds, activities, bigChance } } = this.#stressed;
    const usesBlobs = activities.has("blobs") && random.chance(0.15);
    const command = randomCommand(
      random,
      archive.folding.reference,
      workerIds,
      this.#handles,
      usesBlobs,
    );
    const { kind } = command;
    // Objects swept at the end must live until then.
    if (activities.has("sweep") && /^(?:retire|stop|purge|retireRuntime)$/.test(kind)) {
      return { ...command, kind: "usage" };
    }
    if (kind !== "say" || !random.chance(bigChance)) return command;
    return { ...command, number: 1_000 + random.below(4_000) };
  }

  async #act(activity: Activity, random: Random): Promise<void> {
    const { runtime, archive, watchers, scenario: { workerIds }, fail, pending } = this.#stressed;
    const workerId = random.pick(workerIds);
    switch (activity) {
      case "blobs":
        if (random.chance(0.5)) {
          return await this.#try("blobs", () => readBlobs(runtime, archive, random, workerId));
        }
        return await this.#try("put", () => this.#put(random, workerId));
      case "collect": {
        const dryRun = random.chance(0.2);
        return await this.#try(
          "removeUnreferencedBlobs",
          () => runtime.worker(workerId).removeUnreferencedBlobs({ dryRun }),
        );
      }
      case "runs":
        return await this.#try("runs", () => this.#waiting.run(random, workerId));
      case "flush":
        if (random.chance(0.5)) await turn();
        return await this.#try("flush", () => runtime.flush());
      case "prune":
        // Only events that the test itself has seen.
        return await this.#try(
          "prune",
          () => runtime[random.chance(0.1) ? "planPrune" : "prune"]({ through: archive.lastEventId }),
        );
      case "recreate":
        return await this.#recreate(random, workerId);
      case "pages": {
        const scope = random.chance(0.5) ? workerId : undefined;
        await this.#try("events", () => readEvents(runtime, archive, random, scope));
        await this.#try("context", () => readContext(runtime, archive, workerId));
        return await this.#try("transcript", () => readTranscript(runtime, archive, random, workerId));
      }
      case "watch":
      case "watchWorkers":
        if (watchers.count > 60) return;
        return await this.#try("watch", async () => {
          await Promise.resolve(watchers.begin(random, activity === "watch" ? undefined : workerId, fail));
        });
      case "unreadReturn":
        return await pending.wait("leaving a watcher", watchers.leaveOne(random));
      case "sweep":
        return;
    }
  }

  /** Puts a blob that is mostly referred to by nobody, in pieces: the host may be killed meanwhile. */
  async #put(random: Random, workerId: string): Promise<void> {
    const pieces = random.below(4);
    const bytes = new TextEncoder().encode(`blob ${random.below(40)}`);
    await this.#stressed.runtime.worker(workerId).putBlob((async function* (): AsyncGenerator<Uint8Array> {
      for (let piece = 0; piece < pieces; piece++) await pause(1);
      yield bytes;
    })());
  }

  /** Ends a worker in one batch, and another with its id begins a run with the same id. */
  async #recreate(random: Random, workerId: string): Promise<void> {
    const number = random.below(40);
    const begin = (): Promise<void> => this.#give(commandOf("begin", workerId, number));
    await Promise.all([this.#give(commandOf("create", workerId, 1)), begin()]);
    const end = [this.#give(commandOf("retire", workerId, 2)), this.#give(commandOf("purge", workerId, 1))];
    if (random.chance(0.5)) await Promise.all(end);
    await Promise.all([...end, this.#give(commandOf("create", workerId, 1)), begin()]);
  }

  /** Lets the log grow and be pruned until it no longer holds the creation of any worker. */
  async #age(random: Random): Promise<void> {
    const { scenario: { workerIds }, runtime, archive } = this.#stressed;
    const created = runtime.workers({ limit: 1_000 }).items.at(-1)?.createdEventId ?? 0;
    let firstEventId = 1;
    for (let count = 0; count < 40 && firstEventId <= created; count++) {
      await this.#give(commandOf("say", random.pick(workerIds), 1_000 + random.below(3_000)));
      await this.#try("prune", async () => {
        ({ firstEventId } = await runtime.prune({ through: archive.lastEventId }));
      });
    }
  }

  /** Ends and purges one worker after the other. */
  async #sweep(random: Random): Promise<void> {
    for (const workerId of this.#stressed.scenario.workerIds) {
      await this.#give(commandOf("retire", workerId, 2));
      await this.#give(commandOf("purge", workerId, 1));
      await pause(random.below(12));
    }
  }

  async #give(command: Command, signal?: AbortSignal): Promise<void> {
    const { runtime, archive, held } = this.#stressed;
    await this.#try(command.kind, async () => {
      const { lastEventId } = runtime;
      const receipt = await give(runtime, command, this.#handles, signal).catch((error) => {
        // A worker whose blob was put just now was purged before its entry.
        mustBePurged(archive, command.workerId, lastEventId, error);
        return undefined;
      });
      if (receipt === undefined) return;
      const { eventId, duplicate } = receipt;
      archive.acknowledge({ command, eventId, duplicate });
      if ("signal" in receipt) held.hold(command.workerId, receipt as Run);
    });
  }

  /** Makes a call; ignores a rejection that others may have caused. */
  async #try(name: string, call: () => Promise<unknown>): Promise<void> {
    try {
      await this.#stressed.pending.wait(name, call());
    } catch (error) {
      if (error instanceof Finding) throw error;
      if (error === NOT_WANTED || isRuntimeError(error) && REFUSALS.has(error.code)) return;
      throw new Finding("I7", `${name} is refused: ${error instanceof Error ? error.stack : error}`, {
        cause: error,
      });
    }
  }
}

/** A command without key or expectation. */
function commandOf(kind: Command["kind"], workerId: string, number: number): Command {
  const runId = `r${number}`;
  return { kind, workerId, number, key: undefined, expect: undefined, runId, runEventId: 0, life: 0 };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
