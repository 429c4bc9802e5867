/**
 * A host that works on a real store until it is killed. It prints `ready`,
 * then a line for every command that was acknowledged.
 *
 * @module
 */
import { FsRuntimeStore } from "../../../fs_store.ts";
import { Runtime } from "../../../mod.ts";

const [root = "", prefix = ""] = Deno.args;
const encoder = new TextEncoder();

function say(...words: readonly (string | number)[]): void {
  Deno.stdout.writeSync(encoder.encode(`${words.join(" ")}\n`));
}

async function call(runtime: Runtime, caller: number): Promise<void> {
  const workerId = `w${caller % 4}`;
  const worker = runtime.worker(workerId);
  for (let count = 0;; count++) {
    const key = `${prefix}-${caller}-${count}`;
    const receipt = count % 5 === 4
      ? await worker.recordUsage({ model: "m", inputTokens: 1 }, { key })
      : await worker.sendInput({ role: "user", content: `${key} ${"z".repeat(count * 37 % 900)}` }, { key });
    say("ack", workerId, key, receipt.eventId);
  }
}

try {
  const store = new FsRuntimeStore({ root, runtimeId: "t" });
  const runtime = await Runtime.open({ store });
  for (const workerId of ["w0", "w1", "w2", "w3"]) {
    await runtime.createWorker({ workerId, intent: { kind: "assistant" } }, { key: `create ${workerId}` });
  }
  say("ready");
  await Promise.all(Array.from({ length: 8 }, (_, caller) => call(runtime, caller)));
} catch (error) {
  say("failed", String(error).replaceAll("\n", " "));
}
