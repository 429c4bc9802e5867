// The whole core on the memory store, with no permission at all.

import { assert, assertEquals } from "@std/assert";
import { MemoryStorage } from "../../memory_store.ts";
import { isRuntimeError, MemoryRuntimeStore, Runtime } from "../../mod.ts";

Deno.test({
  name: "a host uses the whole core without any permission",
  permissions: "none",
  fn: async () => {
    for (const name of ["read", "write", "net", "env", "run", "ffi", "sys"] as const) {
      assertEquals((await Deno.permissions.query({ name })).state === "granted", false);
    }
    const storage = new MemoryStorage();
    const open = (): Promise<Runtime> =>
      Runtime.open({
        store: new MemoryRuntimeStore({ runtimeId: "local", storage }),
        onDiagnostic: () => {},
      });
    await firstLife(await open());
    await secondLife(await open());
  },
});

async function firstLife(runtime: Runtime): Promise<void> {
  await using _ = runtime;
  const worker = await runtime.createWorker({
    workerId: "reviewer",
    intent: { kind: "task", objective: "Review PR 42" },
    labels: { team: "core" },
  }, { key: "create" });
  const sent = await worker.sendInput({ role: "user", content: "Please" }, { key: "slack:1" });
  assert((await worker.sendInput({ role: "user", content: "Please" }, { key: "slack:1" })).duplicate);
  const run = await worker.beginRun();
  await worker.append([{ role: "assistant", content: "Looks good" }, { role: "tool", content: "ok" }]);
  await worker.recordUsage({ model: "m-1", inputTokens: 812, outputTokens: 64 });
  await run.finish("completed");
  await worker.updateState({ step: "done" }, { expect: { lastEventId: worker.state().lastEventId } });
  await worker.record("reviewed", { pr: 42 });
  await runtime.record("tick", null);
  const types: string[] = [];
  for await (const event of worker.watch({ after: sent.eventId })) {
    if (types.push(event.type) === 6) break;
  }
  assertEquals(types.at(-1), "custom");
  await worker.beginRun({ runId: "left open" });
}

async function secondLife(runtime: Runtime): Promise<void> {
  await using _ = runtime;
  const worker = runtime.worker("reviewer");
  assertEquals(worker.state().lastRun?.outcome, "interrupted");
  assertEquals((await worker.transcript({ limit: 2 })).items.map(({ content }) => content), [
    "Looks good",
    "ok",
  ]);
  assertEquals((await runtime.events({ after: 0, limit: 1 })).items[0]?.type, "runtime.created");
  await worker.cancel({ reason: "enough" });
  await worker.purge();
  await runtime.flush();
  await runtime.stop();
  try {
    await runtime.createWorker({ intent: { kind: "assistant" } });
    throw new Error("Cannot be here: the runtime is stopped");
  } catch (error) {
    assert(isRuntimeError(error) && error.code === "runtime_stopped");
  }
  assertEquals(runtime.overview().usage.inputTokens, 812);
  assertEquals(runtime.workers().items, []);
  assertEquals(runtime.diagnostics().items.length, 1);
}
