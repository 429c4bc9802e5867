/**
 * Every command, in a uniform form for tests of common properties.
 *
 * @module
 */
import type { CommandOptions } from "../src/core/commands.ts";
import type { Runtime } from "../src/core/runtime.ts";
import type { Receipt } from "../src/core/receipts.ts";

/** A command to run on a runtime. */
export interface SampleCommand {
  /** Name. */
  readonly name: string;
  /** Scope of its expectation and its keys: worker "a", or the runtime. */
  readonly scope: "worker" | "runtime";
  /** Result when the worker is stopped. */
  readonly whenStopped: "worker_not_running" | "allowed";
  /** Establishes the preconditions of the command; idempotent. */
  readonly prepare?: (runtime: Runtime) => Promise<unknown>;
  /** Runs it. */
  readonly run: (runtime: Runtime, options?: CommandOptions) => Promise<Receipt | undefined>;
}

const onWorker = { scope: "worker", whenStopped: "worker_not_running" } as const;
const onEndedToo = { scope: "worker", whenStopped: "allowed" } as const;
const onRuntime = { scope: "runtime", whenStopped: "allowed" } as const;

/** All commands. */
export const commands: readonly SampleCommand[] = [
  {
    ...onRuntime,
    name: "Runtime.createWorker",
    run: async (runtime, options) => {
      const worker = await runtime.createWorker({ workerId: "new", intent: { kind: "assistant" } }, options);
      return worker.creation;
    },
  },
  { ...onRuntime, name: "Runtime.record", run: (runtime, options) => runtime.record("note", [1], options) },
  {
    ...onRuntime,
    name: "Runtime.stop",
    run: (runtime, options) => runtime.stop({ ...options, reason: "done" }),
  },
  {
    ...onWorker,
    name: "Worker.sendInput",
    run: (runtime, options) => runtime.worker("a").sendInput({ role: "user", content: "hello" }, options),
  },
  {
    ...onWorker,
    name: "Worker.append",
    run: (runtime, options) =>
      runtime.worker("a").append([
        { role: "assistant", content: "one", metadata: { n: 1 } },
        { role: "tool", name: "search", content: "two" },
      ], options),
  },
  {
    ...onWorker,
    name: "Worker.updateState",
    run: (runtime, options) => runtime.worker("a").updateState({ step: 1, old: null }, options),
  },
  {
    ...onWorker,
    name: "Worker.beginRun",
    run: async (runtime, options) => {
      const { eventId, at, duplicate } = await runtime.worker("a").beginRun({ ...options, runId: "r" });
      return { eventId, at, duplicate };
    },
  },
  {
    ...onWorker,
    name: "Run.finish",
    prepare: beginRun,
    run: async (runtime, options) => await (await beginRun(runtime)).finish("completed", options),
  },
  {
    ...onEndedToo,
    name: "Worker.recordUsage",
    run: (runtime, options) => runtime.worker("a").recordUsage({ model: "m", inputTokens: 3 }, options),
  },
  {
    ...onEndedToo,
    name: "Worker.record",
    run: (runtime, options) => runtime.worker("a").record("note", { x: null }, options),
  },
  {
    ...onWorker,
    name: "Worker.stop",
    run: (runtime, options) => runtime.worker("a").stop({ ...options, reason: "done" }),
  },
  {
    ...onWorker,
    name: "Worker.cancel",
    run: (runtime, options) => runtime.worker("a").cancel({ ...options, reason: "enough" }),
  },
  {
    ...onEndedToo,
    name: "Worker.purge",
    prepare: async (runtime) => {
      if (runtime.worker("a").state().status === "running") await runtime.worker("a").stop();
    },
    run: (runtime, options) => runtime.worker("a").purge(options),
  },
];

/** Returns the run that `Run.finish` finishes: begun the first time, found by its key after that. */
async function beginRun(runtime: Runtime): ReturnType<ReturnType<Runtime["worker"]>["beginRun"]> {
  return await runtime.worker("a").beginRun({ runId: "open", key: "begin" });
}
