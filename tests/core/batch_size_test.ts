// Batches stay within their bound, for every command.

import { assert } from "@std/assert";
import { limits, Runtime, type Worker } from "../../mod.ts";
import { ScriptedStore } from "./scripted_store.ts";

const text = "x".repeat(60_000);

const commands: Readonly<
  Record<string, (runtime: Runtime, worker: Worker, index: number) => Promise<unknown>>
> = {
  "Worker.append": (_runtime, worker) => worker.append([{ role: "tool", content: text }]),
  "Worker.commit of data": (_runtime, worker, index) => worker.commit({ data: { [`m${index % 3}`]: text } }),
  "Worker.commit of events": (_runtime, worker) => worker.commit({ events: [{ name: "n", data: text }] }),
  "Runtime.record": (runtime) => runtime.record("n", text),
  "Runtime.createWorker": (runtime) => runtime.createWorker({ intent: { kind: "task", objective: text } }),
  "Worker.stop": (runtime, _worker, index) => runtime.worker(`w${index}`).stop({ reason: text }),
};

for (const [name, command] of Object.entries(commands)) {
  Deno.test(`${name}, many times at once, is written in batches of the bounded size`, async () => {
    const store = new ScriptedStore();
    await using runtime = await Runtime.open({ store });
    const workers = await Promise.all(
      Array.from(
        { length: 80 },
        (_, n) => runtime.createWorker({ workerId: `w${n}`, intent: { kind: "assistant" } }),
      ),
    );
    store.batches.length = 0;
    await Promise.all(workers.map((worker, index) => command(runtime, worker, index)));
    const sizes = store.batches.map((batch) => batch.reduce((sum, { json }) => sum + json.length, 0));
    assert(Math.max(...sizes) <= limits.batchUnitsMax, `batches of ${sizes.join(", ")} units`);
  });
}
