// Every decision: given events, when a command, then one event or one error.

import type { CommandBody } from "../../src/core/commands.ts";
import { fingerprint } from "../../src/core/keys.ts";
import { limits } from "../../src/core/limits.ts";
import { workerRecord } from "../../src/core/records.ts";
import { noUsage } from "../../src/core/usage.ts";
import { a, born, commandOf, created, type Event, given, ledgerOf, said } from "./given.ts";
import { parseWorkerId } from "../../src/core/ids.ts";
import { assertEquals, assertThrows } from "@std/assert";
import { decide } from "../../src/core/decide.ts";
import { RuntimeError } from "../../src/core/errors.ts";
import type { StateView } from "../../src/core/state.ts";

const say: CommandBody = {
  type: "worker.transcript_appended",
  workerId: a,
  count: 2,
  entriesJson: "[{},{}]",
};
const patch: CommandBody = { type: "worker.state_updated", workerId: a, patch: { x: 1 } };
const begin: CommandBody = { type: "worker.run_started", workerId: a, runId: "r2" };
const purge: CommandBody = { type: "worker.purged", workerId: a };
const note: CommandBody = { type: "custom", workerId: a, name: "n", data: null };
const stopRuntime: CommandBody = { type: "runtime.stopped" };
const usage: Extract<CommandBody, { type: "worker.usage_recorded" }> = {
  type: "worker.usage_recorded",
  workerId: a,
  usage: { ...noUsage, requests: 1, model: "m" },
};
const finish = (runId: string): CommandBody => ({
  type: "worker.run_finished",
  workerId: a,
  runId,
  outcome: "failed",
  reason: "why",
});
const end = (as: "worker.stopped" | "worker.cancelled"): CommandBody => ({ type: as, workerId: a });
const create = (id: string): CommandBody => {
  const workerId = parseWorkerId(id);
  return {
    type: "worker.created",
    workerId,
    record: workerRecord({ intent: { kind: "assistant" } }, workerId),
  };
};

const began: Event = { type: "worker.run_started", workerId: a, runId: "r1" };
const stopped: Event = { type: "worker.stopped", workerId: a };
const cancelled: Event = { type: "worker.cancelled", workerId: a };
const purged: Event = { type: "worker.purged", workerId: a };

Deno.test("decide() appends behind the entries that are there", () => {
  given().when(say).becomes(said(a, 1, 2));
  given(said(a, 1, 3), said(a, 4)).when(say).becomes(said(a, 5, 2));
});

Deno.test("decide() notes the open run with entries and usage", () => {
  given(began).when(say).becomes({ ...said(a, 1, 2), runId: "r1" } as Event);
  const { usage: amounts } = usage;
  given(began).when(usage).becomes({
    type: "worker.usage_recorded",
    workerId: a,
    runId: "r1",
    usage: amounts,
  });
  given(stopped).when(usage).becomes({ type: "worker.usage_recorded", workerId: a, usage: amounts });
});

Deno.test("decide() creates a worker unless its id is in use", () => {
  given().when(create("new")).becomes(created(parseWorkerId("new")));
  given().when(create("a")).isRefused("worker_exists", { workerId: "a" });
  given(stopped).when(create("a")).isRefused("worker_exists");
  given(stopped, purged).when(create("a")).becomes(created(a));
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
  given().when(begin).becomes({ type: "worker.run_started", workerId: a, runId: "r2" });
  given(began).when(begin).isRefused("worker_busy", { workerId: "a", runId: "r1" });
});

Deno.test("decide() ends the run that is open and no other", () => {
  given(began).when(finish("r1")).becomes({
    type: "worker.run_finished",
    workerId: a,
    runId: "r1",
    outcome: "failed",
    reason: "why",
  });
  given(began).when(finish("r0")).isRefused("worker_not_running", { workerId: "a", status: "running" });
  given().when(finish("r1")).isRefused("worker_not_running");
  given(began, cancelled).when(finish("r1")).isRefused("worker_not_running", {
    workerId: "a",
    status: "cancelled",
  });
});

Deno.test("decide() stops an idle worker, and cancels a busy one", () => {
  given().when(end("worker.stopped")).becomes({ type: "worker.stopped", workerId: a });
  given(began).when(end("worker.stopped")).isRefused("worker_busy");
  given(began).when(end("worker.cancelled")).becomes({ type: "worker.cancelled", workerId: a });
});

Deno.test("decide() refuses nearly everything to a worker that has ended", () => {
  for (const [ending, status] of [[stopped, "stopped"], [cancelled, "cancelled"]] as const) {
    for (const body of [say, patch, begin, end("worker.stopped"), end("worker.cancelled")]) {
      given(ending).when(body).isRefused("worker_not_running", { workerId: "a", status });
    }
    given(ending).when(note).becomes({ type: "custom", workerId: a, name: "n", data: null });
  }
});

Deno.test("decide() purges a worker that has ended", () => {
  given().when(purge).isRefused("invalid_request");
  given(cancelled).when(purge).becomes(purged);
  given(cancelled, purged).when(purge).isRefused("worker_not_found", { workerId: "a" });
});

Deno.test("decide() refuses every command on a worker that is not there", () => {
  for (const body of [say, patch, begin, finish("r"), usage, end("worker.stopped"), purge, note]) {
    given(stopped, purged).when(body).isRefused("worker_not_found", { workerId: "a" });
  }
});

Deno.test("decide() refuses every command once the runtime is stopped", () => {
  const commands = [
    say,
    patch,
    begin,
    finish("r"),
    usage,
    end("worker.stopped"),
    purge,
    note,
    create("c"),
    stopRuntime,
  ];
  for (const body of commands) {
    given({ type: "runtime.stopped" }).when(body).isRefused("runtime_stopped", { runtimeId: "local" });
  }
});

Deno.test("decide() keeps patched data within the bound, and tells how far it went", () => {
  const half: Event = {
    type: "worker.state_updated",
    workerId: a,
    patch: { one: "x".repeat(limits.dataBytesMax / 2) },
  };
  const other: CommandBody = { ...patch, patch: { two: "x".repeat(limits.dataBytesMax / 2) } } as CommandBody;
  given(half).when(other).isRefused("limit_exceeded");
  given(half).when(patch).becomes({ type: "worker.state_updated", workerId: a, patch: { x: 1 } });
});

Deno.test("decide() tells a limit_exceeded whose actual is more than its max, whatever the characters", () => {
  const text = "字".repeat(limits.dataBytesMax / 6);
  const half: Event = { type: "worker.state_updated", workerId: a, patch: { one: text } };
  const ledger = ledgerOf(...born, half);
  const body: CommandBody = { type: "worker.state_updated", workerId: a, patch: { two: text } };
  const view = Object.assign(ledger, { keyEntry: () => undefined });
  const error = assertThrows(() => decide(view, commandOf(body), 6, ""), RuntimeError);
  const { max, actual } = (error as RuntimeError<"limit_exceeded">).details;
  assertEquals(actual > max, true, `actual ${actual} is more than max ${max}`);
});

Deno.test("decide() checks the expectation against the worker's last event, or the runtime's", () => {
  const other: Event = { type: "custom", name: "n", data: null };
  given(other).when(patch, { expect: 3 }).becomes({
    type: "worker.state_updated",
    workerId: a,
    patch: { x: 1 },
  });
  given(other).when(patch, { expect: 5 }).isRefused("conflict", { expected: 5, actual: 3 });
  given(other).when(create("c"), { expect: 5 }).becomes(created(parseWorkerId("c")));
  given(other).when(create("c"), { expect: 4 }).isRefused("conflict", { expected: 4, actual: 5 });
  given(other).when(patch, { expect: 0 }).isRefused("conflict");
});

Deno.test("decide() answers a key with what it led to, before anything else is checked", () => {
  const keyed = { ...began, key: "k", request: fingerprint("same") } as Event;
  given(keyed).when(begin, { key: "k", content: "same" }).wasDoneBy(5);
  given(keyed, { type: "runtime.stopped" }).when(begin, { key: "k", content: "same", expect: 0 }).wasDoneBy(
    5,
  );
  given(keyed).when(begin, { key: "k", content: "other" }).isRefused("key_reused", { key: "k", eventId: 5 });
  given(keyed).when(note, { key: "l" }).becomes({ type: "custom", workerId: a, name: "n", data: null });
});

Deno.test("decide() keeps the keys of workers and runtime apart, and drops those of purged ones", () => {
  const keyed = { ...said(a, 1), key: "k", request: "1" } as Event;
  given(keyed).when({ type: "custom", name: "n", data: null }, { key: "k" }).becomes(
    { type: "custom", name: "n", data: null },
  );
  given(keyed, stopped, purged, created(a)).when(patch, { key: "k" }).becomes(
    { type: "worker.state_updated", workerId: a, patch: { x: 1 } },
  );
});
