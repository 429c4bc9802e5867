// readHistory() counts by day; events of a newer version are shown as such.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { readHistory } from "../../operate.ts";
import { FsRuntimeStore } from "../../fs_store.ts";
import { parseWorkerId, Runtime } from "../../mod.ts";
import { encodeLines, logText } from "../../src/fs/lines/codec.ts";
import { openReader } from "../fs/reading/reader.ts";
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

/** The milestones of a worker, each as its members besides its event and its time. */
async function milestonesOf(
  root: string,
  workerId: string,
  firstSeq = 1,
): Promise<Record<string, unknown>[]> {
  const through = (await openReader({ root, runtimeId: "local" })).lastEventId;
  const conversations = new Map([[parseWorkerId(workerId), firstSeq]]);
  const { milestones } = await readHistory({ root, runtimeId: "local" }, { through, conversations });
  return (milestones.get(parseWorkerId(workerId)) ?? []).map(({ eventId: _, at: _at, ...members }) =>
    members
  );
}

Deno.test("readHistory() lists runs, rewinds and changes of status of the conversations that it is given", async () => {
  await withDirectory(async (root) => {
    await onDay(root, "2026-07-01", async (runtime) => {
      const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
      await runtime.createWorker({ workerId: "b", intent: { kind: "assistant" } });
      await runtime.worker("b").beginRun({ runId: "r-b" });
      const run = await worker.beginRun({ runId: "r-1" });
      await run.append([{ role: "assistant", content: 1 }, { role: "assistant", content: 2 }]);
      await run.commit({ draft: "dropped" });
      await run.finish("failed", { reason: "x".repeat(600) });
      await worker.beginRun({ runId: "r-2" });
      await worker.rewind({ toSeq: 1 }, { cancelRun: true });
      await worker.compact({ through: 1, summary: { role: "user", content: "3" } });
      await worker.stop({ reason: "a break" });
      await worker.restart();
      await worker.beginRun({ runId: "r-3" });
      await runtime.retire({ reason: "over" });
    });
    const at = "2026-07-01T12:00:00.000Z";
    const all = [
      { runId: "r-1", began: true },
      { runId: "r-1", ended: "failed", reason: `${"x".repeat(500)} ...`, startedAt: at },
      { runId: "r-2", began: true },
      { runId: "r-2", ended: "cancelled", startedAt: at },
      { runId: "r-2", rewound: 1 },
      { status: "stopped", reason: "a break" },
      { status: "running" },
      { runId: "r-3", began: true },
      { runId: "r-3", ended: "cancelled", reason: "over", startedAt: at },
      { status: "retired", reason: "over" },
    ];
    assertEquals(await milestonesOf(root, "a"), all);
    // The run that is open at the first entry, and what follows the entry before it.
    assertEquals(await milestonesOf(root, "a", 2), all);
    assertEquals(await milestonesOf(root, "a", 3), all.slice(0, 10));
    assertEquals(await milestonesOf(root, "a", 4), all.slice(5));
    assertEquals(await milestonesOf(root, "b"), [{ runId: "r-b", began: true }, {
      runId: "r-b",
      ended: "cancelled",
      reason: "over",
      startedAt: at,
    }, { status: "retired", reason: "over" }]);
    const without = await readHistory({ root, runtimeId: "local" }, { through: 5 });
    assertEquals([...without.milestones], []);
  });
});

Deno.test("readHistory() keeps the drafts of interrupted runs, and nothing of an earlier life of a worker", async () => {
  await withDirectory(async (root) => {
    const intent = { kind: "assistant" } as const;
    const drafts = [["gone", null, "half ", "an answer"], ["é".repeat(5_000)], []] as const;
    for (const [index, texts] of drafts.entries()) {
      const store = new FsRuntimeStore({ root, runtimeId: "local" });
      const runtime = await Runtime.open({ store, now: () => Date.parse("2026-07-01") });
      if (index === 0) {
        const old = await runtime.createWorker({ workerId: "a", intent });
        await old.retire();
        await old.purge();
        await runtime.createWorker({ workerId: "a", intent });
      }
      const run = await runtime.worker("a").beginRun({ runId: `r-${index}` });
      for (const draft of texts) await run.commit({ draft });
      await (texts.length === 0 ? runtime.close() : store.close());
    }
    const ends = (await milestonesOf(root, "a")).filter(({ ended }) => ended !== undefined);
    assertEquals(
      ends.map(({ runId, ended, draft }) => [runId, ended, draft]),
      [
        ["r-0", "interrupted", { text: "half an answer", bytes: 14 }],
        ["r-1", "interrupted", { text: "é".repeat(4_001), bytes: 10_000 }],
      ],
    );
    assertEquals((await milestonesOf(root, "a")).some(({ status }) => status !== undefined), false);
  });
});

Deno.test("readHistory() keeps the newest 500 milestones of a conversation", async () => {
  await withDirectory(async (root) => {
    await onDay(root, "2026-07-01", async (runtime) => {
      const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
      for (let n = 0; n < 251; n++) await (await worker.beginRun({ runId: `r-${n}` })).finish("completed");
    });
    const milestones = await milestonesOf(root, "a");
    assertEquals([milestones.length, milestones[0]?.runId, milestones.at(-1)?.runId], [500, "r-1", "r-250"]);
  });
});
