// Continues the draft of worker a with numbers until it is killed. Prints where it begins ("> number"), and each
// number once it was acknowledged ("< number").

// deno-lint-ignore-file no-console
import { Runtime } from "../../../mod.ts";
import { FsRuntimeStore } from "../../../fs_store.ts";

const [root = ""] = Deno.args;
/** Texts on their way at once. */
const AT_ONCE = 8;

const runtime = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "local" }) });
const worker = await runtime.ensureWorker({ workerId: "a", intent: { kind: "assistant" } });
const { text = "" } = await worker.draft() ?? {};
const run = await worker.beginRun({ draft: text });
let next = text.split(" ").length - 1;
console.log(`> ${next}`);

async function stream(): Promise<never> {
  for (;;) {
    const number = next++;
    await run.commit({ draft: `${number} ` });
    console.log(`< ${number}`);
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, stream));
