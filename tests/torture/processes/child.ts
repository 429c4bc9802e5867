/**
 * A host that works on a real store until it is killed. It prints `ready`,
 * then a line for every command and every blob that was acknowledged.
 *
 * @module
 */
import { FsRuntimeStore } from "../../../fs_store.ts";
import { type Receipt, Runtime, type Worker } from "../../../mod.ts";
import { blobOf, largeContentOf, slowly } from "./blobs.ts";

const [root = "", prefix = ""] = Deno.args;
const encoder = new TextEncoder();

function say(...words: readonly (string | number)[]): void {
  Deno.stdout.writeSync(encoder.encode(`${words.join(" ")}\n`));
}

async function call(runtime: Runtime, caller: number): Promise<void> {
  const worker = runtime.worker(`w${caller % 4}`);
  for (let count = caller;; count++) {
    const key = `${prefix}-${caller}-${count}`;
    const { eventId } = await command(worker, key, count);
    say("ack", worker.workerId, key, eventId);
  }
}

async function command(worker: Worker, key: string, count: number): Promise<Receipt> {
  switch (count % 6) {
    case 1:
    case 2:
      return await withBlob(worker, key);
    case 3:
      if (count % 4 === 3) {
        return await worker.append([{ role: "tool", content: largeContentOf(key) }], { key });
      }
      break;
    case 4:
      return await worker.commit({ usage: { model: "m", inputTokens: 1 } }, { key });
  }
  return await worker.sendInput({ role: "user", content: `${key} ${"z".repeat(count * 37 % 900)}` }, { key });
}

/** Puts two blobs, and refers to one of them. */
async function withBlob(worker: Worker, key: string): Promise<Receipt> {
  const [ref] = await Promise.all([key, `${key} alone`].map(async (name) => {
    const ref = await worker.putBlob(slowly(blobOf(name)));
    say("blob", worker.workerId, name.replaceAll(" ", "+"), ref.sha256);
    return ref;
  }));
  const blobs = ref === undefined ? [] : [ref];
  return await worker.append([{ role: "user", content: key, blobs }], { key });
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
