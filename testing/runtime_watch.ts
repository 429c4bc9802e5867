/**
 * Watching: catches up, stays live, ends quietly.
 *
 * @module
 */
import { deepEqual, equal } from "./assert.ts";
import type { RuntimeEvent } from "../src/core/event_types.ts";
import { limits } from "../src/core/limits.ts";
import type { Runtime } from "../src/core/runtime.ts";
import type { WatchOptions } from "../src/core/watch.ts";
import type { Worker } from "../src/core/worker.ts";
import { type Place, refused, type Register } from "./place.ts";

/** Registers the tests. */
export function watchTests(test: Register): void {
  test("watch() catches up from a cursor", async (place) => {
    const runtime = await start(place);
    deepEqual(await idsOf(runtime, 4, { after: 0 }), [1, 2, 3, 4]);
    deepEqual(await idsOf(runtime, 2, { after: 2 }), [3, 4]);
  });

  test("watch() stays live, and begins at the newest event by default", async (place) => {
    const runtime = await start(place);
    const live = idsOf(runtime, 3, {});
    const both = idsOf(runtime, 5, { after: 2 });
    for (let count = 0; count < 3; count++) await runtime.record("note", count);
    deepEqual(await live, [5, 6, 7]);
    deepEqual(await both, [3, 4, 5, 6, 7]);
  });

  test("watch() yields every event once, in order, while many are written", async (place) => {
    const runtime = await start(place);
    const watchers = [0, 3, 4].map((after) => idsOf(runtime, 1_004 - after, { after }));
    for (let batch = 0; batch < 10; batch++) {
      await Promise.all(Array.from({ length: 100 }, (_, index) => runtime.record("note", index)));
    }
    for (const ids of await Promise.all(watchers)) {
      deepEqual(ids, Array.from({ length: ids.length }, (_, index) => 1_004 - ids.length + index + 1));
    }
  });

  test("watch() supports a slow reader", async (place) => {
    const runtime = await start(place);
    const events = runtime.watch({ after: 4 });
    await Promise.all(Array.from({ length: 600 }, (_, index) => runtime.record("note", index)));
    for (let id = 5; id <= 604; id++) {
      equal((await events.next()).value?.id, id);
      if (id % 100 === 0) await runtime.flush();
    }
    await events.return();
  });

  test("watch() of a worker yields its events only", async (place) => {
    const runtime = await start(place);
    const [a, b] = [runtime.worker("a"), runtime.worker("b")];
    const watching = idsOf(a, 3, { after: 0 });
    await b.record("note", 1);
    await a.record("note", 2);
    await b.record("note", 3);
    await a.record("note", 4);
    deepEqual(await watching, [3, 6, 8]);
  });

  test("watch() of a missing worker is worker_not_found", async (place) => {
    const runtime = await start(place);
    await refused(runtime.worker("nobody").watch().next(), "worker_not_found");
  });

  for (const [what, after] of [["waits", undefined], ["catches up", 0]] as const) {
    test(`watch() ends quietly when its signal aborts while it ${what}`, async (place) => {
      const runtime = await start(place);
      const controller = new AbortController();
      const events = runtime.watch({ after, signal: controller.signal });
      const next = events.next();
      controller.abort(new Error("enough"));
      await next;
      deepEqual(await events.next(), { done: true, value: undefined });
    });

    test(`watch() ends quietly when the runtime closes while it ${what}`, async (place) => {
      const runtime = await start(place);
      const events = runtime.watch({ after });
      const next = events.next();
      await runtime.close();
      await next;
      deepEqual(await events.next(), { done: true, value: undefined });
    });
  }

  test("watch() with an aborted signal yields nothing", async (place) => {
    const runtime = await start(place);
    const events = runtime.watch({ after: 0, signal: AbortSignal.abort() });
    deepEqual(await events.next(), { done: true, value: undefined });
  });

  test("watch() of many ends when the runtime closes", async (place) => {
    const runtime = await start(place);
    const watchers = [runtime, runtime.worker("a"), runtime.worker("b"), runtime].map(async (source) => {
      const types: string[] = [];
      for await (const event of source.watch()) types.push(event.type);
      return types;
    });
    await runtime.record("note", null);
    await runtime.close();
    for (const types of await Promise.all(watchers)) equal(types.includes("worker.created"), false);
  });

  test("watch() continues from a cursor after a reopen", async (place) => {
    let runtime = await start(place);
    const seen = await idsOf(runtime, 3, { after: 0 });
    for (const how of ["reopen", "restart"] as const) {
      await runtime.record("note", how);
      runtime = await place[how](runtime);
    }
    const rest = await idsOf(runtime, 6, { after: seen.at(-1) });
    deepEqual([...seen, ...rest], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("watch() yields no event before it is in the state", async (place) => {
    const runtime = await start(place);
    const watching = (async () => {
      for await (const event of runtime.watch()) {
        equal(event.id <= runtime.lastEventId, true);
        if (event.id === 54) return;
      }
    })();
    for (let count = 0; count < 50; count++) {
      await runtime.worker("a").append([{ role: "assistant", content: `${count}` }]);
    }
    await watching;
  });

  for (const again of [false, true]) {
    test(`watch() of a worker ends with its purge${again ? ", also if its id is used again" : ""}`, async (place) => {
      const runtime = await start(place);
      const worker = runtime.worker("a");
      // One that waits, one that catches up, one that begins after the last event, one with a slow reader.
      const watches = [worker.watch(), worker.watch({ after: 0 }), worker.watch({ after: 99 })];
      const late = worker.watch({ after: 0 });
      const ids = watches.map(idsUntilEnd);
      await Promise.all([worker.stop(), worker.purge()]);
      if (again) {
        await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
        for (let count = 0; count < 120; count++) await worker.record("note", count);
      }
      deepEqual(await Promise.all(ids), [[5, 6], [3, 5, 6], []]);
      deepEqual(await idsUntilEnd(late), [3, 5, 6]);
      if (!again) return void await refused(worker.watch({ after: 0 }).next(), "worker_not_found");
      const next = idsUntilEnd(worker.watch({ after: 3 }));
      await Promise.all([worker.stop(), worker.purge()]);
      // The id's events are those of both workers.
      deepEqual(await next, [5, 6, ...Array.from({ length: 123 }, (_, index) => 7 + index)]);
    });
  }

  test("watch() settles return() immediately while next() waits", async (place) => {
    const runtime = await start(place);
    for (const source of [runtime, runtime.worker("a")]) {
      for (const options of [{}, { after: 0 }]) {
        const events = source.watch(options);
        const nexts = [events.next(), events.next(), events.next(), events.next(), events.next()];
        deepEqual(await events.return(), { done: true, value: undefined });
        for (const next of nexts) deepEqual(await next, { done: true, value: undefined });
      }
    }
  });

  test("watch() yields every event once and in order across pages bounded by bytes", async (place) => {
    const runtime = await start(place);
    const content = "字".repeat(limits.contentBytesMax / 3 - 1);
    const sources = [runtime, runtime, runtime.worker("a"), runtime.worker("a")];
    const watches = sources.map((source, index) => source.watch(index % 2 === 0 ? {} : { after: 2 }));
    const live = take(runtime.watch(), 8);
    for (let index = 0; index < 10; index++) {
      const worker = runtime.worker(index === 3 ? "b" : "a");
      await worker.append([{ role: "tool", content: `${index}${content}` }]);
    }
    // No further wake-ups follow: the remaining events must be found without one.
    const all = Array.from({ length: 10 }, (_, index) => 5 + index);
    const ofA = all.filter((id) => id !== 8);
    deepEqual(await live, all.slice(0, 8));
    const ids = await Promise.all(watches.map((events, index) => take(events, [10, 12, 9, 10][index] ?? 0)));
    deepEqual(ids, [all, [3, 4, ...all], ofA, [3, ...ofA]]);
    for (const events of watches) await events.return();
  });

  test("watch() that is left early leaves no listener", async (place) => {
    const runtime = await start(place);
    for await (const _ of runtime.watch({ after: 0 })) break;
    const events = runtime.watch({ after: 0 });
    equal((await events.next()).done, false);
    equal((await events.return()).done, true);
  });
}

async function start(place: Place): Promise<Runtime> {
  const runtime = await place.runtime();
  for (const workerId of ["a", "b"]) await runtime.createWorker({ workerId, intent: { kind: "assistant" } });
  return runtime;
}

/** Returns the ids of the first events that a watch yields. */
async function idsOf(source: Runtime | Worker, count: number, options: WatchOptions): Promise<number[]> {
  const events: RuntimeEvent[] = [];
  for await (const event of source.watch(options)) {
    if (events.push(event) === count) break;
  }
  return events.map(({ id }) => id);
}

/** Returns the ids of the next events of a watch. */
async function take(events: AsyncIterator<RuntimeEvent, void>, count: number): Promise<number[]> {
  const ids: number[] = [];
  while (ids.length < count) {
    const { value } = await events.next();
    if (value === undefined) break;
    ids.push(value.id);
  }
  return ids;
}

/** Returns the ids of the events that a watch yields before it ends by itself. */
async function idsUntilEnd(events: AsyncIterable<RuntimeEvent>): Promise<number[]> {
  const ids: number[] = [];
  for await (const { id } of events) ids.push(id);
  return ids;
}
