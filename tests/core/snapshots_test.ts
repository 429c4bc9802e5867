// Snapshots: the state as text and back.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { RuntimeError } from "../../src/core/errors.ts";
import { Ledger } from "../../src/core/ledger.ts";
import {
  restoreSnapshot,
  type SnapshotTexts,
  snapshotTexts,
  takeSnapshot,
} from "../../src/core/snapshots.ts";
import type { LoadedSnapshot } from "../../src/core/store.ts";
import { noUsage } from "../../src/core/usage.ts";
import { a, b, born, created, type Event, ledgerOf, numbered, runtimeId, said } from "./given.ts";

const keyed = (event: Event, key: string): Event => ({ ...event, key, request: `f${key}` }) as Event;

const history: readonly Event[] = [
  ...born,
  keyed(said(a, 1, 3), "a1"),
  keyed({ type: "custom", name: "n", data: null }, "r1"),
  { type: "worker.state_updated", workerId: a, patch: { "\u2028": [1, { x: null }] } },
  { type: "worker.run_started", workerId: a, runId: "r" },
  { type: "worker.usage_recorded", workerId: b, usage: { ...noUsage, costMicroUsd: 5, model: "__proto__" } },
  { type: "worker.stopped", workerId: b, reason: "done" },
];

function written(snapshot: SnapshotTexts): LoadedSnapshot {
  const { through, runtimeJson } = snapshot;
  return { through, runtimeJson, workers: [...snapshot.workers].map(({ json }) => json) };
}

function restored(snapshot: LoadedSnapshot, ...later: Event[]): Ledger {
  const ledger = new Ledger(runtimeId);
  restoreSnapshot(ledger, snapshot);
  for (const event of numbered(later, snapshot.through + 1)) ledger.apply(event);
  return ledger;
}

function dump(ledger: Ledger): unknown {
  const keys = [undefined, "a", "b"].map((scope) => [...ledger.keys(scope)?.entries() ?? []]);
  return [ledger.runtime, [...ledger.workersAfter(0)], keys];
}

Deno.test("restoreSnapshot() gives the state that was taken", () => {
  const ledger = ledgerOf(...history);
  const snapshot = written(snapshotTexts(ledger));
  const again = restored(snapshot);
  assertEquals(dump(again), dump(ledger));
  assert(!/[\n\r\u2028]/.test(snapshot.runtimeJson + [...snapshot.workers].join("")));
});

for (let through = 2; through < history.length; through++) {
  Deno.test(`restoreSnapshot() through event ${through} and the rest of the log give the whole state`, () => {
    const snapshot = written(snapshotTexts(ledgerOf(...history.slice(0, through))));
    assertEquals(dump(restored(snapshot, ...history.slice(through))), dump(ledgerOf(...history)));
  });
}

Deno.test("snapshotTexts() holds the moment when it was taken, however late it is written", () => {
  const ledger = ledgerOf(...history.slice(0, 6));
  const moment = written(snapshotTexts(ledger));
  const late = snapshotTexts(ledger);
  const later = [
    keyed(said(a, 4), "a2"),
    keyed({ type: "custom", name: "n", data: 1 }, "r2"),
    { type: "worker.cancelled", workerId: b } as Event,
    keyed({ type: "worker.state_updated", workerId: a, patch: { x: 1 } }, "a3"),
  ];
  for (const event of numbered(later, 7)) ledger.apply(event);
  assertEquals(written(late), moment);
  assertEquals(dump(restored(moment, ...later)), dump(ledger));
});

Deno.test("snapshotTexts() of a worker purged since, and made anew, is right with the log behind it", () => {
  const ledger = ledgerOf(...history);
  const snapshot = snapshotTexts(ledger);
  const later: Event[] = [
    { type: "worker.purged", workerId: b },
    created(b),
    keyed(said(b, 1), "b1"),
  ];
  for (const event of numbered(later, history.length + 1)) ledger.apply(event);
  assertEquals(dump(restored(written(snapshot), ...later)), dump(ledger));
});

Deno.test("snapshotTexts() holds the keys of a worker that is purged before they are written", () => {
  const ledger = ledgerOf(...history);
  const moment = written(snapshotTexts(ledger));
  const late = snapshotTexts(ledger);
  const later: Event[] = [{ type: "worker.cancelled", workerId: a }, { type: "worker.purged", workerId: a }];
  for (const event of numbered(later, history.length + 1)) ledger.apply(event);
  assertEquals(written(late), moment);
});

Deno.test("snapshotTexts() makes the parts one at a time", () => {
  const parts = snapshotTexts(ledgerOf(...history)).workers[Symbol.iterator]();
  assertEquals(parts.next().value?.workerId, a);
  assertEquals(parts.next().value?.workerId, b);
  assertEquals(parts.next().done, true);
});

Deno.test("takeSnapshot() names the workers that changed since the last one, and has the parts of all", async () => {
  const ledger = ledgerOf(...history);
  const first = takeSnapshot(ledger);
  assertEquals([...first.changed].sort(), [a, b]);
  const parts = await Array.fromAsync(first.workers, ({ json }) => json);
  const moment = written(snapshotTexts(ledger));
  assertEquals(parts, [...moment.workers]);
  assertEquals(takeSnapshot(ledger).changed.size, 0);
  const [stated, purge] = numbered([
    { type: "worker.state_updated", workerId: a, patch: { x: 1 } },
    { type: "worker.purged", workerId: b },
  ], history.length + 1);
  if (stated !== undefined) ledger.apply(stated);
  const second = takeSnapshot(ledger);
  assertEquals([...second.changed], [a]);
  if (purge !== undefined) ledger.apply(purge);
  ledger.addChanged(second.changed);
  assertEquals([...takeSnapshot(ledger).changed].sort(), [a, b]);
  const again = restored(moment);
  assertEquals(again.takeChanged().size, 0);
});

const good = written(snapshotTexts(ledgerOf(...history)));
/** The good snapshot with a change in the part of each worker that has the text. */
function changed(from: string, to: string): LoadedSnapshot {
  const workers = [...good.workers].map((text) => text.replace(from, to));
  assert(workers.join() !== [...good.workers].join(), `no part has ${from}`);
  return { ...good, workers };
}

const corrupt: Readonly<Record<string, LoadedSnapshot>> = {
  "no JSON": { ...good, runtimeJson: "x" },
  "null": { ...good, runtimeJson: "null" },
  "no state": { ...good, runtimeJson: '{"keys":[]}' },
  "a state that is null": { ...good, runtimeJson: '{"state":null,"keys":[]}' },
  "keys of ended workers that are no list": {
    ...good,
    runtimeJson: JSON.stringify({ ...JSON.parse(good.runtimeJson), ended: {} }),
  },
  "no keys": { ...good, runtimeJson: '{"state":{}}' },
  "another moment": { ...good, through: 1 },
  "another runtime": { ...good, runtimeJson: good.runtimeJson.replace('"local"', '"other"') },
  "a worker that is no JSON": { ...good, workers: ["{"] },
  "a status nobody knows": changed('"status":"running"', '"status":"zombie"'),
  "a worker that is there twice": { ...good, workers: [...good.workers, ...good.workers] },
  "workers in another order": { ...good, workers: [...good.workers].reverse() },
  "a run of a worker that was stopped": changed('"status":"running"', '"status":"stopped"'),
  "an event behind the snapshot": changed('"lastEventId":', '"lastEventId":9'),
  "data 5,000 levels deep": changed('"data":{', `"data":{"x":${"[".repeat(5_000)}${"]".repeat(5_000)},`),
  "a key without its event": changed(',5,"', ',"5","'),
  "usage as text": changed('"costMicroUsd":5', '"costMicroUsd":"5"'),
  "a worker without a record": { ...good, workers: ['{"state":{},"keys":[]}'] },
};

for (const [what, snapshot] of Object.entries(corrupt)) {
  Deno.test(`restoreSnapshot() refuses ${what} with store_corrupt`, () => {
    const error = assertThrows(() => restored(snapshot), RuntimeError) as RuntimeError;
    assertEquals(error.code, "store_corrupt");
  });
}
