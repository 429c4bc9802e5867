/**
 * The fold of a log by the plain reference: each event becomes the command it
 * came from, and the reference must accept that command with that event.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { RuntimeEvent, WorkerCommitted } from "../../../mod.ts";
import { isEventOf } from "../model/commands.ts";
import { type Command, largeContent, Reference, type ReferenceWorker } from "../model/reference.ts";
import { Finding } from "../script/history.ts";

type Kind = Command["kind"];

/** A reference that is led by events. */
export class Folding {
  /** The state. */
  readonly reference: Reference = new Reference();
  /** Types of events that the last opening must still add. */
  #opening: string[] = [];

  /** Folds an event; `expect` is the last event id that its command named. Throws a {@linkcode Finding}. */
  apply(event: RuntimeEvent, expect?: number): void {
    const { type } = event;
    if (type === "runtime.created" || type === "runtime.opened" && this.#opening.length === 0) {
      this.#opening = this.reference.open();
    }
    const planned = this.#opening.shift();
    if (planned === type && isOfOpening(event)) return;
    if (planned !== undefined) throw new Finding("I3", `event ${event.id} is ${type}, not ${planned}`);
    const command = this.#commandOf(event, expect);
    if (command === undefined) return this.reference.pass();
    const verdict = this.reference.take(command);
    const isRight = "eventId" in verdict && !verdict.duplicate && verdict.eventId === event.id &&
      (isOtherEnd(event) || isEventOf(event, command, verdict.firstSeq));
    if (!isRight) {
      const [text, own] = [JSON.stringify(event), JSON.stringify(command)];
      throw new Finding("I5", `event ${text} of ${own} is ${JSON.stringify(verdict)}`);
    }
    const worker = this.reference.workers.get(command.workerId);
    if (worker !== undefined && isOtherEnd(event)) worker.outcome = event.run?.ended;
  }

  /** The command that an event came from; `undefined` for an event of the library's own. */
  #commandOf(event: RuntimeEvent, expect: number | undefined): Command | undefined {
    if (event.type === "unknown") return undefined;
    const [kind, number] = event.type === "worker.committed" ? kindOf(event) : otherKindOf(event);
    if (kind === undefined) return undefined;
    const workerId = "workerId" in event ? event.workerId : "";
    const runId = "runId" in event ? event.runId ?? "" : "";
    const worker = this.reference.workers.get(workerId);
    const runEventId = kind === "begin" ? 0 : runEventIdOf(worker, runId);
    const life = worker?.createdEventId ?? 0;
    return { kind, workerId, number, key: event.key, expect, runId, runEventId, life };
  }
}

function isOfOpening(event: RuntimeEvent): boolean {
  return event.type !== "worker.committed" || event.run?.ended === "interrupted";
}

/** Returns true for the end of a run that did not complete, and that no stop, retirement or rewind cancelled. */
function isOtherEnd(event: RuntimeEvent): event is WorkerCommitted {
  if (event.type !== "worker.committed" || event.status !== undefined || event.context !== undefined) {
    return false;
  }
  return event.run?.ended === "failed" || event.run?.ended === "cancelled";
}

/** The event that began the run of this id; an event of no open run if it is another. */
function runEventIdOf(worker: ReferenceWorker | undefined, runId: string): number {
  if (runId === "") return 0;
  return worker?.run === runId ? worker.runEventId : Infinity;
}

type Numbered = readonly [kind: Kind | undefined, number: number];

function otherKindOf(event: Exclude<RuntimeEvent, { type: "worker.committed" | "unknown" }>): Numbered {
  switch (event.type) {
    case "worker.created":
      return ["create", 0];
    case "worker.purged":
      return ["purge", 0];
    case "runtime.retired":
      return ["retireRuntime", 0];
    case "custom":
      return [event.name === "host.note" ? "hostNote" : undefined, Number(event.data)];
    default:
      return [undefined, 0];
  }
}

/** Kinds of commands that change the status, by the new one. */
const STATUS_KINDS = { stopped: "stop", running: "restart", retired: "retire" } as const;

/** The kind of command, and the number that its arguments were made from. */
function kindOf({ run, status, reason, usage, data, events, entries, context }: WorkerCommitted): Numbered {
  if (context?.compacted !== undefined) return ["compact", context.compacted];
  if (context !== undefined) return ["rewind", context.rewound ?? 0];
  if (status !== undefined) return [STATUS_KINDS[status], Number(reason ?? 0)];
  if (run?.began) return ["begin", 0];
  if (run !== undefined) return ["finish", 0];
  if (usage !== undefined) return [data === undefined ? "usage" : "mixed", usage[0]?.inputTokens ?? 0];
  if (data !== undefined) return ["patch", patchNumber(data)];
  if (events !== undefined) return ["note", Number(events[0]?.data)];
  const { content, contentBlob } = entries?.[0] ?? {};
  if (contentBlob !== undefined) return ["large", largeNumbers().get(contentBlob.sha256) ?? 0];
  const [, kind = "", number] = /^(in|runSay|show|) ?(\d+)/.exec(`${content}`) ?? [];
  return [ENTRY_KINDS[kind], Number(number)];
}

/** Kinds of commands that only add entries, by the beginning of the first one. */
const ENTRY_KINDS: Readonly<Record<string, Kind>> = {
  "in": "input",
  "runSay": "runSay",
  "show": "show",
  "": "say",
};

/** Multiples of three remove the member `m` and the number modulo five; others set it to the number. */
function patchNumber(patch: object): number {
  const [[name, value] = ["", null]] = Object.entries(patch);
  if (typeof value === "number") return value;
  return [0, 3, 6, 9, 12].find((number) => name === `m${number % 5}`) ?? 0;
}

let numbers: ReadonlyMap<string, number> | undefined;

/** Numbers of large contents, by the hashes of their blobs. */
function largeNumbers(): ReadonlyMap<string, number> {
  return numbers ??= new Map(Array.from({ length: 41 }, (_, number) => {
    const text = JSON.stringify(largeContent(number));
    return [createHash("sha256").update(text).digest("hex"), number];
  }));
}
