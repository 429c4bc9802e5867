// Many workers side by side; the runs of some are cancelled. Needs no permission:
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

/** One worker's run; it ends as completed, cancelled or failed, by what happens in it. */
async function work(worker: Worker, ms: number): Promise<void> {
  await worker.run(async (run) => {
    const content = await request(ms, run.signal);
    await run.commit({
      entries: [{ role: "assistant", content }],
      usage: { model: "m-1", outputTokens: content.length },
    });
  });
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
  for (const { record } of runtime.allWorkers({ label: { tier: "slow" } })) {
    await runtime.worker(record.workerId).openRun?.cancel({ reason: "took too long" });
  }
}, 100);
// Those that were cancelled reject with the reason of their signal.
const results = await Promise.allSettled(running);

const { workers: counts, usage } = runtime.overview();
const cancelled = results.filter(({ status }) => status === "rejected").length;
console.log(`${counts.total} workers: ${counts.busy} busy, ${cancelled} cancelled`);
console.log(`${usage.requests} requests`);
for (const { record, lastRun } of runtime.allWorkers()) {
  console.log(`${record.workerId}: ${lastRun?.outcome}${lastRun?.reason ? ` (${lastRun.reason})` : ""}`);
}
