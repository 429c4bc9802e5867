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

/** Content that is kept as a blob. */
const LARGE = "x".repeat(300_000);

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
  const image = await worker.putBlob(new Uint8Array([1, 2, 3]), { mediaType: "image/png" });
  await run.append([{ role: "assistant", content: "Looks good", blobs: [image] }, {
    role: "tool",
    content: LARGE,
  }]);
  await run.finish("completed", { usage: { model: "m-1", inputTokens: 812, outputTokens: 64 } });
  await worker.commit({ data: { step: "done" } }, { expect: { lastEventId: worker.state().lastEventId } });
  await worker.commit({ events: [{ name: "reviewed", data: { pr: 42 } }], labels: { done: "yes" } });
  await runtime.record("tick", null);
  const types: string[] = [];
  for await (const event of worker.watch({ after: sent.eventId })) {
    if (types.push(event.type) === 5) break;
  }
  assertEquals(new Set(types), new Set(["worker.committed"]));
  await worker.beginRun({ runId: "left open" });
}

async function secondLife(runtime: Runtime): Promise<void> {
  await using _ = runtime;
  const worker = runtime.worker("reviewer");
  assertEquals(worker.state().lastRun?.outcome, "interrupted");
  const { items } = await worker.transcript({ limit: 2 });
  assertEquals(await Promise.all(items.map((entry) => worker.content(entry))), ["Looks good", LARGE]);
  const [image] = items[0]?.blobs ?? [];
  assert(image !== undefined);
  assertEquals(await Array.fromAsync(await worker.blob(image)), [new Uint8Array([1, 2, 3])]);
  assertEquals((await runtime.events({ after: 0, limit: 1 })).items[0]?.type, "runtime.created");
  await worker.retire({ reason: "enough" });
  await worker.purge();
  await runtime.flush();
  await runtime.retire();
  try {
    await runtime.createWorker({ intent: { kind: "assistant" } });
    throw new Error("Cannot be here: the runtime is retired");
  } catch (error) {
    assert(isRuntimeError(error) && error.code === "runtime_retired");
  }
  assertEquals(runtime.overview().usage.inputTokens, 812);
  assertEquals(runtime.workers().items, []);
  assertEquals(runtime.diagnostics().items.length, 1);
}
