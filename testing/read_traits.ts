/**
 * Properties of every read: after a stop, a reopen and a close.
 *
 * @module
 */
import { deepEqual } from "./assert.ts";
import type { Runtime } from "../src/core/runtime.ts";
import { type Place, refused, type Register } from "./place.ts";

const reads: Readonly<Record<string, (runtime: Runtime) => Promise<unknown>>> = {
  "Runtime.events": async (runtime) => (await runtime.events({ after: 0, limit: 4 })).items,
  "Worker.events": async (runtime) => (await runtime.worker("a").events({ after: 0, limit: 4 })).items,
  "Worker.transcript": (runtime) => runtime.worker("a").transcript(),
  "Runtime.flush": (runtime) => runtime.flush(),
};

/** Registers the tests. */
export function readTraits(test: Register): void {
  for (const [name, read] of Object.entries(reads)) {
    test(`${name}() returns the same after a reopen, a restart and a stop`, (place) => isStable(place, read));
    test(`${name}() after close() is runtime_closed`, async (place) => {
      const runtime = await start(place);
      await runtime.close();
      await refused(() => read(runtime), "runtime_closed");
    });
  }
  for (const name of ["Worker.events", "Worker.transcript"]) {
    test(`${name}() of a missing worker is worker_not_found`, async (place) => {
      const runtime = await place.runtime();
      await refused(() => reads[name]?.(runtime), "worker_not_found");
    });
  }
}

async function start(place: Place): Promise<Runtime> {
  const runtime = await place.runtime();
  const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  await worker.sendInput({ role: "user", content: "one" });
  await worker.append([{ role: "assistant", content: "two" }, { role: "assistant", content: "three" }]);
  return runtime;
}

async function isStable(place: Place, read: (runtime: Runtime) => Promise<unknown>): Promise<void> {
  let runtime = await start(place);
  const before = await read(runtime);
  for (const how of ["reopen", "restart"] as const) {
    runtime = await place[how](runtime);
    deepEqual(await read(runtime), before);
  }
  await runtime.stop();
  deepEqual(await read(runtime), before);
}
