// Given events, when a command, then an event or an error: decide() and evolve() in the words of the domain.

import { assertEquals, assertThrows } from "@std/assert";
import { Command, type CommandBody } from "../../src/core/commands.ts";
import { decide } from "../../src/core/decide.ts";
import { RuntimeError, type RuntimeErrorCode } from "../../src/core/errors.ts";
import type { EventBody, EventHead } from "../../src/core/event_types.ts";
import { parseRuntimeId, parseWorkerId, type RuntimeId, type WorkerId } from "../../src/core/ids.ts";
import { fingerprint } from "../../src/core/keys.ts";
import { Draft, Ledger } from "../../src/core/ledger.ts";
import { workerRecord, type WorkerSpec } from "../../src/core/records.ts";
import type { WorkerState } from "../../src/core/state.ts";

/** An event without its number and time. */
export type Event = EventBody;

export const runtimeId: RuntimeId = parseRuntimeId("local");
export const a: WorkerId = parseWorkerId("a");
export const b: WorkerId = parseWorkerId("b");
export const AT = "2026-01-02T03:04:05.678Z";

/** Events that bring a runtime with the workers a and b to life: 1 to 4. */
export const born: readonly Event[] = [
  { type: "runtime.created", runtimeId },
  { type: "runtime.opened", epoch: 1 },
  created(a),
  created(b),
];

export function created(workerId: WorkerId, spec: WorkerSpec = { intent: { kind: "assistant" } }): Event {
  return { type: "worker.created", workerId, record: workerRecord(spec, workerId) };
}

export function said(workerId: WorkerId, seq: number, count = 1): Event {
  return { type: "worker.transcript_appended", workerId, seq, count };
}

/** Numbers events from `first` on. */
export function numbered(events: readonly Event[], first = 1): EventHead[] {
  return events.map((event, index) => ({ id: first + index, at: AT, ...event }) as EventHead);
}

/** The ledger after some events. */
export function ledgerOf(...events: readonly Event[]): Ledger {
  const ledger = new Ledger(runtimeId);
  for (const event of numbered(events)) ledger.apply(event);
  return ledger;
}

/** The state of worker a after events that follow its birth. */
export function stateOfA(...events: readonly Event[]): WorkerState {
  const state = ledgerOf(...born, ...events).worker(a);
  if (state === undefined) throw new Error("Cannot find worker a: it is gone");
  return state;
}

interface Options {
  readonly key?: string;
  readonly content?: string;
  readonly expect?: number;
}

export function commandOf(body: CommandBody, { key, content = "", expect }: Options = {}): Command {
  const keyed = key === undefined ? undefined : { key, request: fingerprint(content) };
  return new Command(body, 0, keyed, expect);
}

/** What a command comes to. */
export interface When {
  /** It becomes this event. */
  becomes(event: Event): void;
  /** It is refused. */
  isRefused(code: RuntimeErrorCode, details?: unknown): void;
  /** It was done by this event. */
  wasDoneBy(eventId: number): void;
}

/** Events that follow the birth of a runtime with the workers a and b, and the command to decide then. */
export function given(...events: readonly Event[]): { when: (body: CommandBody, options?: Options) => When } {
  const ledger = ledgerOf(...born, ...events);
  const id = ledger.runtime.lastEventId + 1;
  return {
    when: (body, options = {}) => {
      const work = (): ReturnType<typeof decide> =>
        decide(new Draft(ledger), commandOf(body, options), id, AT);
      return {
        becomes: (event) => {
          const decision = work();
          const key = options.key === undefined
            ? {}
            : { key: options.key, request: fingerprint(options.content ?? "") };
          assertEquals(
            "head" in decision ? decision.head : decision,
            { id, at: AT, ...event, ...key } as EventHead,
          );
          // What was decided can always be folded in.
          if ("head" in decision) new Draft(ledger).apply(decision.head);
        },
        isRefused: (code, details) => {
          const error = assertThrows(work, RuntimeError);
          assertEquals(error.code, code);
          if (details !== undefined) assertEquals<unknown>(error.details, details);
        },
        wasDoneBy: (eventId) => {
          const decision = work();
          assertEquals("duplicate" in decision ? decision.duplicate.eventId : decision, eventId);
        },
      };
    },
  };
}
