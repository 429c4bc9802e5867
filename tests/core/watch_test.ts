// Wake-ups and watches over a scripted source.

import { assertEquals, assertRejects } from "@std/assert";
import { Runtime } from "../../mod.ts";
import { onAbort } from "../../src/core/abort.ts";
import type { RuntimeEvent } from "../../src/core/event_types.ts";
import { limits } from "../../src/core/limits.ts";
import type { EventPage, PageOptions } from "../../src/core/reading.ts";
import { WakeUp } from "../../src/core/wake.ts";
import { Watch, type WatchSource } from "../../src/core/watch.ts";
import { AT } from "./given.ts";
import { Gate, listenersOf, ScriptedStore, turns } from "./scripted_store.ts";

Deno.test("WakeUp calls every listener each time", () => {
  const wakeUp = new WakeUp();
  const woken: string[] = [];
  const [a, b] = [() => void woken.push("a"), () => void woken.push("b")];
  wakeUp.add(a);
  wakeUp.add(b);
  wakeUp.wake();
  wakeUp.remove(a);
  wakeUp.wake();
  assertEquals([woken, wakeUp.size], [["a", "b", "b"], 1]);
});

Deno.test("onAbort() shares one listener per signal, and removes it with the last callback", () => {
  const controller = new AbortController();
  const listeners = listenersOf(controller.signal);
  const called: number[] = [];
  const stops = [0, 1, 2, 3].map((index) => onAbort(controller.signal, () => called.push(index)));
  assertEquals(listeners.size, 1);
  for (const stop of stops) stop();
  assertEquals(listeners.size, 0);
  const [stop] = [4, 5, 6].map((index) => onAbort(controller.signal, () => called.push(index)));
  stop?.();
  controller.abort();
  assertEquals([called, listeners.size], [[5, 6], 0]);
});

/** A source of events 1, 2, 3 ... */
class FakeSource implements WatchSource {
  readonly reads: PageOptions[] = [];
  readonly news = new WakeUp();
  /** The most events that a page holds, as if its bytes ended it. */
  readonly most: number;
  closed = false;
  over = false;
  /** An event that is not to be delivered. */
  unwanted = 0;
  lost: Error | undefined;
  last = 0;

  constructor(most = Infinity) {
    this.most = most;
  }

  newest(): number {
    return this.last;
  }

  failure(): Error | undefined {
    return this.lost;
  }

  isClosed(): boolean {
    return this.closed;
  }

  isOver(): boolean {
    return this.over;
  }

  isWanted({ id }: RuntimeEvent): boolean {
    return id !== this.unwanted;
  }

  isLast({ id }: RuntimeEvent): boolean {
    return this.over && id === this.last;
  }

  lose(error: Error): void {
    this.lost = error;
    this.news.wake();
  }

  tell(last: number): void {
    this.last = last;
    this.news.wake();
  }

  close(): void {
    this.closed = true;
    this.news.wake();
  }

  read(options: PageOptions): Promise<EventPage> {
    this.reads.push(options);
    const { after = 0, limit = 0 } = options;
    const ids = Array.from(
      { length: Math.max(0, Math.min(limit, this.most, this.last - after)) },
      (_, n) => after + 1 + n,
    );
    const items = ids.map((id): RuntimeEvent => ({ id, at: AT, type: "custom", name: "n", data: null }));
    const newest = items.at(-1)?.id ?? after;
    const next = newest < this.last ? newest : null;
    return Promise.resolve({ items, next, previous: null, firstEventId: 1, lastEventId: this.last });
  }
}

Deno.test("Watch reads a page only when its reader needs it", async () => {
  const source = new FakeSource();
  source.tell(1_000);
  const events = new Watch(source, 0, undefined);
  for (let id = 1; id <= limits.watchItemsMax; id++) assertEquals((await events.next()).value?.id, id);
  await turns();
  assertEquals(source.reads, [{ after: 0, limit: limits.watchItemsMax }]);
  assertEquals((await events.next()).value?.id, limits.watchItemsMax + 1);
  assertEquals(source.reads.length, 2);
  await events.return();
});

Deno.test("Watch sleeps until there are new events, and then reads once", async () => {
  const source = new FakeSource();
  const events = new Watch(source, 0, undefined);
  const next = events.next();
  await turns();
  assertEquals(source.reads.length, 0);
  source.tell(1);
  assertEquals((await next).value?.id, 1);
  assertEquals(source.reads.length, 1);
  await events.return();
});

Deno.test("Watch misses no wake-up during a read", async () => {
  const source = new FakeSource();
  const gate = new Gate();
  const read = source.read.bind(source);
  source.read = async (options) => {
    const page = await read(options);
    await gate.passed;
    return page;
  };
  const events = new Watch(source, 0, undefined);
  const next = events.next();
  await turns();
  source.tell(1);
  gate.open();
  assertEquals((await next).value?.id, 1);
  await events.return();
});

Deno.test("Watch ends when its source closes, also with a page that is read", async () => {
  const source = new FakeSource();
  source.tell(10);
  const events = new Watch(source, 0, undefined);
  assertEquals((await events.next()).value?.id, 1);
  source.close();
  assertEquals(await events.next(), { done: true, value: undefined });
});

Deno.test("Watch passes over events that are not wanted, also the last one of a page", async () => {
  const source = new FakeSource(2);
  source.unwanted = 2;
  source.tell(3);
  const events = new Watch(source, 0, undefined);
  assertEquals([(await events.next()).value?.id, (await events.next()).value?.id], [1, 3]);
  source.unwanted = 4;
  const next = events.next();
  source.tell(4);
  await turns();
  source.tell(5);
  assertEquals((await next).value?.id, 5);
  await events.return();
});

Deno.test("Watch throws the error of a read", async () => {
  const source = new FakeSource();
  const error = new Error("no");
  source.read = () => Promise.reject(error);
  source.tell(1);
  const events = new Watch(source, 0, undefined);
  assertEquals(await assertRejects(() => events.next()), error);
  assertEquals((await events.next()).done, true);
});

for (const most of [1, 2, 3, 7]) {
  Deno.test(`Watch yields every event once and in order from short pages of ${most}`, async () => {
    const source = new FakeSource(most);
    source.tell(5);
    const events = new Watch(source, 0, undefined);
    const ids: (number | undefined)[] = [];
    while (ids.length < 20) {
      ids.push((await events.next()).value?.id);
      // No news comes with what was there already.
      if (ids.length === 5) source.tell(20);
    }
    assertEquals(ids, Array.from({ length: 20 }, (_, index) => index + 1));
    await events.return();
  });
}

Deno.test("Watch settles calls of next() in their order", async () => {
  const source = new FakeSource(2);
  const events = new Watch(source, 0, undefined);
  const nexts = [1, 2, 3, 4].map(() => events.next());
  source.tell(3);
  assertEquals((await Promise.all(nexts.slice(0, 3))).map(({ value }) => value?.id), [1, 2, 3]);
  await events.return();
  assertEquals(await nexts[3], { done: true, value: undefined });
});

for (const what of ["waits for news", "waits for a page"] as const) {
  for (const how of ["return", "throw", "abort", "dispose"] as const) {
    Deno.test(`Watch that ${what} ends at once by ${how}, and listens to nothing`, async () => {
      const source = new FakeSource();
      const controller = new AbortController();
      const listeners = listenersOf(controller.signal);
      source.read = () => new Promise(() => {});
      if (what === "waits for a page") source.tell(1);
      const events = new Watch(source, 0, controller.signal);
      const nexts = [events.next(), events.next()];
      assertEquals([source.news.size, listeners.size], [1, 1]);
      if (how === "abort") controller.abort();
      else if (how === "return") assertEquals(await events.return(), { done: true, value: undefined });
      else if (how === "dispose") await events[Symbol.asyncDispose]();
      else assertEquals(await events.throw("enough").catch((error) => error), "enough");
      for (const next of nexts) assertEquals(await next, { done: true, value: undefined });
      assertEquals(await events.next(), { done: true, value: undefined });
      assertEquals([source.news.size, listeners.size], [0, 0]);
    });
  }
}

Deno.test("Watch listens to nothing while its reader does not wait", async () => {
  const source = new FakeSource();
  const controller = new AbortController();
  const listeners = listenersOf(controller.signal);
  const events = new Watch(source, 0, controller.signal);
  assertEquals([source.news.size, listeners.size], [0, 0]);
  const next = events.next();
  source.tell(1);
  await next;
  assertEquals([source.news.size, listeners.size], [0, 0]);
  controller.abort();
  assertEquals((await events.next()).done, true);
});

for (const what of ["waits for news", "waits for a page", "has a page"] as const) {
  Deno.test(`Watch that ${what} throws the error of a source that is lost, once`, async () => {
    const source = new FakeSource();
    const error = new Error("lost");
    const events = new Watch(source, 0, undefined);
    if (what !== "waits for news") source.tell(3);
    if (what === "has a page") await events.next();
    else source.read = () => new Promise(() => {});
    const next = what === "has a page" ? undefined : events.next();
    source.lose(error);
    // Closed before its reader asks: still no quiet end.
    source.close();
    assertEquals(await assertRejects(() => next ?? events.next()), error);
    assertEquals([(await events.next()).done, source.news.size], [true, 0]);
  });
}

Deno.test("Watch ends once nothing more can come, also before the cursor it was given", async () => {
  const source = new FakeSource();
  source.tell(2);
  const [all, none] = [new Watch(source, 0, undefined), new Watch(source, 50, undefined)];
  const waiting = none.next();
  source.over = true;
  source.tell(3);
  const ids: number[] = [];
  for await (const { id } of all) ids.push(id);
  assertEquals(ids, [1, 2, 3]);
  source.tell(60);
  assertEquals((await waiting).done, true);
});

Deno.test("a cancelled ReadableStream of a watch that waits settles at once", async () => {
  const source = new FakeSource();
  const streams = Array.from({ length: 100 }, () => ReadableStream.from(new Watch(source, 0, undefined)));
  const readers = streams.map((stream) => stream.getReader());
  const reads = readers.map((reader) => reader.read());
  await turns(1);
  assertEquals(source.news.size, 100);
  await Promise.all(readers.map((reader) => reader.cancel()));
  for (const read of reads) assertEquals((await read).done, true);
  assertEquals(source.news.size, 0);
});

Deno.test("watch() yields each event once when the store shows it before its append resolves", async () => {
  const gate = new Gate();
  const store = new ScriptedStore();
  await using runtime = await Runtime.open({ store });
  const events = runtime.watch();
  const next = events.next();
  await turns();
  store.script.append = async (_batch, keep) => {
    const result = await keep();
    await gate.passed;
    return result;
  };
  const work = runtime.record("one", null);
  await turns();
  const early = runtime.watch({ after: 2 });
  const first = early.next();
  await turns();
  gate.open();
  await work;
  delete store.script.append;
  await runtime.record("two", null);
  const ids = [(await next).value?.id, (await events.next()).value?.id];
  const earlyIds = [(await first).value?.id, (await early.next()).value?.id];
  assertEquals([ids, earlyIds], [[3, 4], [3, 4]]);
});

Deno.test("watch() ends quietly when the runtime closes while it reads", async () => {
  const gate = new Gate();
  const store = new ScriptedStore({
    readEvents: async (_read, page) => {
      await gate.passed;
      return await page();
    },
  });
  const runtime = await Runtime.open({ store });
  const worker = await runtime.createWorker({ intent: { kind: "assistant" } });
  const watchers = [runtime.watch({ after: 0 }), worker.watch({ after: 0 })];
  const nexts = watchers.map((watcher) => watcher.next());
  await turns();
  const closing = runtime.close();
  await turns();
  gate.open();
  await closing;
  for (const result of await Promise.allSettled(nexts)) assertEquals(result.status, "fulfilled");
  for (const watcher of watchers) assertEquals((await watcher.next()).done, true);
});

Deno.test("commands and watches that have one signal share one listener, which goes with the last of them", async () => {
  await using runtime = await Runtime.open({ store: new ScriptedStore() });
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = listenersOf(signal);
  const nexts = Array.from({ length: 20 }, () => runtime.watch({ signal }).next());
  const works = Array.from({ length: 20 }, (_, n) => runtime.record("n", n, { signal }));
  assertEquals(listeners.size, 1);
  await Promise.all([...works, ...nexts]);
  assertEquals(listeners.size, 0);
  const waiting = Array.from({ length: 20 }, () => runtime.watch({ signal }).next());
  const given = Array.from({ length: 20 }, (_, n) => assertRejects(() => runtime.record("n", n, { signal })));
  assertEquals(listeners.size, 1);
  controller.abort();
  for (const next of waiting) assertEquals((await next).done, true);
  await Promise.all(given);
  assertEquals(listeners.size, 0);
});
