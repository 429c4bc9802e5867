// Given events, when a command, then an event or an error: decide() and evolve() in the words of the domain.

import { assertEquals, assertThrows } from "@std/assert";
import {
  Command,
  type Expectation,
  Requested,
  type RequestedMembers,
  type RequestedRun,
} from "../../src/core/commands.ts";
import { decide } from "../../src/core/decide.ts";
import { EntryTexts } from "../../src/core/entries.ts";
import { RuntimeError, type RuntimeErrorCode } from "../../src/core/errors.ts";
import type { EventBody, EventHead, WorkerChanges, WorkerCreated } from "../../src/core/event_types.ts";
import { parseRuntimeId, parseWorkerId, type RuntimeId, type WorkerId } from "../../src/core/ids.ts";
import { fingerprint } from "../../src/core/keys.ts";
import { Draft, Ledger } from "../../src/core/ledger.ts";
import { workerRecord, type WorkerSpec } from "../../src/core/records.ts";
import type { WorkerState } from "../../src/core/state.ts";

/** An event without its id and time. */
export type Event = EventBody;

/** Changes of a worker in the head of an event. */
export type Changes = Omit<WorkerChanges, "entries">;

export const runtimeId: RuntimeId = parseRuntimeId("local");
export const a: WorkerId = parseWorkerId("a");
export const b: WorkerId = parseWorkerId("b");
export const AT = "2026-01-02T03:04:05.678Z";

/** Events that create a runtime with the workers a and b: 1 to 4. */
export const born: readonly Event[] = [
  { type: "runtime.created", runtimeId },
  { type: "runtime.opened", epoch: 1 },
  created(a),
  created(b),
];

/** The event that creates worker a. */
export const LIFE_OF_A = 3;

export function created(
  workerId: WorkerId,
  changes: Changes & Pick<WorkerCreated, "fork"> = {},
  spec: WorkerSpec = { intent: { kind: "assistant" } },
): Event {
  return { type: "worker.created", workerId, record: workerRecord(spec, workerId), ...changes };
}

export function committed(workerId: WorkerId, changes: Changes): Event {
  return { type: "worker.committed", workerId, ...changes };
}

export function said(workerId: WorkerId, seq: number, count = 1): Event {
  return committed(workerId, { seq, count });
}

export function began(workerId: WorkerId, runId: string): Event {
  return committed(workerId, { runId, run: { began: true } });
}

export function purged(workerId: WorkerId): Event {
  return { type: "worker.purged", workerId };
}

/** An event with a key. */
export function keyed(event: Event, key: string, request = `f${key}`): Event {
  return { ...event, key, request };
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

/** The state of worker a after events that follow its creation. */
export function stateOfA(...events: readonly Event[]): WorkerState {
  const state = ledgerOf(...born, ...events).worker(a);
  if (state === undefined) throw new Error("Cannot find worker a: it is gone");
  return state;
}

/** Entries as texts. */
export function entryTexts(count: number): EntryTexts {
  const texts = new EntryTexts();
  for (let index = 0; index < count; index++) texts.add('{"role":"tool"', '"x"');
  return texts;
}

/** Parts of a requested commit other than its members. */
interface CommitParts {
  readonly count?: number;
  readonly run?: RequestedRun;
  readonly cancelsRun?: boolean;
  readonly life?: number;
}

/** A requested commit of worker a. */
export function commit(
  members: RequestedMembers | undefined,
  { count = 0, run, cancelsRun, life = LIFE_OF_A }: CommitParts = {},
): Requested {
  const entries = count === 0 ? undefined : entryTexts(count);
  return new Requested("worker.committed", "commit", a, life, members, entries, run, cancelsRun);
}

interface Options {
  readonly key?: string;
  readonly content?: string;
  /** The last event id, or a whole expectation. */
  readonly expect?: number | Expectation;
}

export function commandOf(requested: Requested, { key, content = "", expect }: Options = {}): Command {
  const keyed = key === undefined ? undefined : { key, request: fingerprint(content) };
  const expected = typeof expect === "number" ? { lastEventId: expect } : expect;
  return new Command(requested, 0, keyed, expected);
}

/** The result of a command. */
export interface When {
  /** It becomes this event. */
  becomes(event: Event): void;
  /** It is rejected. */
  isRejected(code: RuntimeErrorCode, details?: unknown): void;
  /** It repeats the command of this event. */
  repeats(eventId: number): void;
}

/** Events that follow the creation of a runtime with the workers a and b, and the command to decide then. */
export function given(
  ...events: readonly Event[]
): { when: (requested: Requested, options?: Options) => When } {
  const ledger = ledgerOf(...born, ...events);
  const id = ledger.runtime.lastEventId + 1;
  return {
    when: (requested, options = {}) => {
      const work = (): ReturnType<typeof decide> =>
        decide(new Draft(ledger), commandOf(requested, options), id, AT);
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
          // Every decision can be folded.
          if ("head" in decision) new Draft(ledger).apply(decision.head);
        },
        isRejected: (code, details) => {
          const error = assertThrows(work, RuntimeError);
          assertEquals(error.code, code);
          if (details !== undefined) assertEquals<unknown>(error.details, details);
        },
        repeats: (eventId) => {
          const decision = work();
          assertEquals("duplicate" in decision ? decision.duplicate.eventId : decision, eventId);
        },
      };
    },
  };
}
