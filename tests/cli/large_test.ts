// A store longer than V8's longest string: verified, exported, imported and backed up in bounded memory. It takes
// minutes and gigabytes, so it runs only on request: deno task test:large.

import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { isGranted, privileged } from "../privileged.ts";
import { cli, withDirectory } from "./kit.ts";
import { openRuntime } from "./stores.ts";

const LOG_BYTES = 620_000_000;
const WORKERS = 10_000;
/** Heap of the command: far less than the log. */
const HEAP = "--v8-flags=--max-old-space-size=256";

function isAsked(): boolean {
  return isGranted("env") && Deno.env.get("WORKER_RUNTIME_LARGE") === "1";
}

/** A log of the asked size: 10,000 workers, and entries from a line to a long file. */
async function largeStore(root: string): Promise<number> {
  const runtime = await openRuntime({ root, now: Date.now });
  const text = "The quick brown fox jumps over the lazy dog. ".repeat(2_000);
  let bytes = 0;
  for (let from = 0; from < WORKERS; from += 1_000) {
    const ids = Array.from({ length: 1_000 }, (_, index) => `w${from + index}`);
    await Promise.all(
      ids.map((workerId) => runtime.createWorker({ workerId, intent: { kind: "assistant" } })),
    );
  }
  for (let n = 0; bytes < LOG_BYTES; n += 1_000) {
    await Promise.all(Array.from({ length: 1_000 }, async (_, index) => {
      const worker = runtime.worker(`w${(n + index) * 7 % WORKERS}`);
      const content = text.slice(0, (n + index) * 37 % 4_000 + ((n + index) % 500 === 0 ? 60_000 : 0));
      bytes += content.length + 250;
      await worker.append([{ role: "assistant", content }]);
      if (index % 4 === 0) {
        await worker.commit({ usage: { model: `m-${index % 3}`, inputTokens: 900, costMicroUsd: 70 } });
      }
    }));
  }
  await runtime.close();
  return bytes;
}

Deno.test({
  ...privileged(
    "a store of 600 MB and 10,000 workers is verified, exported, imported and backed up in bounded memory",
    isAsked() ? undefined : "deno task test:large runs it",
  ),
  fn: async () => {
    await withDirectory(async (directory) => {
      const [source, target, to] = ["source", "target", "copy"].map((name) => join(directory, name));
      const [file, again] = [join(directory, "export.jsonl"), join(directory, "again.jsonl")];
      const all = [`--allow-read=${directory}`, `--allow-write=${directory}`, HEAP];
      const timed = async (...args: string[]) => {
        const startedAt = performance.now();
        const ran = await cli(all, ...args, "--json");
        assertEquals([ran.code, ran.err], [0, ""], ran.out.slice(0, 2_000));
        const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
        Deno.stderr.writeSync(new TextEncoder().encode(`${args[0]}: ${seconds} s\n`));
        return ran.json;
      };
      const bytes = await largeStore(source ?? "");
      assert(bytes > 536_870_888, "longer than the longest string");
      const verified = await timed("verify", source ?? "");
      assertEquals([verified.verdict, verified.findings, verified.workers], ["clean", [], WORKERS]);
      await timed("inspect", source ?? "");
      await timed("export", source ?? "", "-o", file);
      await timed("import", file, target ?? "");
      await timed("export", target ?? "", "-o", again);
      const [one, two] = await Promise.all([file, again].map(digest));
      assertEquals(two, one);
      const copied = await timed("backup", source ?? "", to ?? "");
      assertEquals(copied.verified.verdict, "clean");
      const kept = await timed("backup", source ?? "", to ?? "", "--no-verify");
      assertEquals(kept.copiedBytes, 0);
      assertEquals((await timed("verify", target ?? "")).verdict, "clean");
    });
  },
});

/** The SHA-256 of a file, in pieces. */
async function digest(path: string): Promise<string> {
  const command = new Deno.Command("sha256sum", { args: [path], stdout: "piped" });
  return new TextDecoder().decode((await command.output()).stdout).slice(0, 64);
}
