/**
 * Workers: creation, names, listing, isolation.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import type { WorkerSpec } from "../src/core/records.ts";
import type { WorkerListOptions } from "../src/core/reads.ts";
import { allEntries, allEvents, contentsOf, inPages, range, workerIdsOf } from "./dump.ts";
import { refused, type Tests, withWorkers } from "./place.ts";
import { oddIds } from "./samples.ts";

const intents: readonly WorkerSpec["intent"][] = [
  { kind: "assistant", purpose: "help\nout" },
  { kind: "task", objective: "Review PR 42 \u2028" },
  { kind: "role", role: "critic", purpose: "find faults" },
];

/** Tests of a runtime without workers. */
export const workerTests: Tests = withWorkers([], {
  "createWorker() keeps the whole spec of a worker": async (place) => {
    const specs = intents.map((intent, index) => ({
      workerId: `w${index}`,
      displayName: '査読者 "1"',
      intent,
      profile: index === 0 ? { kind: "builtin", name: "coder" } : { kind: "named", name: "mine" },
      configBundle: { id: "bundle", digest: "sha256:00" },
      capabilities: [{ name: "net", reason: "to look things up" }, { name: "fs" }],
      workspaces: [{ name: "repo", reference: "git:../../etc" }],
      mounts: [{ name: "data", reference: "/mnt/data" }],
      labels: { team: "core", "k/1": "v", constructor: "c" },
      parent: "nobody/日本語",
    } satisfies WorkerSpec));
    for (const spec of specs) await place.runtime.createWorker(spec);
    await place.throughout((runtime) => {
      for (const { displayName, labels, ...record } of specs) {
        const state = runtime.worker(record.workerId).state();
        deepEqual([state.record, state.displayName, { ...state.labels }], [record, displayName, labels]);
      }
    });
  },

  "createWorker() completes a partial spec": async (place) => {
    await place.runtime.close();
    await place.open({ newId: () => "generated" });
    deepEqual((await place.create()).state().record, {
      workerId: "generated",
      intent: { kind: "assistant" },
      profile: { kind: "runtime_default" },
      capabilities: [],
      workspaces: [],
      mounts: [],
    });
  },

  "createWorker() generates distinct ids": async (place) => {
    const workers = await Promise.all(range(1, 20).map(() => place.create()));
    equal(new Set(workers.map(({ workerId }) => workerId)).size, 20);
  },

  "createWorker() gives a new worker its initial state": async (place) => {
    const worker = await place.create("a");
    const { record: _, usage, createdAt, updatedAt, ...state } = worker.state();
    deepEqual([createdAt, updatedAt], [worker.creation?.at, worker.creation?.at]);
    deepEqual(Object.values(usage), [0, 0, 0, 0, 0, 0, 0, 0]);
    deepEqual(state, {
      labels: {},
      status: "running",
      run: null,
      lastRun: null,
      data: {},
      transcriptLength: 0,
      usageByModel: {},
      createdEventId: 3,
      lastEventId: 3,
    });
  },

  "createWorker() rejects an id in use with worker_exists": async (place) => {
    await place.create("a");
    await place.reopen();
    await place.rejects(place.create("a"), "worker_exists", { workerId: "a" });
    const both = await Promise.allSettled([place.create("b"), place.create("b")]);
    deepEqual(both.map(({ status }) => status), ["fulfilled", "rejected"]);
  },

  "worker() accepts an id or a reference and does no I/O": async (place) => {
    const { runtime } = place;
    const { ref } = await place.create("a");
    deepEqual(ref, { runtimeId: place.runtimeId, workerId: "a" });
    for (const worker of [runtime.worker("a"), runtime.worker(ref), runtime.worker({ ...ref })]) {
      deepEqual(worker.ref, ref);
      equal(worker.creation, undefined);
      equal(worker.state().lastEventId, 3);
    }
    await refused(() => runtime.worker("nobody"), "worker_not_found", { workerId: "nobody" });
  },

  "worker() rejects a reference of another runtime with wrong_runtime": async (place) => {
    await place.create("a");
    for (const workerId of ["a", "nobody", ""]) {
      await refused(() => place.runtime.worker({ runtimeId: "elsewhere", workerId }), "wrong_runtime");
    }
  },

  "workers are isolated whatever their ids look like": async (place) => {
    for (const id of oddIds) {
      const worker = await place.create(id);
      await worker.sendInput({ role: "user", content: `for ${id}` });
      await worker.commit({ data: { mine: id } });
    }
    await place.throughout(async (runtime) => {
      deepEqual(await workerIdsOf(runtime), oddIds);
      for (const id of oddIds) {
        const worker = runtime.worker(id);
        deepEqual(worker.state().data, { mine: id });
        deepEqual(await contentsOf(worker), [`for ${id}`]);
        equal((await allEvents(worker)).length, 3);
      }
    });
  },

  "workers are isolated under concurrent commands": async (place) => {
    const workers = await Promise.all(["a", "b", "c"].map((id) => place.create(id)));
    const numbers = range(1, 100);
    await Promise.all(
      numbers.flatMap((number) =>
        workers.map((worker) =>
          worker.append([{ role: "assistant", content: `${worker.workerId}${number}` }])
        )
      ),
    );
    const runtime = await place.reopen();
    for (const { workerId } of workers) {
      const entries = await allEntries(runtime.worker(workerId));
      deepEqual(entries.map(({ seq }) => seq), numbers);
      deepEqual(entries.map(({ content }) => content), numbers.map((number) => `${workerId}${number}`));
    }
  },

  "workers() lists them in the order of their creation, in pages": async (place) => {
    const ids = range(0, 22).map((index) => `w${(index * 7) % 23}`);
    await Promise.all(ids.map((id) => place.create(id)));
    await place.throughout(async (runtime) => {
      for (const limit of [1, 5, 22, 23, 1_000]) {
        const fits = (items: readonly unknown[]) => ok(items.length <= limit);
        const states = await inPages((options) => runtime.workers(options), limit, "after", fits);
        deepEqual(states.map(({ record }) => record.workerId), ids);
      }
      deepEqual(runtime.workers({ after: 9_999 }), { items: [], next: null });
    });
  },

  "workers() lists the workers of a status": async (place) => {
    for (const id of ["a", "b", "c", "d", "e"]) await place.create(id);
    await place.b.stop();
    await place.runtime.worker("d").retire();
    await place.throughout((runtime) => {
      const ids = (options: WorkerListOptions) =>
        runtime.workers(options).items.map((state) => state.record.workerId);
      deepEqual(ids({ status: "running" }), ["a", "c", "e"]);
      deepEqual(ids({ status: "stopped" }), ["b"]);
      deepEqual(ids({ status: "retired", limit: 1 }), ["d"]);
    });
  },

  "workers() in the order of activity lists each worker of a retired runtime once": async (place) => {
    for (const id of ["a", "b", "c", "d"]) await place.create(id);
    await place.b.retire();
    await place.runtime.retire();
    await place.throughout(async (runtime) => {
      for (const limit of [7, 1, 2]) {
        const list = ({ after = 0 }: WorkerListOptions) =>
          runtime.workers({ after: after === 0 ? undefined : after, limit, orderBy: "active" });
        const states = await inPages(list, limit, "after");
        deepEqual(states.map(({ record }) => record.workerId), ["d", "c", "a", "b"]);
      }
    });
  },

  "workers() lists each worker once, even if its id was reused immediately": async (place) => {
    const old = await place.create("a");
    await old.stop();
    await Promise.all([old.purge(), place.create("b"), place.create("a")]);
    await place.throughout(async (runtime) => {
      for (const limit of [7, 1]) {
        const states = await inPages((options) => runtime.workers(options), limit);
        deepEqual(states.map(({ record }) => record.workerId), ["b", "a"]);
      }
    });
  },

  "overview() counts workers by status": async (place) => {
    for (const id of ["a", "b", "c", "d"]) await place.create(id);
    await place.a.stop();
    await place.b.retire();
    await place.runtime.worker("c").beginRun();
    const workers = { total: 4, running: 2, stopped: 1, retired: 1 };
    deepEqual(place.runtime.overview().workers, { ...workers, busy: 1 });
    deepEqual((await place.reopen()).overview().workers, { ...workers, busy: 0 });
  },
});
