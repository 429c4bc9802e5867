// Folding: the changes of each event, and the events that cannot follow.

import { assertEquals, assertThrows } from "@std/assert";
import { RuntimeError } from "../../src/core/errors.ts";
import type { EventHead } from "../../src/core/event_types.ts";
import type { WorkerState } from "../../src/core/state.ts";
import { noUsage, type UsageTotals } from "../../src/core/usage.ts";
import {
  a,
  AT,
  b,
  began,
  born,
  type Changes,
  committed,
  created,
  type Event,
  ledgerOf,
  numbered,
  purged,
  runtimeId,
  said,
  stateOfA,
} from "./given.ts";

const open: Event = began(a, "r");
const tokens = (inputTokens: number): UsageTotals => ({ ...noUsage, inputTokens });
const used = (model: string, inputTokens: number): Event =>
  committed(a, { usage: [{ ...tokens(inputTokens), model }] });
const run = { runId: "r", eventId: 5, startedAt: AT };

Deno.test("evolve() of a creation gives the first state", () => {
  const { record: _, usage, ...state } = stateOfA();
  assertEquals(usage, noUsage);
  assertEquals(state, {
    labels: {},
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

Deno.test("evolve() of a fork gives the entries that it has, and its origin", () => {
  const base = { sha256: "0f".repeat(32), bytes: 9, mediaType: "application/json" };
  const fork = { workerId: a, createdEventId: 3, seq: 7, base };
  const z = "z" as typeof a;
  const first = created(z, { fork, seq: 8, count: 2 });
  const ledger = ledgerOf(...born, first, said(z, 10, 3));
  const { transcriptLength, fork: origin } = ledger.worker(z) ?? {};
  assertEquals([transcriptLength, origin], [12, fork]);
});

/** Changes, the members of the state that they change, and the events before them. */
const table: Readonly<
  Record<
    string,
    readonly [Changes, { readonly [Name in keyof WorkerState]?: WorkerState[Name] | undefined }, ...Event[]]
  >
> = {
  "entries": [{ seq: 3, count: 4 }, { transcriptLength: 6 }, said(a, 1, 2)],
  "entries of a run": [{ seq: 1, count: 1, runId: "r" }, { transcriptLength: 1 }, open],
  "meta alone": [{ meta: { by: "me" } }, {}],
  "the end of a run": [
    { runId: "r", run: { ended: "completed" } },
    { run: null, lastRun: { ...run, endedAt: AT, outcome: "completed" } },
    open,
  ],
  "the end of a run with a reason": [
    { runId: "r", run: { ended: "interrupted", reason: "why" } },
    { run: null, lastRun: { ...run, endedAt: AT, outcome: "interrupted", reason: "why" } },
    open,
  ],
  "a stop": [{ status: "stopped" }, { status: "stopped" }],
  "a stop with a reason": [{ status: "stopped", reason: "why" }, { status: "stopped", reason: "why" }],
  "a retirement that cancels the run": [
    { runId: "r", run: { ended: "cancelled", reason: "why" }, status: "retired", reason: "why" },
    {
      status: "retired",
      reason: "why",
      run: null,
      lastRun: { ...run, endedAt: AT, outcome: "cancelled", reason: "why" },
    },
    open,
  ],
  "a restart, which removes the reason": [
    { status: "running" },
    { status: "running", reason: undefined },
    committed(a, { status: "stopped", reason: "why" }),
  ],
  "a new name": [{ displayName: "A" }, { displayName: "A" }],
  "no name": [{ displayName: null }, { displayName: undefined }, committed(a, { displayName: "A" })],
  "labels": [
    { labels: { keep: "1", x: "new", y: null, z: null } },
    { labels: { keep: "1", x: "new" } },
    committed(a, { labels: { x: "old", y: "gone" } }),
  ],
  "labels that other labels follow": [
    { labels: { y: "2" } },
    { labels: { x: "1", y: "2" } },
    committed(a, { labels: { x: "1" } }),
  ],
  "data": [
    { data: { x: { z: 2 }, gone: null } },
    { data: { x: { y: [1], z: 2 } } },
    committed(a, { data: { x: { y: [1] }, gone: true } }),
  ],
  "usage of two models": [
    { usage: [{ ...tokens(2), model: "m" }, { ...tokens(3), model: "n" }, { ...tokens(4), model: "m" }] },
    { usage: tokens(10), usageByModel: { m: tokens(7), n: tokens(3) } },
    used("m", 1),
  ],
  "events": [{ events: [{ name: "e", data: [1] }] }, {}],
  "a compaction": [
    { seq: 4, count: 1, context: { compacted: 2 } },
    {
      transcriptLength: 4,
      context: { version: 6, summary: 4, compacted: 2, ranges: [[3, 3]], openFrom: 5 },
    },
    said(a, 1, 3),
  ],
  "a rewind": [
    { context: { rewound: 2 } },
    { context: { version: 6, summary: null, compacted: 0, ranges: [[1, 2]], openFrom: 4 } },
    said(a, 1, 3),
  ],
  "a rewind that cancels the run": [
    { runId: "r", run: { ended: "cancelled" }, context: { rewound: 0 } },
    {
      run: null,
      lastRun: { ...run, endedAt: AT, outcome: "cancelled" },
      context: { version: 6, summary: null, compacted: 0, ranges: [], openFrom: 1 },
    },
    open,
  ],
  "everything together": [
    {
      seq: 1,
      count: 2,
      runId: "r",
      meta: {},
      run: { ended: "failed" },
      displayName: "A",
      labels: { l: "1" },
      data: { d: 1 },
      usage: [{ ...tokens(1), model: "m" }],
      events: [{ name: "e", data: null }],
    },
    {
      transcriptLength: 2,
      run: null,
      lastRun: { ...run, endedAt: AT, outcome: "failed" },
      displayName: "A",
      labels: { l: "1" },
      data: { d: 1 },
      usage: tokens(1),
      usageByModel: { m: tokens(1) },
    },
    open,
  ],
};

for (const [what, [changes, expected, ...before]] of Object.entries(table)) {
  Deno.test(`evolve() of ${what} changes that and nothing else`, () => {
    const last = { updatedAt: "2026-01-02T03:04:06.000Z", lastEventId: 5 + before.length };
    const ledger = ledgerOf(...born, ...before);
    const { lastRun: _, ...state } = stateOfA(...before);
    ledger.apply({ id: last.lastEventId, at: last.updatedAt, ...committed(a, changes) } as EventHead);
    const ended = expected.lastRun ? { ...expected.lastRun, endedAt: last.updatedAt } : null;
    assertEquals(ledger.worker(a), withoutUndefined({ ...state, ...expected, ...last, lastRun: ended }));
  });
}

/** Changes of every part of the state. */
const full: Changes = {
  displayName: "Z",
  labels: { zz: "1" },
  data: { zz: 1 },
  usage: [{ ...tokens(100), model: "zz" }],
  context: { rewound: 0 },
};

for (const [what, [changes, expected, ...before]] of Object.entries(table)) {
  Deno.test(`evolve() of ${what} keeps every other part of the state`, () => {
    const ledger = ledgerOf(...born, open, committed(a, { runId: "r", run: { ended: "failed" } }));
    const all = [committed(a, full), ...before];
    for (const event of numbered(all, 7)) ledger.apply(event);
    const state = ledger.worker(a);
    const id = 7 + all.length;
    ledger.apply({ id, at: AT, ...committed(a, changes) } as EventHead);
    const kept = { ...ledger.worker(a), lastEventId: state?.lastEventId } as Record<string, unknown>;
    for (const name of Object.keys(expected)) kept[name] = Reflect.get(state ?? {}, name);
    assertEquals<unknown>(withoutUndefined(kept), state);
  });
}

Deno.test("evolve() of the beginning of a run opens it, and keeps the run before it", () => {
  const first = stateOfA(open);
  assertEquals([first.run, first.lastRun], [run, null]);
  const end = committed(a, { runId: "r", run: { ended: "failed" } });
  const { run: second, lastRun } = stateOfA(open, end, open);
  assertEquals([second, lastRun], [{ ...run, eventId: 7 }, { ...run, endedAt: AT, outcome: "failed" }]);
});

for (
  const [what, [{ run, runId, status, reason, ...changes }, expected, ...before]] of Object.entries(table)
) {
  if (run !== undefined || status !== undefined || runId !== undefined || before.length > 0) continue;
  Deno.test(`evolve() of a creation with ${what} gives the state with it`, () => {
    const ledger = ledgerOf(...born.slice(0, 2), created(a, changes));
    const state = stateOfA();
    assertEquals(ledger.worker(a), withoutUndefined({ ...state, ...expected }));
    assertEquals(reason, undefined);
  });
}

/** A state without the members that are undefined. */
function withoutUndefined(state: object): WorkerState {
  const members = Object.entries(state).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members) as unknown as WorkerState;
}

Deno.test("evolve() of a creation removes nulls of its patches and counts its usage and entries", () => {
  const ledger = ledgerOf(
    ...born.slice(0, 2),
    created(a, {
      seq: 1,
      count: 3,
      displayName: null,
      labels: { x: "1", y: null },
      data: { d: { e: null } },
      usage: [{ ...tokens(2), model: "m" }],
    }),
    said(a, 4),
  );
  const { transcriptLength, labels, data, usage, displayName } = ledger.worker(a) ?? stateOfA();
  assertEquals([transcriptLength, labels, data, usage, displayName], [
    4,
    { x: "1" },
    { d: {} },
    tokens(2),
    undefined,
  ]);
  assertEquals(ledger.runtime.usageByModel, { m: tokens(2) });
});

Deno.test("evolve() of labels and data takes __proto__ for a name like any other", () => {
  const data = JSON.parse('{"__proto__":{"polluted":1}}');
  assertEquals(Object.keys(stateOfA(committed(a, { data })).data), ["__proto__"]);
  assertEquals(Reflect.get({}, "polluted"), undefined);
});

Deno.test("evolve() of the runtime's retirement retires all workers but retired ones", () => {
  const ledger = ledgerOf(
    ...born,
    open,
    committed(b, { status: "retired", reason: "own" }),
    { type: "runtime.retired", reason: "night" },
  );
  assertEquals(ledger.runtime.status, "retired");
  const [first, second] = [...ledger.workers()];
  assertEquals([first?.status, first?.reason, first?.run, first?.lastRun, first?.lastEventId], [
    "retired",
    "night",
    null,
    { ...run, endedAt: AT, outcome: "cancelled", reason: "night" },
    7,
  ]);
  assertEquals([second?.reason, second?.lastEventId], ["own", 6]);
});

Deno.test("evolve() of the runtime's retirement without a reason removes that of a stop", () => {
  const stop = committed(a, { status: "stopped", reason: "lunch" });
  const { status, reason, lastRun } = stateOfA(stop, { type: "runtime.retired" });
  assertEquals([status, reason, lastRun], ["retired", undefined, null]);
});

Deno.test("evolve() of usage sums by worker, by model and for the runtime", () => {
  const stop = committed(a, { status: "stopped" });
  const ledger = ledgerOf(...born, used("m", 1), used("n", 2), used("m", 4), stop, used("m", 8), purged(a));
  assertEquals(ledger.worker(a), undefined);
  assertEquals(ledger.runtime.usage.inputTokens, 15);
  assertEquals(ledger.runtime.usageByModel.m?.inputTokens, 13);
  assertEquals(stateOfA(used("m", 1), used("n", 2)).usageByModel.n?.inputTokens, 2);
});

Deno.test("evolve() changes no state that it was given", () => {
  const ledger = ledgerOf(...born);
  const [runtime, worker] = [ledger.runtime, ledger.worker(a)];
  const before = JSON.stringify([runtime, worker]);
  const later = [
    said(a, 1),
    open,
    committed(a, { runId: "r", usage: [{ ...tokens(3), model: "m" }], labels: { x: "1" }, data: { d: 1 } }),
    committed(a, { runId: "r", run: { ended: "cancelled" }, status: "stopped", displayName: "A" }),
    committed(a, { status: "running" }),
    { type: "runtime.retired" } as const,
  ];
  for (const event of numbered(later, 5)) ledger.apply(event);
  assertEquals(JSON.stringify([runtime, worker]), before);
});

Deno.test("evolve() ignores types that it does not know", () => {
  const unknown = [
    { type: "runtime.moved", to: "x" },
    { type: "worker.annotated", workerId: a, note: "x" },
    { type: "audit" },
  ] as unknown as Event[];
  const ledger = ledgerOf(...born, ...unknown);
  assertEquals(ledger.runtime.lastEventId, 7);
  assertEquals(ledger.worker(a)?.lastEventId, 6);
});

Deno.test("evolve() ignores an unknown type of a worker that does not exist", () => {
  const ledger = ledgerOf(...born, { type: "worker.imported", workerId: "z" } as unknown as Event);
  assertEquals([ledger.runtime.lastEventId, ledger.workerCount], [5, 2]);
});

Deno.test("evolve() rejects a first event that is not runtime.created", () => {
  for (const type of ["runtime.opened", "audit"]) {
    const error = assertThrows(() => ledgerOf({ type, epoch: 1 } as unknown as Event), RuntimeError);
    assertEquals((error as RuntimeError).code, "store_corrupt");
  }
});

Deno.test("evolve() rejects the creation of another runtime", () => {
  const other = "other" as typeof runtimeId;
  const error = assertThrows(() => ledgerOf({ type: "runtime.created", runtimeId: other }), RuntimeError);
  assertEquals(error.code, "store_corrupt");
});

const impossible: Readonly<Record<string, Event | EventHead>> = {
  "the same id again": { id: 4, at: AT, type: "custom", name: "n", data: null },
  "a gap": { id: 6, at: AT, type: "custom", name: "n", data: null },
  "another runtime": { type: "runtime.created", runtimeId: "other" as typeof runtimeId },
  "a second creation of the runtime": { type: "runtime.created", runtimeId },
  "an epoch that skips one": { type: "runtime.opened", epoch: 3 },
};

for (const [what, event] of Object.entries(impossible)) {
  Deno.test(`evolve() rejects ${what} with store_corrupt`, () => {
    const ledger = ledgerOf(...born);
    const next = { id: 5, at: AT, ...event } as EventHead;
    const error = assertThrows(() => ledger.apply(next), RuntimeError);
    assertEquals(error.code, "store_corrupt");
    assertEquals((error as RuntimeError<"store_corrupt">).details.eventIds, [next.id, next.id]);
  });
}
