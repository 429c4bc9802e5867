/**
 * Reads, flushes, checkpoints, purges and a close that overlap on the file system
 * store; every disk operation completes in the scheduler's order.
 *
 * @module
 */
import * as fc from "fast-check";
import { isRuntimeError, type Runtime } from "../../../mod.ts";
import { verify } from "../../../operate.ts";
import { SimulatedDisk } from "../../disk/mod.ts";
import { transcriptsOf } from "../kit/fold.ts";
import { HOME, openOn, ROOT, smallConfig } from "../../kit/opened.ts";
import { allEvents, transcript } from "../kit/readings.ts";
import { need, settled } from "./settling.ts";

/** An action of a host; actions in one list run in sequence, lists run concurrently. */
interface Act {
  readonly kind: "say" | "read" | "events" | "flush" | "purge" | "prune" | "wait" | "close";
  readonly worker: number;
  readonly size: number;
}

const act = fc.record<Act>({
  kind: fc.constantFrom<Act["kind"]>(
    "say",
    "say",
    "say",
    "say",
    "read",
    "read",
    "events",
    "flush",
    "flush",
    "purge",
    "prune",
    "wait",
    "wait",
    "close",
  ),
  worker: fc.integer({ min: 0, max: 2 }),
  size: fc.integer({ min: 0, max: 3_000 }),
});

const lanes = fc.array(fc.array(act, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 6 });

/** Answers are right in every order, and the store reopens with the same content. */
export const overlaps: fc.IAsyncProperty<[fc.Scheduler, Act[][]]> = fc.asyncProperty(
  fc.scheduler(),
  lanes,
  async (scheduler, all) => {
    const turn = (): Promise<void> => scheduler.schedule(Promise.resolve());
    const disk = new SimulatedDisk({ latency: turn });
    disk.plant.file(`${HOME}/config.jsonc`, smallConfig());
    const { runtime, diagnostics } = await settled(scheduler, openOn(disk));
    const world = new World(runtime, turn);
    await settled(scheduler, world.prepare());
    await settled(scheduler, Promise.all(all.map((acts) => world.lane(acts))));
    await settled(scheduler, runtime.close());
    const told = diagnostics.find(({ severity, code }) => severity === "error" || code.endsWith("_failed"));
    need(told === undefined, `told on a sound disk: ${JSON.stringify(told)}`);
    const opened = disk.calls.count("open") + disk.calls.count("openDirectory");
    need(opened === disk.calls.count("close"), "a file was left open");
    await verified(scheduler, disk);
    await reopened(scheduler, disk, world);
  },
);

class World {
  readonly acknowledged = new Map<string, number>();
  readonly #runtime: Runtime;
  readonly #turn: () => Promise<void>;
  #count = 0;

  constructor(runtime: Runtime, turn: () => Promise<void>) {
    this.#runtime = runtime;
    this.#turn = turn;
  }

  async prepare(): Promise<void> {
    await Promise.all([0, 1, 2].map((worker) => this.#create(worker)));
  }

  async lane(acts: readonly Act[]): Promise<void> {
    for (const act of acts) {
      try {
        await this.#do(act);
      } catch (error) {
        need(isRuntimeError(error) && EXPECTED.has(error.code), `${act.kind}: ${error}`);
      }
    }
  }

  async #create(worker: number): Promise<void> {
    await this.#runtime.createWorker({ workerId: `w${worker}`, intent: { kind: "assistant" } });
  }

  async #do({ kind, worker: number, size }: Act): Promise<void> {
    const runtime = this.#runtime;
    const workerId = `w${number}`;
    const worker = runtime.worker(workerId);
    if (kind === "wait") return await this.#turn();
    if (kind === "flush") return await runtime.flush();
    if (kind === "close") return size < 200 ? await runtime.close() : undefined;
    if (kind === "prune") return void await runtime.prune({ dryRun: false });
    if (kind === "events") return void await runtime.events({ limit: 1 + size });
    if (kind === "read") return await this.#read(workerId, size);
    if (kind === "say") {
      const key = `k${this.#count++}`;
      const { eventId } = await worker.sendInput({ role: "user", content: `${key} ${"x".repeat(size)}` }, {
        key,
      });
      this.acknowledged.set(key, eventId);
      return;
    }
    await worker.cancel();
    await worker.purge();
    await this.#create(number);
  }

  /** Sequences of a page have no gaps, whatever runs concurrently. */
  async #read(workerId: string, size: number): Promise<void> {
    const { items } = await this.#runtime.worker(workerId).transcript({ limit: 1 + size % 20 });
    items.forEach(({ seq }, index) => need(seq === (items[0]?.seq ?? 0) + index, `entry ${seq} at ${index}`));
  }
}

const EXPECTED: ReadonlySet<string> = new Set([
  "runtime_closed",
  "worker_not_found",
  "worker_not_running",
  "worker_exists",
  "invalid_request",
]);

/** Only events of recorded prunings are missing, every file is current, and the older checkpoint suffices as well. */
async function verified(scheduler: fc.Scheduler, disk: SimulatedDisk): Promise<void> {
  const location = { root: ROOT, runtimeId: "t" };
  const { verdict, findings } = await settled(scheduler, verify(location, { fileSystem: disk }));
  need(verdict === "clean", `verified after a close: ${JSON.stringify(findings)}`);
  const spoiled = disk.fork();
  spoiled.plant.nothing(`${HOME}/checkpoint.json`);
  const { runtime } = await settled(scheduler, openOn(spoiled));
  await settled(scheduler, runtime.close());
}

async function reopened(
  scheduler: fc.Scheduler,
  disk: SimulatedDisk,
  { acknowledged }: World,
): Promise<void> {
  const { runtime, diagnostics } = await settled(scheduler, openOn(disk));
  try {
    const unclean = diagnostics.find(({ severity }) => severity !== "info");
    need(unclean === undefined, `told after a close: ${JSON.stringify(unclean)}`);
    const { firstEventId } = await runtime.events({ limit: 1 });
    const events = firstEventId === 1 ? await settled(scheduler, allEvents(runtime, 100)) : undefined;
    if (events === undefined) return;
    const ids = new Map(
      events.map((event) => [Reflect.get(Object(event), "key"), Reflect.get(Object(event), "id")]),
    );
    for (const [key, eventId] of acknowledged) {
      need(ids.get(key) === eventId, `${key} is not event ${eventId}`);
    }
    for (const [workerId, entries] of transcriptsOf(events as Parameters<typeof transcriptsOf>[0])) {
      const found = await settled(scheduler, transcript(runtime, workerId, 9));
      need(
        JSON.stringify(found) === JSON.stringify(entries),
        `the transcript of ${workerId} is not its events`,
      );
    }
  } finally {
    await settled(scheduler, runtime.close());
  }
}
