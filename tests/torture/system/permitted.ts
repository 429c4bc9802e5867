/**
 * Runs operations in sequence with the given permissions, and prints each result:
 * `OPERATION ok` or `OPERATION CODE FLAG`.
 *
 * @module
 */
import { FsRuntimeStore } from "../../../fs_store.ts";
import { type BlobRef, isRuntimeError, Runtime, type Worker } from "../../../mod.ts";

const [root = "", revoke = ""] = Deno.args;
const KEPT: BlobRef = JSON.parse(Deno.args[2] ?? "null");
const encoder = new TextEncoder();

function say(...words: readonly string[]): void {
  Deno.stdout.writeSync(encoder.encode(`${words.join(" ")}\n`));
}

async function attempt<T>(operation: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    const result = await work();
    say(operation, "ok");
    return result;
  } catch (error) {
    if (!isRuntimeError(error)) say(operation, "untyped", String(error).replaceAll("\n", " "));
    else say(operation, error.code, error.code === "store_permission" ? error.details.flag : "");
    return undefined;
  }
}

const runtime = await attempt(
  "open",
  async () => await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "t" }) }),
);
if (runtime !== undefined) {
  const ofWorker = <T>(operation: string, work: (worker: Worker) => Promise<T>): Promise<T | undefined> =>
    attempt(operation, async () => await work(runtime.worker("w")));
  if (revoke !== "") Deno.permissions.revokeSync({ name: revoke as "read" | "write" });
  await attempt(
    "create",
    () => runtime.createWorker({ workerId: `n${Deno.pid}`, intent: { kind: "assistant" } }),
  );
  await ofWorker("input", (worker) => worker.sendInput({ role: "user", content: "input" }));
  await ofWorker("append", (worker) => worker.append([{ role: "assistant", content: "append" }]));
  await ofWorker("data", (worker) => worker.commit({ data: { a: 1 } }));
  const run = await ofWorker("begin", (worker) => worker.beginRun());
  await attempt("finish", async () => await run?.finish("completed"));
  await ofWorker("usage", (worker) => worker.commit({ usage: { model: "m" } }));
  await ofWorker("note", (worker) => worker.commit({ events: [{ name: "note", data: 1 }] }));
  await ofWorker("labels", (worker) => worker.commit({ labels: { a: "b" }, displayName: "W" }));
  await ofWorker("put", (worker) => worker.putBlob(new Uint8Array(5_000)));
  await ofWorker("spill", (worker) => worker.append([{ role: "tool", content: "x".repeat(300_000) }]));
  await ofWorker("blob", async (worker) => await new Response(await worker.blob(KEPT)).arrayBuffer());
  await ofWorker("blobs", (worker) => worker.removeUnreferencedBlobs());
  await attempt("hostNote", () => runtime.record("note", 1));
  await attempt("flush", () => runtime.flush());
  await ofWorker("transcript", (worker) => worker.transcript());
  await attempt("events", () => runtime.events());
  await ofWorker("workerEvents", (worker) => worker.events());
  await attempt("watch", async () => {
    for await (const _ of runtime.watch({ after: 0 })) return;
  });
  await ofWorker("state", (worker) => Promise.resolve(worker.state()));
  await attempt("overview", () => Promise.resolve(runtime.overview()));
  await ofWorker("stop", (worker) => worker.stop());
  await ofWorker("restart", (worker) => worker.restart());
  await attempt("prune", () => runtime.prune());
  await attempt("purge", async () => {
    const other = runtime.worker(`n${Deno.pid}`);
    await other.retire();
    await other.purge();
  });
  await attempt("close", () => runtime.close());
}
say("end");
