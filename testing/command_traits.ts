/**
 * Properties of every command: on success, after a reopen, after a close, and when
 * it is rejected.
 *
 * @module
 */
import { deepEqual, equal, ok, rejects } from "./assert.ts";
import { commands, type SampleCommand } from "./commands.ts";
import { dump } from "./dump.ts";
import { each, type Place, prepared, refused, type Tests } from "./place.ts";

/** Tests of every command. */
export const commandTraits: Tests = each(
  Object.entries(commands),
  ([name, command]) => ({
    ...prepared({ ...traits(name, command), ...optionTraits(name, command) }, async (place) => {
      await place.open();
      await place.create("a");
      await command.prepare?.(place);
      return place;
    }),
    ...(command.scope === "worker" && {
      [`${name}() of a missing worker is worker_not_found`]: async (place: Place) => {
        await place.open();
        await place.rejects(() => command.run(place), "worker_not_found", { workerId: "a" });
      },
    }),
  }),
);

/** Tests of a command without options. */
function traits(name: string, command: SampleCommand): Tests {
  return {
    [`${name}() resolves to the receipt of one event`]: (place) => resolves(place, command),
    [`${name}() works after a reopen`]: async (place) => {
      await place.reopen();
      // The reopening interrupted the run, and the key of its beginning is known.
      if (command.whenStopped === "run_ended") {
        return void await place.rejects(command.run(place), "run_ended", { workerId: "a", runId: "open" });
      }
      await command.prepare?.(place);
      await resolves(place, command);
    },
    ...each(["reopen", "restart"], (how) => ({
      [`${name}() is kept across a ${how}`]: async (place) => {
        await command.run(place);
        // A run does not outlive its process; runtime_runs.ts has tests for that.
        if (command.isPurge === undefined) await place.a.openRun?.cancel();
        const before = await dump(place.runtime);
        deepEqual(await dump(await place[how]()), before);
      },
    })),
    [`${name}() after close() is runtime_closed`]: async (place) => {
      await place.runtime.close();
      const { details } = await refused(() => command.run(place), "runtime_closed");
      equal(details.runtimeId, place.runtimeId);
    },
    [`${name}() of a retired runtime is runtime_retired`]: async (place) => {
      await place.runtime.retire();
      await place.throughout(() => place.rejects(() => command.run(place), "runtime_retired"));
    },
    ...(command.scope === "worker" && {
      [`${name}() of a stopped worker is ${command.whenStopped}`]: async (place: Place) => {
        if (place.a.state().status === "running") await place.a.stop({ cancelRun: true });
        const { whenStopped } = command;
        if (whenStopped === "allowed") return void await command.run(place);
        const details = whenStopped === "run_ended" ? { runId: "open" } : { status: "stopped" };
        await place.rejects(() => command.run(place), whenStopped, { workerId: "a", ...details });
      },
    }),
  };
}

/** Tests of a command with a key, an expectation or a signal. */
function optionTraits(name: string, command: SampleCommand): Tests {
  return {
    [`${name}() with the same key takes effect once`]: async (place) => {
      const opened = place.runtime;
      const run = () => command.run(place, { key: "once" });
      const [first, second] = await Promise.all([run(), run()]);
      const again = { ...first, duplicate: true };
      equal(first?.duplicate, false);
      deepEqual(second, again);
      await place.throughout(async () => {
        // A purged worker has no new handle.
        if (command.isPurge && place.runtime !== opened) await place.rejects(run, "worker_not_found");
        else deepEqual(await place.writesNothing(run), again);
      });
    },
    [`${name}() with another expectation is a conflict`]: async (place) => {
      await place.runtime.record("unrelated", null);
      const actual = command.scope === "runtime" ? place.runtime.lastEventId : place.a.state().lastEventId;
      const run = (expected: number) => command.run(place, { expect: { lastEventId: expected } });
      for (const expected of [actual - 1, actual + 1, 0]) {
        await place.rejects(run(expected), "conflict", { expected, actual });
      }
      equal((await run(actual))?.eventId, place.runtime.lastEventId);
    },
    [`${name}() rejects when its signal aborts`]: async (place) => {
      const before = await dump(place.runtime);
      const reason = new Error("enough");
      const isReason = (error: unknown) => error === reason;
      await rejects(command.run(place, { signal: AbortSignal.abort(reason) }), isReason);
      const controller = new AbortController();
      const waiting = command.run(place, { signal: controller.signal });
      controller.abort(reason);
      await rejects(waiting, isReason);
      await place.runtime.flush();
      deepEqual(await dump(place.runtime), before);
      ok(await command.run(place, { signal: new AbortController().signal }));
    },
    [`${name}() rejects options of the wrong shape`]: async (place) => {
      for (const options of wrongOptions) {
        await place.rejects(() => command.run(place, options as object), "invalid_request");
      }
    },
  };
}

const wrongOptions: readonly unknown[] = [
  { key: "" },
  { key: " \n" },
  { key: "x".repeat(257) },
  { key: "\uD800" },
  { key: 7 },
  { expect: { lastEventId: -1 } },
  { expect: { lastEventId: 1.5 } },
  { expect: { lastEventId: "3" } },
];

async function resolves(place: Place, command: SampleCommand): Promise<void> {
  const before = place.runtime.lastEventId;
  const receipt = await command.run(place);
  deepEqual([receipt?.eventId, receipt?.duplicate], [before + 1, false]);
  ok(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(receipt?.at ?? ""));
  equal(place.runtime.lastEventId, before + 1);
  const { items: [event] } = await place.runtime.events({ limit: 1 });
  deepEqual([event?.id, event?.at], [receipt?.eventId, receipt?.at]);
}
