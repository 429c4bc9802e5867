// Every decision: given events, when a command, then one event or one error.

import { Requested, type RequestedMembers } from "../../src/core/commands.ts";
import { fingerprint } from "../../src/core/keys.ts";
import { limits } from "../../src/core/limits.ts";
import { workerRecord } from "../../src/core/records.ts";
import { noUsage } from "../../src/core/usage.ts";
import {
  a,
  began,
  born,
  commandOf,
  commit,
  committed,
  created,
  entryTexts,
  type Event,
  given,
  keyed,
  ledgerOf,
  LIFE_OF_A,
  purged,
  said,
} from "./given.ts";
import { parseWorkerId } from "../../src/core/ids.ts";
import { assertEquals, assertThrows } from "@std/assert";
import { decide } from "../../src/core/decide.ts";
import { RuntimeError } from "../../src/core/errors.ts";
import type { StateView } from "../../src/core/state.ts";

const say = commit(undefined, { count: 2 });
const patch = commit({ data: { x: 1 } });
const begin = commit({ run: { began: true } }, { run: { runId: "r2" } });
const purge = new Requested("worker.purged", "purge worker", a, LIFE_OF_A);
const note = new Requested(
  "custom",
  "record event",
  undefined,
  0,
  { name: "n", data: null } as object as RequestedMembers,
);
const retireRuntime = new Requested("runtime.retired", "retire runtime");
const usage = commit({ meta: { by: "billing" }, usage: [{ ...noUsage, requests: 1, model: "m" }] });
const finish = (eventId: number): Requested =>
  commit({ run: { ended: "failed", reason: "why" } }, { run: { runId: "r1", eventId } });
const setStatus = (
  status: "running" | "stopped" | "retired",
  cancelsRun = false,
  reason?: string,
): Requested => commit({ status, ...(reason === undefined ? {} : { reason }) }, { cancelsRun });
const create = (id: string, members: RequestedMembers = {}, count = 0): Requested => {
  const workerId = parseWorkerId(id);
  const record = workerRecord({ intent: { kind: "assistant" } }, workerId);
  const entries = count === 0 ? undefined : entryTexts(count);
  return new Requested("worker.created", "create worker", workerId, 0, { record, ...members }, entries);
};

/** The run r1 of worker a, begun by event 5. */
const open: Event = began(a, "r1");
const stopped: Event = committed(a, { status: "stopped" });
const retired: Event = committed(a, { status: "retired" });
const other: Event = { type: "custom", name: "n", data: null };

Deno.test("decide() appends after the present entries", () => {
  given().when(say).becomes(said(a, 1, 2));
  given(said(a, 1, 3), said(a, 4)).when(say).becomes(said(a, 5, 2));
});

Deno.test("decide() adds the run to what a run commits, and to nothing else", () => {
  const run = { runId: "r1", eventId: 5 };
  given(open).when(commit(undefined, { count: 2, run })).becomes(
    committed(a, { seq: 1, count: 2, runId: "r1" }),
  );
  given(open).when(commit({ data: { x: 1 } }, { run })).becomes(
    committed(a, { runId: "r1", data: { x: 1 } }),
  );
  given(open).when(say).becomes(said(a, 1, 2));
});

Deno.test("decide() puts the members of all changes into one event, in the order of the text", () => {
  const members: RequestedMembers = {
    meta: { by: "me" },
    displayName: "A",
    labels: { team: "x" },
    data: { x: 1 },
    usage: [{ ...noUsage, model: "m" }],
    events: [{ name: "e", data: null }],
  };
  const { id: _id, at: _at, ...head } = headOf(commit(members, { count: 1 }));
  assertEquals(head, committed(a, { seq: 1, count: 1, ...members }) as typeof head);
  assertEquals(Object.keys(head), ["type", "workerId", "seq", "count", ...Object.keys(members)]);
});

Deno.test("decide() gives a worker its first changes with its creation", () => {
  const c = parseWorkerId("c");
  const changes = { labels: { team: "x" }, data: { x: 1 } };
  given().when(create("c", changes, 3)).becomes(created(c, { seq: 1, count: 3, ...changes }));
});

Deno.test("decide() creates a worker unless its id is in use", () => {
  given().when(create("new")).becomes(created(parseWorkerId("new")));
  given().when(create("a")).isRejected("worker_exists", { workerId: "a" });
  given(stopped).when(create("a")).isRejected("worker_exists");
  given(stopped, purged(a)).when(create("a")).becomes(created(a));
});

Deno.test("decide() creates no more workers than the bound", () => {
  const ledger = ledgerOf(...born);
  const full = {
    runtime: ledger.runtime,
    workerCount: limits.workersMax,
    worker: () => undefined,
    workers: (): ReturnType<StateView["workers"]> => [],
    keyEntry: () => undefined,
  };
  const error = assertThrows(() => decide(full, commandOf(create("c")), 5, ""), RuntimeError);
  assertEquals(error.code, "limit_exceeded");
});

Deno.test("decide() lets one run at a time begin", () => {
  given().when(begin).becomes(began(a, "r2"));
  given(open).when(begin).isRejected("worker_busy", { workerId: "a", runId: "r1" });
});

Deno.test("decide() ends the open run and no other, also if run ids repeat", () => {
  const failed = committed(a, { runId: "r1", run: { ended: "failed", reason: "why" } });
  given(open).when(finish(5)).becomes(failed);
  given(open).when(finish(4)).isRejected("run_ended", { workerId: "a", runId: "r1" });
  given().when(finish(5)).isRejected("run_ended");
  given(open, failed, open).when(finish(5)).isRejected("run_ended");
  given(open, failed, open).when(finish(7)).becomes(failed);
});

Deno.test("decide() rejects every late write of a run that ended, by whatever ended it", () => {
  const run = { runId: "r1", eventId: 5 };
  const ends: Event[] = [
    committed(a, { runId: "r1", run: { ended: "completed" } }),
    committed(a, { runId: "r1", run: { ended: "interrupted" } }),
    committed(a, { runId: "r1", run: { ended: "cancelled" }, status: "stopped" }),
    committed(a, { runId: "r1", run: { ended: "cancelled" }, status: "retired" }),
  ];
  const writes = [
    commit(undefined, { count: 1, run }),
    commit({ data: { x: 1 } }, { run }),
    commit({ usage: [{ ...noUsage, model: "m" }] }, { run }),
    finish(5),
  ];
  for (const end of ends) {
    for (const write of writes) given(open, end).when(write).isRejected("run_ended");
    const restart = committed(a, { status: "running" });
    const next = "status" in end && end.status === "stopped" ? [restart, open] : [open];
    if ("status" in end && end.status === "retired") continue;
    for (const write of writes) given(open, end, ...next).when(write).isRejected("run_ended");
  }
});

Deno.test("decide() stops and retires an idle worker, and restarts a stopped one", () => {
  for (const status of ["stopped", "retired"] as const) {
    given().when(setStatus(status, false, "why")).becomes(committed(a, { status, reason: "why" }));
    given(open).when(setStatus(status)).isRejected("worker_busy", { workerId: "a", runId: "r1" });
  }
  given(stopped).when(setStatus("running")).becomes(committed(a, { status: "running" }));
  given(stopped).when(setStatus("retired")).becomes(retired);
  given().when(setStatus("running")).isRejected("invalid_request");
  given(stopped).when(setStatus("stopped")).isRejected("worker_not_running");
  for (const status of ["running", "stopped", "retired"] as const) {
    given(retired).when(setStatus(status)).isRejected("worker_not_running", {
      workerId: "a",
      status: "retired",
    });
  }
});

Deno.test("decide() cancels the open run with the stop or retirement that asks for it", () => {
  for (const status of ["stopped", "retired"] as const) {
    given(open).when(setStatus(status, true, "why")).becomes(
      committed(a, { runId: "r1", run: { ended: "cancelled", reason: "why" }, status, reason: "why" }),
    );
    given(open).when(setStatus(status, true)).becomes(
      committed(a, { runId: "r1", run: { ended: "cancelled" }, status }),
    );
    given().when(setStatus(status, true)).becomes(committed(a, { status }));
  }
  const names = Object.keys(headOf(commit({ meta: {}, status: "stopped" }, { cancelsRun: true }), open));
  assertEquals(names, ["id", "at", "type", "workerId", "runId", "meta", "run", "status"]);
});

Deno.test("decide() accepts nothing but usage and a purge of a worker that is not running", () => {
  const rejected: Requested[] = [
    say,
    begin,
    patch,
    commit({ labels: { x: null } }),
    commit({ displayName: "A" }),
    commit({ events: [{ name: "e", data: null }] }),
    commit({ usage: [{ ...noUsage, model: "m" }] }, { count: 1 }),
    commit({ data: {}, usage: [{ ...noUsage, model: "m" }] }),
  ];
  for (const [end, status] of [[stopped, "stopped"], [retired, "retired"]] as const) {
    for (const request of rejected) {
      given(end).when(request).isRejected("worker_not_running", { workerId: "a", status });
    }
    given(end).when(usage).becomes(committed(a, { ...usage.members }));
    given(end).when(purge).becomes(purged(a));
  }
});

Deno.test("decide() purges a worker that is stopped or retired", () => {
  given().when(purge).isRejected("invalid_request");
  given(retired).when(purge).becomes(purged(a));
  given(retired, purged(a)).when(purge).isRejected("worker_not_found", { workerId: "a" });
});

Deno.test("decide() rejects every command on a worker that does not exist, or of an earlier life", () => {
  const commands = [say, patch, begin, finish(5), usage, setStatus("stopped"), purge];
  for (const request of commands) {
    given(stopped, purged(a)).when(request).isRejected("worker_not_found", { workerId: "a" });
    given(stopped, purged(a), created(a)).when(request).isRejected("worker_not_found", { workerId: "a" });
  }
  given(stopped, purged(a), created(a)).when(commit(undefined, { count: 1, life: 7 })).becomes(said(a, 1));
});

Deno.test("decide() rejects every command once the runtime is retired", () => {
  const commands = [
    say,
    patch,
    begin,
    usage,
    setStatus("stopped"),
    setStatus("running"),
    purge,
    note,
    create("c"),
    retireRuntime,
  ];
  for (const request of commands) {
    given({ type: "runtime.retired" }).when(request).isRejected("runtime_retired", { runtimeId: "local" });
  }
});

Deno.test("decide() keeps patched data within the bound", () => {
  const half = (name: string): { data: Record<string, string> } => ({
    data: { [name]: "x".repeat(limits.dataBytesMax / 2) },
  });
  given(committed(a, half("one"))).when(commit(half("two"))).isRejected("limit_exceeded");
  given(committed(a, half("one"))).when(patch).becomes(committed(a, { data: { x: 1 } }));
  given(committed(a, half("one"))).when(commit({ data: { one: null, ...half("two").data } })).becomes(
    committed(a, { data: { one: null, ...half("two").data } }),
  );
});

Deno.test("decide() keeps the labels of a worker within the bound", () => {
  const labels = (first: number, count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`l${first + index}`, "x"]));
  const full = committed(a, { labels: labels(0, limits.listItemsMax) });
  given(full).when(commit({ labels: { more: "x" } })).isRejected("limit_exceeded", {
    limit: "labels",
    max: limits.listItemsMax,
    actual: limits.listItemsMax + 1,
  });
  given(full).when(commit({ labels: { more: "x", l0: null } })).becomes(
    committed(a, { labels: { more: "x", l0: null } }),
  );
  given(full).when(commit({ labels: { l0: "y" } })).becomes(committed(a, { labels: { l0: "y" } }));
});

Deno.test("decide() throws a limit_exceeded whose actual is more than its max, whatever the characters", () => {
  const text = "字".repeat(limits.dataBytesMax / 6);
  const ledger = ledgerOf(...born, committed(a, { data: { one: text } }));
  const view = Object.assign(ledger, { keyEntry: () => undefined });
  const error = assertThrows(
    () => decide(view, commandOf(commit({ data: { two: text } })), 6, ""),
    RuntimeError,
  );
  const { max, actual } = (error as RuntimeError<"limit_exceeded">).details;
  assertEquals(actual > max, true, `actual ${actual} is more than max ${max}`);
});

Deno.test("decide() checks the expectation against the worker's last event, or the runtime's", () => {
  given(other).when(patch, { expect: 3 }).becomes(committed(a, { data: { x: 1 } }));
  given(other).when(patch, { expect: 5 }).isRejected("conflict", { expected: 5, actual: 3 });
  given(other).when(create("c"), { expect: 5 }).becomes(created(parseWorkerId("c")));
  given(other).when(create("c"), { expect: 4 }).isRejected("conflict", { expected: 4, actual: 5 });
  given(other).when(patch, { expect: 0 }).isRejected("conflict");
});

Deno.test("decide() checks the expectation against the version of the context, first the creation of the worker", () => {
  const rewound = committed(a, { context: { rewound: 1 } });
  const events = [said(a, 1, 2), rewound, said(a, 3)];
  given(said(a, 1)).when(say, { expect: { contextVersion: LIFE_OF_A } }).becomes(said(a, 2, 2));
  given(...events).when(say, { expect: { contextVersion: 6 } }).becomes(said(a, 4, 2));
  given(...events).when(say, { expect: { contextVersion: 6, lastEventId: 7 } }).becomes(said(a, 4, 2));
  given(...events).when(say, { expect: { contextVersion: LIFE_OF_A } })
    .isRejected("conflict", { expected: LIFE_OF_A, actual: 6 });
  given(...events).when(say, { expect: { contextVersion: 6, lastEventId: 6 } })
    .isRejected("conflict", { expected: 6, actual: 7 });
  given(...events).when(say, { expect: { contextVersion: 7, lastEventId: 7 } })
    .isRejected("conflict", { expected: 7, actual: 6 });
});

Deno.test("decide() repeats the receipt of a key before anything else is checked", () => {
  const event = keyed(open, "k", fingerprint("same"));
  given(event).when(begin, { key: "k", content: "same" }).repeats(5);
  given(event, { type: "runtime.retired" }).when(begin, { key: "k", content: "same", expect: 0 }).repeats(5);
  given(event).when(begin, { key: "k", content: "other" }).isRejected("key_reused", { key: "k", eventId: 5 });
  given(event).when(patch, { key: "l" }).becomes(committed(a, { data: { x: 1 } }));
});

Deno.test("decide() repeats the receipts of the runtime's own commands", () => {
  const request = fingerprint("same");
  const same = { key: "k", content: "same" };
  given(keyed(other, "k", request)).when(note, same).repeats(5);
  given(keyed(other, "k", request)).when(note, { key: "k", content: "other" }).isRejected("key_reused");
  given(keyed({ type: "runtime.retired" }, "k", request)).when(retireRuntime, same).repeats(5);
  const c = parseWorkerId("c");
  given(keyed(created(c), "k", request)).when(create("c"), same).repeats(5);
  given(keyed(created(c), "k", request)).when(create("d"), { key: "k" }).isRejected("key_reused");
});

Deno.test("decide() separates the keys of workers and of the runtime, and drops those of purged workers", () => {
  const event = keyed(said(a, 1), "k", "1");
  given(event).when(note, { key: "k" }).becomes(other);
  given(event, stopped, purged(a), created(a)).when(commit({ data: { x: 1 } }, { life: 8 }), { key: "k" })
    .becomes(committed(a, { data: { x: 1 } }));
});

Deno.test("decide() repeats the purge of a life, also after its id was used again, and of no other life", () => {
  const first = keyed(purged(a), "k", fingerprint("same"));
  const same = { key: "k", content: "same" };
  const second = new Requested("worker.purged", "purge worker", a, 7);
  given(stopped, first).when(purge, same).repeats(6);
  given(stopped, first, created(a)).when(purge, same).repeats(6);
  given(stopped, first).when(purge, { key: "k", content: "other" }).isRejected("key_reused");
  given(stopped, first).when(purge, { key: "l" }).isRejected("worker_not_found");
  given(stopped, first, created(a)).when(second, same).isRejected("invalid_request");
  given(stopped, first, created(a), stopped).when(second, same).becomes(purged(a));
  // A command of another kind is not answered by a purge.
  given(stopped, first).when(patch, same).isRejected("worker_not_found");
});

/** The head of the event that a command becomes. */
function headOf(request: Requested, ...events: Event[]): Event & { id: number; at: string } {
  const view = Object.assign(ledgerOf(...born, ...events), { keyEntry: () => undefined });
  const decision = decide(view, commandOf(request), view.runtime.lastEventId + 1, "");
  assertEquals("head" in decision, true);
  return (decision as { head: Event & { id: number; at: string } }).head;
}
