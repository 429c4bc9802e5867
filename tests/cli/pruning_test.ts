// prune and purge: nothing without --apply, and an event records each.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { command, segments, snapshot, withDirectory } from "./kit.ts";
import { steadyClock } from "../kit/opened.ts";
import { everyEvent, openRuntime, severalDays } from "./stores.ts";
import { openReader } from "../fs/reading/reader.ts";

const local = (root: string) => ({ root, runtimeId: "local" });

Deno.test("prune lists the events that can be deleted, and deletes them with --apply", async () => {
  await withDirectory(async (root) => {
    await severalDays(root);
    const directory = join(root, "runtimes", "local");
    const before = snapshot(root);
    const planned = await command("prune", root, "--json");
    assertEquals([planned.code, planned.json.applied], [0, false]);
    assert(planned.json.events > 40, JSON.stringify(planned.json));
    assertEquals(snapshot(root), before);
    const count = segments(directory).length;
    const done = await command("prune", root, "--apply", "--json");
    assertEquals([done.code, done.json.applied, done.json.events], [0, true, planned.json.events], done.err);
    assert(segments(directory).length < count);
    await using view = await openReader(local(root));
    const { items } = await view.events({ limit: 5 });
    assert(items.some((event) => event.type === "custom" && event.name === "runtime.pruned"));
    assertEquals((await view.transcript("reviewer", { limit: 1_000 })).items.length, 103);
    const verified = await command("verify", root, "--json");
    assertEquals([verified.code, verified.json.verdict, verified.json.firstEventId], [
      0,
      "clean",
      planned.json.firstEventId,
    ]);
    const usage = await command("usage", root);
    assertStringIncludes(usage.out, "pruned");
  });
});

Deno.test("prune keeps the events that a missing transcript is rebuilt from", async () => {
  await withDirectory(async (root) => {
    await severalDays(root);
    const { json: { events } } = await command("prune", root, "--json");
    Deno.removeSync(join(root, "runtimes", "local", "workers", "reviewer", "transcript.jsonl"));
    const kept = await command("prune", root, "--apply", "--json");
    assertEquals([kept.code, kept.json.applied, kept.json.events], [0, false, 0], kept.err);
    assertStringIncludes((await command("prune", root)).out, "Nothing can be pruned");
    assertEquals((await command("repair", root, "--apply")).code, 0);
    const done = await command("prune", root, "--apply", "--json");
    assertEquals([done.json.applied, done.json.events >= events], [true, true], done.err);
    await using view = await openReader(local(root));
    assertEquals((await view.transcript("reviewer", { limit: 1_000 })).items.length, 103);
  });
});

/** One event of another time, as a wrong clock writes it, and a small cost with it. */
async function stray(root: string, at: string, costMicroUsd: number): Promise<void> {
  const runtime = await openRuntime({ root, now: () => Date.parse(at) });
  await runtime.worker("reviewer").commit({ usage: { model: "m", costMicroUsd } });
  await runtime.close();
}

for (const at of ["2099-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000Z"]) {
  Deno.test(`one event dated ${at.slice(0, 4)} moves no other, in prune --older-than and in the report`, async () => {
    await withDirectory(async (root) => {
      await severalDays(root);
      await stray(root, at, 15_000_000);
      const today = new Date(Date.now() - 3_600_000).toISOString().slice(0, 10);
      const runtime = await openRuntime({ root, now: steadyClock(`${today}T00:00:00.000Z`, 1) });
      const worker = runtime.worker("reviewer");
      for (let i = 0; i < 20; i++) {
        await worker.append([{ role: "assistant", content: `${today} ${"x".repeat(200)}` }]);
      }
      await worker.commit({ usage: { model: "m", costMicroUsd: 7_000_000 } });
      await runtime.close();
      const { json } = await command("prune", root, "--older-than", "2d", "--json");
      await using view = await openReader(local(root));
      const { items } = await view.events({ limit: 1_000 });
      const cutoff = new Date(Date.now() - 2 * 86_400_000).toISOString();
      assertEquals(json.through, items.findLast(({ at }) => at < cutoff)?.id);
      const { out } = await command("report", root);
      assert(out.includes(`${today}: $7.00`), "the cost of today is shown");
      assertEquals(out.includes("Their cost, $15.00, is included in the totals"), at.startsWith("2099"));
    });
  });
}

Deno.test("prune --older-than deletes only events that precede that time", async () => {
  await withDirectory(async (root) => {
    await severalDays(root);
    // Before the events of that day, whatever the time is now.
    const ageHours = Math.floor((Date.now() - Date.parse("2026-07-12T06:00:00Z")) / 3_600_000);
    const { json } = await command("prune", root, "--older-than", `${ageHours}h`, "--json");
    await using view = await openReader(local(root));
    const { items } = await view.events({ after: json.firstEventId - 1, limit: 1 });
    assert(json.events > 0 && (items[0]?.at ?? "") < "2026-07-13", JSON.stringify([json, items]));
    const none = await command("prune", root, "--older-than", "99999d");
    assertStringIncludes(none.out, "Nothing can be pruned");
    assertEquals((await command("prune", root, "--older-than", "soon")).code, 1);
  });
});

Deno.test("purge deletes stopped and retired workers, only with --apply", async () => {
  await withDirectory(async (root) => {
    const runtime = await openRuntime({ root });
    await everyEvent(runtime);
    await runtime.close();
    const before = snapshot(root);
    const running = await command("purge", root, "Ops/1", "reviewer");
    assertEquals(running.code, 1);
    assertStringIncludes(running.err, "stop or retire it first");
    const planned = await command("purge", root, "Ops/1");
    assertEquals(planned.code, 0);
    assertStringIncludes(planned.out, "Run again with --apply");
    assertEquals(snapshot(root), before);
    const done = await command("purge", root, "Ops/1", "id-2", "--apply", "--json");
    assertEquals([done.code, done.json.applied], [0, true], done.err);
    await using view = await openReader(local(root));
    assertEquals([...view.allWorkers()].map(({ record }) => record.workerId), ["reviewer"]);
    assertEquals((await command("verify", root)).code, 0);
  });
});

Deno.test("purge that was killed half way can be repeated, and refuses a worker that never was", async () => {
  await withDirectory(async (root) => {
    const runtime = await openRuntime({ root });
    await everyEvent(runtime);
    await runtime.worker("Ops/1").purge();
    await runtime.close();
    const planned = await command("purge", root, "Ops/1", "id-2");
    assertEquals(planned.code, 0, planned.err);
    assertStringIncludes(planned.out, "Ops/1 was purged before: skipped");
    const done = await command("purge", root, "Ops/1", "id-2", "--apply", "--json");
    assertEquals([done.code, done.json.applied, done.json.purgedBefore], [0, true, ["Ops/1"]], done.err);
    assertEquals(done.json.workers.map(({ workerId }: { workerId: string }) => workerId), ["id-2"]);
    const again = await command("purge", root, "Ops/1", "id-2", "--apply");
    assertEquals(again.code, 0, again.err);
    assertStringIncludes(again.out, "nothing left to purge");
    const wrong = await command("purge", root, "Ops/1", "Ops/2", "--apply");
    assertEquals(wrong.code, 1);
    assertStringIncludes(wrong.err, 'Cannot find worker "Ops/2"');
  });
});
