/**
 * Every command, in a uniform form for tests of common properties.
 *
 * @module
 */
import type { CommandOptions } from "../src/core/commands.ts";
import type { Receipt } from "../src/core/receipts.ts";
import type { Run } from "../src/core/run.ts";
import type { Place } from "./place.ts";

/** A command to run on a place with a worker `a`. */
export interface SampleCommand {
  /** Scope of its expectation and its keys: worker `a`, or the runtime. */
  readonly scope: "worker" | "runtime";
  /** Result when the worker is stopped. */
  readonly whenStopped: "worker_not_running" | "allowed";
  /** Establishes the preconditions of the command; idempotent. */
  readonly prepare?: (place: Place) => Promise<unknown>;
  /** Runs it. */
  readonly run: (place: Place, options?: CommandOptions) => Promise<Receipt | undefined>;
}

const onWorker = { scope: "worker", whenStopped: "worker_not_running" } as const;
const onEndedToo = { scope: "worker", whenStopped: "allowed" } as const;
const onRuntime = { scope: "runtime", whenStopped: "allowed" } as const;

/** All commands, by name. */
export const commands: Readonly<Record<string, SampleCommand>> = {
  "Runtime.createWorker": {
    ...onRuntime,
    run: async ({ runtime }, options) =>
      (await runtime.createWorker({ workerId: "new", intent: { kind: "assistant" } }, options)).creation,
  },
  "Runtime.record": { ...onRuntime, run: ({ runtime }, options) => runtime.record("note", [1], options) },
  "Runtime.stop": {
    ...onRuntime,
    run: ({ runtime }, options) => runtime.stop({ ...options, reason: "done" }),
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
        { role: "tool", name: "search", content: "two" },
      ], options),
  },
  "Worker.updateState": {
    ...onWorker,
    run: ({ a }, options) => a.updateState({ step: 1, old: null }, options),
  },
  "Worker.beginRun": {
    ...onWorker,
    run: async ({ a }, options) => {
      const { eventId, at, duplicate } = await a.beginRun({ ...options, runId: "r" });
      return { eventId, at, duplicate };
    },
  },
  "Run.finish": {
    ...onWorker,
    prepare: openRun,
    run: async (place, options) => await (await openRun(place)).finish("completed", options),
  },
  "Worker.recordUsage": {
    ...onEndedToo,
    run: ({ a }, options) => a.recordUsage({ model: "m", inputTokens: 3 }, options),
  },
  "Worker.record": { ...onEndedToo, run: ({ a }, options) => a.record("note", { x: null }, options) },
  "Worker.stop": { ...onWorker, run: ({ a }, options) => a.stop({ ...options, reason: "done" }) },
  "Worker.cancel": { ...onWorker, run: ({ a }, options) => a.cancel({ ...options, reason: "enough" }) },
  "Worker.purge": {
    ...onEndedToo,
    prepare: async ({ a }) => a.state().status === "running" && await a.stop(),
    run: ({ a }, options) => a.purge(options),
  },
};

/** Returns the run that `Run.finish` finishes: begun the first time, found by its key after that. */
async function openRun({ a }: Place): Promise<Run> {
  return await a.beginRun({ runId: "open", key: "begin" });
}
