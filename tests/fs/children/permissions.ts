// Tells as JSON what the library does under the flags of this process.

// deno-lint-ignore-file no-console
import { isRuntimeError, MemoryRuntimeStore, Runtime } from "../../../mod.ts";
import type { RuntimeStore } from "../../../store.ts";

const [what = "", root = ""] = Deno.args;

async function openStore(): Promise<RuntimeStore> {
  if (what === "core") return new MemoryRuntimeStore({ runtimeId: "local" });
  const { FsRuntimeStore } = await import("../../../fs_store.ts");
  return new FsRuntimeStore({ root, runtimeId: "local" });
}

/** Uses a bit of everything; a run is left open. */
async function use(): Promise<void> {
  await using runtime = await Runtime.open({ store: await openStore() });
  const worker = runtime.workers().items.length > 0
    ? runtime.worker("a")
    : await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  await worker.sendInput({ role: "user", content: "hello" });
  await worker.beginRun();
  await runtime.flush();
  await runtime.planPrune();
  if (what === "core") tell(runtime, await contents(runtime));
}

async function contents(runtime: Runtime): Promise<unknown[]> {
  return (await runtime.worker("a").transcript()).items.map(({ content }) => content);
}

function tell(runtime: Runtime, contents: unknown[]): void {
  const interrupted = runtime.diagnostics().items.filter(({ code }) => code === "run_interrupted").length;
  const { workers: { total }, epoch } = runtime.overview();
  console.log(JSON.stringify({ contents, overview: total, epoch, interrupted }));
}

try {
  if (what === "import") {
    const { FsRuntimeStore } = await import("../../../fs_store.ts");
    console.log(JSON.stringify({ imported: typeof FsRuntimeStore }));
  } else {
    await use();
    if (what === "fs") {
      await using runtime = await Runtime.open({ store: await openStore() });
      tell(runtime, await contents(runtime));
    }
  }
} catch (error) {
  if (!isRuntimeError(error)) throw error;
  const { code, details, message, cause } = error;
  console.log(JSON.stringify({ code, details, message, cause: cause instanceof Error ? cause.name : null }));
}
