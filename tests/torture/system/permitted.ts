/**
 * Runs operations in sequence with the given permissions, and prints each result:
 * `OPERATION ok` or `OPERATION CODE FLAG`.
 *
 * @module
 */
import { FsRuntimeStore } from "../../../fs_store.ts";
import { isRuntimeError, Runtime } from "../../../mod.ts";

const [root = "", revoke = ""] = Deno.args;
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
  if (revoke !== "") Deno.permissions.revokeSync({ name: revoke as "read" | "write" });
  const worker = runtime.worker("w");
  await attempt(
    "create",
    () => runtime.createWorker({ workerId: `n${Deno.pid}`, intent: { kind: "assistant" } }),
  );
  await attempt("input", () => worker.sendInput({ role: "user", content: "input" }));
  await attempt("append", () => worker.append([{ role: "assistant", content: "append" }]));
  await attempt("update", () => worker.updateState({ a: 1 }));
  const run = await attempt("begin", () => worker.beginRun());
  await attempt("finish", async () => await run?.finish("completed"));
  await attempt("usage", () => worker.recordUsage({ model: "m" }));
  await attempt("note", () => worker.record("note", 1));
  await attempt("hostNote", () => runtime.record("note", 1));
  await attempt("flush", () => runtime.flush());
  await attempt("transcript", () => worker.transcript());
  await attempt("events", () => runtime.events());
  await attempt("workerEvents", () => worker.events());
  await attempt("watch", async () => {
    for await (const _ of runtime.watch({ after: 0 })) return;
  });
  await attempt("state", () => Promise.resolve(worker.state()));
  await attempt("overview", () => Promise.resolve(runtime.overview()));
  await attempt("prune", () => runtime.prune({ dryRun: false }));
  await attempt("purge", async () => {
    const other = runtime.worker(`n${Deno.pid}`);
    await other.cancel();
    await other.purge();
  });
  await attempt("close", () => runtime.close());
}
say("end");
