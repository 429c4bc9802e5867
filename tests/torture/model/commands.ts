/**
 * Random commands of the reference, executed on a real runtime.
 *
 * @module
 */
import type {
  CommandOptions,
  CommitInput,
  Receipt,
  Run,
  Runtime,
  RuntimeEvent,
  Worker,
  WorkerChanges,
} from "../../../mod.ts";
import type { Random } from "../../disk/mod.ts";
import { type Command, isOfWorker, type Reference, type ReferenceWorker, saidBy } from "./reference.ts";

/** Kinds of commands, the frequent ones several times. */
const KINDS: readonly Command["kind"][] = [
  ...Array<"create">(4).fill("create"),
  ...Array<"say">(6).fill("say"),
  ...Array<"input">(8).fill("input"),
  ...Array<"patch">(3).fill("patch"),
  ...Array<"begin">(3).fill("begin"),
  ...Array<"finish">(3).fill("finish"),
  ...Array<"runSay">(3).fill("runSay"),
  ...Array<"usage">(3).fill("usage"),
  ...Array<"mixed">(4).fill("mixed"),
  "compact",
  "compact",
  "rewind",
  "rewind",
  "note",
  "hostNote",
  "stop",
  "restart",
  "restart",
  "retire",
  "purge",
  "purge",
];
/** Kinds that put blobs. They are given alone, because others overtake them. */
const BLOB_KINDS: readonly Command["kind"][] = ["show", "show", "show", "large"];

/** Handles of this process. */
export interface Handles {
  /** Runs that were begun. */
  readonly runs: Map<string, { readonly run: Run; readonly workerId: string; readonly life: number }>;
  /** Workers that were purged since. */
  readonly purged: Map<string, { readonly worker: Worker; readonly life: number }>;
}

/** Returns a random command. */
export function randomCommand(
  random: Random,
  reference: Reference,
  workerIds: readonly string[],
  handles: Handles,
  isAlone: boolean,
): Command {
  const any = random.chance(0.0004) ? "retireRuntime" : random.pick(isAlone ? BLOB_KINDS : KINDS);
  const isOfRun = any === "finish" || any === "runSay";
  const ofRun = isOfRun ? runCommand(any, random, reference, handles) : undefined;
  if (ofRun !== undefined) return ofRun;
  const kind = isOfRun ? "note" : any;
  const workerId = kind === "hostNote" || kind === "retireRuntime" ? "" : random.pick(workerIds);
  const worker = reference.workers.get(workerId);
  const isOfContext = kind === "compact" || kind === "rewind";
  const number = isOfContext ? seqOf(random, worker) : 1 + random.below(40);
  const key = random.chance(0.3) ? `k${random.below(30)}` : undefined;
  const last = worker !== undefined ? worker.lastEventId : reference.lastEventId;
  const expect = random.chance(0.05) ? last - (random.chance(0.3) ? 1 : 0) : undefined;
  const purged = random.chance(0.1) ? handles.purged.get(workerId) : undefined;
  return {
    kind,
    workerId,
    number,
    key,
    expect: expect === undefined ? undefined : Math.max(0, expect),
    runId: `r${number}`,
    runEventId: 0,
    life: purged?.life ?? worker?.createdEventId ?? 0,
  };
}

/** No sequence, one of the context, or any other one. */
function seqOf(random: Random, worker: ReferenceWorker | undefined): number {
  const { contents = [], context: { seqs } = { seqs: [] } } = worker ?? {};
  if (random.chance(0.2)) return 0;
  return seqs.length > 0 && random.chance(0.7) ? random.pick(seqs) : random.below(contents.length + 2);
}

/** A command of a run that this process began: usually of an open one. */
function runCommand(
  kind: "finish" | "runSay",
  random: Random,
  reference: Reference,
  { runs }: Handles,
): Command | undefined {
  const all = [...runs.values()];
  const open = all.filter(({ workerId, run }) => reference.workers.get(workerId)?.runEventId === run.eventId);
  const some = open.length > 0 && random.chance(0.9) ? open : all;
  if (some.length === 0) return undefined;
  const { workerId, life, run: { runId, eventId: runEventId } } = random.pick(some);
  const number = random.below(40);
  return { kind, workerId, number, key: undefined, expect: undefined, runId, runEventId, life };
}

/** Executes a command on a runtime. */
export async function give(
  runtime: Runtime,
  command: Command,
  handles: Handles,
  signal: AbortSignal | undefined,
): Promise<Receipt | undefined> {
  const { kind, workerId, number, key, life } = command;
  const expect = command.expect === undefined ? undefined : { lastEventId: command.expect };
  const options: CommandOptions = { key, expect, signal };
  if (!isOfWorker(command)) return await giveRuntime(runtime, command, options);
  if (command.runEventId > 0) {
    const run = handles.runs.get(`${command.runEventId}`)?.run;
    if (kind === "finish") return await run?.finish("completed", {}, options);
    return await run?.append(entriesOf(command), options);
  }
  const purged = handles.purged.get(workerId);
  const worker = purged?.life === life ? purged.worker : runtime.worker(workerId);
  if (kind === "begin") {
    const run = await worker.beginRun({ ...options, runId: `r${number}` });
    handles.runs.set(`${run.eventId}`, { run, workerId, life });
    return run;
  }
  const receipt = await giveWorker(worker, command, options);
  if (kind === "purge") handles.purged.set(workerId, { worker, life });
  return receipt;
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
  if (kind === "retireRuntime") return await runtime.retire({ ...options, reason: `${number}` });
  return await runtime.record("host.note", number, options);
}

async function giveWorker(
  worker: Worker,
  command: Command,
  options: CommandOptions,
): Promise<Receipt | undefined> {
  const { kind, number } = command;
  switch (kind) {
    case "stop":
    case "retire":
      return await worker[kind]({ ...options, reason: `${number}`, cancelRun: number % 2 === 0 });
    case "restart":
      return await worker.restart(options);
    case "purge":
      return await worker.purge(options);
    case "compact": {
      const [content = ""] = saidBy(command);
      return await worker.compact({ through: number, summary: { role: "summary", content } }, options);
    }
    case "rewind":
      return await worker.rewind({ toSeq: number }, { ...options, cancelRun: number % 2 === 0 });
    case "show": {
      const blob = await worker.putBlob(new TextEncoder().encode(`blob ${number}`));
      return await worker.append(entriesOf(command).map((entry) => ({ ...entry, blobs: [blob] })), options);
    }
    case "say":
    case "input":
    case "large":
      return await worker.append(entriesOf(command), options);
    default:
      return await worker.commit(changesOf(command), options);
  }
}

/** Entries of a command; those of mixed commits are JSON. */
function entriesOf(command: Command): { readonly role: string; readonly content: string }[] {
  const isMixed = command.kind === "mixed";
  return saidBy(command).map((content) => ({
    role: "assistant",
    content: isMixed ? JSON.parse(content) : content,
  }));
}

function changesOf(command: Command): CommitInput {
  const { kind, number } = command;
  const usage = { model: `m-${number % 3}`, inputTokens: number };
  if (kind === "usage") return { usage };
  if (kind === "note") return { events: [{ name: "note", data: number }] };
  if (kind === "patch") return { data: { [`m${number % 5}`]: number % 3 === 0 ? null : number } };
  const entries = entriesOf(command);
  return {
    usage,
    data: { [`m${number % 5}`]: number },
    labels: { phase: number % 4 === 0 ? null : `${number}` },
    events: [{ name: "note", data: { number } }],
    entries: entries.length === 0 ? undefined : entries,
  };
}

/** Identifies the event of each command by its members. */
const MEMBERS: Partial<Record<Command["kind"], (event: WorkerChanges, command: Command) => boolean>> = {
  patch: ({ data }) => data !== undefined,
  begin: ({ run, runId }, command) => run?.began === true && runId === command.runId,
  finish: ({ run, runId }, command) => run?.ended === "completed" && runId === command.runId,
  usage: ({ usage }, { number }) => usage?.[0]?.inputTokens === number,
  mixed: ({ usage, data, labels, events }) => (usage && data && labels && events) !== undefined,
  compact: ({ context }, { number }) => context?.compacted === number,
  rewind: ({ context }, { number }) => context?.rewound === number,
  note: ({ events }, { number }) => events?.[0]?.data === number,
  stop: ({ status }) => status === "stopped",
  restart: ({ status }) => status === "running",
  retire: ({ status }) => status === "retired",
};

/** Types of the events that are not commits. */
const TYPES: Partial<Record<Command["kind"], RuntimeEvent["type"]>> = {
  create: "worker.created",
  hostNote: "custom",
  purge: "worker.purged",
  retireRuntime: "runtime.retired",
};

/** Returns true if an event is the one of a command. */
export function isEventOf(event: RuntimeEvent, command: Command, firstSeq: number): boolean {
  if (event.type === "unknown" || event.type !== (TYPES[command.kind] ?? "worker.committed")) return false;
  const workerId = "workerId" in event ? event.workerId : "";
  if (workerId !== command.workerId || event.key !== command.key) return false;
  if (event.type !== "worker.committed") return true;
  if (MEMBERS[command.kind]?.(event, command) === false) return false;
  const sizes = (event.entries ?? []).map(({ content, contentBlob }) =>
    contentBlob?.bytes ?? JSON.stringify(content)
  );
  const said = entriesOf(command).map(({ content }) => JSON.stringify(content));
  const wanted = said.map((text) => command.kind === "large" ? text.length : text);
  return (event.seq ?? 0) === firstSeq && `${sizes}` === `${wanted}`;
}
