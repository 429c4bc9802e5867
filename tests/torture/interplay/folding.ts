/**
 * The fold of a log by the plain reference: each event becomes the command it
 * came from, and the reference must accept that command with that event.
 *
 * @module
 */
import type { RuntimeEvent } from "../../../mod.ts";
import { isEventOf } from "../model/commands.ts";
import { type Command, Reference } from "../model/reference.ts";
import { Finding } from "../script/history.ts";

type Kind = Command["kind"];

const KINDS: Readonly<Partial<Record<RuntimeEvent["type"], Kind>>> = {
  "worker.created": "create",
  "worker.transcript_appended": "say",
  "worker.input_accepted": "input",
  "worker.state_updated": "patch",
  "worker.run_started": "begin",
  "worker.run_finished": "finish",
  "worker.usage_recorded": "usage",
  "worker.stopped": "stop",
  "worker.cancelled": "cancel",
  "worker.purged": "purge",
  "runtime.stopped": "stopRuntime",
};

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
    if (planned === type) return;
    if (planned !== undefined) throw new Finding("I3", `event ${event.id} is ${type}, not ${planned}`);
    const command = commandOf(event, expect);
    if (command === undefined) return this.reference.pass();
    const verdict = this.reference.take(command);
    const isRight = "eventId" in verdict && !verdict.duplicate && verdict.eventId === event.id &&
      isEventOf(event, command, verdict.firstSeq);
    if (isRight) return;
    throw new Finding(
      "I5",
      `event ${JSON.stringify(event)} of ${JSON.stringify(command)} is ${JSON.stringify(verdict)}`,
    );
  }
}

/** The command that an event came from; `undefined` for an event of the library's own. */
function commandOf(event: RuntimeEvent, expect: number | undefined): Command | undefined {
  const kind = event.type === "custom" ? customKind(event) : KINDS[event.type];
  if (kind === undefined) return undefined;
  const workerId = "workerId" in event ? event.workerId ?? "" : "";
  const runId = "runId" in event ? event.runId ?? "" : "";
  return { kind, workerId, number: numberOf(event), key: event.key, expect, runId };
}

function customKind({ name, workerId }: Extract<RuntimeEvent, { type: "custom" }>): Kind | undefined {
  if (name === "host.note") return "hostNote";
  return name === "note" && workerId !== undefined ? "note" : undefined;
}

/** The number that the arguments of the command were made from. */
function numberOf(event: RuntimeEvent): number {
  switch (event.type) {
    case "worker.input_accepted":
    case "worker.transcript_appended":
      return Number(/\d+/.exec(event.entries[0]?.content ?? "")?.[0]);
    case "worker.state_updated":
      return patchNumber(event.patch);
    case "worker.usage_recorded":
      return event.usage.inputTokens;
    case "custom":
      return Number(event.data);
    default:
      return 0;
  }
}

/** Multiples of three remove the member `m` and the number modulo five; others set it to the number. */
function patchNumber(patch: object): number {
  const [[name, value] = ["", null]] = Object.entries(patch);
  if (typeof value === "number") return value;
  return [0, 3, 6, 9, 12].find((number) => name === `m${number % 5}`) ?? 0;
}
