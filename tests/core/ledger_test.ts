// The ledger and its drafts.

import { assertEquals, assertThrows } from "@std/assert";
import { PURGED, purgedKey } from "../../src/core/keys.ts";
import { Draft, Ledger } from "../../src/core/ledger.ts";
import { restoreSnapshot, snapshotTexts } from "../../src/core/snapshots.ts";
import {
  a,
  b,
  born,
  committed,
  created,
  type Event,
  keyed,
  ledgerOf,
  LIFE_OF_A,
  numbered,
  purged as purgeOf,
  runtimeId,
  said,
} from "./given.ts";
import { parseWorkerId } from "../../src/core/ids.ts";

const stopped = committed(a, { status: "stopped" });
const purged = purgeOf(a);

function draftOf(ledger: Ledger, ...events: Event[]): Draft {
  const draft = new Draft(ledger);
  for (const event of numbered(events, ledger.runtime.lastEventId + 1)) draft.apply(event);
  return draft;
}

function dump(ledger: Ledger): unknown {
  return [ledger.runtime, ledger.workerCount, [...ledger.workers()], [...ledger.workersAfter(0)]];
}

Deno.test("Draft does not change its ledger until it is adopted", () => {
  const ledger = ledgerOf(...born);
  const before = dump(ledger);
  const draft = draftOf(ledger, said(a, 1), created(parseWorkerId("c")), { type: "runtime.retired" });
  assertEquals(dump(ledger), before);
  assertEquals([draft.workerCount, ledger.workerCount], [3, 2]);
  assertEquals([...draft.workers()].map(({ status }) => status), ["retired", "retired", "retired"]);
  assertEquals([...draft.touched].toSorted(), ["a", "b", "c"]);
  draft.adopt();
  assertEquals(ledger.workerCount, 3);
  assertEquals(ledger.runtime.status, "retired");
});

const batches: Readonly<Record<string, Event[]>> = {
  "new workers": [created(parseWorkerId("d")), created(parseWorkerId("c"))],
  "a purge": [stopped, purged],
  "a purge and a new worker of that id": [stopped, purged, created(a)],
  "a purge, another worker, and a new one of the purged id": [
    stopped,
    purged,
    created(parseWorkerId("c")),
    created(a),
  ],
  "a worker that comes and goes": [stopped, purged, created(a), stopped, purged],
  "a worker that comes and goes and comes": [
    stopped,
    purged,
    created(a),
    said(a, 1),
    stopped,
    purged,
    created(a),
  ],
};

for (const [what, events] of Object.entries(batches)) {
  Deno.test(`adopt() of ${what} gives the same ledger as replay()`, () => {
    const live = ledgerOf(...born);
    const draft = draftOf(live, ...events);
    const replayed = ledgerOf(...born, ...events);
    assertEquals(draft.workerCount, replayed.workerCount);
    draft.adopt();
    assertEquals(dump(live), dump(replayed));
  });
}

Deno.test("workersAfter() begins after any event", () => {
  const ledger = ledgerOf(...born, said(a, 1), created(parseWorkerId("c")));
  const after = (id: number): string[] => [...ledger.workersAfter(id)].map(({ record }) => record.workerId);
  assertEquals([0, 2, 3, 4, 5, 6, 9].map(after), [
    ["a", "b", "c"],
    ["a", "b", "c"],
    ["b", "c"],
    ["c"],
    ["c"],
    [],
    [],
  ]);
});

Deno.test("Draft finds keys of its own, of the ledger, and none of a purged worker", () => {
  const ledger = ledgerOf(...born, keyed(said(a, 1), "old"));
  const draft = draftOf(ledger, keyed(said(a, 2), "new"));
  assertEquals([draft.keyEntry(a, "old")?.eventId, draft.keyEntry(a, "new")?.seq], [5, 2]);
  assertEquals([draft.keyEntry(b, "old"), draft.keyEntry(undefined, "old")], [undefined, undefined]);
  const gone = draftOf(ledger, keyed(said(a, 2), "new"), stopped, purged, created(a));
  assertEquals([gone.keyEntry(a, "old"), gone.keyEntry(a, "new")], [undefined, undefined]);
  gone.adopt();
  assertEquals(ledger.keys(a)?.get("old"), undefined);
});

Deno.test("Draft and ledger keep the keys of purges for each life", () => {
  const first = [stopped, keyed(purged, "p")];
  const live = ledgerOf(...born);
  const draft = draftOf(live, ...first, created(a));
  const ids = (view: { keyEntry(scope: string, key: string): { eventId: number } | undefined }) =>
    [LIFE_OF_A, 7].map((life) => view.keyEntry(PURGED, purgedKey(a, life, "p"))?.eventId);
  assertEquals(ids(draft), [6, undefined]);
  assertEquals([draft.keyEntry(a, "p"), live.keys(PURGED)], [undefined, undefined]);
  draft.adopt();
  assertEquals(ids(new Draft(live)), [6, undefined]);
  // The same key again, in the next life of the id.
  draftOf(live, stopped, keyed(purged, "p")).adopt();
  assertEquals(ids(new Draft(live)), [6, 9]);
  assertEquals(ids(new Draft(ledgerOf(...born, ...first, created(a), stopped, keyed(purged, "p")))), [6, 9]);
  // Through a snapshot, and only those that it covers.
  const snapshot = snapshotTexts(live);
  draftOf(live, committed(b, { status: "stopped" }), keyed(purgeOf(b), "late")).adopt();
  const again = new Ledger(runtimeId);
  restoreSnapshot(again, { ...snapshot, workers: Array.from(snapshot.workers, ({ json }) => json) });
  assertEquals(ids(new Draft(again)), [6, 9]);
  assertEquals([...again.keys(PURGED)?.entries() ?? []].length, 2);
});

Deno.test("replay() folds texts up to the first that does not follow, and counts those of unknown types", () => {
  const texts = numbered([...born, { type: "worker.dreamed" } as never]).map((event) =>
    JSON.stringify(event)
  );
  const ledger = new Ledger(runtimeId);
  assertEquals(ledger.replay(texts), 1);
  assertThrows(() => ledger.replay(texts.slice(0, 1)));
  assertEquals(ledger.runtime.lastEventId, 5);
});

Deno.test("restoreSnapshot() replaces all state that a ledger had", () => {
  const ledger = ledgerOf(...born, { ...created(parseWorkerId("c")), key: "k", request: "f" } as Event);
  const { through, runtimeJson, workers } = snapshotTexts(ledgerOf(...born, stopped, purged, created(a)));
  const snapshot = { through, runtimeJson, workers: [...workers].map(({ json }) => json) };
  restoreSnapshot(ledger, snapshot);
  assertEquals(dump(ledger), dump(ledgerOf(...born, stopped, purged, created(a))));
  assertEquals([...ledger.keys(undefined)?.entries() ?? []], []);
});
