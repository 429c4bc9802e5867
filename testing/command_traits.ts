/**
 * Properties of every command: on success, after a reopen, after a close, and when
 * it is rejected.
 *
 * @module
 */
import { deepEqual, equal, match, notEqual, rejects } from "./assert.ts";
import type { Runtime } from "../src/core/runtime.ts";
import { commands, type SampleCommand } from "./commands.ts";
import { dump } from "./dump.ts";
import { type Place, refused, type Register, writesNothing } from "./place.ts";

/** Registers the tests. */
export function commandTraits(test: Register): void {
  for (const command of commands) {
    const { name } = command;
    test(`${name}() resolves to the receipt of one event`, (place) => works(place, command, false));
    test(`${name}() works after a reopen`, (place) => works(place, command, true));
    test(`${name}() is kept across a reopen`, (place) => isKept(place, command, "reopen"));
    test(`${name}() is kept across a restart`, (place) => isKept(place, command, "restart"));
    test(`${name}() after close() is runtime_closed`, (place) => afterClose(place, command));
    test(`${name}() after stop() is runtime_stopped`, (place) => afterStop(place, command));
    test(`${name}() with the same key takes effect once`, (place) => onlyOnce(place, command));
    test(`${name}() with another expectation is a conflict`, (place) => conflicts(place, command));
    test(`${name}() rejects when its signal aborts`, (place) => givesUp(place, command));
    test(`${name}() rejects options of the wrong shape`, (place) => wrongOptions(place, command));
    if (command.scope === "runtime") continue;
    test(`${name}() of a missing worker is worker_not_found`, (place) => withoutWorker(place, command));
    test(`${name}() of a stopped worker is ${command.whenStopped}`, (place) => ofStopped(place, command));
  }
}

async function start(place: Place, { prepare }: SampleCommand): Promise<Runtime> {
  const runtime = await place.runtime();
  await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  await prepare?.(runtime);
  return runtime;
}

async function works(place: Place, command: SampleCommand, reopened: boolean): Promise<void> {
  let runtime = await start(place, command);
  if (reopened) {
    runtime = await place.reopen(runtime);
    // A run that was open is interrupted by the reopening, and its key is known: begin another worker's.
    if (command.name === "Run.finish") return await refusedAsOver(runtime, command);
    await command.prepare?.(runtime);
  }
  const before = runtime.lastEventId;
  const receipt = await command.run(runtime);
  equal(receipt?.eventId, before + 1);
  equal(receipt?.duplicate, false);
  match(receipt?.at ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  equal(runtime.lastEventId, before + 1);
  const { items: [event] } = await runtime.events({ limit: 1 });
  deepEqual([event?.id, event?.at], [receipt?.eventId, receipt?.at]);
}

async function refusedAsOver(runtime: Runtime, command: SampleCommand): Promise<void> {
  await writesNothing(runtime, () => refused(command.run(runtime), "worker_not_running"));
}

async function isKept(place: Place, command: SampleCommand, how: "reopen" | "restart"): Promise<void> {
  let runtime = await start(place, command);
  await command.run(runtime);
  // A run does not outlive its process; runtime_runs.ts has tests for that.
  if (command.name === "Worker.beginRun") await runtime.worker("a").cancel();
  const before = await dump(runtime);
  runtime = await place[how](runtime);
  deepEqual(await dump(runtime), before);
}

async function afterClose(place: Place, command: SampleCommand): Promise<void> {
  const runtime = await start(place, command);
  await runtime.close();
  const { details } = await refused(() => command.run(runtime), "runtime_closed");
  equal(details.runtimeId, place.runtimeId);
}

async function afterStop(place: Place, command: SampleCommand): Promise<void> {
  let runtime = await start(place, command);
  await runtime.stop();
  for (let round = 0; round < 2; round++) {
    await writesNothing(runtime, () => refused(command.run(runtime), "runtime_stopped"));
    runtime = await place.reopen(runtime);
  }
}

async function onlyOnce(place: Place, command: SampleCommand): Promise<void> {
  let runtime = await start(place, command);
  const [first, second] = await Promise.all([
    command.run(runtime, { key: "once" }),
    command.run(runtime, { key: "once" }),
  ]);
  equal(first?.duplicate, false);
  for (const again of [second, await command.run(runtime, { key: "once" })]) {
    deepEqual(again, { ...first, duplicate: true });
  }
  for (const how of ["reopen", "restart"] as const) {
    runtime = await place[how](runtime);
    const again = await writesNothing(runtime, () => command.run(runtime, { key: "once" }));
    deepEqual(again, { ...first, duplicate: true });
  }
}

async function conflicts(place: Place, command: SampleCommand): Promise<void> {
  const runtime = await start(place, command);
  await runtime.record("unrelated", null);
  const actual = command.scope === "runtime" ? runtime.lastEventId : runtime.worker("a").state().lastEventId;
  for (const expected of [actual - 1, actual + 1, 0]) {
    const work = command.run(runtime, { expect: { lastEventId: expected } });
    const { details } = await writesNothing(runtime, () => refused(work, "conflict"));
    deepEqual(details, { expected, actual });
  }
  const receipt = await command.run(runtime, { expect: { lastEventId: actual } });
  equal(receipt?.eventId, runtime.lastEventId);
}

async function givesUp(place: Place, command: SampleCommand): Promise<void> {
  const runtime = await start(place, command);
  const before = await dump(runtime);
  const reason = new Error("enough");
  await rejects(command.run(runtime, { signal: AbortSignal.abort(reason) }), (error) => error === reason);
  const controller = new AbortController();
  const waiting = command.run(runtime, { signal: controller.signal });
  controller.abort(reason);
  await rejects(waiting, (error) => error === reason);
  await runtime.flush();
  deepEqual(await dump(runtime), before);
  const receipt = await command.run(runtime, { signal: new AbortController().signal });
  notEqual(receipt, undefined);
}

async function wrongOptions(place: Place, command: SampleCommand): Promise<void> {
  const runtime = await start(place, command);
  const options: unknown[] = [
    { key: "" },
    { key: " \n" },
    { key: "x".repeat(257) },
    { key: "\uD800" },
    { key: 7 },
    { expect: { lastEventId: -1 } },
    { expect: { lastEventId: 1.5 } },
    { expect: { lastEventId: "3" } },
  ];
  for (const wrong of options) {
    const work = () => refused(() => command.run(runtime, wrong as object), "invalid_request");
    await writesNothing(runtime, work);
  }
}

async function withoutWorker(place: Place, command: SampleCommand): Promise<void> {
  const runtime = await place.runtime();
  const { details } = await writesNothing(
    runtime,
    () => refused(() => command.run(runtime), "worker_not_found"),
  );
  deepEqual(details, { workerId: "a" });
}

async function ofStopped(place: Place, command: SampleCommand): Promise<void> {
  const runtime = await start(place, command);
  if (runtime.worker("a").state().run !== null) await command.run(runtime);
  if (runtime.worker("a").state().status === "running") await runtime.worker("a").stop();
  if (command.whenStopped === "allowed") return void await command.run(runtime);
  const { details } = await writesNothing(
    runtime,
    () => refused(() => command.run(runtime), "worker_not_running"),
  );
  deepEqual(details, { workerId: "a", status: "stopped" });
}
