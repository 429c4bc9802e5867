// A job of several steps that continues where it stopped, however it stopped. Kill it and start it again:
//
//     deno run --allow-read=./data --allow-write=./data examples/resume.ts

// deno-lint-ignore-file no-console
import { Runtime, type Worker } from "@yoi/worker-runtime";
import { FsRuntimeStore } from "@yoi/worker-runtime/fs-store";

const STEPS = ["check out", "install", "compile", "test", "measure", "package", "sign", "release"];

/** Stands for the real work of a step, which may be done once more than it is recorded: after a crash in between. */
async function perform(step: string, signal: AbortSignal): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, 250));
  signal.throwIfAborted();
  return `${step}: ok`;
}

/** Does the steps that are not in the transcript yet. The transcript is the progress: there is no second account. */
async function work(worker: Worker): Promise<void> {
  await worker.run(async (run) => {
    for (const step of STEPS.slice(worker.state().transcriptLength)) {
      const content = await perform(step, run.signal);
      // With a key, a step that is recorded twice is there once.
      await run.append([{ role: "tool", name: step, content }], { key: step });
      console.log(content);
    }
  });
  await worker.stop({ reason: "all steps are done" });
}

await using runtime = await Runtime.open({
  store: new FsRuntimeStore({ root: "./data", runtimeId: "jobs" }),
});
const job = await runtime.ensureWorker({
  workerId: "release-1.2",
  intent: { kind: "task", objective: "Release version 1.2" },
});

// A run that was open when the last process died was closed as interrupted while the runtime was opened.
const { lastRun, transcriptLength } = job.state();
if (lastRun?.outcome === "interrupted") {
  console.log(`Interrupted after ${transcriptLength} of ${STEPS.length} steps; going on`);
}
for (const { record } of runtime.allWorkers({ status: "running" })) {
  await work(runtime.worker(record.workerId));
}
console.log(`${job.workerId} is ${job.state().status}`);
