// RuntimeReader over a scripted source.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { RuntimeErrorCode } from "../../src/core/errors.ts";
import type { EventHead, RuntimeEvent } from "../../src/core/event_types.ts";
import { RuntimeReader } from "../../src/core/reader.ts";
import { snapshotTexts } from "../../src/core/snapshots.ts";
import { type Diagnostic, RuntimeError } from "../../mod.ts";
import { a, AT, b, born, committed, created, type Event, ledgerOf, numbered, purged } from "./given.ts";
import { ScriptedSource } from "./scripted_source.ts";
import { turns } from "./scripted_store.ts";

const note = (id: number): EventHead => ({ id, at: AT, type: "custom", name: "n", data: null });

/** An event of one entry. */
function entry(id: number, seq: number): string {
  const entries = [{ role: "assistant", content: `entry ${seq}` }];
  return JSON.stringify({
    id,
    at: AT,
    type: "worker.committed",
    workerId: a,
    seq,
    count: 1,
    entries,
  });
}

async function opened(...later: Event[]): Promise<{ source: ScriptedSource; reader: RuntimeReader }> {
  const source = new ScriptedSource(numbered([...born, ...later]));
  return { source, reader: await RuntimeReader.open({ source }) };
}

async function rejects(code: RuntimeErrorCode, call: () => Promise<unknown>): Promise<void> {
  const error = await assertRejects(call, RuntimeError);
  assertEquals((error as RuntimeError).code, code);
}

async function idsOf(watch: AsyncIterable<RuntimeEvent>): Promise<number[]> {
  const ids: number[] = [];
  for await (const { id } of watch) ids.push(id);
  return ids;
}

Deno.test("RuntimeReader.open() throws a TypeError without a source", async () => {
  for (const options of [undefined, {}, { source: {} }]) {
    await assertRejects(() => RuntimeReader.open(options as never), TypeError, "options.source");
  }
});

Deno.test("RuntimeReader.open() throws a TypeError for a source that was opened before, and leaves it alone", async () => {
  const { source, reader } = await opened();
  await assertRejects(() => RuntimeReader.open({ source }), TypeError, "opened before");
  source.add(note(5));
  await reader.refresh();
  assertEquals([source.closings, reader.lastEventId], [0, 5]);
  await reader.close();
});

Deno.test("RuntimeReader.open() closes the source if loading fails, and locates a corrupt event", async () => {
  const gap = new ScriptedSource(numbered(born).filter(({ id }) => id !== 3));
  Reflect.set(gap, "spotOf", () => ({ file: "events/1" }));
  const error = await assertRejects(() => RuntimeReader.open({ source: gap }), RuntimeError);
  assert(error instanceof RuntimeError && error.code === "store_corrupt");
  assertEquals(Reflect.get(error.details, "file"), "events/1");
  assertEquals(gap.closings, 1);
});

Deno.test("RuntimeReader lists, pages and folds the events that its source pushed", async () => {
  const { source, reader } = await opened();
  source.add(entry(5, 1), entry(6, 2), note(7));
  assertEquals(reader.lastEventId, 4);
  await reader.refresh();
  assertEquals([reader.runtimeId, reader.lastEventId, reader.overview().displayName], [
    "local",
    7,
    "Scripted",
  ]);
  assertEquals(reader.workers({ limit: 1 }).items.map(({ record }) => record.workerId), [a]);
  assertEquals(reader.workers({ after: reader.workers({ limit: 1 }).next ?? 0 }).next, null);
  assertEquals(reader.worker({ runtimeId: "local", workerId: "a" }).transcriptLength, 2);
  const { items, length } = await reader.transcript("a", { limit: 1 });
  assertEquals([items.map(({ content }) => content), length], [["entry 2"], 2]);
  assertEquals((await reader.events({ limit: 2 })).items.map(({ id }) => id), [6, 7]);
  assertEquals((await reader.events({ worker: "a" })).items.map(({ id }) => id), [3, 5, 6]);
  assertEquals((await reader.events({ worker: "nobody" })).items, []);
  await reader.close();
});

Deno.test("RuntimeReader.worker(), workers() and allWorkers() return copies that do not change the state", async () => {
  const { reader } = await opened(committed(a, { data: { deep: { n: 1 } } }));
  const [first] = reader.allWorkers();
  for (const state of [reader.worker("a"), reader.workers().items[0], first]) {
    assert(state !== undefined);
    Reflect.set(state, "status", "stopped");
    assertThrows(() => Object.assign(state.data, { deep: 2 }), TypeError);
    assertThrows(() => Object.assign(state.data.deep as object, { n: 2 }), TypeError);
    assertEquals([reader.worker("a").status, reader.worker("a").data], ["running", { deep: { n: 1 } }]);
  }
  await reader.close();
});

Deno.test("RuntimeReader.worker() throws worker_not_found and wrong_runtime", async () => {
  const { reader } = await opened();
  const codes: [RuntimeErrorCode, Parameters<RuntimeReader["worker"]>[0]][] = [
    ["worker_not_found", "c"],
    ["wrong_runtime", { runtimeId: "other", workerId: "a" }],
  ];
  for (const [code, worker] of codes) {
    assertEquals((assertThrows(() => reader.worker(worker), RuntimeError) as RuntimeError).code, code);
    await rejects(code, () => reader.transcript(worker));
    await rejects(code, async () => void await reader.watch({ workers: [worker] }).next());
  }
  await reader.close();
});

Deno.test("RuntimeReader.watch() yields present and new events, and asks for news only while it waits", async () => {
  const { source, reader } = await opened();
  const watch = reader.watch({ after: 2 });
  assertEquals([(await watch.next()).value?.id, (await watch.next()).value?.id], [3, 4]);
  await turns();
  const asked = source.asked.length;
  await turns();
  assertEquals(source.asked.length, asked, "nobody waits");
  const next = watch.next();
  await turns();
  assertEquals(source.asked.slice(asked), [4]);
  source.add(note(5), note(6));
  assertEquals([(await next).value?.id, (await watch.next()).value?.id], [5, 6]);
  assertEquals(reader.lastEventId, 6);
  await watch.return();
  await reader.close();
});

Deno.test("RuntimeReader.watch() of a worker ends after its purge", async () => {
  const { source, reader } = await opened(committed(a, { status: "stopped" }));
  const watched = idsOf(reader.watch({ workers: ["a"], after: 3 }));
  await turns();
  const purge: Event[] = [purged(a), created(a)];
  source.add(...numbered(purge, 6));
  assertEquals(await watched, [5, 6]);
  assertEquals(reader.worker("a").createdEventId, 7);
  await reader.close();
});

Deno.test("RuntimeReader.watch() ends with an error of its source; a later watch asks again", async () => {
  const { source, reader } = await opened();
  const waiting = [reader.watch(), reader.watch({ workers: ["b"] })].map((watch) => watch.next());
  await turns();
  source.fail(
    new RuntimeError("store_io", "Cannot read news: EIO", {
      operation: "read",
      path: "p",
      systemCode: "EIO",
    }),
  );
  for (const next of waiting) await rejects("store_io", () => next);
  const later = reader.watch().next();
  await turns();
  source.add(note(5));
  assertEquals((await later).value?.id, 5);
  assertEquals(reader.diagnostics().items, []);
  await reader.close();
});

Deno.test("RuntimeReader.watch() goes on after an error of its source that came while it did not wait", async () => {
  const { source, reader } = await opened();
  const idle = reader.watch({ after: 3 });
  assertEquals((await idle.next()).value?.id, 4);
  const waiting = reader.watch().next();
  await turns();
  source.fail(new Error("EIO"));
  await assertRejects(() => waiting, Error, "EIO");
  await turns();
  const next = idle.next();
  await turns();
  source.add(note(5));
  assertEquals((await next).value?.id, 5);
  await reader.close();
});

Deno.test("RuntimeReader.watch() ends each time its source fails, also with the same error", async () => {
  const { source, reader } = await opened();
  const error = new Error("EIO");
  const ended: unknown[] = [];
  // The second watch begins as soon as the first has ended.
  const watching = (async () => {
    for (let round = 0; round < 2; round++) ended.push(await reader.watch().next().catch((found) => found));
  })();
  for (let round = 0; round < 2; round++) {
    await turns();
    source.fail(error);
  }
  await turns();
  await reader.close();
  await watching;
  assertEquals(ended, [error, error]);
});

Deno.test("RuntimeReader.watch() ends with the error of a lost source, now and later, and it is reported", async () => {
  const error = new RuntimeError("store_fenced", "Cannot read: taken over", { epoch: 7, owner: "host-b" });
  const lose: ((source: ScriptedSource) => void)[] = [
    (source) => source.host?.lost(error),
    (source) => source.fail(error),
  ];
  for (const call of lose) {
    const diagnostics: Diagnostic[] = [];
    const source = new ScriptedSource(numbered(born));
    const reader = await RuntimeReader.open({ source, onDiagnostic: (found) => diagnostics.push(found) });
    const waiting = reader.watch().next();
    await turns();
    call(source);
    assertEquals(await waiting.catch((found) => found), error);
    assertEquals(await reader.watch({ after: 0 }).next().catch((found) => found), error);
    assertEquals(diagnostics.map(({ code, severity }) => [code, severity]), [["store_lost", "error"]]);
    assertEquals(reader.worker("a").status, "running");
    await reader.close();
  }
});

Deno.test("RuntimeReader goes on with a later snapshot; events that a watch has not yielded have expired", async () => {
  const { source, reader } = await opened();
  const watch = reader.watch({ after: 3 });
  assertEquals((await watch.next()).value?.id, 4);
  const waiting = watch.next();
  await turns();
  const later: Event[] = [
    committed(a, { status: "stopped" }),
    purged(a),
    created(a),
  ];
  const ledger = ledgerOf(...born, ...later);
  const { through, runtimeJson, workers } = snapshotTexts(ledger);
  source.prune({ through, runtimeJson, workers: [...workers].map(({ json }) => json) });
  await rejects("cursor_expired", () => waiting);
  assertEquals(reader.lastEventId, 7);
  assertEquals([...reader.allWorkers()], [...ledger.workersAfter(0)]);
  assertEquals(reader.workers().items.map(({ record }) => record.workerId), [b, a]);
  source.add(note(8));
  await reader.refresh();
  assertEquals((await reader.events({ after: 7 })).items.map(({ id }) => id), [8]);
  await reader.close();
});

Deno.test("RuntimeReader.allWorkers() yields the workers of one moment, also if a later snapshot is pushed", async () => {
  const { source, reader } = await opened();
  const ids: string[] = [];
  for (const { record: { workerId } } of reader.allWorkers()) {
    ids.push(workerId);
    if (ids.length > 1) continue;
    const { through, runtimeJson, workers } = snapshotTexts(ledgerOf(...born, note(5)));
    source.prune({ through, runtimeJson, workers: [...workers].map(({ json }) => json) });
  }
  assertEquals([ids, reader.lastEventId], [[a, b], 5]);
  await reader.close();
});

Deno.test("RuntimeReader.transcript() returns no page of an earlier worker of the same id", async () => {
  const { source, reader } = await opened();
  source.add(entry(5, 1));
  await reader.refresh();
  source.onTranscript = () =>
    source.host?.replay(
      numbered([
        committed(a, { status: "stopped" }),
        purged(a),
        created(a),
      ], 6).map((event) => JSON.stringify(event)),
    );
  // The page that was asked for is still that of the purged worker.
  assertEquals((await reader.transcript("a")).items.map(({ eventId }) => eventId), [5]);
  source.onTranscript = undefined;
  assertEquals((await reader.transcript("a")).items, []);
  source.host?.replay([entry(9, 1)]);
  await rejects("worker_not_found", () => reader.transcript("a"));
  await reader.close();
});

Deno.test("RuntimeReader reports events of unknown types once it is open", async () => {
  const unknown = { id: 5, at: AT, type: "worker.dreamed", workerId: a } as unknown as EventHead;
  const source = new ScriptedSource([...numbered(born), unknown]);
  await using reader = await RuntimeReader.open({ source });
  assertEquals(reader.diagnostics().items.map(({ code }) => code), ["unknown_event"]);
});

Deno.test("RuntimeReader.close() ends watches, and everything but the state is runtime_closed afterwards", async () => {
  const { source, reader } = await opened();
  const waiting = reader.watch().next();
  await turns();
  await Promise.all([reader.close(), reader.close()]);
  assertEquals((await waiting).done, true);
  assertEquals((await reader.watch({ after: 0 }).next()).done, true);
  assertEquals([source.closings, reader.overview().workers.total], [1, 2]);
  for (const call of [() => reader.events(), () => reader.transcript("a"), () => reader.refresh()]) {
    await rejects("runtime_closed", call);
  }
});
