// Wake-ups and watches over a scripted source.

import { assertEquals, assertRejects } from "@std/assert";
import { Runtime } from "../../mod.ts";
import type { RuntimeEvent } from "../../src/core/events.ts";
import { limits } from "../../src/core/limits.ts";
import type { EventPage, PageOptions } from "../../src/core/reading.ts";
import { wakeOrAbort, WakeUp } from "../../src/core/wake.ts";
import { watchEvents, type WatchSource } from "../../src/core/watch.ts";
import { AT } from "./given.ts";
import { Gate, ScriptedStore, turns } from "./scripted_store.ts";

Deno.test("WakeUp wakes everybody who waits, once", async () => {
  const wakeUp = new WakeUp();
  let woken = 0;
  const waiting = [wakeUp.next, wakeUp.next].map((next) => next.then(() => woken++));
  const later = wakeUp.next;
  wakeUp.wake();
  await Promise.all(waiting);
  assertEquals([woken, later === wakeUp.next], [2, false]);
});

Deno.test("wakeOrAbort() ends at the wake-up or the abort and leaves no listener", async () => {
  const added: string[] = [];
  for (const how of ["wake", "abort", "aborted before", "without signal"]) {
    const wakeUp = new WakeUp();
    const controller = new AbortController();
    const { signal } = controller;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...args: Parameters<typeof add>) => (added.push("add"), add(...args));
    signal.removeEventListener = (
      ...args: Parameters<typeof remove>
    ) => (added.push("remove"), remove(...args));
    if (how === "aborted before") controller.abort();
    const waiting = wakeOrAbort(wakeUp.next, how === "without signal" ? undefined : signal);
    if (how === "abort") controller.abort();
    else wakeUp.wake();
    await waiting;
  }
  assertEquals(added, ["add", "remove", "add", "remove"]);
});

/** A source of events 1, 2, 3 ... */
class FakeSource implements WatchSource {
  readonly reads: PageOptions[] = [];
  readonly #news = new WakeUp();
  closed = false;
  last = 0;

  begin(): void {}

  isClosed(): boolean {
    return this.closed;
  }

  news(): Promise<void> {
    return this.#news.next;
  }

  tell(last: number): void {
    this.last = last;
    this.#news.wake();
  }

  close(): void {
    this.closed = true;
    this.#news.wake();
  }

  read(options: PageOptions): Promise<EventPage> {
    this.reads.push(options);
    const { after = 0, limit = 0 } = options;
    const ids = Array.from(
      { length: Math.max(0, Math.min(limit, this.last - after)) },
      (_, n) => after + 1 + n,
    );
    const items = ids.map((id): RuntimeEvent => ({ id, at: AT, type: "custom", name: "n", data: null }));
    const newest = items.at(-1)?.id ?? after;
    const next = newest < this.last ? newest : null;
    return Promise.resolve({ items, next, previous: null, firstEventId: 1, lastEventId: this.last });
  }
}

Deno.test("watchEvents() reads pages only as its reader takes them", async () => {
  const source = new FakeSource();
  source.tell(1_000);
  const events = watchEvents(source, 0, undefined);
  for (let id = 1; id <= limits.watchItemsMax; id++) assertEquals((await events.next()).value?.id, id);
  await turns();
  assertEquals(source.reads, [{ after: 0, limit: limits.watchItemsMax }]);
  assertEquals((await events.next()).value?.id, limits.watchItemsMax + 1);
  assertEquals(source.reads.length, 2);
  await events.return();
});

Deno.test("watchEvents() sleeps until there is news, and then reads once", async () => {
  const source = new FakeSource();
  const events = watchEvents(source, 0, undefined);
  const next = events.next();
  await turns();
  assertEquals(source.reads.length, 1);
  source.tell(1);
  assertEquals((await next).value?.id, 1);
  assertEquals(source.reads.length, 2);
  await events.return();
});

Deno.test("watchEvents() misses no news that comes while it reads", async () => {
  const source = new FakeSource();
  const gate = new Gate();
  const read = source.read.bind(source);
  source.read = async (options) => {
    const page = await read(options);
    await gate.passed;
    return page;
  };
  const events = watchEvents(source, 0, undefined);
  const next = events.next();
  await turns();
  source.tell(1);
  gate.open();
  assertEquals((await next).value?.id, 1);
  await events.return();
});

Deno.test("watchEvents() ends when its source closes, even with a page in hand", async () => {
  const source = new FakeSource();
  source.tell(10);
  const events = watchEvents(source, 0, undefined);
  assertEquals((await events.next()).value?.id, 1);
  source.close();
  assertEquals(await events.next(), { done: true, value: undefined });
});

Deno.test("watchEvents() throws what reading throws", async () => {
  const source = new FakeSource();
  const error = new Error("no");
  source.read = () => Promise.reject(error);
  assertEquals(await assertRejects(() => watchEvents(source, 0, undefined).next()), error);
});

Deno.test("watch() gives each event once when the store shows it before its append resolves", async () => {
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
