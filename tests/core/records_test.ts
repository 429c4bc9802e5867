// Worker records, overviews and openings.

import { assert, assertEquals } from "@std/assert";
import { parseWorkerId } from "../../src/core/ids.ts";
import { interruption, opening } from "../../src/core/opening.ts";
import { overviewOf, workerRow } from "../../src/core/overview.ts";
import { parseWorkerSpec, workerRecord, type WorkerSpec } from "../../src/core/records.ts";
import { a, AT, born, ledgerOf, said, stateOfA } from "./given.ts";
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
};

Deno.test("parseWorkerSpec() gives what it was given", () => {
  assertEquals(parseWorkerSpec(spec), spec);
  assertEquals(
    parseWorkerSpec({ intent: { kind: "assistant" }, displayName: undefined }).displayName,
    undefined,
  );
});

Deno.test("workerRecord() is frozen and has no undefined members", () => {
  const record = workerRecord({ intent: { kind: "assistant", purpose: undefined } }, parseWorkerId("w"));
  assertEquals(JSON.parse(JSON.stringify(record)), record);
  assertEquals(Object.keys(record).includes("displayName"), false);
  assert(Object.isFrozen(record) && Object.isFrozen(record.intent) && Object.isFrozen(record.labels));
  assertEquals(
    workerRecord(spec, parseWorkerId("w")),
    { ...spec, workerId: parseWorkerId("w") } as typeof record,
  );
});

Deno.test("overviewOf() counts, workerRow() shortens", () => {
  const ledger = ledgerOf(...born, said(a, 1), { type: "worker.run_started", workerId: a, runId: "r" });
  const overview = overviewOf(ledger, undefined);
  assertEquals(overview.workers, { total: 2, busy: 1, running: 2, stopped: 0, cancelled: 0 });
  assertEquals(["displayName" in overview, overviewOf(ledger, "x").displayName], [false, "x"]);
  const row = workerRow(stateOfA(said(a, 1, 2), { type: "worker.run_started", workerId: a, runId: "r" }));
  assertEquals([row.workerId, row.runId, row.transcriptLength, row.lastEventId] as unknown[], [
    "a",
    "r",
    2,
    6,
  ]);
});

Deno.test("opening() creates a runtime once, counts openings, and ends open runs", () => {
  assertEquals(opening(new Ledger(runtimeId), AT), [
    { id: 1, at: AT, type: "runtime.created", runtimeId },
    { id: 2, at: AT, type: "runtime.opened", epoch: 1 },
  ]);
  const ledger = ledgerOf(...born, { type: "worker.run_started", workerId: a, runId: "r" });
  const events = opening(ledger, AT);
  assertEquals(events.map(({ id, type }) => [id, type]), [[6, "runtime.opened"], [
    7,
    "worker.run_interrupted",
  ]]);
  for (const event of events) ledger.apply(event);
  assertEquals([ledger.runtime.epoch, ledger.worker(a)?.lastRun?.outcome], [2, "interrupted"]);
  const [, ended] = events;
  assert(ended?.type === "worker.run_interrupted");
  assertEquals(interruption(ended).eventIds, [7, 7]);
});
