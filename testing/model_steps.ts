/**
 * Steps of a random history, executed on a real runtime.
 *
 * @module
 */
import type { Run } from "../src/core/run.ts";
import type { Runtime } from "../src/core/runtime.ts";
import type { Receipt } from "../src/core/receipts.ts";
import type { Worker } from "../src/core/worker.ts";
import type { ModelWorker, Step } from "./model.ts";
import type { Random } from "./random.ts";

/** The latest run of each worker, and the worker of the model that began it. */
export type Runs = Map<string, { readonly run: Run; readonly handle: ModelWorker | undefined }>;

const choices = [
  "create",
  "create",
  "say",
  "say",
  "input",
  "input",
  "patch",
  "begin",
  "finish",
  "usage",
  "stop",
  "restart",
  "retire",
  "purge",
] as const;

/** Returns a random step. */
export function randomStep(random: Random): Step {
  const command = random.pick(choices);
  return {
    command,
    workerId: random.pick(["a", "A", "b/c", "d"]),
    number: 1 + random.below(9),
    key: random.below(3) === 0 && command !== "finish" ? `k${random.below(6)}` : undefined,
  };
}

/** Executes a step; `handle` is its worker in the model. */
export async function take(
  runtime: Runtime,
  step: Step,
  runs: Runs,
  handle?: ModelWorker,
): Promise<Receipt | undefined> {
  const { command, workerId } = step;
  if (command === "create") {
    return (await runtime.createWorker({ workerId, intent: { kind: "assistant" } })).creation;
  }
  if (command === "finish") return await runs.get(workerId)?.run.finish("completed");
  const worker = runtime.worker(workerId);
  if (command !== "begin") return await give(worker, step);
  const run = await worker.beginRun({ runId: `r${step.number}`, key: step.key });
  runs.set(workerId, { run, handle });
  return run;
}

async function give(worker: Worker, { command, number, key }: Step): Promise<Receipt | undefined> {
  switch (command) {
    case "say": {
      const contents = Array.from({ length: number % 4 + 1 }, (_, index) => `${number}.${index}`);
      return await worker.append(contents.map((content) => ({ role: "assistant", content })), { key });
    }
    case "input":
      return await worker.sendInput({ role: "user", content: `in ${number}` }, { key });
    case "patch":
      return await worker.commit({ data: { [`m${number % 5}`]: number % 3 === 0 ? null : number } }, { key });
    case "usage":
      return await worker.commit({ usage: { model: `m${number % 2}`, inputTokens: number } }, { key });
    case "stop":
    case "restart":
      return await worker[command]({ key, reason: `${number}` });
    case "retire":
      return await worker.retire({ key, reason: `${number}`, cancelRun: true });
    case "purge":
      return await worker.purge({ key });
    default:
      return undefined;
  }
}
