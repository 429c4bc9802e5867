/**
 * Steps of a random history, executed on a real runtime.
 *
 * @module
 */
import type { Run } from "../src/core/run.ts";
import type { Runtime } from "../src/core/runtime.ts";
import type { Receipt } from "../src/core/receipts.ts";
import type { Worker } from "../src/core/worker.ts";
import { draftTexts, firstDraft, type ModelWorker, type Step } from "./model.ts";
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
  "draft",
  "draft",
  "usage",
  "stop",
  "restart",
  "retire",
  "purge",
] as const;

/** Commands of a run. */
const ofRun: ReadonlySet<string> = new Set(["finish", "draft"]);

/** Returns a random step. */
export function randomStep(random: Random): Step {
  const command = random.pick(choices);
  return {
    command,
    workerId: random.pick(["a", "A", "b/c", "d"]),
    number: 1 + random.below(9),
    key: random.below(3) === 0 && !ofRun.has(command) ? `k${random.below(6)}` : undefined,
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
  if (command === "draft") return await draft(runs.get(workerId)?.run, step.number);
  const worker = runtime.worker(workerId);
  if (command !== "begin") return await give(worker, step);
  const text = firstDraft(step.number) ?? undefined;
  const run = await worker.beginRun({ runId: `r${step.number}`, key: step.key, draft: text });
  runs.set(workerId, { run, handle });
  return run;
}

/** Adds several texts at once, which become one event. */
async function draft(run: Run | undefined, number: number): Promise<Receipt | undefined> {
  const texts = draftTexts(number);
  if (texts.length === 0) return await run?.commit({ draft: null });
  return (await Promise.all(texts.map((draft) => run?.commit({ draft })))).at(-1);
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
