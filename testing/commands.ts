/**
 * Every command, in a uniform form for tests of common properties.
 *
 * @module
 */
import type { CommitInput, CommitOptions } from "../src/core/commands.ts";
import type { Receipt } from "../src/core/receipts.ts";
import type { WorkerSpec } from "../src/core/records.ts";
import type { Run } from "../src/core/run.ts";
import type { Runtime } from "../src/core/runtime.ts";
import type { Worker } from "../src/core/worker.ts";
import type { Place } from "./place.ts";

/** A command to run on a place with a worker `a`. */
export interface SampleCommand {
  /** Scope of its expectation and its keys: worker `a`, or the runtime. */
  readonly scope: "worker" | "runtime";
  /** Result when the worker is stopped. */
  readonly whenStopped: "worker_not_running" | "run_ended" | "allowed";
  /** It leaves no worker. */
  readonly isPurge?: true;
  /** Establishes the preconditions of the command; idempotent. */
  readonly prepare?: (place: Place) => Promise<unknown>;
  /** Runs it. */
  readonly run: (place: Place, options?: CommitOptions) => Promise<Receipt | undefined>;
}

const onWorker = { scope: "worker", whenStopped: "worker_not_running" } as const;
const onEndedToo = { scope: "worker", whenStopped: "allowed" } as const;
const ofRun = { scope: "worker", whenStopped: "run_ended", prepare: openRun } as const;
const onRuntime = { scope: "runtime", whenStopped: "allowed" } as const;

/** Changes with every member. */
const changes: CommitInput = {
  entries: [{ role: "assistant", content: [{ type: "text", text: "one" }] }, { role: "tool", content: null }],
  usage: [{ model: "m", inputTokens: 3 }, { model: "n" }],
  data: { step: 1, old: null },
  events: [{ name: "note", data: { x: null } }],
  displayName: "A",
  labels: { team: "core", old: null },
};

/** All commands, by name. */
export const commands: Readonly<Record<string, SampleCommand>> = {
  "Runtime.createWorker": {
    ...onRuntime,
    run: async ({ runtime }, options) => (await runtime.createWorker(fresh, options)).creation,
  },
  "Runtime.createWorker with a commit": {
    ...onRuntime,
    run: async ({ runtime }, options) => {
      const { displayName: _, labels: _labels, ...commit } = changes;
      return (await runtime.createWorker(fresh, { ...options, commit })).creation;
    },
  },
  "Runtime.record": { ...onRuntime, run: ({ runtime }, options) => runtime.record("note", [1], options) },
  "Runtime.retire": {
    ...onRuntime,
    run: ({ runtime }, options) => runtime.retire({ ...options, reason: "done" }),
  },
  "Worker.sendInput": {
    ...onWorker,
    run: ({ a }, options) => a.sendInput({ role: "user", content: "hello" }, options),
  },
  "Worker.append": {
    ...onWorker,
    run: ({ a }, options) =>
      a.append([
        { role: "assistant", content: "one", metadata: { n: 1 } },
        { role: "tool", name: "search", content: { two: 2 } },
      ], options),
  },
  "Worker.append of large content": {
    ...onWorker,
    run: ({ a }, options) => a.append([{ role: "tool", content: "x".repeat(300_000) }], options),
  },
  "Worker.commit": { ...onWorker, run: ({ a }, options) => a.commit(changes, options) },
  "Worker.commit of late usage": {
    ...onEndedToo,
    run: ({ a }, options) => a.commit({ usage: { model: "m", inputTokens: 3 } }, options),
  },
  "Worker.compact": {
    ...onWorker,
    prepare: spoken,
    run: ({ a }, options) =>
      a.compact({ through: 1, summary: { role: "summary", content: "so far" } }, options),
  },
  "Worker.rewind": { ...onWorker, prepare: spoken, run: ({ a }, options) => a.rewind({ toSeq: 1 }, options) },
  "Worker.rewind that cancels a run": {
    ...onWorker,
    prepare: openRun,
    run: ({ a }, options) => a.rewind({ toSeq: 0 }, { ...options, cancelRun: true }),
  },
  "Worker.beginRun": {
    ...onWorker,
    run: async ({ a }, options) => {
      const { eventId, at, duplicate } = await a.beginRun({ ...options, runId: "r" });
      return { eventId, at, duplicate };
    },
  },
  "Run.append": {
    ...ofRun,
    run: async (place, options) =>
      await (await openRun(place)).append([{ role: "assistant", content: "within" }], options),
  },
  "Run.compact": {
    ...ofRun,
    prepare: async (place) => {
      await spoken(place);
      await openRun(place);
    },
    run: async (place, options) =>
      await (await openRun(place)).compact(
        { through: 1, summary: { role: "summary", content: "so far" } },
        options,
      ),
  },
  "Run.commit": {
    ...ofRun,
    run: async (place, options) => await (await openRun(place)).commit(changes, options),
  },
  "Run.commit that finishes": {
    ...ofRun,
    run: async (place, options) =>
      await (await openRun(place)).commit(
        { ...changes, finish: { outcome: "failed", reason: "why" } },
        options,
      ),
  },
  "Run.finish": {
    ...ofRun,
    run: async (place, options) => await (await openRun(place)).finish("completed", {}, options),
  },
  "Run.cancel": {
    ...ofRun,
    run: async (place, options) => await (await openRun(place)).cancel({ ...options, reason: "enough" }),
  },
  "Worker.stop": { ...onWorker, run: ({ a }, options) => a.stop({ ...options, reason: "done" }) },
  "Worker.restart": {
    ...onEndedToo,
    prepare: stopped,
    run: ({ a }, options) => a.restart({ ...options, reason: "again" }),
  },
  "Worker.retire": { ...onEndedToo, run: ({ a }, options) => a.retire({ ...options, reason: "enough" }) },
  "Worker.purge": {
    ...onEndedToo,
    isPurge: true,
    prepare: stopped,
    run: (place, options) => handleOf(place).purge(options),
  },
};

const fresh: WorkerSpec = {
  workerId: "new",
  intent: { kind: "assistant" },
  displayName: "N",
  labels: { team: "core" },
};

/** Returns the run of the commands of a run: begun the first time, found by its key after that. */
async function openRun({ a }: Place): Promise<Run> {
  return await a.beginRun({ runId: "open", key: "begin" });
}

async function spoken({ a }: Place): Promise<void> {
  if (a.state().transcriptLength > 0) return;
  await a.append([{ role: "user", content: "1" }, { role: "user", content: "2" }]);
}

async function stopped({ a }: Place): Promise<void> {
  if (a.state().status === "running") await a.stop();
}

/** Handles of `a`, by runtime. A purged worker has no new ones. */
const handles = new WeakMap<Runtime, Worker>();

function handleOf({ runtime }: Place): Worker {
  const handle = handles.get(runtime) ?? runtime.worker("a");
  handles.set(runtime, handle);
  return handle;
}
