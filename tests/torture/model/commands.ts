/**
 * Random commands of the reference, executed on a real runtime.
 *
 * @module
 */
import type { CommandOptions, Receipt, Run, Runtime, RuntimeEvent, Worker } from "../../../mod.ts";
import type { Random } from "../../disk/mod.ts";
import { type Command, isOfWorker, type Reference, saidBy } from "./reference.ts";

/** Kinds of commands, the frequent ones several times. */
const KINDS: readonly Command["kind"][] = [
  ...Array<"create">(3).fill("create"),
  ...Array<"say">(6).fill("say"),
  ...Array<"input">(8).fill("input"),
  ...Array<"patch">(3).fill("patch"),
  ...Array<"begin">(3).fill("begin"),
  ...Array<"finish">(3).fill("finish"),
  ...Array<"usage">(4).fill("usage"),
  "note",
  "hostNote",
  "stop",
  "cancel",
  "purge",
  "purge",
];

/** Returns a random command. */
export function randomCommand(
  random: Random,
  reference: Reference,
  workerIds: readonly string[],
  runs: ReadonlyMap<string, Run>,
): Command {
  const any = random.chance(0.0004) ? "stopRuntime" : random.pick(KINDS);
  const begun = any === "finish" ? begunRun(random, reference, runs) : undefined;
  if (begun !== undefined) return begun;
  const kind = any === "finish" ? "note" : any;
  const workerId = kind === "hostNote" || kind === "stopRuntime" ? "" : random.pick(workerIds);
  const worker = reference.workers.get(workerId);
  const number = 1 + random.below(40);
  const key = random.chance(0.3) ? `k${random.below(30)}` : undefined;
  const last = worker !== undefined ? worker.lastEventId : reference.lastEventId;
  const expect = random.chance(0.05) ? last - (random.chance(0.3) ? 1 : 0) : undefined;
  return {
    kind,
    workerId,
    number,
    key,
    expect: expect === undefined ? undefined : Math.max(0, expect),
    runId: `r${number}`,
  };
}

/** The end of a run that this process began: usually of an open one. */
function begunRun(
  random: Random,
  reference: Reference,
  runs: ReadonlyMap<string, Run>,
): Command | undefined {
  const all = [...runs.keys()].map((name) => name.split(" "));
  const open = all.filter(([workerId = "", runId]) => reference.workers.get(workerId)?.run === runId);
  const some = open.length > 0 && random.chance(0.9) ? open : all;
  if (some.length === 0) return undefined;
  const [workerId = "", runId = ""] = random.pick(some);
  return { kind: "finish", workerId, number: random.below(40), key: undefined, expect: undefined, runId };
}

/** Executes a command on a runtime. */
export async function give(
  runtime: Runtime,
  command: Command,
  runs: Map<string, Run>,
  signal: AbortSignal | undefined,
): Promise<Receipt | undefined> {
  const { kind, workerId, number, key, runId } = command;
  const expect = command.expect === undefined ? undefined : { lastEventId: command.expect };
  const options: CommandOptions = { key, expect, signal };
  if (!isOfWorker(command)) return await giveRuntime(runtime, command, options);
  const worker = runtime.worker(workerId);
  if (kind === "begin") {
    const run = await worker.beginRun({ ...options, runId: `r${number}` });
    runs.set(`${workerId} ${run.runId}`, run);
    return run;
  }
  if (kind === "finish") return await runs.get(`${workerId} ${runId}`)?.finish("completed", options);
  return await giveWorker(worker, command, options);
}

async function giveRuntime(
  runtime: Runtime,
  command: Command,
  options: CommandOptions,
): Promise<Receipt | undefined> {
  const { kind, workerId, number } = command;
  if (kind === "create") {
    return (await runtime.createWorker({ workerId, intent: { kind: "assistant" } }, options)).creation;
  }
  if (kind === "stopRuntime") return await runtime.stop({ ...options, reason: `${number}` });
  return await runtime.record("host.note", number, options);
}

async function giveWorker(
  worker: Worker,
  command: Command,
  options: CommandOptions,
): Promise<Receipt | undefined> {
  const { kind, number } = command;
  switch (kind) {
    case "say":
      return await worker.append(saidBy(command).map((content) => ({ role: "assistant", content })), options);
    case "input":
      return await worker.sendInput({ role: "user", content: `in ${number}` }, options);
    case "patch":
      return await worker.updateState({ [`m${number % 5}`]: number % 3 === 0 ? null : number }, options);
    case "usage":
      return await worker.recordUsage({ model: `m-${number % 3}`, inputTokens: number }, options);
    case "note":
      return await worker.record("note", number, options);
    case "stop":
    case "cancel":
      return await worker[kind]({ ...options, reason: `${number}` });
    default:
      return await worker.purge(options);
  }
}

const TYPES: Record<Command["kind"], RuntimeEvent["type"]> = {
  create: "worker.created",
  say: "worker.transcript_appended",
  input: "worker.input_accepted",
  patch: "worker.state_updated",
  begin: "worker.run_started",
  finish: "worker.run_finished",
  usage: "worker.usage_recorded",
  note: "custom",
  hostNote: "custom",
  stop: "worker.stopped",
  cancel: "worker.cancelled",
  purge: "worker.purged",
  stopRuntime: "runtime.stopped",
};

/** Returns true if an event is the one of a command. */
export function isEventOf(event: RuntimeEvent, command: Command, firstSeq: number): boolean {
  const workerId = "workerId" in event ? event.workerId : "";
  if (event.type !== TYPES[command.kind] || workerId !== command.workerId || event.key !== command.key) {
    return false;
  }
  if (event.type !== "worker.input_accepted" && event.type !== "worker.transcript_appended") return true;
  const contents = event.entries.map(({ content }) => content);
  return event.seq === firstSeq && JSON.stringify(contents) === JSON.stringify(saidBy(command));
}
