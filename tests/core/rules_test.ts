// Preconditions: each one rejects a command with a typed error, and makes a log that violates it corrupt.

import { assertEquals, assertThrows } from "@std/assert";
import { RuntimeError, type RuntimeErrorCode } from "../../src/core/errors.ts";
import type { EventHead } from "../../src/core/event_types.ts";
import { assertFollows } from "../../src/core/rules.ts";
import { limits } from "../../src/core/limits.ts";
import { noUsage } from "../../src/core/usage.ts";
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
} from "./given.ts";

const z = "z" as typeof a;
const open = began(a, "r");
const ended = committed(a, { runId: "r", run: { ended: "completed" } });
const stopped = committed(a, { status: "stopped" });
const retired = committed(a, { status: "retired" });
const base = { sha256: "0f".repeat(32), bytes: 9, mediaType: "application/json" };
const usage = [{ ...noUsage, model: "m" }];
const compacted = (seq: number, through: number, count = 1): Event =>
  committed(a, { seq, count, context: { compacted: through } });
const rewound = (toSeq: number): Event => committed(a, { context: { rewound: toSeq } });
/** Each pair leaves a range of one entry. */
const manyRanges = Array.from({ length: limits.contextRangesMax - 1 }, (_, index) => [
  said(a, 2 * index + 1, 2),
  rewound(2 * index + 1),
]).flat();
const lastOfMany = manyRanges.length;

/** Each violated precondition: the event, the code of the rejected command, and the events before. */
const violations: Readonly<Record<string, readonly [Event, RuntimeErrorCode, ...Event[]]>> = {
  "a change of a worker that does not exist": [said(z, 1), "worker_not_found"],
  "a change of a purged worker": [committed(a, { data: {} }), "worker_not_found", stopped, purged(a)],
  "entries that skip one": [said(a, 2), "invalid_request"],
  "entries that repeat one": [said(a, 3), "invalid_request", said(a, 1, 3)],
  "more entries than can be counted": [said(a, 1, Number.MAX_SAFE_INTEGER + 1), "invalid_request"],
  "entries of a new worker that do not follow the base of its fork": [
    created(z, { fork: { workerId: a, createdEventId: 3, seq: 2, base }, seq: 1, count: 1 }),
    "invalid_request",
  ],
  "a fork with entries and without a base": [
    created(z, { fork: { workerId: a, createdEventId: 3, seq: 2 } }),
    "invalid_request",
  ],
  "a fork without entries and with a base": [
    created(z, { fork: { workerId: a, createdEventId: 3, seq: 0, base } }),
    "invalid_request",
  ],
  "a second run": [began(a, "s"), "worker_busy", open],
  "a second run of the same id": [open, "worker_busy", open],
  "a beginning without a run id": [committed(a, { run: { began: true } }), "invalid_request"],
  "an end without a run id": [committed(a, { run: { ended: "completed" } }), "invalid_request", open],
  "a run that neither begins nor ends": [committed(a, { runId: "r", run: {} }), "invalid_request", open],
  "a run that begins and ends": [
    committed(a, { runId: "r", run: { began: true, ended: "completed" } }),
    "invalid_request",
  ],
  "the end of a run that is not open": [ended, "run_ended"],
  "the end of a run that has ended": [ended, "run_ended", open, ended],
  "the end of another run": [committed(a, { runId: "s", run: { ended: "failed" } }), "run_ended", open],
  "entries of a run that is not open": [committed(a, { seq: 1, count: 1, runId: "r" }), "run_ended"],
  "data of another run": [committed(a, { runId: "s", data: {} }), "run_ended", open],
  "usage of a run that has ended": [committed(a, { runId: "r", usage }), "run_ended", open, ended],
  "a stop while a run is open": [stopped, "worker_busy", open],
  "a retirement while a run is open": [retired, "worker_busy", open],
  "a stop that the open run only names": [
    committed(a, { runId: "r", status: "stopped" }),
    "worker_busy",
    open,
  ],
  "a stop that begins a run": [
    committed(a, { runId: "r", run: { began: true }, status: "stopped" }),
    "worker_busy",
  ],
  "a restart of a running worker": [committed(a, { status: "running" }), "invalid_request"],
  "a second stop": [stopped, "worker_not_running", stopped],
  "a stop of a retired worker": [stopped, "worker_not_running", retired],
  "a restart of a retired worker": [committed(a, { status: "running" }), "worker_not_running", retired],
  "a second retirement": [retired, "worker_not_running", retired],
  "a purge of a running worker": [purged(a), "invalid_request"],
  "a purge of a running worker with a run": [purged(a), "invalid_request", open],
  "a purge of a worker that does not exist": [purged(z), "worker_not_found"],
  "a creation of an id in use": [created(a), "worker_exists"],
  "a creation with a record of another worker": [
    { ...created(a), workerId: z } as Event,
    "invalid_request",
  ],
  "a creation with a run": [created(z, { runId: "r", run: { began: true } }), "invalid_request"],
  "a creation of a run": [created(z, { runId: "r" }), "invalid_request"],
  "a context that is neither compacted nor rewound": [committed(a, { context: {} }), "invalid_request"],
  "a context that is both compacted and rewound": [
    committed(a, { seq: 2, count: 1, context: { compacted: 1, rewound: 1 } }),
    "invalid_request",
    said(a, 1),
  ],
  "a compaction without a summary": [
    committed(a, { context: { compacted: 1 } }),
    "invalid_request",
    said(a, 1),
  ],
  "a compaction with two entries": [compacted(2, 1, 2), "invalid_request", said(a, 1)],
  "a compaction through its own summary": [compacted(2, 2), "invalid_request", said(a, 1)],
  "a compaction of nothing": [compacted(2, 0), "invalid_request", said(a, 1)],
  "a compaction of entries that were rewound away": [
    compacted(4, 2),
    "invalid_request",
    said(a, 1, 2),
    rewound(0),
    said(a, 3),
  ],
  "a rewind that adds an entry": [
    committed(a, { seq: 2, count: 1, context: { rewound: 1 } }),
    "invalid_request",
    said(a, 1),
  ],
  "a rewind after the newest entry": [rewound(2), "invalid_request", said(a, 1)],
  "a rewind to an entry that was compacted": [
    rewound(1),
    "invalid_request",
    said(a, 1, 2),
    compacted(3, 1),
  ],
  "a rewind to an entry that was rewound away": [rewound(2), "invalid_request", said(a, 1, 2), rewound(1)],
  "a rewind to a summary that was replaced": [
    rewound(2),
    "invalid_request",
    said(a, 1),
    compacted(2, 1),
    compacted(3, 1),
  ],
  "a rewind while a run is open": [rewound(0), "worker_busy", open],
  "a rewind that the open run only names": [
    committed(a, { runId: "r", context: { rewound: 0 } }),
    "worker_busy",
    open,
  ],
  "a rewind that begins a run": [
    committed(a, { runId: "r", run: { began: true }, context: { rewound: 0 } }),
    "worker_busy",
  ],
  "a rewind that creates one range too many": [
    rewound(lastOfMany + 1),
    "limit_exceeded",
    ...manyRanges,
    said(a, lastOfMany + 1, 2),
  ],
  "a compaction that creates one range too many": [
    compacted(lastOfMany + 5, 0),
    "limit_exceeded",
    ...manyRanges.slice(0, -2),
    compacted(lastOfMany - 1, 1),
    said(a, lastOfMany, 2),
    rewound(lastOfMany),
    said(a, lastOfMany + 2, 2),
    rewound(lastOfMany + 2),
    said(a, lastOfMany + 4),
  ],
  "a creation with a context": [created(z, { context: { rewound: 0 } }), "invalid_request"],
  "a creation with a status": [created(z, { status: "stopped" }), "invalid_request"],
  "a creation whose entries do not begin at 1": [created(z, { seq: 2, count: 1 }), "invalid_request"],
};

for (const [what, [event, code, ...before]] of Object.entries(violations)) {
  Deno.test(`${what}: the command is rejected with ${code}, and the log is corrupt`, () => {
    assertRejected(event, code, before);
  });
}

const changes: Readonly<Record<string, Changes>> = {
  "entries": { seq: 1, count: 1 },
  "a run": { runId: "r", run: { began: true } },
  "a name": { displayName: null },
  "labels": { labels: {} },
  "data": { data: {} },
  "events": { events: [] },
  "a context": { context: { rewound: 0 } },
  "usage with data": { usage, data: {} },
};

for (const [what, change] of Object.entries(changes)) {
  Deno.test(`${what}: rejected for a worker that is not running, accepted for one that is`, () => {
    for (const end of [stopped, retired]) {
      assertRejected(committed(a, change), "worker_not_running", [end]);
    }
    assertAccepted(committed(a, change));
    if ("run" in change || "context" in change) return;
    assertAccepted(committed(a, { runId: "r", ...change }), open);
  });
}

Deno.test("every event of a worker or of the host is rejected after the runtime's retirement", () => {
  const late: Event[] = [
    said(a, 1),
    open,
    stopped,
    committed(a, { usage }),
    committed(a, { meta: {} }),
    purged(a),
    created(z),
    { type: "custom", name: "n", data: null },
    { type: "runtime.retired" },
  ];
  for (const event of late) assertRejected(event, "runtime_retired", [{ type: "runtime.retired" }]);
});

Deno.test("events that a retired runtime still accepts", () => {
  const late: Event[] = [
    { type: "runtime.opened", epoch: 2 },
    { type: "runtime.closed" },
    { type: "custom", name: "runtime.salvaged", data: {} },
  ];
  for (const event of late) assertAccepted(event, { type: "runtime.retired" });
});

/** Events that follow those before them, at the borders of the rules. */
const accepted: Readonly<Record<string, readonly [Event, ...Event[]]>> = {
  "a compaction while a run is open": [compacted(2, 1), said(a, 1), open],
  "a rewind that ends the run": [
    committed(a, { runId: "r", run: { ended: "cancelled" }, context: { rewound: 0 } }),
    open,
  ],
  "a rewind to the newest entry of the most ranges": [
    rewound(lastOfMany + 2),
    ...manyRanges,
    said(a, lastOfMany + 1, 2),
  ],
  "entries beyond the most ranges": [said(a, lastOfMany + 1), ...manyRanges],
  "usage of a stopped worker": [committed(a, { meta: {}, usage }), stopped],
  "usage of a retired worker": [committed(a, { usage }), retired],
  "a restart": [committed(a, { status: "running", reason: "back" }), stopped],
  "a retirement of a stopped worker": [retired, stopped],
  "a stop that cancels the run": [
    committed(a, { runId: "r", run: { ended: "cancelled" }, status: "stopped" }),
    open,
  ],
  "a run of an id that was used before": [open, open, ended],
  "entries without the open run": [said(a, 1), open],
  "entries with the end of a run": [
    committed(a, { seq: 1, count: 1, runId: "r", run: { ended: "completed" } }),
    open,
  ],
  "a run of another worker": [began(b, "r"), open],
  "a purge of a stopped worker": [purged(a), stopped],
  "a purge of a retired worker": [purged(a), retired],
  "a creation of a purged id": [created(a), stopped, purged(a)],
  "a creation with first changes": [
    created(z, {
      seq: 1,
      count: 2,
      meta: {},
      displayName: "Z",
      labels: { l: "1" },
      data: {},
      usage,
      events: [],
    }),
  ],
};

for (const [what, [event, ...before]] of Object.entries(accepted)) {
  Deno.test(`${what}: accepted`, () => assertAccepted(event, ...before));
}

Deno.test("the first event, and no other, is the creation of the runtime", () => {
  assertRejected({ type: "runtime.created", runtimeId }, "invalid_request", []);
  assertRejected({ type: "runtime.opened", epoch: 1 }, "invalid_request", []);
});

function eventAfter(before: readonly Event[], event: Event): EventHead {
  const id = born.length + before.length + 1;
  return numbered([event], id)[0] ?? { id, at: AT, type: "runtime.closed" };
}

function assertAccepted(event: Event, ...before: Event[]): void {
  const ledger = ledgerOf(...born, ...before);
  ledger.apply(eventAfter(before, event));
  assertEquals(ledger.runtime.lastEventId, born.length + before.length + 1);
}

function assertRejected(event: Event, code: RuntimeErrorCode, before: readonly Event[]): void {
  const ledger = ledgerOf(...born, ...before);
  const [state, head] = [ledger.worker(a), eventAfter(before, event)];
  const worker = "workerId" in head ? ledger.worker(head.workerId) : undefined;
  const rejected = assertThrows(() => assertFollows(ledger, worker, head, () => "commit"), RuntimeError);
  assertEquals(rejected.code, code);
  const corrupt = assertThrows(() => ledger.apply(head), RuntimeError) as RuntimeError<"store_corrupt">;
  assertEquals([corrupt.code, corrupt.details.eventIds], ["store_corrupt", [head.id, head.id]]);
  assertEquals([ledger.worker(a), ledger.runtime.lastEventId], [state, head.id - 1]);
}
