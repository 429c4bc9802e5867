/**
 * Properties of every read: after a retirement, a reopen and a close.
 *
 * @module
 */
import { deepEqual } from "./assert.ts";
import type { Runtime } from "../src/core/runtime.ts";
import { each, prepared, refused, type Tests } from "./place.ts";

const reads: Readonly<Record<string, (runtime: Runtime, workerId: string) => Promise<unknown>>> = {
  "Runtime.events": async (runtime) => (await runtime.events({ after: 0, limit: 4 })).items,
  "Worker.events": async (runtime, id) => (await runtime.worker(id).events({ after: 0, limit: 4 })).items,
  "Worker.transcript": (runtime, id) => runtime.worker(id).transcript(),
  "Worker.context": (runtime, id) => runtime.worker(id).context(),
  "Runtime.flush": (runtime) => runtime.flush(),
};

const traits: Tests = {
  ...each(Object.entries(reads), ([name, read]) => ({
    [`${name}() returns the same after a reopen, a restart and a retirement`]: async (place) => {
      const before = await read(place.runtime, "a");
      const isSame = async () => deepEqual(await read(place.runtime, "a"), before);
      await place.throughout(isSame);
      await place.runtime.retire();
      await isSame();
    },
    [`${name}() after close() is runtime_closed`]: async ({ runtime }) => {
      await runtime.close();
      await refused(() => read(runtime, "a"), "runtime_closed");
    },
  })),
  ...each(["Worker.events", "Worker.transcript", "Worker.context"], (name) => ({
    [`${name}() of a missing worker is worker_not_found`]: ({ runtime }) =>
      refused(() => reads[name]?.(runtime, "nobody"), "worker_not_found"),
  })),
};

/** Tests of a worker with some entries. */
export const readTraits: Tests = prepared(traits, async (place) => {
  await place.open();
  const worker = await place.create("a");
  await worker.sendInput({ role: "user", content: "one" });
  await worker.append([{ role: "assistant", content: "two" }, { role: "assistant", content: "three" }]);
  return place;
});
