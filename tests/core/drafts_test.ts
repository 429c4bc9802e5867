// Drafts of runs: folding, joining of commands that wait, reading.

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { type Receipt, type Run, Runtime, RuntimeError, RuntimeReader, type Worker } from "../../mod.ts";
import { firstDraftEvent } from "../../src/core/drafts.ts";
import type { EventHead } from "../../src/core/event_types.ts";
import { parseEvent, parseEventHead } from "../../src/core/events.ts";
import { limits } from "../../src/core/limits.ts";
import { Ledger } from "../../src/core/ledger.ts";
import { restoreSnapshot, snapshotTexts } from "../../src/core/snapshots.ts";
import type { OpenRun, WorkerState } from "../../src/core/state.ts";
import {
  a,
  AT,
  b,
  began,
  born,
  committed,
  created,
  type Event,
  ledgerOf,
  numbered,
  purged,
  runtimeId,
  stateOfA,
} from "./given.ts";
import { ScriptedSource } from "./scripted_source.ts";
import { Gate, ScriptedStore, turns } from "./scripted_store.ts";

const open = began(a, "r");
const run: OpenRun = { runId: "r", eventId: 5, startedAt: AT };
const text = (draft: string | null): Event => committed(a, { runId: "r", draft });
const end = (ended: "completed" | "failed" | "cancelled" | "interrupted"): Event =>
  committed(a, { runId: "r", run: { ended } });
const lost = end("interrupted");
const lastRun = { ...run, endedAt: AT, outcome: "interrupted" } as const;

/** Events after the creation of worker a, and its runs then. */
const folds: Readonly<Record<string, readonly [Pick<WorkerState, "run" | "lastRun">, ...Event[]]>> = {
  "a first text": [{ run: { ...run, draft: { eventId: 6, bytes: 3 } }, lastRun: null }, open, text("wö")],
  "an empty text": [{ run: { ...run, draft: { eventId: 6, bytes: 0 } }, lastRun: null }, open, text("")],
  "more text": [
    { run: { ...run, draft: { eventId: 6, bytes: 6 } }, lastRun: null },
    open,
    text("\uD83E"),
    text("\uDD8A"),
  ],
  "null": [{ run, lastRun: null }, open, text("x"), text(null)],
  "null without a draft": [{ run, lastRun: null }, open, text(null)],
  "text after null": [
    { run: { ...run, draft: { eventId: 8, bytes: 1 } }, lastRun: null },
    open,
    text("xyz"),
    text(null),
    text("x"),
  ],
  "a run that begins with a text": [
    { run: { ...run, draft: { eventId: 5, bytes: 1 } }, lastRun: null },
    committed(a, { runId: "r", run: { began: true }, draft: "x" }),
  ],
  "an interruption": [
    { run: null, lastRun: { ...lastRun, draft: { eventId: 6, bytes: 1 } } },
    open,
    text("x"),
    lost,
  ],
  "an interruption with a text": [
    { run: null, lastRun: { ...lastRun, draft: { eventId: 6, bytes: 1 } } },
    open,
    text("x"),
    committed(a, { runId: "r", run: { ended: "interrupted" }, draft: "y" }),
  ],
  "the beginning of the next run": [
    { run: { ...run, eventId: 8 }, lastRun },
    open,
    text("x"),
    lost,
    open,
  ],
  "a rewind after an interruption": [
    { run: null, lastRun },
    open,
    text("x"),
    lost,
    committed(a, { context: { rewound: 0 } }),
  ],
  "a stop after an interruption": [
    { run: null, lastRun },
    open,
    text("x"),
    lost,
    committed(a, { status: "stopped" }),
  ],
  "a restart after that": [
    { run: null, lastRun },
    open,
    text("x"),
    lost,
    committed(a, { status: "stopped" }),
    committed(a, { status: "running" }),
  ],
  "a retirement of the runtime after an interruption": [
    { run: null, lastRun },
    open,
    text("x"),
    lost,
    { type: "runtime.retired" },
  ],
  "a retirement of the runtime": [
    { run: null, lastRun: { ...lastRun, outcome: "cancelled" } },
    open,
    text("x"),
    { type: "runtime.retired" },
  ],
  ...Object.fromEntries((["completed", "failed", "cancelled"] as const).map((outcome) => [
    `an end as ${outcome}`,
    [{ run: null, lastRun: { ...lastRun, outcome } }, open, text("x"), end(outcome)],
  ])),
};

for (const [what, [expected, ...events]] of Object.entries(folds)) {
  Deno.test(`evolve() of a draft: ${what}`, () => {
    const { run, lastRun } = stateOfA(...events);
    assertEquals({ run, lastRun }, expected);
    for (const part of [run, lastRun, run?.draft]) assert(Object.isFrozen(part ?? Object.freeze({})));
  });
}

/** Events that cannot follow, and those before them. */
const impossible: Readonly<Record<string, readonly [Event, ...Event[]]>> = {
  "a text without a run": [committed(a, { draft: "x" })],
  "null without a run": [committed(a, { draft: null }), open],
  "a text of another run": [committed(a, { runId: "s", draft: "x" }), open],
  "a text of a run that has ended": [text("x"), open, lost],
  "a text of a new worker": [created("z" as typeof a, { draft: "x" })],
  "more than the limit": [text("字"), open, text("x".repeat(limits.draftBytesMax - 2))],
};

for (const [what, [event, ...before]] of Object.entries(impossible)) {
  Deno.test(`evolve() of a draft rejects ${what}`, async () => {
    const ledger = ledgerOf(...born, ...before);
    const [head] = numbered([event], ledger.runtime.lastEventId + 1);
    const error = await assertRejects(async () => await ledger.apply(head as EventHead), RuntimeError);
    assertEquals((error as RuntimeError).code, "store_corrupt");
  });
}

Deno.test("evolve() of a draft accepts as much as the limit, and counts a new run from 0", () => {
  const full = "x".repeat(limits.draftBytesMax);
  const bytes = limits.draftBytesMax;
  assertEquals(stateOfA(open, text(full), text("")).run?.draft?.bytes, bytes);
  const again = [open, text(full), lost, committed(a, { runId: "r", run: { began: true }, draft: full })];
  assertEquals(stateOfA(...again).run?.draft, { eventId: 8, bytes });
});

Deno.test("parseEvent() rejects a draft that is neither a text within the limit nor null", () => {
  for (const draft of [7, {}, ["x"], "字".repeat(limits.draftBytesMax / 3 + 1)]) {
    const json = JSON.stringify({ ...numbered([text("")], 6)[0], draft });
    for (const parse of [parseEvent, parseEventHead]) {
      const error = assertThrows(() => parse(json), RuntimeError) as RuntimeError;
      assertEquals([error.code, error.message.includes("draft: ")], ["store_corrupt", true]);
    }
  }
});

Deno.test("restoreSnapshot() restores drafts, and rejects invalid ones", () => {
  for (const events of [[open, text("x")], [open, text("x"), lost]]) {
    const before = ledgerOf(...born, ...events);
    const { through, runtimeJson, workers } = snapshotTexts(before);
    const texts = [...workers].map(({ json }) => json);
    const after = new Ledger(runtimeId);
    restoreSnapshot(after, { through, runtimeJson, workers: texts });
    assertEquals(after.worker(a), before.worker(a));
    for (
      const draft of ['"x"', "null", '{"eventId":0,"bytes":1}', '{"eventId":6,"bytes":-1}', '{"eventId":6}']
    ) {
      const changed = texts.map((json) => json.replace('{"eventId":6,"bytes":1}', draft));
      const restore = () =>
        restoreSnapshot(new Ledger(runtimeId), { through, runtimeJson, workers: changed });
      const error = assertThrows(restore, RuntimeError) as RuntimeError;
      assertEquals([error.code, error.message.includes("un.draft")], ["store_corrupt", true], draft);
    }
  }
});

Deno.test("firstDraftEvent() is the oldest event that a draft of an open or an interrupted run needs", () => {
  const ofB = [began(b, "r"), committed(b, { runId: "r", draft: "y" })];
  const needs = (...events: Event[]): number => firstDraftEvent(ledgerOf(...born, ...events));
  assertEquals(needs(), Infinity);
  assertEquals(needs(open), Infinity);
  assertEquals(needs(open, text("x"), text("y"), ...ofB), 6);
  assertEquals(needs(open, text("x"), lost, ...ofB), 6);
  assertEquals(needs(open, text("x"), lost, open, ...ofB), 10);
  assertEquals(needs(open, text("x"), lost, committed(a, { status: "stopped" }), purged(a)), Infinity);
});

interface Started {
  readonly store: ScriptedStore;
  readonly runtime: Runtime;
  readonly worker: Worker;
  readonly run: Run;
}

async function start(): Promise<Started> {
  const store = new ScriptedStore();
  const runtime = await Runtime.open({ store });
  const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  return { store, runtime, worker, run: await worker.beginRun() };
}

/** Lets the first batch wait until the gate opens. */
function held(store: ScriptedStore): Gate {
  const gate = new Gate();
  store.batches.length = 0;
  store.script.append = async (_batch, keep) => {
    delete store.script.append;
    await gate.passed;
    return await keep();
  };
  return gate;
}

Deno.test("commit() of drafts while one is in flight makes one event of them", async () => {
  const { store, runtime, worker, run } = await start();
  await using _ = runtime;
  const gate = held(store);
  const first = run.commit({ draft: "first " });
  await turns();
  const given: Promise<Receipt>[] = [];
  for (let count = 0; count < 100; count++) {
    given.push(worker.openRun?.commit({ draft: `${count} ` }) ?? Promise.reject());
    if (count % 10 === 0) await turns(1);
  }
  assertEquals(store.batches.map(({ length }) => length), [1]);
  gate.open();
  const [{ eventId }, ...receipts] = [await first, ...await Promise.all(given)];
  assertEquals(new Set(receipts.map(({ eventId }) => eventId)), new Set([eventId + 1]));
  assertEquals(store.batches.map(({ length }) => length), [1, 1]);
  const expected = `first ${Array.from({ length: 100 }, (_, count) => `${count} `).join("")}`;
  assertEquals((await worker.draft())?.text, expected);
});

Deno.test("commit() of drafts counts what it joins as waiting", async () => {
  const { store, runtime, run } = await start();
  await using _ = runtime;
  const gate = held(store);
  const first = run.commit({ draft: "x" });
  await turns();
  const text = "x".repeat(349_000);
  const given = Array.from({ length: 300 }, () => run.commit({ draft: text }));
  const outcomes = Promise.allSettled(given);
  gate.open();
  await first;
  const codes = (await outcomes).map((outcome) =>
    outcome.status === "fulfilled" ? "" : `${outcome.reason.code} ${outcome.reason.details.limit}`
  );
  // Three fit the draft, and the queue is full before the last ones.
  assertEquals(codes.slice(0, 4), ["", "", "", "limit_exceeded draft bytes"]);
  assertEquals(codes.at(-1), "limit_exceeded waiting units of JSON");
  assertEquals((await run.commit({ draft: null })).duplicate, false);
});

Deno.test("commit() of drafts that were joined and rejected waits no longer", async () => {
  const { store, runtime, run } = await start();
  await using _ = runtime;
  const draft = "x".repeat(170_000);
  store.script.append = () => Promise.reject(full);
  // More in all than may wait.
  for (let units = 0; units < limits.queueUnitsMax; units += draft.length) {
    const given = [run.commit({ draft }), run.commit({ draft })];
    for (const work of given) assertStrictEquals(await assertRejects(() => work), full);
    store.batches.length = 0;
  }
  delete store.script.append;
  await Promise.all([run.commit({ draft }), run.commit({ draft })]);
});

const full = new RuntimeError("no_space", "Cannot append: full", {
  operation: "write",
  path: "x",
  systemCode: "ENOSPC",
});
const vanished = new RuntimeError("store_vanished", "Cannot append: gone", { file: "x", reason: "gone" });

Deno.test("commit() of drafts rejects each of them with the error of the store, and later ones go on", async () => {
  const { store, runtime, worker, run } = await start();
  await using _ = runtime;
  await run.commit({ draft: "kept " });
  store.script.append = () => Promise.reject(full);
  const outcomes = await Promise.allSettled([
    run.commit({ draft: "a" }),
    run.commit({ draft: "b" }),
    worker.commit({ data: {} }),
    run.commit({ draft: "c" }),
  ]);
  for (const outcome of outcomes) {
    assertStrictEquals(outcome.status === "rejected" ? outcome.reason : undefined, full);
  }
  delete store.script.append;
  await Promise.all([run.commit({ draft: "more" }), run.commit({ draft: "." })]);
  assertEquals((await worker.draft())?.text, "kept more.");
});

Deno.test("commit() of drafts rejects those in flight and those that wait when the store is lost", async () => {
  const { store, runtime, run } = await start();
  const gate = new Gate();
  store.script.append = async () => {
    await gate.passed;
    throw vanished;
  };
  const first = run.commit({ draft: "a" });
  await turns();
  const waiting = [run.commit({ draft: "b" }), run.commit({ draft: "c" })];
  gate.open();
  for (const work of [first, ...waiting, run.commit({ draft: "d" }), run.commit({ draft: "e" })]) {
    assertStrictEquals(await assertRejects(() => work), vanished);
  }
  await runtime.close();
});

Deno.test("commit() of drafts that nobody awaits rejects nothing but its own promises", async () => {
  const unhandled: unknown[] = [];
  const listen = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listen);
  try {
    const { store, runtime, run } = await start();
    await using _ = runtime;
    store.script.append = () => Promise.reject(full);
    // Handled: one of those that are joined.
    for (let count = 0; count < 10; count++) run.commit({ draft: "x" });
    await run.commit({ draft: "x" }).catch(() => {});
    await turns();
    assertEquals(unhandled, []);
    delete store.script.append;
    await run.finish("completed");
    for (let count = 0; count < 10; count++) run.commit({ draft: "x" });
    await run.commit({ draft: "x" }).catch(() => {});
    await turns();
    assertEquals(unhandled, []);
  } finally {
    globalThis.removeEventListener("unhandledrejection", listen);
  }
});

Deno.test("commit() of drafts joins none across a command whose blobs are put first", async () => {
  const { store, runtime, worker, run } = await start();
  await using _ = runtime;
  const gate = new Gate();
  store.script.putBlob = async (_owner, _input, put) => {
    await gate.passed;
    return await put();
  };
  const large = { role: "tool", content: "x".repeat(limits.contentInlineBytesMax) };
  const given = [
    run.commit({ draft: "a" }),
    run.append([large]),
    run.commit({ draft: "b" }),
    run.commit({ draft: "c" }),
  ];
  await turns();
  assertEquals((await worker.draft())?.text, "a");
  gate.open();
  const ids = (await Promise.all(given)).map(({ eventId }) => eventId - run.eventId);
  assertEquals(ids.slice(0, 3), [1, 2, 3]);
  assertEquals((await worker.draft())?.text, "abc");
});

Deno.test("run() that throws drops the draft, and its process keeps none", async () => {
  const { runtime, worker, run } = await start();
  await using _ = runtime;
  await run.finish("completed");
  const work = worker.run(async (run) => {
    void run.commit({ draft: "partial" }).catch(() => {});
    await run.commit({ draft: " answer" });
    throw new Error("overloaded");
  });
  await assertRejects(() => work, Error, "overloaded");
  assertEquals([worker.state().lastRun?.outcome, await worker.draft()], ["failed", null]);
});

Deno.test("draft() reads pages of any size, and no further than its text", async () => {
  const { store, runtime, worker, run } = await start();
  await using _ = runtime;
  let text = "";
  for (let count = 0; count < 20; count++) {
    await run.commit({ draft: `${count} ` });
    text += `${count} `;
  }
  for (let count = 0; count < 20; count++) await worker.commit({ data: { count } });
  let pages = 0;
  store.script.readEvents = async ({ from, to }, page) => {
    pages++;
    const { events, ...rest } = await page();
    const scanned = Math.min(to, from + 2);
    return { ...rest, events: events.slice(0, scanned - from + 1), scanned };
  };
  assertEquals((await worker.draft())?.text, text);
  assertEquals(pages, 7);
});

Deno.test("draft() is store_corrupt if an event of it is missing, or has another text", async () => {
  const { store, runtime, worker, run } = await start();
  await using _ = runtime;
  const { eventId } = await run.commit({ draft: "one " });
  await run.commit({ draft: "two" });
  for (const change of ["missing", "longer"]) {
    store.script.readEvents = async (_read, page) => {
      const { events, ...rest } = await page();
      const others = change === "missing"
        ? events.slice(1)
        : events.map((text) => text.replace("two", "2 + 2"));
      return { ...rest, events: others };
    };
    const error = await assertRejects(() => worker.draft(), RuntimeError) as RuntimeError<"store_corrupt">;
    assertEquals([error.code, error.details.eventIds], ["store_corrupt", [eventId, eventId]]);
  }
});

Deno.test("RuntimeReader.draft() follows the drafts of the owner, also from a snapshot", async () => {
  const events = [...born, open, text("Hello, "), text("wörld")];
  const source = new ScriptedSource(numbered(events));
  await using reader = await RuntimeReader.open({ source });
  assertEquals(await reader.draft("a"), { runId: "r", runEventId: 5, text: "Hello, wörld", lastEventId: 7 });
  assertEquals(await reader.draft("b"), null);
  source.add(...numbered([text("!")], 8));
  assertEquals((await reader.draft("a"))?.text, "Hello, wörld");
  await reader.refresh();
  assertEquals((await reader.draft("a"))?.text, "Hello, wörld!");
  source.add(...numbered([lost], 9));
  await reader.refresh();
  assertEquals((await reader.draft("a"))?.text, "Hello, wörld!");
  const { through, runtimeJson, workers } = snapshotTexts(ledgerOf(...events.slice(0, 5)));
  source.prune({ through, runtimeJson, workers: [...workers].map(({ json }) => json) });
  await reader.refresh();
  assertEquals(await reader.draft("a"), { runId: "r", runEventId: 5, text: "Hello, wörld!", lastEventId: 9 });
  // The owner ended it and pruned; this reader has not read so far.
  const later = snapshotTexts(
    ledgerOf(...events.slice(0, 5), text("Hello, "), text("wörld"), text("!"), lost),
  );
  const after = [...later.workers].map(({ json }) => json);
  await reader.close();
  const pruned = new ScriptedSource(numbered([...events, text("!"), lost]));
  await using other = await RuntimeReader.open({ source: pruned });
  pruned.host = undefined;
  pruned.prune({ through: later.through, runtimeJson: later.runtimeJson, workers: after });
  const error = await assertRejects(() => other.draft("a"), RuntimeError) as RuntimeError;
  assertEquals(error.code, "cursor_expired");
});
