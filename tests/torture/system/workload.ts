/**
 * A host that works on a real store whose disk fails. It prints `ack KEY EVENT` or
 * `no KEY CODE` for every command, `blob NAME HASH` for every blob, and closes normally.
 *
 * @module
 */
import { FsRuntimeStore } from "../../../fs_store.ts";
import { isRuntimeError, Runtime } from "../../../mod.ts";
import { blobOf, largeContentOf } from "../processes/blobs.ts";

const [root = "", rounds = "12"] = Deno.args;
const encoder = new TextEncoder();

function say(...words: readonly (string | number)[]): void {
  Deno.stdout.writeSync(encoder.encode(`${words.join(" ")}\n`));
}

function codeOf(error: unknown): string {
  return isRuntimeError(error) ? error.code : `untyped ${String(error).replaceAll("\n", " ")}`;
}

async function send(runtime: Runtime, key: string, length: number): Promise<void> {
  try {
    const content = `${key} ${"z".repeat(length)}`;
    const { eventId } = await runtime.worker("w").sendInput({ role: "user", content }, { key });
    say("ack", key, eventId);
  } catch (error) {
    say("no", key, codeOf(error));
  }
}

/** Puts a blob, refers to it, and keeps content as a blob. */
async function sendLarge(runtime: Runtime, key: string): Promise<void> {
  try {
    const worker = runtime.worker("w");
    const ref = await worker.putBlob(blobOf(key));
    say("blob", key, ref.sha256);
    const content = largeContentOf(key);
    const { eventId } = await worker.append([{ role: "tool", content, blobs: [ref] }], { key });
    say("ack", key, eventId);
  } catch (error) {
    say("no", key, codeOf(error));
  }
}

/** With a key: the effect of a rejected command is achieved by the next one. */
async function create(runtime: Runtime): Promise<void> {
  try {
    await runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } }, { key: "create" });
  } catch (error) {
    say("no", "create", codeOf(error));
  }
}

try {
  const store = new FsRuntimeStore({ root, runtimeId: "t" });
  const runtime = await Runtime.open({ store });
  for (let round = 0; round < Number(rounds); round++) {
    await create(runtime);
    await Promise.all([0, 1, 2].map((caller) => send(runtime, `k${round}-${caller}`, round * 150)));
    if (round % 3 === 1) await sendLarge(runtime, `b${round}`);
    if (round % 4 === 3) await runtime.flush().catch((error) => say("no", "flush", codeOf(error)));
  }
  await runtime.close();
} catch (error) {
  say("no", "open", codeOf(error));
}
say("end");
