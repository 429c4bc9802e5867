// A store that lacks entries which the state counts, such as a database that an older copy replaced.

import { assertEquals, assertRejects } from "@std/assert";
import { Runtime, RuntimeError, type Worker } from "../../mod.ts";
import { ScriptedStore } from "./scripted_store.ts";

async function start(): Promise<{ store: ScriptedStore; runtime: Runtime; worker: Worker }> {
  const store = new ScriptedStore();
  const runtime = await Runtime.open({ store });
  const worker = await runtime.createWorker({ intent: { kind: "assistant" } });
  for (const content of ["1", "2", "3", "4"]) await worker.sendInput({ role: "user", content });
  return { store, runtime, worker };
}

/** Pages, by what the store lacks. */
const cases = [
  { lacks: 3, page: { limit: 2 }, isWhole: false },
  { lacks: 3, page: { after: 0, limit: 3 }, isWhole: true },
  { lacks: 1, page: { after: 0 }, isWhole: false },
  { lacks: 1, page: { after: 1, limit: 2 }, isWhole: false },
  { lacks: 1, page: { after: 2 }, isWhole: true },
  { lacks: 1, page: { limit: 4 }, isWhole: false },
];

for (const { lacks, page, isWhole } of cases) {
  const name = `${JSON.stringify(page)} without entry ${lacks + 1}`;
  Deno.test(`transcript() of ${name} is ${isWhole ? "whole" : "store_corrupt"}`, async () => {
    const { store, runtime, worker } = await start();
    store.script.readTranscript = async ({ from }, read) =>
      (await read()).filter((_, index) => from - 1 + index !== lacks);
    if (isWhole) assertEquals((await worker.transcript(page)).items.length, page.limit ?? 2);
    else {assertEquals(
        (await assertRejects(() => worker.transcript(page), RuntimeError)).code,
        "store_corrupt",
      );}
    await runtime.close();
  });
}
