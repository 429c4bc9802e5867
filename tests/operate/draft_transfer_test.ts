// Drafts in exports, imports and backups: the text comes along, whatever was pruned and however events are numbered.

import { assert, assertEquals } from "@std/assert";
import { backup, exportRuntime, importRuntime, verify } from "../../operate.ts";
import { openReader } from "../fs/reading/reader.ts";
import { streamOf, textOf, withDirectory } from "../cli/kit.ts";
import { openRuntime } from "../cli/stores.ts";

const local = (root: string) => ({ root, runtimeId: "local" });
const DRAFTS = { a: "half of an \uD83E\uDD8A answer", b: null, c: "more" };

/** A store with the drafts of an interrupted run and of one that the next opening interrupts. */
async function made(root: string, isPruned: boolean): Promise<void> {
  for (let round = 0; round < 3; round++) {
    const runtime = await openRuntime({ root });
    for (const workerId of ["b", "a", "c"]) {
      const worker = await runtime.ensureWorker({ workerId, intent: { kind: "assistant" } });
      await worker.append([{ role: "tool", content: `${round} ${"x".repeat(500)}` }]);
    }
    await runtime.flush();
    await runtime.close();
  }
  const runtime = await openRuntime({ root });
  const run = await runtime.worker("a").beginRun();
  await runtime.worker("b").append([{ role: "tool", content: "between" }]);
  for (const draft of ["half of an \uD83E", "\uDD8A", " answer"]) await run.commit({ draft });
  await runtime.close();
  const last = await openRuntime({ root });
  if (isPruned) await last.prune();
  await (await last.worker("c").beginRun()).commit({ draft: "more" });
  await last.close();
}

async function draftsOf(root: string): Promise<Record<string, string | null>> {
  await using reader = await openReader(local(root));
  const drafts: Record<string, string | null> = {};
  for (const { record: { workerId } } of reader.allWorkers()) {
    drafts[workerId] = (await reader.draft(workerId))?.text ?? null;
  }
  return drafts;
}

for (const isPruned of [false, true]) {
  Deno.test(`drafts are exported, imported and backed up ${isPruned ? "of a pruned" : "of a whole"} log`, async () => {
    await withDirectory(async (directory) => {
      const [root, target, copy] = ["source", "target", "copy"].map((name) => `${directory}/${name}`) as [
        string,
        string,
        string,
      ];
      Deno.mkdirSync(`${root}/runtimes/local`, { recursive: true });
      Deno.writeTextFileSync(`${root}/runtimes/local/config.jsonc`, '{ "limits": { "segmentBytes": 4096 } }');
      await made(root, isPruned);
      assertEquals(await draftsOf(root), DRAFTS);
      const stream = await textOf(exportRuntime(local(root)));
      assertEquals(stream.includes('{"snapshot":'), isPruned);
      await importRuntime(target, streamOf(stream));
      assertEquals(await textOf(exportRuntime(local(target))), stream);
      await backup(local(root), { to: copy });
      for (const place of [target, copy]) {
        assertEquals(await draftsOf(place), DRAFTS);
        assertEquals((await verify(local(place))).verdict, "clean");
        const runtime = await openRuntime({ root: place });
        assertEquals((await runtime.worker("c").draft())?.text, "more");
        await runtime.close();
      }
    });
  });
}

Deno.test("the draft of a worker that is exported alone comes along with new event ids", async () => {
  await withDirectory(async (directory) => {
    const [root, target] = [`${directory}/source`, `${directory}/target`];
    await made(root, false);
    const stream = await textOf(exportRuntime(local(root), { worker: "a" }));
    await importRuntime(target, streamOf(stream));
    assertEquals(await draftsOf(target), { a: DRAFTS.a });
    await using before = await openReader(local(root));
    await using after = await openReader(local(target));
    const [first, then] = [before, after].map((view) => view.worker("a").lastRun?.draft);
    assert(first !== undefined && then !== undefined && then.eventId < first.eventId);
    assertEquals(then.bytes, first.bytes);
  });
});
