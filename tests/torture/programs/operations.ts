/**
 * The operations that programs are made of.
 *
 * @module
 */
import type { Run } from "../../../mod.ts";
import { bytesOf } from "../script/bases.ts";
import type { Session } from "../script/session.ts";

/** A program while it runs. */
export interface ProgramState {
  /** The run that is open. */
  run: Run | undefined;
  /** Steps taken so far; makes texts differ. */
  step: number;
}

/** An operation; one that does not fit the current state is rejected by the runtime, and changes nothing. */
export interface Operation {
  readonly name: string;
  readonly run: (session: Session, state: ProgramState) => Promise<unknown>;
}

/** The operations. */
export const operations: readonly Operation[] = [
  {
    name: "create",
    run: (session, { step }) =>
      session.tell((runtime) =>
        runtime.createWorker({ workerId: `n${step}`, intent: { kind: "assistant" } }, {
          key: `create-${step}`,
        })
      ),
  },
  { name: "input", run: (session, { step }) => session.keyed("a", `k-${step}`, `input ${step}`) },
  {
    name: "batch",
    run: (session, { step }) =>
      Promise.all(["a", "b", "a"].map((workerId, index) =>
        session.ask(workerId, (worker) =>
          worker.append([
            { role: "assistant", content: `${step}.${index} ${"y".repeat(200)}` },
            { role: "tool", content: "" },
          ]))
      )),
  },
  {
    name: "state",
    run: async (session, { step }) => {
      await session.ask("a", (worker) => worker.commit({ data: { step, gone: null } }));
      const summary = { role: "user", content: `so far: ${step}` };
      if (step % 2 === 0) await session.ask("a", (worker) => worker.rewind({ toSeq: 0 }));
      else await session.ask("a", (worker) => worker.compact({ through: step, summary }));
    },
  },
  {
    name: "run",
    run: async (session, state) => {
      const { run } = state;
      state.run = undefined;
      if (run !== undefined) await session.tell(() => run.finish("completed"));
      else state.run = await session.ask("b", (worker) => worker.beginRun());
    },
  },
  {
    name: "commit",
    run: (session, { step }) =>
      session.ask("b", (worker) =>
        worker.commit({
          usage: { model: `m-${step}`, requests: 2 },
          labels: { step: `${step}` },
          displayName: step === 1 ? null : `B ${step}`,
          events: [{ name: "step", data: step }],
          entries: [{ role: "tool", content: { step } }],
        }, { meta: { step } })),
  },
  {
    name: "blob",
    run: async (session, { step }) => {
      // Each second time the bytes are those of before.
      const blob = await session.put("c", bytesOf(`blob ${step >> 1}`));
      if (blob === undefined) return;
      await session.ask("c", (worker) => worker.append([{ role: "tool", content: "", blobs: [blob] }]));
      await session.ask("c", (worker) => worker.removeUnreferencedBlobs());
    },
  },
  {
    name: "retire",
    run: (session) => session.ask("a", (worker) => worker.retire({ reason: "enough", cancelRun: true })),
  },
  {
    name: "purge",
    run: async (session) => {
      if (await session.ask("c", (worker) => worker.purge()) !== undefined) return;
      await session.tell((runtime) => runtime.createWorker({ workerId: "c", intent: { kind: "assistant" } }));
      await session.ask("c", (worker) => worker.sendInput({ role: "user", content: "again" }));
      const blob = await session.put("c", bytesOf("blob 0"));
      if (blob !== undefined) await session.keyed("c", "again", "with a blob", [blob]);
      await session.ask("c", (worker) => worker.stop());
    },
  },
  { name: "reopen", run: (session) => session.reopen() },
  {
    name: "rotate",
    run: async (session) => {
      for (let line = 0; line < 2; line++) {
        await session.ask("b", (worker) => worker.sendInput({ role: "user", content: "z".repeat(2_500) }));
      }
      await session.tell((runtime) => runtime.flush());
      await session.tell((runtime) => runtime.prune());
    },
  },
];

/** All programs of one to `length` operations. */
export function programs(length: number): (readonly Operation[])[] {
  let longest: (readonly Operation[])[] = [[]];
  const all: (readonly Operation[])[] = [];
  for (let size = 1; size <= length; size++) {
    longest = longest.flatMap((program) => operations.map((operation) => [...program, operation]));
    all.push(...longest);
  }
  return all;
}

/** Returns the name of a program, to replay it. */
export function nameOf(program: readonly Operation[]): string {
  return program.map(({ name }) => name).join("-");
}
