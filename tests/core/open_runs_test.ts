// Signals of runs, and the callers that wait to begin one.

import { assertEquals } from "@std/assert";
import type { EventHead } from "../../src/core/event_types.ts";
import type { WorkerId } from "../../src/core/ids.ts";
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

/** Callers that wait to begin a run; `log` names those that began one or were rejected, `tried` those that tried. */
function waiting(runs: OpenRuns): {
  readonly log: string[];
  readonly tried: string[];
  readonly wait: (name: string, options?: WaitOptions) => void;
  readonly finish: (workerId?: WorkerId) => Promise<void>;
} {
  const log: string[] = [];
  const tried: string[] = [];
  let id = 100;
  const finish = async (workerId: WorkerId = a): Promise<void> => {
    const runId = runs.get(workerId)?.runId ?? "";
    apply(runs, ++id, committed(workerId, { runId, run: { ended: "completed" } }));
    await turns(1);
  };
  const wait = (name: string, { signal, workerId = a, begin }: WaitOptions = {}): void => {
    const begun = runs.inTurn(workerId, signal, async () => {
      tried.push(name);
      if (begin !== undefined) return await begin();
      if (runs.get(workerId) !== undefined) return undefined;
      apply(runs, ++id, began(workerId, name));
      return name;
    });
    void begun.then((name) => log.push(name), (reason) => log.push(`${name}: ${reason}`));
  };
  return { log, tried, wait, finish };
}

interface WaitOptions {
  readonly signal?: AbortSignal;
  readonly workerId?: WorkerId;
  readonly begin?: () => Promise<string | undefined>;
}

Deno.test("inTurn() lets one caller begin after each end of a run, in the order of the calls", async () => {
  const runs = runsAfter(started);
  const { log, tried, wait, finish } = waiting(runs);
  for (const name of ["1", "2", "3"]) wait(name);
  wait("other", { workerId: b });
  await turns(1);
  assertEquals([log, tried], [["other"], ["1", "other"]]);
  for (const count of [1, 2, 3]) {
    await finish();
    assertEquals(log, ["other", "1", "2", "3"].slice(0, count + 1));
  }
  assertEquals(tried, ["1", "other", "1", "2", "2", "3", "3"]);
});

Deno.test("inTurn() keeps a caller's turn if another run begins before it", async () => {
  const runs = runsAfter(started);
  const { log, wait, finish } = waiting(runs);
  wait("1");
  wait("2");
  await turns(1);
  apply(runs, 2, finished);
  apply(runs, 3, started);
  await turns(1);
  assertEquals(log, []);
  await finish();
  await finish();
  assertEquals(log, ["1", "2"]);
});

Deno.test("inTurn() misses no run that ends while its caller learns of it", async () => {
  const runs = runsAfter(started);
  const { log, tried, wait } = waiting(runs);
  const answers = [undefined, "begun"];
  wait("1", {
    begin: () => {
      apply(runs, 2, finished);
      return Promise.resolve(answers.shift());
    },
  });
  await turns(1);
  assertEquals([log, tried], [["begun"], ["1", "1"]]);
});

for (const aborted of [0, 1, 2]) {
  Deno.test(`inTurn() removes caller ${aborted + 1} of 3 whose signal aborts, and goes on with the others`, async () => {
    const runs = runsAfter(started);
    const { log, wait, finish } = waiting(runs);
    const controllers = [0, 1, 2].map(() => new AbortController());
    const listeners = controllers.map(({ signal }) => listenersOf(signal));
    controllers.forEach(({ signal }, index) => wait(`${index}`, { signal }));
    await turns(1);
    controllers[aborted]?.abort("enough");
    await turns(1);
    assertEquals(log, [`${aborted}: enough`]);
    for (let count = 0; count < 2; count++) await finish();
    assertEquals(log.slice(1), ["0", "1", "2"].filter((name) => name !== `${aborted}`));
    assertEquals(listeners.map(({ size }) => size), [0, 0, 0]);
  });
}

Deno.test("inTurn() rejects a caller whose signal has aborted, and takes nobody's turn", async () => {
  const runs = runsAfter(started);
  const { log, wait, finish } = waiting(runs);
  wait("1");
  wait("2", { signal: AbortSignal.abort("no") });
  wait("3");
  await turns(1);
  assertEquals(log, ["2: no"]);
  await finish();
  await finish();
  assertEquals(log, ["2: no", "1", "3"]);
});

Deno.test("inTurn() passes the turn on if a caller's begin fails, or begins no run", async () => {
  const runs = runsAfter(started);
  const { log, wait, finish } = waiting(runs);
  wait("1");
  wait("2", { begin: () => Promise.reject("stopped") });
  wait("3", { begin: () => Promise.resolve("repeated") });
  wait("4");
  await turns(1);
  await finish();
  await turns(1);
  assertEquals(log, ["1", "2: stopped", "repeated"]);
  await finish();
  assertEquals(log.slice(3), ["4"]);
});

Deno.test("endAll() lets every caller try, and ignores signals that abort later", async () => {
  const runs = runsAfter(started, began(b, "r"));
  const { log, wait } = waiting(runs);
  const controller = new AbortController();
  let isClosed = false;
  const begin = (): Promise<undefined> => isClosed ? Promise.reject("closed") : Promise.resolve(undefined);
  wait("1", { signal: controller.signal, begin });
  wait("2", { begin });
  wait("other", { signal: controller.signal, workerId: b, begin });
  await turns(1);
  isClosed = true;
  runs.endAll("closed");
  await turns(2);
  controller.abort();
  assertEquals(log.toSorted(), ["1: closed", "2: closed", "other: closed"]);
});
