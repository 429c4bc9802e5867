// deno-lint-ignore-file camelcase -- members of the messages of OpenAI and Anthropic
/**
 * Stores for the tests of the command and of the operations, with a given clock and
 * given ids: each is the same every time.
 *
 * @module
 */
import { FsRuntimeStore } from "../../fs_store.ts";
import { Runtime, type Worker } from "../../mod.ts";
import { join } from "@std/path";
import type { FileSystem } from "../../src/fs/disk/file_system.ts";
import { countingIds, openOn, steadyClock } from "../kit/opened.ts";

/** Options of a store. */
export interface StoreSetup {
  readonly root: string;
  readonly runtimeId?: string;
  readonly fileSystem?: FileSystem | undefined;
  readonly now?: () => number;
}

/** Opens a runtime on a store below `root`. */
export async function openRuntime(setup: StoreSetup): Promise<Runtime> {
  const { root, runtimeId = "local", fileSystem, now = steadyClock("2026-07-29T10:00:00.000Z", 3_600_000) } =
    setup;
  return (await openOn(fileSystem, { root, runtimeId, now })).runtime;
}

/** Fills a runtime with every type of event except those of its end. */
export async function everyEvent(runtime: Runtime): Promise<void> {
  const reviewer = await runtime.createWorker({
    workerId: "reviewer",
    displayName: "Reviewer <script>alert(1)</script>",
    intent: { kind: "task", objective: "Review PR 42" },
    profile: { kind: "named", name: "careful" },
    configBundle: { id: "bundle-1", digest: "sha256:00ff" },
    capabilities: [{ name: "git", reason: "to read the diff" }],
    workspaces: [{ name: "repo", reference: "file:///srv/repo" }],
    mounts: [{ name: "cache", reference: "volume:cache" }],
    labels: { team: "core" },
  }, { key: "create:reviewer" });
  await reviewer.sendInput({ role: "user", content: "Please review PR 42" }, { key: "slack:1712" });
  const run = await reviewer.beginRun();
  await reviewer.append([
    { role: "assistant", content: 'Looks good.\n<script>document.title = "owned"</script>' },
    { role: "tool", name: "git", content: "diff --git a/x b/x", metadata: { exitCode: 0 } },
  ]);
  const usage = {
    inputTokens: 812,
    outputTokens: 64,
    cachedTokens: 100,
    costMicroUsd: 12_345,
    durationMs: 1_850,
  };
  await reviewer.commit({ usage: { model: "m-large", ...usage } });
  await reviewer.commit({ usage: { model: "m-small", inputTokens: 90, outputTokens: 8, costMicroUsd: 310 } });
  await reviewer.commit({ data: { verdict: "approve", files: 3 } });
  await run.finish("completed");
  await reviewer.commit({
    events: [{ name: "review.posted", data: { url: "https://example.org/pr/42" } }],
    labels: { pr: "42" },
  }, { meta: { actor: "bot" } });
  const helper = await runtime.createWorker({ intent: { kind: "assistant", purpose: "Answers questions" } });
  await helper.sendInput({ role: "user", content: "日本語でもいいですか\u2028はい" });
  await helper.beginRun();
  await helper.retire({ reason: "not needed", cancelRun: true });
  const role = await runtime.createWorker({ workerId: "Ops/1", intent: { kind: "role", role: "operator" } });
  await role.stop({ reason: "shift is over" });
  const gone = await runtime.createWorker({ workerId: "gone", intent: { kind: "assistant" } });
  await gone.append([{ role: "system", content: "soon gone" }]);
  await gone.stop();
  await gone.purge();
  await runtime.record("host.note", { text: "half way", n: 0.5 });
}

/** Creates a store with every type of event: opened three times, once after a crash, and finally retired. */
export async function everyEventStore(setup: StoreSetup): Promise<void> {
  const now = setup.now ?? steadyClock("2026-07-29T10:00:00.000Z", 3_600_000);
  const first = await openRuntime({ ...setup, now });
  await everyEvent(first);
  await first.close();
  const { root, runtimeId = "local", fileSystem } = setup;
  const store = new FsRuntimeStore({ root, runtimeId }, { fileSystem, now });
  const crashed = await Runtime.open({ store, now, newId: countingIds() });
  await crashed.worker("reviewer").beginRun({ runId: "left-open" });
  // Closing the store of an open runtime is like a crash: no last event, no checkpoint.
  await store.close();
  const third = await openRuntime({ ...setup, now });
  await third.worker("reviewer").sendInput({ role: "system", content: "You were interrupted" });
  await third.close();
  const last = await openRuntime({ ...setup, now });
  await last.retire({ reason: "the project is over" });
  await last.close();
}

/** Creates a store of several segments, one for each of five days. */
export async function severalDays(root: string): Promise<void> {
  const directory = join(root, "runtimes", "local");
  Deno.mkdirSync(directory, { recursive: true });
  Deno.writeTextFileSync(join(directory, "config.jsonc"), '{ "limits": { "segmentBytes": 4096 } }');
  for (let day = 10; day < 15; day++) {
    const runtime = await openRuntime({ root, now: steadyClock(`2026-07-${day}T12:00:00.000Z`, 1_000) });
    if (day === 10) await everyEvent(runtime);
    const worker = runtime.worker("reviewer");
    for (let i = 0; i < 20; i++) {
      await worker.append([{ role: "assistant", content: `${day} ${"x".repeat(200)}` }]);
    }
    await runtime.close();
  }
}

/** A PNG of four by four red pixels, as base64. */
export const PNG: string =
  "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAEElEQVR42mP4z8AARwzEcQCukw/xOF6MEQAAAABJRU5ErkJggg==";

/** Commits a session of messages in the formats of OpenAI and Anthropic, with images and long values. */
export async function everyPart(runtime: Runtime, said = "Here it is"): Promise<Worker> {
  const worker = await runtime.createWorker({
    workerId: "coder",
    displayName: "Coder",
    intent: { kind: "assistant" },
    labels: { team: "core" },
  });
  const png = await worker.putBlob(Uint8Array.fromBase64(PNG), { mediaType: "image/png" });
  const svg = await worker.putBlob(new TextEncoder().encode(`<svg xmlns="http://www.w3.org/2000/svg"/>`), {
    mediaType: "image/svg+xml",
  });
  const fake = await worker.putBlob(new TextEncoder().encode(said), { mediaType: "image/png" });
  const text = await worker.putBlob(new TextEncoder().encode("notes"), { mediaType: "text/plain" });
  const image = { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } };
  const linked = { type: "image", source: { type: "url", url: "http://127.0.0.1:9/leak.png" } };
  const call = { id: "call_1", type: "function", function: { name: said, arguments: '{"path":"a.ts"}' } };
  const used = { type: "tool_use", id: "toolu_1", name: "grep", input: { query: said } };
  const long = `${said} ${"long ".repeat(4_000)}`;
  await worker.append([
    { role: "user", content: [{ type: "text", text: `Fix it. ${said}` }, image, linked], blobs: [png] },
    { role: "assistant", content: { role: "assistant", content: null, tool_calls: [call] } },
    { role: "tool", content: { role: "tool", tool_call_id: "call_1", content: said } },
    { role: "assistant", content: [{ type: "thinking", thinking: said, signature: "x" }, used] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: long }] },
    { role: "assistant", content: { verdict: said, score: 0.5 }, blobs: [svg, fake, text] },
  ]);
  await worker.append([{ role: "tool", content: `${said} ${"spilled ".repeat(40_000)}` }]);
  await worker.append([{ role: "tool", content: `${said} ${"blob".repeat(500_000)}` }]);
  return worker;
}

/**
 * A conversation that was compacted, rewound, interrupted and continued, with calls of tools: 14 entries of the
 * worker "coder", whose parent is "lead". Its last run is open, with a draft.
 */
export async function conversationStore(root: string): Promise<void> {
  const now = steadyClock("2026-07-29T10:00:00.000Z", 1_000);
  const store = new FsRuntimeStore({ root, runtimeId: "local" }, { now });
  const crashed = await Runtime.open({ store, now, newId: countingIds() });
  const lead = await crashed.createWorker({ workerId: "lead", intent: { kind: "role", role: "lead" } });
  await lead.append([{ role: "user", content: "Ship it." }]);
  const intent = { kind: "task", objective: "Fix the test" } as const;
  const worker = await crashed.createWorker({
    workerId: "coder",
    displayName: "Coder",
    parent: "lead",
    intent,
  });
  const used = (id: string, name: string) => ({ type: "tool_use", id, name, input: { of: id } });
  const result = (id: string, content: string, isError = false) => ({
    role: "user",
    content: [{ type: "tool_result", tool_use_id: id, content, ...isError ? { is_error: true } : {} }],
  });
  await worker.append([{ role: "user", name: "Mika", content: "Why does it fail?" }]);
  const first = await worker.beginRun({ runId: "r-1" });
  await first.append([
    {
      role: "assistant",
      content: [{ type: "text", text: "I read it." }, used("t-1", "read"), used("t-2", "run")],
    },
    result("t-2", "exit code 1", true),
    result("t-1", `line ${"long ".repeat(4_000)}`),
    { role: "assistant", content: "It is the clock:\n```ts\nDate.now()\n```\nShall I?" },
  ]);
  await first.finish("completed");
  await worker.compact({ through: 4, summary: { role: "user", content: "The clock is the cause." } });
  await worker.append([{ role: "user", content: "Yes." }]);
  const second = await worker.beginRun({ runId: "r-2" });
  await second.append([{ role: "assistant", content: [used("t-3", "rewrite")] }]);
  await second.append([result("t-3", "everything is new")]);
  await worker.rewind({ toSeq: 7 }, { cancelRun: true });
  const third = await worker.beginRun({ runId: "r-3" });
  await third.append([{ role: "assistant", content: [used("t-4", "edit")] }]);
  await third.commit({ draft: "Half of an answer" });
  await store.close();
  const runtime = await openRuntime({ root, now });
  const again = runtime.worker("coder");
  const fourth = await again.beginRun({ runId: "r-4" });
  await fourth.append([result("t-4", "edited"), { role: "assistant", content: "It is fixed." }]);
  await fourth.finish("failed", { reason: "overloaded" });
  await again.append([{ role: "user", content: "And the docs?" }, { role: "system", content: "Be brief." }]);
  await (await again.beginRun({ runId: "r-5" })).commit({ draft: "The docs are" });
  await runtime.close();
}
