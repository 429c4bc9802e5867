// Signals of runs: they begin and end with their events.

import { assertEquals } from "@std/assert";
import type { EventHead } from "../../src/core/event_types.ts";
import { OpenRuns } from "../../src/core/run.ts";
import { a, type Event, numbered } from "./given.ts";

const started: Event = { type: "worker.run_started", workerId: a, runId: "r" };
const cancelled: Event = { type: "worker.cancelled", workerId: a };

function runsAfter(...events: Event[]): OpenRuns {
  const runs = new OpenRuns();
  for (const event of numbered(events, 1)) runs.apply(event as EventHead);
  return runs;
}

Deno.test("OpenRuns tells runs apart by the event that began them, not by their ids", () => {
  const runs = runsAfter(started, cancelled, started);
  assertEquals([1, 2, 3, 4].map((eventId) => runs.signalOf(a, eventId).aborted), [true, true, false, true]);
  assertEquals(runs.signalOf("other", 3).aborted, true);
  assertEquals(runs.signalOf(a, 3) === runs.signalOf(a, 3), true);
});

const ends: readonly Event[] = [
  cancelled,
  { type: "worker.run_finished", workerId: a, runId: "r", outcome: "completed" },
  { type: "runtime.stopped" },
];

for (const end of ends) {
  Deno.test(`OpenRuns aborts a signal by ${end.type}`, () => {
    const runs = runsAfter(started);
    const signal = runs.signalOf(a, 1);
    runs.apply({ id: 2, at: "", ...end } as EventHead);
    assertEquals([signal.aborted, signal.reason.name], [true, "AbortError"]);
  });
}

Deno.test("endAll() aborts all signals, also of runs to come, and its first reason stays", () => {
  const runs = runsAfter(started);
  const signal = runs.signalOf(a, 1);
  runs.endAll("lost");
  runs.endAll("closed");
  runs.apply({ id: 2, at: "", ...started } as EventHead);
  assertEquals([signal.reason, runs.signalOf(a, 1).reason, runs.signalOf(a, 2).reason], [
    "lost",
    "lost",
    "lost",
  ]);
});
