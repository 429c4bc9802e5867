// Snapshots: the state as text and back.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { RuntimeError } from "../../src/core/errors.ts";
import { PURGED, purgedKey } from "../../src/core/keys.ts";
import { Ledger } from "../../src/core/ledger.ts";
import {
  restoreSnapshot,
  type SnapshotTexts,
  snapshotTexts,
  takeSnapshot,
} from "../../src/core/snapshots.ts";
import type { LoadedSnapshot } from "../../src/core/store.ts";
import { noUsage } from "../../src/core/usage.ts";
import {
  a,
  AT,
  b,
  began,
  born,
  committed,
  created,
  type Event,
  keyed,
  ledgerOf,
  numbered,
  purged,
  runtimeId,
  said,
} from "./given.ts";

const history: readonly Event[] = [
  ...born,
  keyed(said(a, 1, 3), "a1"),
  keyed({ type: "custom", name: "n", data: null }, "r1"),
  committed(a, { data: { "\u2028": [1, { x: null }], "\ud800": "\udfff" }, labels: { "\u2029": "x" } }),
  committed(a, { runId: "r", run: { began: true }, displayName: "A" }),
  committed(b, { usage: [{ ...noUsage, costMicroUsd: 5, model: "__proto__" }] }),
  began(b, "s"),
  committed(b, { runId: "s", run: { ended: "cancelled", reason: "why" }, status: "stopped", reason: "done" }),
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
  const keys = [undefined, "", "a", "b"].map((scope) => [...ledger.keys(scope)?.entries() ?? []]);
  return [ledger.runtime, [...ledger.workersAfter(0)], keys];
}

Deno.test("restoreSnapshot() restores the state of the snapshot", () => {
  const ledger = ledgerOf(...history);
  const snapshot = written(snapshotTexts(ledger));
  const again = restored(snapshot);
  assertEquals(dump(again), dump(ledger));
  assert(!/[\n\r\u2028]/.test(snapshot.runtimeJson + [...snapshot.workers].join("")));
});

Deno.test("restoreSnapshot() restores the keys of purges, each for its life", () => {
  const ledger = ledgerOf(...history, keyed(purged(b), "p"), created(b), committed(b, { status: "retired" }));
  const again = restored(written(snapshotTexts(ledger)), keyed(purged(b), "p"));
  const eventIds = [4, history.length + 2, 3].map((life) =>
    again.keys(PURGED)?.get(purgedKey(b, life, "p"))?.eventId
  );
  assertEquals(eventIds, [history.length + 1, history.length + 4, undefined]);
});

for (let through = 2; through < history.length; through++) {
  Deno.test(`restoreSnapshot() through event ${through} and the later events give the whole state`, () => {
    const snapshot = written(snapshotTexts(ledgerOf(...history.slice(0, through))));
    assertEquals(dump(restored(snapshot, ...history.slice(through))), dump(ledgerOf(...history)));
  });
}

Deno.test("snapshotTexts() keeps the moment when it was taken, also if it is written later", () => {
  const ledger = ledgerOf(...history.slice(0, 6));
  const moment = written(snapshotTexts(ledger));
  const late = snapshotTexts(ledger);
  const later = [
    keyed(said(a, 4), "a2"),
    keyed({ type: "custom", name: "n", data: 1 }, "r2"),
    committed(b, { status: "retired" }),
    keyed(committed(a, { data: { x: 1 } }), "a3"),
  ];
  for (const event of numbered(later, 7)) ledger.apply(event);
  assertEquals(written(late), moment);
  assertEquals(dump(restored(moment, ...later)), dump(ledger));
});

Deno.test("snapshotTexts() of a worker purged and created again since is complete with the later events", () => {
  const ledger = ledgerOf(...history);
  const snapshot = snapshotTexts(ledger);
  const later: Event[] = [
    purged(b),
    created(b),
    keyed(said(b, 1), "b1"),
  ];
  for (const event of numbered(later, history.length + 1)) ledger.apply(event);
  assertEquals(dump(restored(written(snapshot), ...later)), dump(ledger));
});

Deno.test("snapshotTexts() keeps the keys of a worker that is purged before they are written", () => {
  const ledger = ledgerOf(...history);
  const moment = written(snapshotTexts(ledger));
  const late = snapshotTexts(ledger);
  const later: Event[] = [
    committed(a, { runId: "r", run: { ended: "cancelled" }, status: "retired" }),
    purged(a),
  ];
  for (const event of numbered(later, history.length + 1)) ledger.apply(event);
  assertEquals(written(late), moment);
});

Deno.test("snapshotTexts() creates the parts one at a time", () => {
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
    committed(a, { data: { x: 1 } }),
    purged(b),
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

/** The good snapshot with a change in the runtime's part. */
function changedRuntime(
  change: (part: { state: Record<string, unknown> } & Record<string, unknown>) => void,
): LoadedSnapshot {
  const part = JSON.parse(good.runtimeJson);
  change(part);
  return { ...good, runtimeJson: JSON.stringify(part) };
}

const corrupt: Readonly<Record<string, LoadedSnapshot>> = {
  "no JSON": { ...good, runtimeJson: "x" },
  "null": { ...good, runtimeJson: "null" },
  "no state": { ...good, runtimeJson: '{"keys":[]}' },
  "a state that is null": { ...good, runtimeJson: '{"state":null,"keys":[]}' },
  "keys of purges that are no list": changedRuntime((part) => part.purged = {}),
  "a key of a purge after the snapshot": changedRuntime((part) =>
    part.purged = [['["a",3,"k"]', "f", 99, AT, 0, 0, ""]]
  ),
  "a key of the runtime after the snapshot": changedRuntime((part) =>
    part.keys = [["k", "f", good.through + 1, AT, 0, 0, ""]]
  ),
  "no keys": { ...good, runtimeJson: '{"state":{}}' },
  "another moment": { ...good, through: 1 },
  "another runtime": { ...good, runtimeJson: good.runtimeJson.replace('"local"', '"other"') },
  "an unknown status of the runtime": changedRuntime(({ state }) => state.status = "stopped"),
  "running workers of a retired runtime": changedRuntime(({ state }) => state.status = "retired"),
  "a worker that is no JSON": { ...good, workers: ["{"] },
  "an unknown status": changed('"status":"running"', '"status":"zombie"'),
  "the status of an earlier version": changed('"status":"stopped"', '"status":"cancelled"'),
  "a worker that is there twice": { ...good, workers: [...good.workers, ...good.workers] },
  "workers in another order": { ...good, workers: [...good.workers].reverse() },
  "an open run of a stopped worker": changed('"status":"running"', '"status":"stopped"'),
  "an open run of a retired worker": changed('"status":"running"', '"status":"retired"'),
  "an open run without its event": changed('"run":{"runId":"r","eventId":8,', '"run":{"runId":"r",'),
  "a run without an id": changed('"run":{"runId":"r"', '"run":{"runId":1'),
  "a worker without a run": changed('"run":null,', ""),
  "a last run without an outcome": changed('"outcome":"cancelled",', ""),
  "a last run with an unknown outcome": changed('"outcome":"cancelled"', '"outcome":"stopped"'),
  "a last run without its event": changed('"lastRun":{"runId":"s","eventId":10,', '"lastRun":{"runId":"s",'),
  "a last run whose reason is no text": changed('"reason":"why"', '"reason":1'),
  "labels that are no texts": changed('"labels":{"\\u2029":"x"}', '"labels":{"x":null}'),
  "no labels": changed('"labels":{},', ""),
  "a name that is null": changed('"displayName":"A"', '"displayName":null'),
  "a reason that is no text": changed('"reason":"done"', '"reason":{}'),
  "an event after the snapshot": changed('"lastEventId":', '"lastEventId":9'),
  "an event before its creation": changed('"createdEventId":3', '"createdEventId":9'),
  "a creation before the first event": changed('"createdEventId":3', '"createdEventId":0'),
  "a transcript of a negative length": changed('"transcriptLength":3', '"transcriptLength":-3'),
  "data 5,000 levels deep": changed('"data":{', `"data":{"x":${"[".repeat(5_000)}${"]".repeat(5_000)},`),
  "data that is a list": changed('"data":{}', '"data":[]'),
  "a key without its event": changed(',5,"', ',"5","'),
  "a key that lacks its subject": changed(',1,3,""]', ",1,3]"),
  "usage as text": changed('"costMicroUsd":5', '"costMicroUsd":"5"'),
  "usage without an amount": changed('"cacheWriteTokens":0,', ""),
  "a worker without a record": { ...good, workers: ['{"state":{},"keys":[]}'] },
  "a record without an intent": changed('"intent":{"kind":"assistant"},', ""),
};

for (const [what, snapshot] of Object.entries(corrupt)) {
  Deno.test(`restoreSnapshot() rejects ${what} with store_corrupt`, () => {
    const error = assertThrows(() => restored(snapshot), RuntimeError) as RuntimeError;
    assertEquals(error.code, "store_corrupt");
  });
}
