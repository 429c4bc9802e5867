/**
 * Invalid requests: rejected before anything is written.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import type { WorkerSpec } from "../src/core/records.ts";
import type { CreateWorkerOptions } from "../src/core/runtime.ts";
import { limits } from "../src/core/limits.ts";
import { each, type Place, type Tests, withWorkers } from "./place.ts";
import * as wrong from "./wrong.ts";

/** Requests and their invalid arguments. */
const requests: readonly [string, wrong.Samples, (place: Place, sample: never) => unknown][] = [
  ["createWorker()", wrong.specs, ({ runtime }, spec) => runtime.createWorker(spec)],
  ["createWorker()", wrong.ids, ({ runtime }, workerId) => runtime.createWorker({ workerId, intent })],
  ["createWorker() with a commit", wrong.entries, (place, entry) => create(place, { entries: [entry] })],
  ["createWorker() with a commit", wrong.lists, (place, entries) => create(place, { entries })],
  ["createWorker() with a commit", wrong.usage, (place, usage) => create(place, { usage })],
  ["ensureWorker()", wrong.specs, ({ runtime }, spec) => runtime.ensureWorker(spec)],
  ["ensureWorker()", wrong.ids, ({ runtime }, workerId) => runtime.ensureWorker({ workerId, intent })],
  ["worker()", wrong.ids, ({ runtime }, workerId) => runtime.worker(workerId)],
  ["worker()", wrong.refs, ({ runtime }, ref) => runtime.worker(ref)],
  ["sendInput()", wrong.entries, ({ a }, input) => a.sendInput(input)],
  ["append()", wrong.entries, ({ a }, entry) => a.append([entry])],
  ["append()", wrong.lists, ({ a }, entries) => a.append(entries)],
  ["append() of content", wrong.json, ({ a }, content) => a.append([{ role: "tool", content }])],
  [
    "append() of metadata",
    wrong.json,
    ({ a }, value) => a.append([{ ...entry, metadata: { value: [value] } }]),
  ],
  ["append() of metadata", wrong.objects, ({ a }, metadata) => a.append([{ ...entry, metadata }])],
  ["commit()", wrong.commits, ({ a }, changes) => a.commit(changes)],
  ["commit()", wrong.lists, ({ a }, entries) => a.commit({ data: { x: 1 }, entries })],
  ["commit()", wrong.metas, ({ a }, meta) => a.commit({ data: { x: 1 } }, { meta })],
  ["commit() of data", wrong.json, ({ a }, value) => a.commit({ data: { value: [value] } })],
  ["commit() of data", wrong.objects, ({ a }, data) => a.commit({ data })],
  ["commit() of events", wrong.json, ({ a }, data) => a.commit({ events: [{ name: "note", data }] })],
  ["commit() of usage", wrong.usage, ({ a }, usage) => a.commit({ usage })],
  ["record()", wrong.names, ({ runtime }, name) => runtime.record(name, null)],
  ["record()", wrong.json, ({ runtime }, data) => runtime.record("note", data)],
  ["beginRun()", wrong.names, ({ a }, runId) => a.beginRun({ runId })],
  ["stop()", wrong.texts, ({ a }, reason) => a.stop({ reason })],
  ["restart()", wrong.texts, ({ a }, reason) => a.restart({ reason })],
  ["retire()", wrong.texts, ({ a }, reason) => a.retire({ reason })],
  ["retire() of the runtime", wrong.texts, ({ runtime }, reason) => runtime.retire({ reason })],
  ["putBlob()", wrong.sources, ({ a }, source) => a.putBlob(source)],
  ["putBlob()", wrong.mediaTypes, ({ a }, mediaType) => a.putBlob(new Uint8Array(1), { mediaType })],
  ["workers()", wrong.workerPages, ({ runtime }, page) => runtime.workers(page)],
  ["entries()", wrong.cursors, ({ a }, after) => a.entries({ after }).next()],
  ["watch()", wrong.cursors, ({ runtime }, after) => runtime.watch({ after })],
  ["watch()", wrong.memberNames, ({ runtime }, has) => runtime.watch({ has })],
  ["watch() of a worker", wrong.memberNames, ({ a }, has) => a.watch({ has })],
  ["watch() of workers", wrong.ids, ({ runtime }, id) => runtime.watch({ workers: [id, "a"] })],
];

const intent: WorkerSpec["intent"] = { kind: "assistant" };
const entry = { role: "tool", content: "x" };

function create({ runtime }: Place, commit: CreateWorkerOptions["commit"]): Promise<unknown> {
  return runtime.createWorker({ workerId: "new", intent }, { commit });
}

/** Tests of a runtime with a worker `a`. */
export const refusalTests: Tests = withWorkers(["a"], {
  ...each(requests, ([name, samples, work]) =>
    each(Object.entries(samples), ([what, sample]) => ({
      [`${name} rejects ${what}`]: async (place) => {
        const { details } = await place.rejects(() => work(place, sample as never), "invalid_request");
        ok(details.issues.length > 0 && !details.issues.includes(""));
        await place.a.commit({ data: { still: "alive" } });
        equal(place.runtime.lastEventId, 4);
      },
    }))),

  "finish() rejects invalid outcomes": async (place) => {
    const run = await place.a.beginRun();
    for (const outcome of ["interrupted", "done", "", undefined, 7]) {
      await place.rejects(() => run.finish(outcome as "failed"), "invalid_request");
    }
    await run.finish("completed");
  },

  "append() of content past the bound is limit_exceeded": async (place) => {
    const { contentBytesMax: max } = limits;
    const contents = ["x".repeat(max - 1), "字".repeat(max / 3), ["x".repeat(max)], [["y".repeat(max - 4)]]];
    for (const content of contents.slice(0, 3)) {
      const { details } = await place.rejects(place.a.append([{ role: "tool", content }]), "limit_exceeded");
      deepEqual([details.max, details.actual > max], [max, true]);
    }
  },

  "append() of entries that are too large in total is limit_exceeded, before all are read": async (place) => {
    let reads = 0;
    const metadata = {
      get x(): number {
        return ++reads;
      },
    };
    const large = { role: "tool", content: "x".repeat(limits.contentBytesMax - 2), metadata } as const;
    const entries = Array.from({ length: limits.entriesMax }, () => large);
    await place.rejects(place.a.append(entries), "limit_exceeded");
    // Each is read twice: once for its check, once for its text.
    ok(reads < 20, `${reads} reads`);
  },

  "commit() rejects data that is too large without reading all of it": async (place) => {
    let reads = 0;
    const unread = {
      get x(): number {
        return ++reads;
      },
    };
    for (
      const patch of [
        { a: "x".repeat(limits.dataBytesMax), b: unread },
        { a: Array.from({ length: limits.dataBytesMax }, () => 1), b: unread },
        { ["n".repeat(limits.dataBytesMax)]: 1, b: unread },
      ]
    ) await place.rejects(place.a.commit({ data: patch }), "invalid_request");
    equal(reads, 0);
  },

  "append() rejects all entries if one of them is invalid": async (place) => {
    const entries = [entry, { role: "tool", content: [NaN] }];
    await place.rejects(() => place.a.append(entries), "invalid_request");
    equal(place.a.state().transcriptLength, 0);
  },

  "limits of texts are exact to the byte": async (place) => {
    const worker = await place.runtime.createWorker({
      workerId: "字".repeat(26) + "ab",
      displayName: "é".repeat(limits.nameBytesMax / 2),
      intent: { kind: "task", objective: "x".repeat(limits.textBytesMax) },
    });
    await worker.commit({
      events: [{ name: "n".repeat(limits.nameBytesMax), data: "x".repeat(limits.dataBytesMax - 2) }],
    }, {
      key: "k".repeat(limits.keyBytesMax),
    });
    const reason = "é".repeat(limits.textBytesMax / 2);
    await worker.stop({ reason });
    equal((await place.reopen()).worker(worker.workerId).state().reason, reason);
  },
});
