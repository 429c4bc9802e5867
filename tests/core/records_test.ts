// Worker records, overviews and openings.

import { assert, assertEquals } from "@std/assert";
import { parseWorkerId } from "../../src/core/ids.ts";
import { interruption, opening } from "../../src/core/opening.ts";
import { overviewOf, workerRow } from "../../src/core/overview.ts";
import { parseWorkerSpec, workerRecord, type WorkerSpec } from "../../src/core/records.ts";
import { a, AT, began, born, committed, ledgerOf, said, stateOfA } from "./given.ts";
import { Ledger } from "../../src/core/ledger.ts";
import { runtimeId } from "./given.ts";

const spec: WorkerSpec = {
  workerId: "w",
  displayName: "W",
  intent: { kind: "role", role: "critic" },
  profile: { kind: "builtin", name: "p" },
  configBundle: { id: "c" },
  capabilities: [{ name: "net" }],
  workspaces: [{ name: "x", reference: "y" }],
  mounts: [],
  labels: { a: "b" },
  parent: "boss",
};

Deno.test("parseWorkerSpec() returns the spec", () => {
  assertEquals(parseWorkerSpec(spec), spec);
  assertEquals(
    parseWorkerSpec({ intent: { kind: "assistant" }, displayName: undefined }).displayName,
    undefined,
  );
});

Deno.test("workerRecord() is frozen and has no undefined members", () => {
  const record = workerRecord({ intent: { kind: "assistant", purpose: undefined } }, parseWorkerId("w"));
  assertEquals(JSON.parse(JSON.stringify(record)), record);
  assertEquals(Object.keys(record), [
    "workerId",
    "intent",
    "profile",
    "capabilities",
    "workspaces",
    "mounts",
  ]);
  assert(Object.isFrozen(record) && Object.isFrozen(record.intent) && Object.isFrozen(record.mounts));
  // The name and the labels can be changed, so they are no members.
  const { displayName: _, labels: __, ...described } = spec;
  assertEquals<unknown>(workerRecord(spec, parseWorkerId("w")), described);
});

Deno.test("overviewOf() counts workers, workerRow() summarizes one", () => {
  const ledger = ledgerOf(...born, said(a, 1), began(a, "r"));
  const overview = overviewOf(ledger, undefined);
  assertEquals(overview.workers, { total: 2, busy: 1, running: 2, stopped: 0, retired: 0 });
  assertEquals(["displayName" in overview, overviewOf(ledger, "x").displayName], [false, "x"]);
  const row = workerRow(stateOfA(said(a, 1, 2), began(a, "r")));
  assertEquals([row.workerId, row.runId, row.transcriptLength, row.lastEventId] as unknown[], [
    "a",
    "r",
    2,
    6,
  ]);
  const named = workerRow(stateOfA(committed(a, { displayName: "A", labels: { x: "1" } })));
  assertEquals([named.displayName, named.labels, "displayName" in row, row.labels], [
    "A",
    { x: "1" },
    false,
    {},
  ]);
});

Deno.test("opening() creates a runtime once, counts openings, and ends open runs", () => {
  assertEquals(opening(new Ledger(runtimeId), AT), [
    { id: 1, at: AT, type: "runtime.created", runtimeId },
    { id: 2, at: AT, type: "runtime.opened", epoch: 1 },
  ]);
  const ledger = ledgerOf(...born, began(a, "r"));
  const events = opening(ledger, AT);
  assertEquals(events.map(({ id, type }) => [id, type]), [[6, "runtime.opened"], [
    7,
    "worker.committed",
  ]]);
  for (const event of events) ledger.apply(event);
  assertEquals([ledger.runtime.epoch, ledger.worker(a)?.lastRun?.outcome], [2, "interrupted"]);
  const [, ended] = events;
  assert(ended !== undefined);
  assertEquals(interruption(ended)?.eventIds, [7, 7]);
  assertEquals(events.slice(0, 1).map(interruption), [undefined]);
});
