/**
 * A runtime from its first opening to its last closing.
 *
 * @module
 */
import { deepEqual, equal } from "./assert.ts";
import { limits } from "../src/core/limits.ts";
import { allEvents, contentsOf, range } from "./dump.ts";
import { refused, type Tests } from "./place.ts";

/** The tests. */
export const lifeTests: Tests = {
  "Runtime.open() creates the runtime and counts its openings": async (place) => {
    deepEqual((await allEvents(await place.open())).map(({ id, type }) => [id, type]), [
      [1, "runtime.created"],
      [2, "runtime.opened"],
    ]);
    for (const epoch of [2, 3, 4]) equal((await place.reopen()).overview().epoch, epoch);
    const types = (await allEvents(place.runtime)).slice(2).map(({ type }) => type);
    deepEqual(types, [1, 2, 3].flatMap(() => ["runtime.closed", "runtime.opened"]));
  },

  "Runtime.open() uses the clock for the times of events": async (place) => {
    let now = Date.parse("2026-03-04T05:06:07.008Z");
    const runtime = await place.open({ now: () => now });
    equal(runtime.overview().createdAt, "2026-03-04T05:06:07.008Z");
    now -= 3_600_000;
    equal((await runtime.record("earlier", null)).at, "2026-03-04T04:06:07.008Z");
    deepEqual((await allEvents(runtime)).map(({ id }) => id), [1, 2, 3]);
  },

  "Runtime.open() takes over from a runtime that was not closed": async (place) => {
    await (await place.open()).record("before", 1);
    deepEqual((await allEvents(await place.restart())).map(({ type }) => type), [
      "runtime.created",
      "runtime.opened",
      "custom",
      "runtime.opened",
    ]);
  },

  "Runtime.open() closes the store if it fails": async (place) => {
    await refused(place.open({ now: () => NaN }), "invalid_request");
    equal((await place.open()).lastEventId, 2);
  },

  "close() is idempotent": async (place) => {
    const runtime = await place.open();
    await Promise.all([runtime.close(), runtime.close()]);
    await runtime.close();
    deepEqual(runtime.health, { status: "closed" });
    equal((await place.open()).lastEventId, 4);
  },

  // Without the syntax: the suite also runs where it is not supported yet.
  "Symbol.asyncDispose closes": async (place) => {
    const first = await place.open();
    await first.record("note", null);
    await first[Symbol.asyncDispose]();
    equal((await place.open()).lastEventId, 5);
  },

  "close() waits for earlier commands": async (place) => {
    const runtime = await place.open();
    const given = range(0, 199).map((index) => runtime.record("note", index));
    await runtime.close();
    deepEqual((await Promise.all(given)).map(({ eventId }) => eventId), range(3, 202));
    const events = await allEvents(await place.open());
    deepEqual(events.flatMap((event) => event.type === "custom" ? [event.data] : []), range(0, 199));
  },

  "close() waits for earlier commands whose content is kept as blobs": async (place) => {
    const runtime = await place.open();
    const worker = await place.create("a");
    const contents = range(0, 4).map((index) => `${index}`.repeat(limits.contentInlineBytesMax));
    const given = contents.map((content) => worker.sendInput({ role: "user", content }));
    await runtime.close();
    deepEqual((await Promise.all(given)).map(({ firstSeq }) => firstSeq), range(1, 5));
    deepEqual(await contentsOf((await place.open()).worker("a")), contents);
    equal((await allEvents(place.runtime)).findIndex(({ type }) => type === "runtime.closed"), 8);
  },

  "release() rejects commands that wait, keeps those it acknowledged, and hands over": async (place) => {
    const runtime = await place.open();
    const worker = await place.create("a");
    const run = await worker.beginRun();
    const given = Promise.allSettled(range(0, 20).map((index) => runtime.record("note", index)));
    // Some may be on their way to the store by now, the last one is not.
    await Promise.resolve();
    const last = refused(runtime.record("note", 21), "runtime_closed");
    await Promise.all([runtime.release(), runtime.close(), last]);
    const outcomes = await given;
    equal(run.signal.aborted, true);
    deepEqual(runtime.health, { status: "closed" });
    const events = await allEvents(await place.open());
    const kept = events.flatMap((event) => event.type === "custom" ? [event.data] : []);
    deepEqual(kept, range(0, 20).filter((index) => outcomes[index]?.status === "fulfilled"));
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") equal(outcome.reason.code, "runtime_closed");
    }
    equal(events.filter(({ type }) => type === "runtime.closed").length, 1);
    equal(place.runtime.worker("a").state().lastRun?.outcome, "interrupted");
  },

  "flush() waits for everything and writes no event": async (place) => {
    const runtime = await place.open();
    await place.writesNothing(() => runtime.flush());
  },

  "health is ok, retired or closed": async (place) => {
    deepEqual((await place.open()).health, { status: "ok" });
    await place.runtime.retire();
    deepEqual(place.runtime.health, { status: "retired" });
    deepEqual((await place.reopen()).health, { status: "retired" });
    await place.runtime.close();
    deepEqual(place.runtime.health, { status: "closed" });
  },

  "diagnostics() is empty after normal operation": async (place) => {
    const reported: unknown[] = [];
    const runtime = await place.open({ onDiagnostic: (diagnostic) => reported.push(diagnostic) });
    await runtime.record("note", null);
    deepEqual((await place.reopen()).diagnostics(), { items: [], dropped: 0 });
    deepEqual(reported, []);
  },

  "events have ids without gaps, regardless of concurrency": async (place) => {
    const runtime = await place.open();
    const receipts = await Promise.all(range(0, 2_999).map((index) => runtime.record("note", index)));
    deepEqual(receipts.map(({ eventId }) => eventId), range(3, 3_002));
    deepEqual((await allEvents(await place.reopen())).map(({ id }) => id), range(1, 3_004));
  },
};
