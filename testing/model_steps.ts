/**
 * Steps of a random history, executed on a real runtime.
 *
 * @module
 */
import type { Run } from "../src/core/run.ts";
import type { Runtime } from "../src/core/runtime.ts";
import type { Receipt } from "../src/core/receipts.ts";
import type { Worker } from "../src/core/worker.ts";
import type { Step } from "./model.ts";
import type { Random } from "./random.ts";

/** The latest run of each worker. */
export type Runs = Map<string, Run>;

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
  "cancel",
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

/** Executes a step. */
export async function take(runtime: Runtime, step: Step, runs: Runs): Promise<Receipt | undefined> {
  const { command, workerId } = step;
  if (command === "create") {
    return (await runtime.createWorker({ workerId, intent: { kind: "assistant" } })).creation;
  }
  const worker = runtime.worker(workerId);
  if (command === "finish") return await runs.get(workerId)?.finish("completed");
  if (command !== "begin") return await give(worker, step);
  const run = await worker.beginRun({ runId: `r${step.number}`, key: step.key });
  runs.set(workerId, run);
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
      return await worker.updateState({ [`m${number % 5}`]: number % 3 === 0 ? null : number }, { key });
    case "usage":
      return await worker.recordUsage({ model: `m${number % 2}`, inputTokens: number }, { key });
    case "stop":
    case "cancel":
      return await worker[command]({ key, reason: `${number}` });
    case "purge":
      return await worker.purge({ key });
    default:
      return undefined;
  }
}
