// Signals of runs, and the callers that wait for the end of one.

import { assertEquals, assertRejects } from "@std/assert";
import type { EventHead } from "../../src/core/event_types.ts";
import { OpenRuns } from "../../src/core/open_runs.ts";
import { a, b, began, committed, type Event, numbered } from "./given.ts";
import { listenersOf, turns } from "./scripted_store.ts";

const started = began(a, "r");
const finished = committed(a, { runId: "r", run: { ended: "completed" } });
const cancelled = committed(a, { runId: "r", run: { ended: "cancelled" }, status: "stopped" });

function runsAfter(...events: Event[]): OpenRuns {
  const runs = new OpenRuns();
  for (const event of numbered(events, 1)) runs.apply(event as EventHead);
  return runs;
}

function apply(runs: OpenRuns, id: number, event: Event): void {
  runs.apply({ id, at: "", ...event } as EventHead);
}

Deno.test("OpenRuns identifies runs by the event that began them, not by their ids", () => {
  const runs = runsAfter(started, finished, started);
  assertEquals([1, 2, 3, 4].map((eventId) => runs.signalOf(a, eventId).aborted), [true, true, false, true]);
  assertEquals(runs.signalOf("other", 3).aborted, true);
  assertEquals(runs.signalOf(a, 3) === runs.signalOf(a, 3), true);
  assertEquals([runs.get(a)?.eventId, runs.get(a)?.runId, runs.get(b)], [3, "r", undefined]);
});

const ends: Readonly<Record<string, readonly [Event, string]>> = {
  "a finish": [finished, "The run is over"],
  "a cancellation": [committed(a, { runId: "r", run: { ended: "cancelled" } }), "The run was cancelled"],
  "a stop that cancels it": [cancelled, "The run was cancelled"],
  "the runtime's retirement": [{ type: "runtime.retired" }, "The run was cancelled: the runtime was retired"],
};

for (const [what, [end, message]] of Object.entries(ends)) {
  Deno.test(`OpenRuns aborts the signal of a run by ${what}`, () => {
    const runs = runsAfter(started);
    const signal = runs.signalOf(a, 1);
    apply(runs, 2, end);
    assertEquals([signal.aborted, signal.reason.name, signal.reason.message], [true, "AbortError", message]);
    assertEquals(runs.get(a), undefined);
  });
}

Deno.test("OpenRuns keeps a run open through changes that do not end it", () => {
  const runs = runsAfter(
    started,
    committed(a, { seq: 1, count: 1, runId: "r" }),
    committed(a, { usage: [] }),
    committed(b, { status: "stopped" }),
    began(b, "r"),
    committed(b, { runId: "r", run: { ended: "failed" } }),
  );
  assertEquals([runs.signalOf(a, 1).aborted, runs.signalOf(b, 5).aborted], [false, true]);
});

Deno.test("endAll() aborts all signals, also those of later runs, and keeps its first reason", () => {
  const runs = runsAfter(started);
  const signal = runs.signalOf(a, 1);
  runs.endAll("lost");
  runs.endAll("closed");
  apply(runs, 2, started);
  assertEquals([signal.reason, runs.signalOf(a, 1).reason, runs.signalOf(a, 2).reason], [
    "lost",
    "lost",
    "lost",
  ]);
});

/** Callers that wait for a worker; `woken` names those that were woken or rejected. */
function waiting(runs: OpenRuns): {
  readonly woken: string[];
  readonly wait: (name: string, signal?: AbortSignal, isNext?: boolean, workerId?: string) => void;
} {
  const woken: string[] = [];
  const wait = (name: string, signal?: AbortSignal, isNext = false, workerId: string = a): void => {
    void runs.ending(workerId, signal, isNext).then(
      () => woken.push(name),
      (reason) => woken.push(`${name}: ${reason}`),
    );
  };
  return { woken, wait };
}

Deno.test("ending() wakes one caller for each end of a run, in the order of the calls", async () => {
  const runs = runsAfter(started);
  const { woken, wait } = waiting(runs);
  for (const name of ["1", "2", "3"]) wait(name);
  wait("other", undefined, false, b);
  for (const count of [1, 2, 3, 3]) {
    apply(runs, 10 * count, finished);
    await turns(1);
    assertEquals(woken.length, count);
    apply(runs, 10 * count + 1, started);
  }
  assertEquals(woken, ["1", "2", "3"]);
  apply(runs, 50, began(b, "r"));
  apply(runs, 51, committed(b, { runId: "r", run: { ended: "failed" } }));
  await turns(1);
  assertEquals(woken, ["1", "2", "3", "other"]);
});

Deno.test("ending() puts a woken caller that was overtaken before the others", async () => {
  const runs = runsAfter(started);
  const { woken, wait } = waiting(runs);
  wait("second");
  wait("first", undefined, true);
  apply(runs, 2, finished);
  await turns(1);
  assertEquals(woken, ["first"]);
});

for (const aborted of [0, 1, 2]) {
  Deno.test(`ending() removes caller ${aborted + 1} of 3 whose signal aborts, and wakes the others in order`, async () => {
    const runs = runsAfter(started);
    const { woken, wait } = waiting(runs);
    const controllers = [0, 1, 2].map(() => new AbortController());
    const listeners = controllers.map(({ signal }) => listenersOf(signal));
    controllers.forEach(({ signal }, index) => wait(`${index}`, signal));
    controllers[aborted]?.abort("enough");
    await turns(1);
    assertEquals(woken, [`${aborted}: enough`]);
    for (const id of [2, 3, 4]) {
      apply(runs, id, finished);
      await turns(1);
    }
    const others = ["0", "1", "2"].filter((name) => name !== `${aborted}`);
    assertEquals(woken.slice(1), others);
    assertEquals(listeners.map(({ size }) => size), [0, 0, 0]);
  });
}

Deno.test("ending() rejects at once if the signal has aborted, and takes nobody's turn", async () => {
  const runs = runsAfter(started);
  const { woken, wait } = waiting(runs);
  assertEquals(
    await assertRejects(() => runs.ending(a, AbortSignal.abort(new Error("no")), false)),
    new Error("no"),
  );
  wait("1");
  apply(runs, 2, finished);
  await turns(1);
  assertEquals(woken, ["1"]);
});

Deno.test("wakeNext() passes the turn of a woken caller on, and does nothing if nobody waits", async () => {
  const runs = runsAfter(started);
  const { woken, wait } = waiting(runs);
  wait("1");
  wait("2");
  apply(runs, 2, finished);
  await turns(1);
  runs.wakeNext(a);
  await turns(1);
  assertEquals(woken, ["1", "2"]);
  runs.wakeNext(a);
  wait("3");
  await turns(1);
  assertEquals(woken, ["1", "2"]);
});

Deno.test("endAll() wakes all who wait, and ignores signals that abort later", async () => {
  const runs = runsAfter(started, began(b, "r"));
  const { woken, wait } = waiting(runs);
  const controller = new AbortController();
  wait("1", controller.signal);
  wait("2");
  wait("other", controller.signal, false, b);
  runs.endAll("closed");
  controller.abort();
  await turns(1);
  assertEquals(woken, ["1", "2", "other"]);
});
