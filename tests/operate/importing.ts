/**
 * A worker with everything that an import of it keeps, and its description to compare.
 *
 * @module
 */
import type { Json, Runtime, TranscriptEntry, Worker } from "../../mod.ts";
import { exportRuntime } from "../../operate.ts";
import { textOf } from "../cli/kit.ts";
import { openRuntime } from "../cli/stores.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { large, local, small, spilled } from "./blobs.ts";

/** The worker that the streams have under the id `w`. */
async function fillWorker(w: Worker): Promise<void> {
  const ref = await w.putBlob(large, { mediaType: "image/png" });
  await w.append([
    { role: "user", content: "\ud800 \u2028 \u{1f600}", id: "m-1", name: "Ann", metadata: { n: [1, null] } },
    { role: "user", at: "2020-02-03T04:05:06.007Z", content: [{ type: "image" }], blobs: [ref] },
  ]);
  await w.run(async (run) => {
    await run.append([{ role: "assistant", content: spilled }, { role: "tool", content: "in it" }]);
    await run.commit({
      usage: { model: "m-1", inputTokens: 5, costMicroUsd: 7 },
      data: { a: { b: 1 }, c: [null] },
    });
  }, { runId: "first" });
  await w.append([{ role: "system", content: "between" }]);
  await w.compact({ through: 3, summary: { role: "system", content: "an earlier summary" } });
  await w.append([{ role: "user", content: "rewound away" }, { role: "user", content: "and this" }]);
  await w.rewind({ toSeq: 6 });
  await w.compact({ through: 4, summary: { role: "system", content: spilled } });
  const run = await w.beginRun({ runId: "second" });
  await run.append([{ role: "assistant", content: { z: 1, a: [{ "9": "x", "1": "y" }] } }]);
  const blobs = [await w.putBlob(small), await w.putBlob(new Uint8Array())];
  await run.append([{ role: "tool", content: "", blobs }]);
  await run.commit({ usage: [{ model: "m-1", outputTokens: 3, requests: 0 }, { model: "m-2" }] });
  await run.finish("failed", { reason: "no more money" });
  await w.commit({
    displayName: "Worker W",
    labels: { team: "core", gone: null },
    data: { a: { b: null, d: "e" } },
  });
}

/** The facts of a worker that an import preserves. */
export async function facts(worker: Worker): Promise<Record<string, unknown>> {
  const { record, labels, displayName, status, reason, data, usage, usageByModel, transcriptLength } = worker
    .state();
  const entries: unknown[] = [];
  for await (const { eventId: _eventId, content: _content, contentBlob, ...entry } of worker.entries()) {
    const content: Json = await worker.content({ content: _content, contentBlob } as TranscriptEntry);
    const bytes: string[] = [];
    for (const ref of entry.blobs ?? []) {
      bytes.push((await new Response(await worker.blob(ref)).bytes()).toBase64());
    }
    entries.push({ ...entry, content: JSON.stringify(content), contentBlob, bytes });
  }
  const { workerId: _workerId, ...description } = record;
  const context = (await worker.context()).entries.map(({ seq }) => seq);
  return {
    description,
    labels,
    displayName,
    status,
    reason,
    data,
    usage,
    usageByModel,
    transcriptLength,
    context,
    entries,
  };
}

/** A stream, and the facts of its worker `w`. */
export interface Exported {
  /** The export. */
  readonly stream: string;
  /** The facts. */
  readonly expected: Record<string, unknown>;
}

/** Ways to end the worker. */
const endings: readonly ((w: Worker) => Promise<unknown>)[] = [
  () => Promise.resolve(),
  (w) => w.stop({ reason: "shift is over" }),
  (w) => w.retire({ reason: "done" }),
];

/** Streams by their description. */
export async function exports(): Promise<Readonly<Record<string, Exported>>> {
  const [running, stopped, retired] = await Promise.all(endings.map((end) => exported({ end })));
  return {
    "of one running worker": running as Exported,
    "of one stopped worker": stopped as Exported,
    "of one retired worker": retired as Exported,
    "of a runtime": await exported({ isWhole: true }),
    "of a pruned log": await exported({ isWhole: true, isPruned: true }),
    "of a fork": await exported({ isFork: true }),
    "of a fork in a pruned log": await exported({ isWhole: true, isPruned: true, isFork: true }),
  };
}

async function exported(
  { end = endings[0], isWhole = false, isPruned = false, isFork = false }: {
    readonly end?: ((w: Worker) => Promise<unknown>) | undefined;
    readonly isWhole?: boolean;
    readonly isPruned?: boolean;
    readonly isFork?: boolean;
  },
): Promise<Exported> {
  const disk = new SimulatedDisk();
  const config = '{ "limits": { "segmentBytes": 4096, "checkpointBytes": 4096 } }';
  if (isPruned) disk.plant.file("/source/runtimes/local/config.jsonc", new TextEncoder().encode(config));
  let runtime = await openRuntime({ root: "/source", fileSystem: disk });
  if (isWhole) await earlierLife(runtime);
  const created = await runtime.createWorker({
    workerId: isFork ? "origin" : "w",
    intent: { kind: "task", objective: "Import" },
    profile: { kind: "named", name: "careful" },
    configBundle: { id: "b", digest: "d" },
    capabilities: [{ name: "git", reason: "to look" }],
    workspaces: [{ name: "repo", reference: "file:///srv" }],
    mounts: [{ name: "m", reference: "n" }],
    parent: "boss",
    displayName: "Old name",
    labels: { gone: "x", team: "none" },
  }, { commit: { entries: [{ role: "system", content: "first of all" }] } });
  await fillWorker(created);
  if (isFork) {
    const fork = await runtime.forkWorker("origin", { workerId: "w" });
    await fork.append([{ role: "user", content: "of the fork" }]);
    await fork.rewind({ toSeq: 6 });
    await fork.append([{ role: "user", content: "once more" }]);
  }
  if (isPruned) {
    for (let turn = 0; turn < 3; turn++) {
      await runtime.close();
      runtime = await openRuntime({ root: "/source", fileSystem: disk });
      const other = await runtime.ensureWorker({ workerId: "other", intent: { kind: "assistant" } });
      for (let line = 0; line < 6; line++) await other.append([{ role: "user", content: "x".repeat(900) }]);
    }
    const { events } = await runtime.prune();
    if (events < 10) throw new Error(`Cannot prune: ${events} events`);
    await runtime.worker("w").append([{ role: "user", content: "after pruning" }]);
  }
  const worker = runtime.worker("w");
  await end?.(worker);
  const expected = await facts(worker);
  await runtime.close();
  const options = { fileSystem: disk, worker: isWhole ? undefined : "w" };
  return { stream: await textOf(exportRuntime(local("/source"), options)), expected };
}

/** A worker that had the id before, and one with the same bytes. */
async function earlierLife(runtime: Runtime): Promise<void> {
  const intent = { kind: "assistant" } as const;
  const [old, other] = [
    await runtime.createWorker({ workerId: "w", intent }),
    await runtime.createWorker({ workerId: "v", intent }),
  ];
  for (const worker of [old, other]) {
    await worker.append([{ role: "user", content: "other", blobs: [await worker.putBlob(small)] }]);
  }
  await old.stop();
  await old.purge();
}
