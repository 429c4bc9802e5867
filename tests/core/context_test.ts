// The context as state: what a snapshot may hold of it, how it is read, and how a reader reads it.

import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type ContextState,
  limits,
  Runtime,
  RuntimeError,
  type RuntimeErrorCode,
  RuntimeReader,
  type Worker,
} from "../../mod.ts";
import { Ledger } from "../../src/core/ledger.ts";
import { restoreSnapshot, snapshotTexts } from "../../src/core/snapshots.ts";
import { a, born, committed, type Event, ledgerOf, numbered, runtimeId, said, stateOfA } from "./given.ts";
import { ScriptedSource } from "./scripted_source.ts";
import { ScriptedStore } from "./scripted_store.ts";

const compacted = (seq: number, through: number): Event =>
  committed(a, { seq, count: 1, context: { compacted: through } });
const rewound = (toSeq: number): Event => committed(a, { context: { rewound: toSeq } });

/** Entries 1 to 8, of which 2 to 4 and the summary 6 are in the context with 7; then 9 is appended. */
const history: readonly Event[] = [
  ...born,
  said(a, 1, 5),
  compacted(6, 1),
  said(a, 7, 2),
  rewound(7),
  said(a, 9),
];
const context: ContextState = {
  version: 8,
  summary: 6,
  compacted: 1,
  ranges: [[2, 5], [7, 7]],
  openFrom: 9,
};

Deno.test("a snapshot keeps the context, and later changes continue from it", () => {
  const ledger = ledgerOf(...history);
  assertEquals(ledger.worker(a)?.context, context);
  const again = restored(snapshotTexts(ledger));
  assertEquals(again.worker(a), ledger.worker(a));
  for (const one of [ledger, again]) {
    for (const event of numbered([rewound(3), said(a, 10)], history.length + 1)) one.apply(event);
  }
  assertEquals(again.worker(a)?.context, {
    ...context,
    version: history.length + 1,
    ranges: [[2, 3]],
    openFrom: 10,
  });
  assertEquals(again.worker(a), ledger.worker(a));
});

/** Contexts that no compactions and rewinds lead to, or that are of another shape. */
const corrupt: Readonly<Record<string, { readonly [Name in keyof ContextState]?: unknown }>> = {
  "a version before the creation": { version: 2 },
  "a version after the last event": { version: 10 },
  "a version of 0": { version: 0 },
  "no version": { version: undefined },
  "a summary after the transcript": { summary: 10 },
  "a summary after the open range": { summary: 9 },
  "a summary in a range": { summary: 7 },
  "a summary that is compacted": { summary: 1 },
  "no summary of what is compacted": { summary: null },
  "a range that is compacted": { compacted: 2 },
  "a negative sequence": { compacted: -1 },
  "a range that ends before it begins": { ranges: [[5, 2], [7, 7]] },
  "ranges in another order": { ranges: [[7, 7], [2, 5]] },
  "ranges that touch": { ranges: [[2, 5], [6, 7]] },
  "ranges that overlap": { ranges: [[2, 5], [4, 7]] },
  "a range of one sequence": { ranges: [[2]] },
  "a range of texts": { ranges: [["2", "5"]] },
  "ranges that are no list": { ranges: { from: 2, to: 5 } },
  "an open range that touches another": { openFrom: 8 },
  "an open range that begins in another": { openFrom: 7 },
  "an open range that begins after the next entry": { openFrom: 11 },
  "an open range that begins with what is compacted": { openFrom: 1, ranges: [], summary: null },
};

for (const [what, members] of Object.entries(corrupt)) {
  Deno.test(`restoreSnapshot() rejects a context with ${what} as store_corrupt`, () => {
    const snapshot = snapshotTexts(ledgerOf(...history));
    const error = assertThrows(() => restored(snapshot, { ...context, ...members }), RuntimeError);
    assertEquals(error.code, "store_corrupt");
    assertStringIncludes(error.message, "context");
  });
}

Deno.test("restoreSnapshot() rejects a context with one range too many as store_corrupt", () => {
  const ranges = Array.from(
    { length: limits.contextRangesMax },
    (_, index) => [2 * index + 1, 2 * index + 1],
  );
  const length = 2 * ranges.length;
  const ledger = ledgerOf(...born, said(a, 1, length), rewound(1));
  const many = (count: number): object => ({
    version: 6,
    summary: null,
    compacted: 0,
    ranges: ranges.slice(0, count),
    openFrom: length + 1,
  });
  const { context } = restored(snapshotTexts(ledger), many(ranges.length - 1)).worker(a) ?? {};
  assertEquals(context?.ranges.length, 63);
  const tooMany = (): Ledger => restored(snapshotTexts(ledger), many(ranges.length));
  assertThrows(tooMany, RuntimeError, "more than 63 items");
});

Deno.test("restoreSnapshot() accepts every context that compactions and rewinds lead to, at the borders", () => {
  const histories: Event[][] = [
    [rewound(0)],
    [said(a, 1), rewound(1)],
    [said(a, 1), rewound(0)],
    [said(a, 1), compacted(2, 1)],
    [said(a, 1), compacted(2, 1), compacted(3, 0)],
    [said(a, 1), compacted(2, 1), rewound(2)],
    [said(a, 1), compacted(2, 1), rewound(0)],
    [said(a, 1, 3), compacted(4, 1), rewound(2), compacted(5, 1)],
    [said(a, 1, 3), rewound(1), compacted(4, 3), said(a, 5), rewound(5)],
  ];
  for (const events of histories) {
    const ledger = ledgerOf(...born, ...events);
    assertEquals(restored(snapshotTexts(ledger)).worker(a), ledger.worker(a));
  }
});

Deno.test("a later compaction through less still stands for what the summary before it did", () => {
  const { context: after } = stateOfA(said(a, 1, 5), compacted(6, 3), compacted(7, 1));
  assertEquals([after?.summary, after?.compacted, after?.ranges], [7, 3, [[4, 5]]]);
});

/** Restores a snapshot, with another context in place of that of worker a. */
function restored(texts: ReturnType<typeof snapshotTexts>, context?: object): Ledger {
  const workers = [...texts.workers].map(({ json }) => {
    const part = JSON.parse(json);
    if (context !== undefined && part.state.record.workerId === a) part.state.context = context;
    return JSON.stringify(part);
  });
  const ledger = new Ledger(runtimeId);
  const { through, runtimeJson } = texts;
  restoreSnapshot(ledger, { through, runtimeJson, workers });
  return ledger;
}

async function start(): Promise<{ store: ScriptedStore; runtime: Runtime; worker: Worker }> {
  const store = new ScriptedStore();
  const runtime = await Runtime.open({ store });
  return {
    store,
    runtime,
    worker: await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } }),
  };
}

async function rejected(code: RuntimeErrorCode, work: () => Promise<unknown>): Promise<void> {
  assertEquals((await assertRejects(work, RuntimeError)).code, code);
}

Deno.test("context() reads what is in the context alone, in pages of up to 1,000 entries", async () => {
  const { store, runtime, worker } = await start();
  for (let count = 0; count < 10; count++) {
    await worker.append(Array.from({ length: 250 }, () => ({ role: "user", content: "x" })));
  }
  await worker.rewind({ toSeq: 2_400 });
  await worker.compact({ through: 100, summary: { role: "summary", content: "so far" } });
  const reads: number[][] = [];
  store.script.readTranscript = ({ from, to }, read) => {
    reads.push([from, to]);
    return read();
  };
  const { entries } = await worker.context();
  assertEquals([entries.length, entries[0]?.seq, entries[1]?.seq], [2_301, 2_501, 101]);
  assertEquals(reads, [[2_501, 2_501], [101, 1_100], [1_101, 2_100], [2_101, 2_400]]);
  reads.length = 0;
  await worker.rewind({ toSeq: 0 });
  assertEquals([(await worker.context()).entries, reads], [[], []]);
  await runtime.close();
});

Deno.test("context() beyond bytesMax reads no blob, and no further page", async () => {
  const { store, runtime, worker } = await start();
  await worker.append([{ role: "tool", content: "x".repeat(300_000) }]);
  for (let count = 0; count < 5; count++) {
    await worker.append(Array.from({ length: 250 }, () => ({ role: "user", content: "x" })));
  }
  let reads = 0;
  store.script.readTranscript = (_, read) => (reads++, read());
  store.readBlob = () => Promise.reject(new Error("It is not to be read"));
  await rejected("limit_exceeded", () => worker.context({ bytesMax: 300_001 }));
  assertEquals(reads, 1);
  await assertRejects(() => worker.context(), Error, "It is not to be read");
  await runtime.close();
});

Deno.test("context() of a store that lacks entries is store_corrupt", async () => {
  const { store, runtime, worker } = await start();
  for (const content of ["1", "2", "3", "4"]) await worker.sendInput({ role: "user", content });
  store.script.readTranscript = async (_, read) =>
    (await read()).filter((text) => !text.includes('"seq":3,'));
  await rejected("store_corrupt", () => worker.context());
  await worker.rewind({ toSeq: 2 });
  assertEquals((await worker.context()).entries.length, 2);
  await runtime.close();
});

Deno.test("context() of a worker that is purged while it is read is worker_not_found, also if its id is used again", async () => {
  const { store, runtime, worker } = await start();
  await worker.append([{ role: "user", content: "1" }, { role: "user", content: "2" }]);
  await worker.compact({ through: 1, summary: { role: "summary", content: "3" } });
  await worker.stop();
  store.script.readTranscript = async (_, read) => {
    store.script.readTranscript = undefined as never;
    await worker.purge();
    const next = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    await next.append(["1", "2", "3"].map((content) => ({ role: "user", content })));
    return await read();
  };
  await rejected("worker_not_found", () => worker.context());
  assertEquals((await runtime.worker("a").context()).entries.length, 3);
  await runtime.close();
});

Deno.test("RuntimeReader.context() is the context of the last refresh", async () => {
  const text = (event: object, entries?: readonly string[]): string => {
    const all = entries?.map((content) => ({ role: "user", content }));
    return JSON.stringify({ ...event, ...(all === undefined ? {} : { entries: all }) });
  };
  const [one, two, three] = numbered([said(a, 1, 2), compacted(3, 1), rewound(3)], 5);
  const source = new ScriptedSource(numbered(born));
  source.add(text(one ?? {}, ["1", "2"]));
  await using reader = await RuntimeReader.open({ source });
  const seen = async (): Promise<unknown> => {
    const { entries, version } = await reader.context("a");
    return [version, ...entries.map(({ seq, content, compacted }) => [seq, content, compacted])];
  };
  assertEquals(await seen(), [3, [1, "1", undefined], [2, "2", undefined]]);
  source.add(text(two ?? {}, ["3"]));
  assertEquals(await seen(), [3, [1, "1", undefined], [2, "2", undefined]]);
  await reader.refresh();
  assertEquals(await seen(), [6, [3, "3", 1], [2, "2", undefined]]);
  source.add(text(three ?? {}));
  await reader.refresh();
  assertEquals(await seen(), [7, [3, "3", 1]]);
  assertEquals(reader.worker("a").context?.version, 7);
  await rejected("worker_not_found", () => reader.context("nobody"));
  await rejected("wrong_runtime", () => reader.context({ runtimeId: "other", workerId: "a" } as never));
  await reader.close();
  await rejected("runtime_closed", () => reader.context("a"));
});

Deno.test("an entry that is appended after a change of the context is written as ever", async () => {
  const { store, runtime, worker } = await start();
  await worker.sendInput({ role: "user", content: "1" });
  await worker.compact({ through: 1, summary: { role: "summary", content: "2" } });
  const { at, eventId } = await worker.sendInput({ role: "user", content: "3" });
  const json = store.batches.at(-1)?.[0]?.json;
  const lead = `{"id":${eventId},"at":"${at}","type":"worker.committed","workerId":"a","seq":3,"count":1`;
  assertEquals(json, `${lead},"entries":[{"role":"user","content":"3"}]}`);
  await runtime.close();
});

Deno.test("state() of a context cannot be changed", async () => {
  const { runtime, worker } = await start();
  await worker.append([{ role: "user", content: "1" }, { role: "user", content: "2" }]);
  await worker.rewind({ toSeq: 1 });
  const { context } = worker.state();
  assert(Object.isFrozen(context) && Object.isFrozen(context?.ranges) && Object.isFrozen(context?.ranges[0]));
  await runtime.close();
});
