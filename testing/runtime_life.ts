/**
 * A runtime from its first opening to its last closing.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import { allEvents } from "./dump.ts";
import { refused, type Register } from "./place.ts";

/** Registers the tests. */
export function lifeTests(test: Register): void {
  test("Runtime.open() creates the runtime and counts its openings", async (place) => {
    let runtime = await place.runtime();
    deepEqual((await allEvents(runtime)).map(({ id, type }) => [id, type]), [
      [1, "runtime.created"],
      [2, "runtime.opened"],
    ]);
    for (let epoch = 2; epoch <= 4; epoch++) {
      runtime = await place.reopen(runtime);
      equal(runtime.overview().epoch, epoch);
    }
    const types = (await allEvents(runtime)).slice(2).map(({ type }) => type);
    deepEqual(types, Array.from({ length: 3 }, () => ["runtime.closed", "runtime.opened"]).flat());
  });

  test("Runtime.open() uses the clock for the times of events", async (place) => {
    let now = Date.parse("2026-03-04T05:06:07.008Z");
    const runtime = await place.runtime({ now: () => now });
    equal(runtime.overview().createdAt, "2026-03-04T05:06:07.008Z");
    now -= 3_600_000;
    equal((await runtime.record("earlier", null)).at, "2026-03-04T04:06:07.008Z");
    deepEqual((await allEvents(runtime)).map(({ id }) => id), [1, 2, 3]);
  });

  test("Runtime.open() takes over from a runtime that was not closed", async (place) => {
    let runtime = await place.runtime();
    await runtime.record("before", 1);
    runtime = await place.restart(runtime);
    deepEqual((await allEvents(runtime)).map(({ type }) => type), [
      "runtime.created",
      "runtime.opened",
      "custom",
      "runtime.opened",
    ]);
  });

  test("Runtime.open() closes the store if it fails", async (place) => {
    await refused(place.runtime({ now: () => NaN }), "invalid_request");
    const runtime = await place.runtime();
    equal(runtime.lastEventId, 2);
  });

  test("close() is idempotent", async (place) => {
    let runtime = await place.runtime();
    await Promise.all([runtime.close(), runtime.close()]);
    await runtime.close();
    deepEqual(runtime.health, { status: "closed" });
    runtime = await place.runtime();
    equal(runtime.lastEventId, 4);
  });

  test("Symbol.asyncDispose closes", async (place) => {
    // Without the syntax: the suite also runs where it is not supported yet.
    const first = await place.runtime();
    await first.record("note", null);
    await first[Symbol.asyncDispose]();
    const runtime = await place.runtime();
    equal(runtime.lastEventId, 5);
  });

  test("close() waits for earlier commands", async (place) => {
    const runtime = await place.runtime();
    const given = Array.from({ length: 200 }, (_, index) => runtime.record("note", index));
    await runtime.close();
    const receipts = await Promise.all(given);
    deepEqual(receipts.map(({ eventId }) => eventId), receipts.map((_, index) => index + 3));
    const events = await allEvents(await place.runtime());
    deepEqual(
      events.flatMap((event) => event.type === "custom" ? [event.data] : []),
      receipts.map((_, i) => i),
    );
  });

  test("flush() waits for everything and writes no event", async (place) => {
    const runtime = await place.runtime();
    const before = runtime.lastEventId;
    await runtime.flush();
    equal(runtime.lastEventId, before);
  });

  test("health is ok, stopped or closed", async (place) => {
    let runtime = await place.runtime();
    deepEqual(runtime.health, { status: "ok" });
    await runtime.stop();
    deepEqual(runtime.health, { status: "stopped" });
    runtime = await place.reopen(runtime);
    deepEqual(runtime.health, { status: "stopped" });
    await runtime.close();
    deepEqual(runtime.health, { status: "closed" });
  });

  test("diagnostics() is empty after normal operation", async (place) => {
    const told: unknown[] = [];
    let runtime = await place.runtime({ onDiagnostic: (diagnostic) => told.push(diagnostic) });
    await runtime.record("note", null);
    runtime = await place.reopen(runtime);
    deepEqual(runtime.diagnostics(), { items: [], dropped: 0 });
    deepEqual(told, []);
  });

  test("events have ids without gaps, regardless of concurrency", async (place) => {
    const runtime = await place.runtime();
    const receipts = await Promise.all(
      Array.from({ length: 3_000 }, (_, index) => runtime.record("note", index)),
    );
    deepEqual(receipts.map(({ eventId }) => eventId), receipts.map((_, index) => index + 3));
    const events = await allEvents(await place.reopen(runtime));
    ok(events.every(({ id }, index) => id === index + 1));
    equal(events.length, 3_004);
  });
}
