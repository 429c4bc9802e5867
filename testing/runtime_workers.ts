/**
 * Workers: creation, names, listing, isolation.
 *
 * @module
 */
import { deepEqual, equal, throws } from "./assert.ts";
import { isRuntimeError } from "../src/core/errors.ts";
import type { WorkerSpec } from "../src/core/records.ts";
import type { Runtime } from "../src/core/runtime.ts";
import { allEntries, allEvents, allWorkers } from "./dump.ts";
import { type Place, refused, type Register, writesNothing } from "./place.ts";
import { oddIds } from "./samples.ts";

const intents: readonly WorkerSpec["intent"][] = [
  { kind: "assistant", purpose: "help\nout" },
  { kind: "task", objective: "Review PR 42 \u2028" },
  { kind: "role", role: "critic", purpose: "find faults" },
];

/** Registers the tests. */
export function workerTests(test: Register): void {
  test("createWorker() keeps the whole spec of a worker", keepsSpec);
  test("createWorker() completes a partial spec", async (place) => {
    const runtime = await place.runtime({ newId: () => "made-up" });
    const worker = await runtime.createWorker({ intent: { kind: "assistant" } });
    deepEqual(worker.state().record, {
      workerId: "made-up",
      intent: { kind: "assistant" },
      profile: { kind: "runtime_default" },
      capabilities: [],
      workspaces: [],
      mounts: [],
      labels: {},
    });
  });

  test("createWorker() generates distinct ids", async (place) => {
    const runtime = await place.runtime();
    const workers = await Promise.all(Array.from({ length: 20 }, () => create(runtime)));
    equal(new Set(workers.map((worker) => worker.workerId)).size, 20);
  });

  test("createWorker() gives a new worker its initial state", async (place) => {
    const worker = await create(await place.runtime(), "a");
    const { record: _, usage, createdAt, updatedAt, ...state } = worker.state();
    equal(createdAt, worker.creation?.at);
    equal(updatedAt, createdAt);
    deepEqual(Object.values(usage), [0, 0, 0, 0, 0, 0, 0]);
    deepEqual(state, {
      status: "running",
      run: null,
      lastRun: null,
      data: {},
      transcriptLength: 0,
      usageByModel: {},
      createdEventId: 3,
      lastEventId: 3,
    });
  });

  test("createWorker() rejects an id in use with worker_exists", async (place) => {
    let runtime = await place.runtime();
    await create(runtime, "a");
    runtime = await place.reopen(runtime);
    const { details } = await writesNothing(runtime, () => refused(create(runtime, "a"), "worker_exists"));
    deepEqual(details, { workerId: "a" });
    const both = await Promise.allSettled([create(runtime, "b"), create(runtime, "b")]);
    deepEqual(both.map(({ status }) => status), ["fulfilled", "rejected"]);
  });

  test("worker() accepts an id or a reference and does no I/O", async (place) => {
    const runtime = await place.runtime();
    const { ref } = await create(runtime, "a");
    deepEqual(ref, { runtimeId: place.runtimeId, workerId: "a" });
    for (const worker of [runtime.worker("a"), runtime.worker(ref), runtime.worker({ ...ref })]) {
      deepEqual(worker.ref, ref);
      equal(worker.creation, undefined);
      equal(worker.state().lastEventId, 3);
    }
    throwsCode(() => runtime.worker("nobody").state(), "worker_not_found");
  });

  test("worker() rejects a reference of another runtime with wrong_runtime", async (place) => {
    const runtime = await place.runtime();
    await create(runtime, "a");
    for (const workerId of ["a", "nobody", ""]) {
      throwsCode(() => runtime.worker({ runtimeId: "elsewhere", workerId }), "wrong_runtime");
    }
  });

  test("workers are isolated whatever their ids look like", keepsApart);
  test("workers are isolated under concurrent commands", worksInTurns);
  test("workers() lists them in the order of their creation, in pages", listsInPages);
  test("workers() lists the workers of a status", async (place) => {
    let runtime = await place.runtime();
    for (const id of ["a", "b", "c", "d", "e"]) await create(runtime, id);
    await runtime.worker("b").stop();
    await runtime.worker("d").cancel();
    for (let round = 0; round < 2; round++) {
      deepEqual(ids(runtime, { status: "running" }), ["a", "c", "e"]);
      deepEqual(ids(runtime, { status: "stopped" }), ["b"]);
      deepEqual(ids(runtime, { status: "cancelled", limit: 1 }), ["d"]);
      runtime = await place.reopen(runtime);
    }
  });

  test("workers() lists each worker once, even if its id was reused immediately", takenAgain);
  test("overview() counts workers by status", async (place) => {
    let runtime = await place.runtime();
    for (const id of ["a", "b", "c", "d"]) await create(runtime, id);
    await runtime.worker("a").stop();
    await runtime.worker("b").cancel();
    await runtime.worker("c").beginRun();
    deepEqual(runtime.overview().workers, { total: 4, running: 2, stopped: 1, cancelled: 1, busy: 1 });
    runtime = await place.reopen(runtime);
    deepEqual(runtime.overview().workers, { total: 4, running: 2, stopped: 1, cancelled: 1, busy: 0 });
  });
}

async function create(runtime: Runtime, workerId?: string): ReturnType<Runtime["createWorker"]> {
  return await runtime.createWorker({ workerId, intent: { kind: "assistant" } });
}

function throwsCode(work: () => unknown, code: string): void {
  throws(work, (error) => isRuntimeError(error) && error.code === code);
}

function ids(runtime: Runtime, options: Parameters<Runtime["workers"]>[0]): string[] {
  return runtime.workers(options).items.map((state) => state.record.workerId);
}

async function keepsSpec(place: Place): Promise<void> {
  const specs: WorkerSpec[] = intents.map((intent, index) => ({
    workerId: `w${index}`,
    displayName: '査読者 "1"',
    intent,
    profile: index === 0 ? { kind: "builtin", name: "coder" } : { kind: "named", name: "mine" },
    configBundle: { id: "bundle", digest: "sha256:00" },
    capabilities: [{ name: "net", reason: "to look things up" }, { name: "fs" }],
    workspaces: [{ name: "repo", reference: "git:../../etc" }],
    mounts: [{ name: "data", reference: "/mnt/data" }],
    labels: { team: "core", "k/1": "v", constructor: "c" },
  }));
  let runtime = await place.runtime();
  for (const spec of specs) await runtime.createWorker(spec);
  for (let round = 0; round < 2; round++) {
    for (const spec of specs) deepEqual(runtime.worker(spec.workerId ?? "").state().record, spec);
    runtime = await place.reopen(runtime);
  }
}

async function keepsApart(place: Place): Promise<void> {
  let runtime = await place.runtime();
  for (const id of oddIds) {
    const worker = await create(runtime, id);
    await worker.sendInput({ role: "user", content: `for ${id}` });
    await worker.updateState({ mine: id });
  }
  for (const how of ["reopen", "restart"] as const) {
    deepEqual(allWorkers(runtime).map(({ record }) => record.workerId), oddIds);
    for (const id of oddIds) {
      const worker = runtime.worker(id);
      deepEqual(worker.state().data, { mine: id });
      deepEqual((await allEntries(worker)).map(({ content }) => content), [`for ${id}`]);
      equal((await allEvents(worker)).length, 3);
    }
    runtime = await place[how](runtime);
  }
}

async function worksInTurns(place: Place): Promise<void> {
  let runtime = await place.runtime();
  const names = ["a", "b", "c"];
  for (const id of names) await create(runtime, id);
  await Promise.all(Array.from({ length: 300 }, (_, index) => {
    const worker = runtime.worker(names[index % 3] ?? "");
    return worker.append([{ role: "assistant", content: `${worker.workerId}${index}` }]);
  }));
  runtime = await place.reopen(runtime);
  for (const [offset, id] of names.entries()) {
    const entries = await allEntries(runtime.worker(id));
    deepEqual(entries.map(({ seq }) => seq), Array.from({ length: 100 }, (_, index) => index + 1));
    deepEqual(entries.map(({ content }) => content), entries.map((_, index) => `${id}${index * 3 + offset}`));
  }
}

async function listsInPages(place: Place): Promise<void> {
  let runtime = await place.runtime();
  const names = Array.from({ length: 23 }, (_, index) => `w${(index * 7) % 23}`);
  await Promise.all(names.map((id) => create(runtime, id)));
  for (let round = 0; round < 2; round++) {
    for (const limit of [1, 5, 22, 23, 1_000]) {
      const seen: string[] = [];
      for (let after: number | null = 0; after !== null;) {
        const page = runtime.workers({ after, limit });
        equal(page.items.length <= limit, true);
        seen.push(...page.items.map((state) => state.record.workerId));
        after = page.next;
      }
      deepEqual(seen, names);
    }
    deepEqual(runtime.workers({ after: 9_999 }), { items: [], next: null });
    runtime = await place.reopen(runtime);
  }
}

async function takenAgain(place: Place): Promise<void> {
  let runtime = await place.runtime();
  const old = await create(runtime, "a");
  await old.stop();
  await Promise.all([old.purge(), create(runtime, "b"), create(runtime, "a")]);
  for (let round = 0; round < 2; round++) {
    deepEqual(allWorkers(runtime).map(({ record }) => record.workerId), ["b", "a"]);
    const first = runtime.workers({ limit: 1 });
    deepEqual(first.items.map(({ record }) => record.workerId), ["b"]);
    deepEqual(ids(runtime, { after: first.next ?? 0, limit: 1 }), ["a"]);
    runtime = await place.reopen(runtime);
  }
}
