// Folding: what each event changes, and which events cannot follow.

import { assertEquals, assertThrows } from "@std/assert";
import { RuntimeError } from "../../src/core/errors.ts";
import type { EventHead } from "../../src/core/event_types.ts";
import { noUsage } from "../../src/core/usage.ts";
import {
  a,
  AT,
  b,
  born,
  created,
  type Event,
  ledgerOf,
  numbered,
  runtimeId,
  said,
  stateOfA,
} from "./given.ts";

const began: Event = { type: "worker.run_started", workerId: a, runId: "r" };
const used = (model: string, inputTokens: number): Event => ({
  type: "worker.usage_recorded",
  workerId: a,
  usage: { ...noUsage, inputTokens, model },
});

Deno.test("evolve() of a creation gives the first state", () => {
  const { record: _, usage, ...state } = stateOfA();
  assertEquals(usage, noUsage);
  assertEquals(state, {
    status: "running",
    run: null,
    lastRun: null,
    data: {},
    transcriptLength: 0,
    usageByModel: {},
    createdAt: AT,
    updatedAt: AT,
    createdEventId: 3,
    lastEventId: 3,
  });
});

Deno.test("evolve() of entries counts them", () => {
  const { transcriptLength, lastEventId } = stateOfA(said(a, 1, 3), said(a, 4));
  assertEquals([transcriptLength, lastEventId], [4, 6]);
});

Deno.test("evolve() of runs opens and ends them", () => {
  assertEquals(stateOfA(began).run, { runId: "r", startedAt: AT });
  for (const [type, outcome] of [["run_finished", "failed"], ["run_interrupted", "interrupted"]] as const) {
    const { run, lastRun } = stateOfA(began, { type: `worker.${type}`, workerId: a, runId: "r", outcome });
    assertEquals([run, lastRun?.outcome, "reason" in (lastRun ?? {})], [null, outcome, false]);
  }
});

Deno.test("evolve() of an end cancels the open run", () => {
  const { status, reason, run, lastRun } = stateOfA(began, {
    type: "worker.cancelled",
    workerId: a,
    reason: "why",
  });
  assertEquals([status, reason, run, lastRun?.outcome, lastRun?.reason], [
    "cancelled",
    "why",
    null,
    "cancelled",
    "why",
  ]);
});

Deno.test("evolve() of a runtime's stop ends the workers that run, and them only", () => {
  const ledger = ledgerOf(...born, began, { type: "worker.stopped", workerId: b, reason: "own" }, {
    type: "runtime.stopped",
    reason: "night",
  });
  assertEquals(ledger.runtime.status, "stopped");
  const [first, second] = [...ledger.workers()];
  assertEquals([first?.status, first?.reason, first?.lastRun?.outcome, first?.lastEventId], [
    "stopped",
    "night",
    "cancelled",
    7,
  ]);
  assertEquals([second?.reason, second?.lastEventId], ["own", 6]);
});

Deno.test("evolve() of usage adds up by worker, by model and for the runtime", () => {
  const ledger = ledgerOf(...born, used("m", 1), used("n", 2), used("m", 4), {
    type: "worker.stopped",
    workerId: a,
  }, {
    type: "worker.purged",
    workerId: a,
  });
  assertEquals(ledger.worker(a), undefined);
  assertEquals(ledger.runtime.usage.inputTokens, 7);
  assertEquals(ledger.runtime.usageByModel.m?.inputTokens, 5);
  assertEquals(stateOfA(used("m", 1), used("n", 2)).usageByModel.n?.inputTokens, 2);
});

Deno.test("evolve() of a patch merges it", () => {
  const { data } = stateOfA(
    { type: "worker.state_updated", workerId: a, patch: { x: { y: [1] } } },
    { type: "worker.state_updated", workerId: a, patch: { x: { z: 2 } } },
  );
  assertEquals(data, { x: { y: [1], z: 2 } });
});

Deno.test("evolve() changes no state that it was given", () => {
  const ledger = ledgerOf(...born);
  const [runtime, worker] = [ledger.runtime, ledger.worker(a)];
  const before = JSON.stringify([runtime, worker]);
  for (
    const event of numbered([said(a, 1), began, { ...used("m", 3), runId: "r" } as Event, {
      type: "worker.cancelled",
      workerId: a,
    }], 5)
  ) {
    ledger.apply(event);
  }
  assertEquals(JSON.stringify([runtime, worker]), before);
});

Deno.test("evolve() passes over types that it does not know", () => {
  const unknown = [
    { type: "runtime.moved", to: "x" },
    { type: "worker.annotated", workerId: a, note: "x" },
    { type: "audit" },
  ] as unknown as Event[];
  const ledger = ledgerOf(...born, ...unknown);
  assertEquals(ledger.runtime.lastEventId, 7);
  assertEquals(ledger.worker(a)?.lastEventId, 6);
});

Deno.test("evolve() passes over an unknown type of a worker that is not there", () => {
  const ledger = ledgerOf(...born, { type: "worker.imported", workerId: "z" } as unknown as Event);
  assertEquals(ledger.runtime.lastEventId, 5);
});

Deno.test("evolve() of a custom event of a purged worker changes nothing", () => {
  const ledger = ledgerOf(
    ...born,
    { type: "worker.stopped", workerId: a },
    { type: "worker.purged", workerId: a },
    { type: "custom", workerId: a, name: "late", data: null },
  );
  assertEquals([ledger.worker(a), ledger.runtime.lastEventId], [undefined, 7]);
});

const impossible: Readonly<Record<string, Event | EventHead>> = {
  "the same id again": { id: 4, at: AT, type: "custom", name: "n", data: null },
  "a gap": { id: 6, at: AT, type: "custom", name: "n", data: null },
  "another runtime": { type: "runtime.created", runtimeId: "other" as typeof runtimeId },
  "a second creation": created(a),
  "entries of no worker": said("z" as typeof a, 1),
  "entries that skip one": said(a, 2),
  "a second run": { type: "worker.run_started", workerId: b, runId: "s" },
  "a second creation of the runtime": { type: "runtime.created", runtimeId },
  "an epoch that skips one": { type: "runtime.opened", epoch: 3 },
  "a record of another worker": { ...created(a), workerId: "z" as typeof a } as Event,
  "entries of a run that is not open": { ...said(a, 1), runId: "r" } as Event,
  "usage of a run that is not open": { ...used("m", 1), runId: "r" } as Event,
  "the purge of a running worker": { type: "worker.purged", workerId: a },
  "the end of a run that is not open": {
    type: "worker.run_finished",
    workerId: a,
    runId: "r",
    outcome: "completed",
  },
};

const afterStop: readonly Event[] = [
  said(a, 1),
  began,
  { type: "worker.stopped", workerId: a },
  { type: "worker.cancelled", workerId: a },
  { type: "worker.state_updated", workerId: a, patch: {} },
];

for (const event of afterStop) {
  Deno.test(`evolve() refuses ${event.type} after the stop of its worker, and of the runtime`, () => {
    for (const stop of [{ type: "worker.stopped", workerId: a }, { type: "runtime.stopped" }] as Event[]) {
      const ledger = ledgerOf(...born, stop);
      const error = assertThrows(() => ledger.apply({ id: 6, at: AT, ...event } as EventHead), RuntimeError);
      assertEquals((error as RuntimeError).code, "store_corrupt");
    }
  });
}

Deno.test("evolve() refuses a first event that is not runtime.created", () => {
  for (const type of ["runtime.opened", "audit"]) {
    const error = assertThrows(() => ledgerOf({ type, epoch: 1 } as unknown as Event), RuntimeError);
    assertEquals((error as RuntimeError).code, "store_corrupt");
  }
});

for (const [what, event] of Object.entries(impossible)) {
  Deno.test(`evolve() refuses ${what} with store_corrupt`, () => {
    const ledger = ledgerOf(...born.slice(0, 3), { ...created(b) });
    const id = ledger.runtime.lastEventId + 1;
    if (what === "a second run") {
      ledger.apply({ id, at: AT, type: "worker.run_started", workerId: b, runId: "r" });
    }
    const next = { id: ledger.runtime.lastEventId + 1, at: AT, ...event } as EventHead;
    const error = assertThrows(() => ledger.apply(next), RuntimeError);
    assertEquals(error.code, "store_corrupt");
    assertEquals((error as RuntimeError<"store_corrupt">).details.eventIds, [next.id, next.id]);
  });
}
