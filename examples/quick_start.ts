// The shortest program that keeps something: deno run --allow-read=./data --allow-write=./data examples/quick_start.ts

// deno-lint-ignore-file no-console
import { isRuntimeError, Runtime } from "@yoi/worker-runtime";
import { FsRuntimeStore } from "@yoi/worker-runtime/fs-store";

await using runtime = await Runtime.open({
  store: new FsRuntimeStore({ root: "./data", runtimeId: "local" }),
});

// The first start creates the worker, every later one finds it.
const worker = await runtime.ensureWorker({
  workerId: "reviewer",
  intent: { kind: "task", objective: "Review pull requests" },
});

// With a key, a command is safe to repeat.
const sent = await worker.sendInput({ role: "user", content: "Please review PR 42" }, { key: "slack:1712" });
console.log(sent.duplicate ? "It was asked before, as event" : "Asked, as event", sent.eventId);

// One run at a time. If this process dies in the middle, the next one finds the run interrupted.
await worker.run((run) =>
  // One event, all or nothing: the answer, its cost, and the host's own data.
  run.commit({
    entries: [{ role: "assistant", content: [{ type: "text", text: `Looks good (run ${run.runId})` }] }],
    usage: { model: "m-1", inputTokens: 812, outputTokens: 64 },
    data: { reviewed: { pr: 42 } },
  })
);

try {
  await worker.sendInput({ role: "user", content: "Late" }, { expect: { lastEventId: sent.eventId } });
} catch (error) {
  if (!isRuntimeError(error) || error.code !== "conflict") throw error;
  console.log("Rejected, because there is news since event", error.details.expected);
}

const { items, length } = await worker.transcript({ limit: 3 });
console.log(`The newest of ${length} entries:`);
for (const { seq, role, content } of items) console.log(`  ${seq} ${role}: ${JSON.stringify(content)}`);
console.log("Used so far:", worker.state().usage.inputTokens, "input tokens");
