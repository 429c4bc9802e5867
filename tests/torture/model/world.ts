/**
 * A runtime on a simulated disk with its reference: groups of commands, faults
 * during them, crashes, and checks afterwards.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { isRuntimeError, type Runtime, type RuntimeEvent } from "../../../mod.ts";
import { chooseRandomly, type DiskCall, failAt, type Random, SimulatedDisk } from "../../disk/mod.ts";
import { HOME, openOn, smallConfig } from "../../kit/opened.ts";
import { BrokenOracle } from "../suite.ts";
import { checkEvents, checkState, checkTranscripts } from "./checks.ts";
import { give, type Handles, isEventOf, randomCommand } from "./commands.ts";
import { armed } from "./trouble.ts";
import { type Command, Reference } from "./reference.ts";

/** Parameters derived from a seed. */
export interface Scenario {
  /** Ids of workers. */
  readonly workerIds: readonly string[];
  /** Maximum number of commands in a group. */
  readonly groupMax: number;
  /** Chance that something goes wrong with the disk during a group. */
  readonly faultChance: number;
  /** True if answers wait for the device; if not, there are no power cuts. */
  readonly synced: boolean;
}

/** Result of a command. */
interface Result {
  readonly command: Command;
  readonly abort: boolean;
  readonly value: { readonly eventId: number; readonly duplicate: boolean } | undefined;
  readonly error: unknown;
}

/** Counts over a seed. */
export interface Figures {
  commands: number;
  crashes: number;
  reopenings: number;
  refusedByDisk: number;
}

/** The world of one seed. */
export class World {
  readonly figures: Figures = { commands: 0, crashes: 0, reopenings: 0, refusedByDisk: 0 };
  readonly #random: Random;
  readonly #scenario: Scenario;
  readonly #name: string;
  readonly #reference = new Reference();
  #disk: SimulatedDisk;
  #runtime: Runtime | undefined;
  #handles: Handles = newHandles();
  /** Events that were read, as text. */
  readonly #seen = new Map<number, string>();
  #clockMs = 1_700_000_000_000;

  constructor(random: Random, scenario: Scenario, name: string) {
    this.#random = random;
    this.#scenario = scenario;
    this.#name = name;
    const latency = (): Promise<void> =>
      random.chance(0.2) ? new Promise((resolve) => setImmediate(resolve)) : Promise.resolve();
    this.#disk = new SimulatedDisk({ latency });
    const config = new TextDecoder().decode(smallConfig(4_096 << random.below(5), 4_096 << random.below(4)));
    const durability = scenario.synced ? "synced" : "written";
    this.#disk.plant.file(
      `${HOME}/config.jsonc`,
      new TextEncoder().encode(config.replace("{", `{ "durability": ${JSON.stringify(durability)},`)),
    );
  }

  /** Fails the seed. */
  broken(oracle: string, why: string, cause?: unknown): BrokenOracle {
    return new BrokenOracle(oracle, this.#name, why, { cause });
  }

  /** Returns the latest diagnostics of the runtime. */
  told(): string {
    const items = this.#runtime?.diagnostics().items ?? [];
    return items.slice(-5).map(({ code, message }) => `${code} (${message})`).join("; ");
  }

  /** Opens for the first time. */
  async begin(): Promise<void> {
    await this.#open([]);
  }

  /** One round: a group of commands, and sometimes a reopening, a crash, a jump of the clock. */
  async round(): Promise<void> {
    const random = this.#random;
    if (random.chance(0.1)) this.#clockMs += Math.floor((random.below(2_000) - 900) ** 3 / 1_000);
    if (!this.#disk.alive) return await this.#crashAndReopen([]);
    if (random.chance(0.02)) return await this.#reopen();
    if (random.chance(0.02)) return await this.#crashAndReopen([]);
    if (random.chance(0.03)) await this.#runtime?.flush();
    if (random.chance(0.03)) await this.#prune();
    await this.#group();
  }

  /** The final check: everything, after a close and another opening. */
  async end(): Promise<void> {
    await this.#reopen();
    await this.#check(true);
    await this.#runtime?.close();
  }

  async #group(): Promise<void> {
    const random = this.#random;
    const runtime = this.#mustBeOpen();
    const trouble = random.chance(this.#scenario.faultChance)
      ? armed(random, this.#disk, this.#scenario.synced)
      : undefined;
    const isAlone = random.chance(0.05);
    const size = isAlone ? 1 : 1 + random.below(this.#scenario.groupMax);
    const results = await Promise.all(Array.from({ length: size }, () => this.#give(runtime, isAlone)));
    this.figures.commands += size;
    trouble?.disarm();
    if (!this.#disk.alive) return await this.#crashAndReopen(results);
    if (runtime.health.status === "failed") return await this.#crashAndReopen(results);
    this.#settle(results);
    if (random.chance(0.1)) await this.#check(false);
  }

  async #give(runtime: Runtime, isAlone: boolean): Promise<Result> {
    const random = this.#random;
    const { workerIds } = this.#scenario;
    const command = randomCommand(random, this.#reference, workerIds, this.#handles, isAlone);
    const abort = random.chance(0.02);
    const controller = abort ? new AbortController() : undefined;
    if (abort && random.chance(0.5)) controller?.abort(new Error("aborted"));
    const promise = give(runtime, command, this.#handles, controller?.signal);
    controller?.abort(new Error("aborted"));
    try {
      return { command, abort, value: await promise, error: undefined };
    } catch (error) {
      return { command, abort, value: undefined, error };
    }
  }

  /** The group was answered, or rejected by the disk as a whole. */
  #settle(results: readonly Result[]): void {
    const given = results.filter((result) => !this.#wasGivenUp(result));
    const refused = given.find(({ error }) => isDiskError(error));
    if (refused !== undefined) {
      // No event of the group exists, and no caller may assume otherwise.
      const other = given.find(({ error }) => !isDiskError(error) && isAboutEvents(error));
      if (other !== undefined) {
        throw this.broken("I1", "a batch was refused, and one of its commands answered", other.error);
      }
      this.figures.refusedByDisk++;
      if (this.#mustBeOpen().lastEventId !== this.#reference.lastEventId) {
        throw this.broken("I3", "a refused batch left events");
      }
      return;
    }
    for (const result of given) this.#hold(result);
  }

  #wasGivenUp({ abort, error }: Result): boolean {
    if (!abort) return false;
    if (error instanceof Error && error.message === "aborted") return true;
    // Rejected before it was queued.
    if (isRuntimeError(error)) return true;
    throw this.broken("I7", "a command that was aborted was answered", error);
  }

  #hold({ command, value, error }: Result): void {
    const wanted = this.#reference.take(command);
    const text = JSON.stringify({ command, wanted, value, error: String(error) });
    if ("code" in wanted) {
      if (!isRuntimeError(error) || error.code !== wanted.code) {
        throw this.broken("I3", `not refused so: ${text}`, error);
      }
      return;
    }
    if (value === undefined) throw this.broken("I1", `not done: ${text}`, error);
    if (value.eventId !== wanted.eventId || value.duplicate !== wanted.duplicate) {
      throw this.broken("I3", text);
    }
    if ("firstSeq" in value && value.firstSeq !== wanted.firstSeq) throw this.broken("I3", text);
  }

  async #reopen(): Promise<void> {
    const runtime = this.#mustBeOpen();
    await runtime.close();
    // A fault that was injected for the group may take effect only now.
    if (!this.#disk.alive || runtime.health.status === "failed") return await this.#crashAndReopen([]);
    const incomplete = runtime.diagnostics().items.find(({ code }) => code === "close_incomplete");
    if (incomplete !== undefined) {
      throw this.broken("I7", `a sound disk, and ${incomplete.message}; ${this.told()}`);
    }
    this.#reference.pass();
    await this.#open([]);
  }

  /**
   * The process is killed, the power is cut, or the store has failed. Commands in
   * progress have taken effect up to some command, or not at all.
   */
  async #crashAndReopen(results: readonly Result[]): Promise<void> {
    const random = this.#random;
    const old = this.#disk;
    if (old.alive && (this.#runtime?.health.status !== "failed" || random.chance(0.5))) old.kill();
    // The power may be cut as well, now that nothing is being written.
    const cut = this.#scenario.synced && (random.chance(0.5) || !poweredOn(old));
    this.#disk = cut ? old.crash(chooseRandomly(random, random.pick([0.1, 0.5, 0.9]))) : old.attach();
    await this.#runtime?.close().catch(() => {});
    this.#runtime = undefined;
    this.figures.crashes++;
    await this.#open(results);
  }

  async #open(results: readonly Result[]): Promise<void> {
    this.figures.reopenings++;
    this.#handles = newHandles();
    let opened: Awaited<ReturnType<typeof openOn>>;
    try {
      opened = await openOn(this.#disk, { now: () => this.#clockMs });
    } catch (error) {
      throw this.broken("I1", `it does not open any more: ${error}`, error);
    }
    this.#runtime = opened.runtime;
    await this.#find(results);
    await this.#check(false);
  }

  /** I2, I3: new events in the log are a prefix of the requested ones, followed by those of the opening. */
  async #find(results: readonly Result[]): Promise<void> {
    const events = await this.#newEvents();
    let at = 0;
    for (const { command, abort, value, error } of results) {
      const verdict = this.#reference.preview(command);
      const event = events[at];
      if (abort || "code" in verdict || verdict.duplicate) continue;
      if (event === undefined || !isEventOf(event, command, verdict.firstSeq)) {
        if (value !== undefined) {
          throw this.broken("I1", `acknowledged, and gone: ${JSON.stringify(command)}`, error);
        }
        break;
      }
      this.#reference.take(command);
      at++;
    }
    // A close in progress.
    if (events[at]?.type === "runtime.closed") {
      this.#reference.pass();
      at++;
    }
    const types = this.#reference.open();
    const found = events.slice(at).map(({ type }) => type);
    if (JSON.stringify(found) !== JSON.stringify(types)) {
      throw this.broken(
        "I3",
        `behind the last known event there is ${JSON.stringify(events.slice(at))}, not ${types}`,
      );
    }
  }

  async #newEvents(): Promise<RuntimeEvent[]> {
    const events: RuntimeEvent[] = [];
    for (let after: number | null = this.#reference.lastEventId; after !== null;) {
      const page: Awaited<ReturnType<Runtime["events"]>> = await this.#mustBeOpen().events({
        after,
        limit: 1_000,
      });
      events.push(...page.items);
      after = page.next;
    }
    return events;
  }

  async #prune(): Promise<void> {
    const runtime = this.#mustBeOpen();
    if (this.#reference.retired) return;
    const pruned = await runtime.prune();
    if (pruned.events > 0) this.#reference.pass();
    const { firstEventId } = await runtime.events({ limit: 1 });
    if (firstEventId !== pruned.firstEventId) {
      throw this.broken("I3", `pruned to ${pruned.firstEventId}, not ${firstEventId}`);
    }
    await this.#checkSecondChance();
  }

  /** The older checkpoint suffices without the newest, even after pruning. */
  async #checkSecondChance(): Promise<void> {
    const spoiled = this.#disk.fork();
    spoiled.plant.nothing(`${HOME}/checkpoint.json`);
    const { runtime } = await openOn(spoiled, { now: () => this.#clockMs }).catch((error) => {
      throw this.broken("I1", `it does not open without its newest checkpoint: ${error}`, error);
    });
    const wrong = await checkTranscripts(runtime, this.#reference, this.#random);
    await runtime.close();
    if (wrong !== undefined) throw this.broken("I5", `without its newest checkpoint: ${wrong}`);
  }

  async #check(all: boolean): Promise<void> {
    const runtime = this.#mustBeOpen();
    // Lines that cannot be written are read from memory, in pages like any others.
    if (this.#random.chance(0.3)) this.#disk.onCall = failAt(1, "ENOSPC", "sticky", isOfTranscript);
    const wrong = checkState(runtime, this.#reference) ??
      await checkTranscripts(runtime, this.#reference, all ? undefined : this.#random) ??
      await checkEvents(runtime, this.#reference, this.#random, this.#seen);
    if (this.#disk.alive) this.#disk.onCall = undefined;
    if (wrong !== undefined) throw this.broken("I5", wrong);
  }

  #mustBeOpen(): Runtime {
    if (this.#runtime === undefined) throw new Error("Cannot go on: the runtime is not open");
    return this.#runtime;
  }
}

function newHandles(): Handles {
  return { runs: new Map(), purged: new Map() };
}

function isOfTranscript({ operation, path }: DiskCall): boolean {
  return operation === "write" && path.endsWith("/transcript.jsonl");
}

function isDiskError(error: unknown): boolean {
  return isRuntimeError(error) && /^(?:store_|no_space)/.test(error.code);
}

/** Returns true if a command reached the log: earlier rejections do not count. */
function isAboutEvents(error: unknown): boolean {
  return error === undefined;
}

function poweredOn(disk: SimulatedDisk): boolean {
  try {
    return disk.attach().alive;
  } catch {
    return false;
  }
}
