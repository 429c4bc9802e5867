// Writes with keys from several workers at once until it is killed. Prints each key before it is used ("> key") and
// after it was acknowledged ("< key event duplicate").

// deno-lint-ignore-file no-console
import { Runtime, type Worker } from "../../../mod.ts";
import { FsRuntimeStore } from "../../../fs_store.ts";

const [root = "", round = ""] = Deno.args;
const WRITERS = 6;

async function write(worker: Worker, writer: number): Promise<never> {
  for (let count = 0;; count++) {
    const key = `${round}-${writer}-${count}`;
    console.log(`> ${key}`);
    const content = `${key} ${"x".repeat(count * 997 % 5_000)}`;
    const { eventId } = await worker.sendInput({ role: "user", content }, { key });
    console.log(`< ${key} ${eventId}`);
  }
}

const store = new FsRuntimeStore({ root, runtimeId: "local" });
const runtime = await Runtime.open({ store });
console.log("open");
const workers = await Promise.all(
  ["a", "b", "c"].map((workerId) =>
    runtime.createWorker({ workerId, intent: { kind: "assistant" } }, { key: `create ${workerId}` })
  ),
);
await Promise.all(workers.map((worker) => worker.beginRun().catch(() => undefined)));
const writing = Array.from({ length: WRITERS }, (_, writer) => {
  const worker = workers[writer % workers.length];
  return worker === undefined ? undefined : write(worker, writer);
});
await Promise.all(writing);
