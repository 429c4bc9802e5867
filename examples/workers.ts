// Many workers side by side, some of them cancelled while they work. Needs no permission:
//
//     deno run examples/workers.ts

// deno-lint-ignore-file no-console
import { MemoryRuntimeStore, Runtime, type Worker } from "@yoi/worker-runtime";

const WORKERS = 20;

/** Stands for a request that takes a while and takes a signal, as `fetch` does. */
function request(ms: number, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(`answered after ${ms} ms`), ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

/** One worker's run. A cancel ends the run by itself, so there is nothing left to finish then. */
async function work(worker: Worker, ms: number): Promise<void> {
  const run = await worker.beginRun();
  try {
    const content = await request(ms, run.signal);
    await worker.append([{ role: "assistant", content }]);
    await worker.recordUsage({ model: "m-1", outputTokens: content.length });
    await run.finish("completed");
  } catch (error) {
    if (!run.signal.aborted) await run.finish("failed", { reason: String(error) });
  }
}

await using runtime = await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "local" }) });
const workers = await Promise.all(
  Array.from({ length: WORKERS }, (_, index) =>
    runtime.createWorker({
      workerId: `worker-${index + 1}`,
      intent: { kind: "assistant" },
      labels: { tier: index % 4 === 0 ? "slow" : "fast" },
    })),
);

const running = workers.map((worker, index) => work(worker, index % 4 === 0 ? 60_000 : 10 + index));
setTimeout(async () => {
  for (const { record } of runtime.workers({ status: "running" }).items) {
    if (record.labels.tier === "slow") {
      await runtime.worker(record.workerId).cancel({ reason: "took too long" });
    }
  }
}, 100);
await Promise.all(running);

const { workers: counts, usage } = runtime.overview();
console.log(
  `${counts.total} workers: ${counts.running} running, ${counts.cancelled} cancelled, ${counts.busy} busy`,
);
console.log(`${usage.requests} requests`);
for (const { record, lastRun } of runtime.workers().items) {
  console.log(`${record.workerId}: ${lastRun?.outcome}${lastRun?.reason ? ` (${lastRun.reason})` : ""}`);
}
