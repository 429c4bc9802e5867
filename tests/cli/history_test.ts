// readHistory() counts by day; events of a newer version are shown as such.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { readHistory } from "../../operate.ts";
import { parseWorkerId, type Runtime } from "../../mod.ts";
import { encodeLines, logText } from "../../src/fs/lines/codec.ts";
import { appendTo } from "../kit/place.ts";
import { command, segments, withDirectory } from "./kit.ts";
import { openRuntime } from "./stores.ts";

/** A host that works on one day. */
async function onDay(root: string, day: string, work: (runtime: Runtime) => Promise<void>): Promise<void> {
  const runtime = await openRuntime({ root, now: () => Date.parse(`${day}T12:00:00.000Z`) });
  await work(runtime);
  await runtime.close();
}

Deno.test("readHistory() counts workers, entries and usage of each day, and each change of status once", async () => {
  await withDirectory(async (root) => {
    const usage = { model: "m", inputTokens: 5, costMicroUsd: 7 };
    await onDay(root, "2026-07-01", async (runtime) => {
      const commit = { entries: [{ role: "user", content: "Hi" }], usage: [usage, { model: "n" }] };
      const first = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } }, { commit });
      await runtime.createWorker({ workerId: "b", intent: { kind: "assistant" } });
      await first.append([{ role: "user", content: 1 }, { role: "user", content: { entries: [1] } }]);
      await first.stop();
    });
    await onDay(root, "2026-07-02", async (runtime) => {
      await runtime.worker("a").restart();
      await runtime.worker("a").stop();
      await runtime.worker("a").retire();
      await runtime.worker("a").purge();
    });
    await onDay(root, "2026-07-03", async (runtime) => {
      await runtime.createWorker({ workerId: "c", intent: { kind: "assistant" } });
      await runtime.worker("c").stop();
      await runtime.retire();
    });
    const history = await readHistory({ root, runtimeId: "local" }, { through: 18 });
    const counts = history.days.map(({ day, created, ended, restarted, entries }) => [
      day,
      { created, ended, restarted, entries },
    ]);
    assertEquals(counts, [
      ["2026-07-01", { created: 2, ended: 1, restarted: 0, entries: 3 }],
      ["2026-07-02", { created: 0, ended: 1, restarted: 1, entries: 0 }],
      // "b" ended with the runtime.
      ["2026-07-03", { created: 1, ended: 2, restarted: 0, entries: 0 }],
    ]);
    const [first] = history.days;
    assertEquals([first?.usage.requests, first?.usage.costMicroUsd, Object.keys(first?.usageByModel ?? {})], [
      2,
      7,
      ["m", "n"],
    ]);
    const ofB = await readHistory({ root, runtimeId: "local" }, {
      through: 18,
      worker: parseWorkerId("b"),
    });
    assertEquals(ofB.days.map(({ day, created, entries }) => [day, created, entries]), [[
      "2026-07-01",
      1,
      0,
    ]]);
  });
});

Deno.test("readHistory() lists the runs that were open when their process ended", async () => {
  await withDirectory(async (root) => {
    const killed = join(root, "killed");
    Deno.mkdirSync(killed);
    const runtime = await openRuntime({ root: killed });
    const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    await worker.beginRun({ runId: "left-open" });
    await runtime.close();
    await (await openRuntime({ root: killed })).close();
    const { interrupted, days } = await readHistory({ root: killed, runtimeId: "local" }, { through: 8 });
    assertEquals(interrupted.map(({ workerId, runId }) => [workerId, runId]), [["a", "left-open"]]);
    assertEquals(days.reduce((sum, day) => sum + day.interrupted, 0), 1);
  });
});

Deno.test("events shows an event of a newer version by the type that it was written with", async () => {
  await withDirectory(async (root) => {
    await (await openRuntime({ root })).close();
    const at = "2026-07-30T22:00:00.000Z";
    const json = JSON.stringify({ id: 4, at, type: "worker.cloned", workerId: "a", from: "b" });
    const bytes = new Uint8Array(1_000);
    const [end] = encodeLines(logText([{ json }], 3), bytes, 0) ?? [];
    appendTo(segments(join(root, "runtimes", "local")).at(-1) ?? "", bytes.subarray(0, end));
    const { code, out } = await command("events", root);
    assertEquals(code, 0);
    assertStringIncludes(out, "4  2026-07-30 22:00:00  worker.cloned    a       of a newer version");
    const { json: page } = await command("events", root, "--json");
    assertEquals(page.items.at(-1), { id: 4, at, type: "unknown", event: JSON.parse(json), workerId: "a" });
  });
});
