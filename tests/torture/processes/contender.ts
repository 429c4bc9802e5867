/**
 * One of several processes that want the same stores. It reads lines:
 * `open DIRECTORY` is answered by `won DIRECTORY` or `lost DIRECTORY CODE OWNER`,
 * `close DIRECTORY` by `closed DIRECTORY`.
 *
 * @module
 */
import { FsRuntimeStore } from "../../../fs_store.ts";
import { isRuntimeError } from "../../../mod.ts";
import { acquire } from "../../kit/acquire.ts";

const stores = new Map<string, FsRuntimeStore>();
const encoder = new TextEncoder();

function say(...words: readonly string[]): void {
  Deno.stdout.writeSync(encoder.encode(`${words.join(" ")}\n`));
}

async function open(root: string): Promise<void> {
  try {
    stores.set(root, await acquire(new FsRuntimeStore({ root, runtimeId: "t" })));
    say("won", root);
  } catch (error) {
    if (!isRuntimeError(error)) return say("lost", root, "untyped", String(error));
    const owner = error.code === "store_locked" ? error.details.owner : error.message;
    say("lost", root, error.code, owner.replaceAll("\n", " "));
  }
}

async function close(root: string): Promise<void> {
  await stores.get(root)?.close();
  stores.delete(root);
  say("closed", root);
}

say("ready");
let rest = "";
for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    const [word, root = ""] = line.split(" ");
    void (word === "open" ? open(root) : close(root));
  }
}
