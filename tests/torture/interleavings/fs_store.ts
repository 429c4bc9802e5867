/**
 * Reads, blobs, flushes, checkpoints, purges and a close that overlap on the file
 * system store; every disk operation completes in the scheduler's order.
 *
 * @module
 */
import * as fc from "fast-check";
import { type BlobRef, isRuntimeError, limits, type Runtime, type Worker } from "../../../mod.ts";
import { verify } from "../../../operate.ts";
import { SimulatedDisk } from "../../disk/mod.ts";
import { transcriptsOf } from "../kit/fold.ts";
import { HOME, openOn, ROOT, smallConfig } from "../../kit/opened.ts";
import { allEvents, transcript } from "../kit/readings.ts";
import { need, settled } from "./settling.ts";

/** An action of a host; actions in one list run in sequence, lists run concurrently. */
interface Act {
  readonly kind:
    | "say"
    | "put"
    | "refer"
    | "spill"
    | "collect"
    | "read"
    | "events"
    | "flush"
    | "purge"
    | "prune"
    | "wait"
    | "close";
  readonly worker: number;
  readonly size: number;
}

const act = fc.record<Act>({
  kind: fc.constantFrom<Act["kind"]>(
    "say",
    "say",
    "say",
    "say",
    "put",
    "put",
    "refer",
    "refer",
    "spill",
    "collect",
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
  /** Blobs that were put, with the life of their worker. */
  readonly put: { readonly workerId: string; readonly life: number; readonly ref: BlobRef }[] = [];
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
    if (kind === "prune") return void await runtime.prune();
    if (kind === "put") return void await this.#put(worker, size);
    if (kind === "refer") return await this.#refer(worker, size);
    if (kind === "collect") return void await worker.removeUnreferencedBlobs();
    if (kind === "events") return void await runtime.events({ limit: 1 + size });
    if (kind === "read") return await this.#read(workerId, size);
    if (kind === "say") return await this.#say(worker, `${"x".repeat(size)}`);
    if (kind === "spill") return await this.#spill(worker, size);
    await worker.retire();
    await worker.purge();
    await this.#create(number);
  }

  async #say(worker: Worker, content: string, blobs: readonly BlobRef[] = []): Promise<void> {
    const key = `k${this.#count++}`;
    const { eventId } = await worker.sendInput({ role: "user", content: `${key} ${content}`, blobs }, {
      key,
    });
    this.acknowledged.set(key, eventId);
  }

  /** Few different blobs: they are put again, and meet removals of the same ones. */
  async #put(worker: Worker, size: number): Promise<BlobRef> {
    const { createdEventId: life } = worker.state();
    const ref = await worker.putBlob(inTurns(new Uint8Array(size % 5).fill(7), this.#turn));
    this.put.push({ workerId: worker.workerId, life, ref });
    return ref;
  }

  /** Refers to a blob that was put just now, or by anybody before. */
  async #refer(worker: Worker, size: number): Promise<void> {
    const known = this.put.filter(({ workerId }) => workerId === worker.workerId);
    const ref = known[size % 7]?.ref ?? await this.#put(worker, size);
    await this.#say(worker, "refers", [ref]);
  }

  /** Appends large content and then a short text: their events have this order. */
  async #spill(worker: Worker, size: number): Promise<void> {
    const said = [this.#say(worker, LARGE), this.#say(worker, `${size}`)];
    const keys = [this.#count - 2, this.#count - 1].map((count) => `k${count}`);
    // Both calls are settled before the first failure is reported.
    const failed = (await Promise.allSettled(said)).find(({ status }) => status === "rejected");
    if (failed !== undefined) await Promise.all(said);
    const [first = 0, second = 0] = keys.map((key) => this.acknowledged.get(key));
    need(first < second, `a large content is event ${first}, and the call after it is ${second}`);
  }

  /** Sequences of a page have no gaps, whatever runs concurrently. */
  async #read(workerId: string, size: number): Promise<void> {
    const { items } = await this.#runtime.worker(workerId).transcript({ limit: 1 + size % 20 });
    items.forEach(({ seq }, index) => need(seq === (items[0]?.seq ?? 0) + index, `entry ${seq} at ${index}`));
  }
}

const LARGE = "y".repeat(limits.contentInlineBytesMax);

async function* inTurns(bytes: Uint8Array, turn: () => Promise<void>): AsyncGenerator<Uint8Array> {
  for (const byte of bytes) {
    await turn();
    yield Uint8Array.of(byte);
  }
}

const EXPECTED: ReadonlySet<string> = new Set([
  "runtime_closed",
  // A blob of the worker's former life.
  "blob_missing",
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
  { acknowledged, put }: World,
): Promise<void> {
  const { runtime, diagnostics } = await settled(scheduler, openOn(disk));
  try {
    const unclean = diagnostics.find(({ severity }) => severity !== "info");
    need(unclean === undefined, `told after a close: ${JSON.stringify(unclean)}`);
    await settled(scheduler, blobsKept(runtime, put));
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

/**
 * Every blob that was put exists, whatever was removed meanwhile, and so does every
 * blob and every content that a transcript refers to, also after a removal of the
 * others. Workers that were purged have none.
 */
async function blobsKept(runtime: Runtime, put: World["put"]): Promise<void> {
  for (const { workerId, life, ref } of put) {
    const worker = runtime.workers({ limit: 9 }).items.find(({ record }) => record.workerId === workerId);
    if (worker?.createdEventId === life) await readWhole(runtime.worker(workerId), ref);
  }
  for (const { record: { workerId } } of runtime.workers({ limit: 9 }).items) {
    const worker = runtime.worker(workerId);
    await worker.removeUnreferencedBlobs();
    for await (const entry of worker.entries()) {
      for (const ref of entry.blobs ?? []) await readWhole(worker, ref);
      if (entry.contentBlob === undefined) continue;
      const content = await worker.content(entry);
      need(String(content).endsWith(LARGE), `entry ${entry.seq} of ${workerId} has another content`);
    }
    const unreferenced = await worker.removeUnreferencedBlobs({ dryRun: true });
    need(unreferenced.length === 0, `unreferenced blobs of ${workerId} are left`);
  }
}

async function readWhole(worker: Worker, ref: BlobRef): Promise<void> {
  const { byteLength } = await new Response(await worker.blob(ref)).arrayBuffer();
  need(byteLength === ref.bytes, `blob ${ref.sha256} has ${byteLength} bytes`);
}
