/**
 * Invalid requests: rejected before anything is written.
 *
 * @module
 */
import { equal, ok } from "./assert.ts";
import type { WorkerSpec } from "../src/core/records.ts";
import { limits } from "../src/core/limits.ts";
import { each, type Place, type Tests, withWorkers } from "./place.ts";
import * as wrong from "./wrong.ts";

/** Methods and their invalid arguments. */
const requests: readonly [string, wrong.Samples, (place: Place, sample: never) => unknown][] = [
  ["createWorker", wrong.specs, ({ runtime }, spec) => runtime.createWorker(spec)],
  ["createWorker", wrong.ids, ({ runtime }, workerId) => runtime.createWorker({ workerId, intent })],
  ["worker", wrong.ids, ({ runtime }, workerId) => runtime.worker(workerId)],
  ["worker", wrong.refs, ({ runtime }, ref) => runtime.worker(ref)],
  ["sendInput", wrong.inputs, ({ a }, input) => a.sendInput(input)],
  ["append", wrong.entries, ({ a }, entry) => a.append([entry])],
  ["append", wrong.lists, ({ a }, entries) => a.append(entries)],
  ["append", wrong.json, ({ a }, value) => a.append([{ role: "tool", content: "x", metadata: { value } }])],
  ["append", wrong.objects, ({ a }, metadata) => a.append([{ role: "tool", content: "x", metadata }])],
  ["updateState", wrong.json, ({ a }, value) => a.updateState({ value })],
  ["updateState", wrong.objects, ({ a }, patch) => a.updateState(patch)],
  ["record", wrong.json, ({ a }, value) => a.record("note", value)],
  ["record", wrong.names, ({ runtime }, name) => runtime.record(name, null)],
  ["beginRun", wrong.names, ({ a }, runId) => a.beginRun({ runId })],
  ["stop", wrong.texts, ({ a }, reason) => a.stop({ reason })],
  ["cancel", wrong.texts, ({ a }, reason) => a.cancel({ reason })],
  ["Runtime.stop", wrong.texts, ({ runtime }, reason) => runtime.stop({ reason })],
  ["recordUsage", wrong.usage, ({ a }, usage) => a.recordUsage(usage)],
  ["workers", wrong.pages, ({ runtime }, page) => runtime.workers(page)],
  ["watch", wrong.cursors, ({ runtime }, after) => runtime.watch({ after })],
];

const intent: WorkerSpec["intent"] = { kind: "assistant" };

/** Tests of a runtime with a worker `a`. */
export const refusalTests: Tests = withWorkers(["a"], {
  ...each(requests, ([name, samples, work]) =>
    each(Object.entries(samples), ([what, sample]) => ({
      [`${name}() rejects ${what}`]: async (place) => {
        const { details } = await place.rejects(() => work(place, sample as never), "invalid_request");
        ok(details.issues.length > 0 && !details.issues.includes(""));
        await place.a.updateState({ still: "alive" });
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

  "append() rejects entries that are too large in total before reading them": async (place) => {
    let reads = 0;
    const metadata = {
      get x(): number {
        return ++reads;
      },
    };
    const entry = { role: "tool", content: "x".repeat(limits.contentBytesMax), metadata } as const;
    const entries = Array.from({ length: limits.entriesMax }, () => entry);
    await place.rejects(place.a.append(entries), "limit_exceeded");
    equal(reads, 0);
    // Control characters take six bytes each, which is known only once most of the text is built.
    const control = entries.map((entry) => ({ ...entry, content: "\0".repeat(limits.eventBytesMax / 256) }));
    await place.rejects(place.a.append(control), "limit_exceeded");
    ok(reads < 100);
  },

  "updateState() rejects data that is too large without reading all of it": async (place) => {
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
    ) await place.rejects(place.a.updateState(patch), "invalid_request");
    equal(reads, 0);
  },

  "append() rejects all entries if one of them is invalid": async (place) => {
    const entries = [{ role: "tool", content: "x" }, { role: "tool", content: "\uDC00" }] as const;
    await place.rejects(() => place.a.append(entries), "invalid_request");
    equal(place.a.state().transcriptLength, 0);
  },

  "limits of texts are exact to the byte": async (place) => {
    const worker = await place.runtime.createWorker({
      workerId: "字".repeat(26) + "ab",
      displayName: "é".repeat(limits.nameBytesMax / 2),
      intent: { kind: "task", objective: "x".repeat(limits.textBytesMax) },
    });
    await worker.record("n".repeat(limits.nameBytesMax), "x".repeat(limits.dataBytesMax - 2), {
      key: "k".repeat(limits.keyBytesMax),
    });
    const reason = "é".repeat(limits.textBytesMax / 2);
    await worker.stop({ reason });
    equal((await place.reopen()).worker(worker.workerId).state().reason, reason);
  },
});
