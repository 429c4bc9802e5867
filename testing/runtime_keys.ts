/**
 * Idempotency keys.
 *
 * @module
 */
import { deepEqual, equal } from "./assert.ts";
import { limits } from "../src/core/limits.ts";
import type { Runtime } from "../src/core/runtime.ts";
import type { WorkerInput } from "../src/core/worker.ts";
import { type Place, refused, type Register, writesNothing } from "./place.ts";

const hello: WorkerInput = { role: "user", content: "hello" };

/** Registers the tests. */
export function keyTests(test: Register): void {
  test("sendInput() with a key returns the same sequences again", async (place) => {
    let runtime = await start(place);
    const input = { ...hello, metadata: { a: 1, b: [2] } };
    const first = await runtime.worker("a").sendInput(input, { key: "k" });
    await runtime.worker("a").sendInput(hello);
    runtime = await place.reopen(runtime);
    const same = { metadata: { b: [2], a: 1 }, name: undefined, ...hello };
    deepEqual(await runtime.worker("a").sendInput(same, { key: "k" }), { ...first, duplicate: true });
    equal(runtime.worker("a").state().transcriptLength, 2);
  });

  for (const how of ["at once", "later", "after a reopen"] as const) {
    test(`a key with other content is key_reused, ${how}`, (place) => reused(place, how));
  }

  test("a key with another command is key_reused", async (place) => {
    const runtime = await start(place);
    const worker = runtime.worker("a");
    const { eventId } = await worker.sendInput(hello, { key: "k" });
    for (
      const work of [
        () => worker.append([hello], { key: "k" }),
        () => worker.updateState({}, { key: "k" }),
        () => worker.stop({ key: "k" }),
        () => worker.record("hello", null, { key: "k" }),
        () => worker.beginRun({ key: "k" }),
      ]
    ) {
      const { details } = await writesNothing(runtime, () => refused(work, "key_reused"));
      deepEqual(details, { key: "k", eventId });
    }
  });

  test("a key of one worker is free for another, and for the runtime", async (place) => {
    const runtime = await start(place);
    const receipts = [
      await runtime.worker("a").record("note", 1, { key: "k" }),
      await runtime.worker("b").record("note", 2, { key: "k" }),
      await runtime.record("note", 3, { key: "k" }),
    ];
    deepEqual(receipts.map(({ duplicate }) => duplicate), [false, false, false]);
  });

  test("createWorker() with a key returns the same worker", async (place) => {
    let runtime = await start(place);
    const spec = { intent: { kind: "task", objective: "x" } } as const;
    const first = await runtime.createWorker(spec, { key: "k" });
    for (const how of ["reopen", "restart"] as const) {
      const again = await writesNothing(runtime, () => runtime.createWorker(spec, { key: "k" }));
      deepEqual(again.ref, first.ref);
      deepEqual(again.creation, {
        eventId: first.creation?.eventId,
        at: first.creation?.at,
        duplicate: true,
      });
      runtime = await place[how](runtime);
    }
    const other = { intent: { kind: "task", objective: "y" } } as const;
    await refused(runtime.createWorker(other, { key: "k" }), "key_reused");
  });

  test("a key is looked up before any other check", async (place) => {
    let runtime = await start(place);
    const first = await runtime.worker("a").sendInput(hello, { key: "k" });
    await runtime.worker("a").cancel();
    await runtime.stop();
    for (let round = 0; round < 2; round++) {
      const again = await runtime.worker("a").sendInput(hello, { key: "k", expect: { lastEventId: 0 } });
      deepEqual(again, { ...first, duplicate: true });
      runtime = await place.reopen(runtime);
    }
  });

  test("a key of a rejected command is unused", async (place) => {
    const worker = (await start(place)).worker("a");
    await refused(worker.sendInput(hello, { key: "k", expect: { lastEventId: 0 } }), "conflict");
    equal((await worker.sendInput({ ...hello, content: "other" }, { key: "k" })).duplicate, false);
  });

  test("a key is part of its event", async (place) => {
    const runtime = await start(place);
    await runtime.worker("a").sendInput(hello, { key: "slack:\u2028 1" });
    const { items: [event] } = await (await place.reopen(runtime)).worker("a").events({ limit: 1 });
    equal(event?.key, "slack:\u2028 1");
  });

  test("the last 1,024 keys of a worker are kept, older ones are evicted", forgets);
  for (const end of ["stop", "cancel", "purge"] as const) {
    test(`${end}() with the same key takes effect once, even after its worker is purged and its id reused`, async (place) => {
      let runtime = await start(place);
      // The same key for another worker is another key.
      await runtime.worker("b").stop({ key: "k" });
      if (end === "purge") await runtime.worker("a").stop();
      const first = await runtime.worker("a")[end]({ key: "k" });
      if (end !== "purge") await runtime.worker("a").purge();
      for (const how of ["reopen", "restart", "reopen"] as const) {
        const worker = runtime.worker("a");
        deepEqual(await writesNothing(runtime, () => worker[end]({ key: "k" })), {
          ...first,
          duplicate: true,
        });
        const { details } = await refused(
          worker[end === "stop" ? "cancel" : "stop"]({ key: "k" }),
          "key_reused",
        );
        deepEqual(details, { key: "k", eventId: first.eventId });
        await refused(runtime.worker("c").stop({ key: "k" }), "worker_not_found");
        if (how === "restart") await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
        runtime = await place[how](runtime);
      }
      equal(runtime.worker("a").state().status, "running");
      equal((await runtime.worker("a").record("n", null, { key: "k" })).duplicate, false);
    });
  }

  test("keys of commands that ended workers are bounded; the oldest are evicted", async (place) => {
    const runtime = await start(place);
    const end = async (index: number): Promise<void> => {
      const worker = await runtime.createWorker({ workerId: `w${index}`, intent: { kind: "assistant" } });
      await Promise.all([worker.stop(), worker.purge({ key: "k" })]);
    };
    await Promise.all(Array.from({ length: limits.keysKept + 2 }, (_, index) => end(index)));
    const again = await place.reopen(runtime);
    for (const index of [0, 1]) {
      await refused(again.worker(`w${index}`).purge({ key: "k" }), "worker_not_found");
    }
    for (const index of [2, limits.keysKept + 1]) {
      equal((await again.worker(`w${index}`).purge({ key: "k" })).duplicate, true);
    }
  });

  test("purge() deletes the keys of a worker", async (place) => {
    let runtime = await start(place);
    await runtime.worker("a").sendInput(hello, { key: "k" });
    await runtime.worker("a").stop();
    await runtime.worker("a").purge();
    await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    runtime = await place.reopen(runtime);
    equal((await runtime.worker("a").updateState({ x: 1 }, { key: "k" })).duplicate, false);
  });
}

async function start(place: Place): Promise<Runtime> {
  const runtime = await place.runtime();
  for (const workerId of ["a", "b"]) await runtime.createWorker({ workerId, intent: { kind: "assistant" } });
  return runtime;
}

async function reused(place: Place, how: "at once" | "later" | "after a reopen"): Promise<void> {
  let runtime = await start(place);
  const other = { ...hello, content: "other" };
  const first = runtime.worker("a").sendInput(hello, { key: "k" });
  if (how !== "at once") await first;
  if (how === "after a reopen") runtime = await place.reopen(runtime);
  const second = refused(runtime.worker("a").sendInput(other, { key: "k" }), "key_reused");
  const [{ eventId }, { details }] = await Promise.all([first, second]);
  deepEqual(details, { key: "k", eventId });
  equal(runtime.worker("a").state().transcriptLength, 1);
}

async function forgets(place: Place): Promise<void> {
  let runtime = await start(place);
  const note = (index: number): Promise<{ duplicate: boolean }> =>
    runtime.worker("a").record("note", index, { key: `k${index}` });
  const numbers = Array.from({ length: limits.keysKept + 10 }, (_, index) => index);
  await Promise.all(numbers.slice(0, 500).map(note));
  runtime = await place.reopen(runtime);
  await Promise.all(numbers.slice(500).map(note));
  runtime = await place.restart(runtime);
  const kept = await writesNothing(runtime, () => Promise.all(numbers.slice(10).map(note)));
  equal(kept.every(({ duplicate }) => duplicate), true);
  for (const index of [9, 0]) equal((await note(index)).duplicate, false);
  // The two new keys evicted the two oldest.
  for (const index of [10, 11]) equal((await note(index)).duplicate, false);
}
