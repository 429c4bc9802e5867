/**
 * Invalid requests: rejected before anything is written.
 *
 * @module
 */
import { equal, ok } from "./assert.ts";
import { limits } from "../src/core/limits.ts";
import type { Runtime } from "../src/core/runtime.ts";
import type { Worker } from "../src/core/worker.ts";
import { refused, type Register, writesNothing } from "./place.ts";
import * as wrong from "./wrong.ts";

/** Registers the tests. */
export function refusalTests(test: Register): void {
  function refuses(
    name: string,
    samples: Readonly<Record<string, unknown>>,
    work: (runtime: Runtime, worker: Worker, sample: never) => unknown,
  ): void {
    for (const [what, sample] of Object.entries(samples)) {
      test(`${name}() rejects ${what}`, async (place) => {
        const runtime = await place.runtime();
        const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
        const request = () => refused(() => work(runtime, worker, sample as never), "invalid_request");
        const { details } = await writesNothing(runtime, request);
        ok(details.issues.length > 0 && details.issues.every((issue) => issue !== ""));
        await worker.updateState({ still: "alive" });
        equal(runtime.lastEventId, 4);
      });
    }
  }

  refuses("createWorker", wrong.specs, (runtime, _worker, spec) => runtime.createWorker(spec));
  refuses(
    "createWorker",
    wrong.ids,
    (runtime, _worker, workerId) => runtime.createWorker({ workerId, intent: { kind: "assistant" } }),
  );
  refuses("worker", wrong.ids, (runtime, _worker, workerId) => runtime.worker(workerId));
  refuses("worker", wrong.refs, (runtime, _worker, ref) => runtime.worker(ref));
  refuses("sendInput", wrong.inputs, (_runtime, worker, input) => worker.sendInput(input));
  refuses("append", wrong.entries, (_runtime, worker, entry) => worker.append([entry]));
  refuses("append", wrong.lists, (_runtime, worker, entries) => worker.append(entries));
  refuses(
    "append",
    wrong.json,
    (_runtime, worker, value) => worker.append([{ role: "tool", content: "x", metadata: { value } }]),
  );
  refuses(
    "append",
    wrong.objects,
    (_runtime, worker, metadata) => worker.append([{ role: "tool", content: "x", metadata }]),
  );
  refuses("updateState", wrong.json, (_runtime, worker, value) => worker.updateState({ value }));
  refuses("updateState", wrong.objects, (_runtime, worker, patch) => worker.updateState(patch));
  refuses("record", wrong.json, (_runtime, worker, value) => worker.record("note", value));
  refuses("record", wrong.names, (runtime, _worker, name) => runtime.record(name, null));
  refuses("beginRun", wrong.names, (_runtime, worker, runId) => worker.beginRun({ runId }));
  refuses("stop", wrong.texts, (_runtime, worker, reason) => worker.stop({ reason }));
  refuses("cancel", wrong.texts, (_runtime, worker, reason) => worker.cancel({ reason }));
  refuses("Runtime.stop", wrong.texts, (runtime, _worker, reason) => runtime.stop({ reason }));
  refuses("recordUsage", wrong.usage, (_runtime, worker, usage) => worker.recordUsage(usage));
  refuses("workers", wrong.pages, (runtime, _worker, page) => runtime.workers(page));
  refuses(
    "watch",
    { "a negative cursor": -1, "a fraction": 0.5 },
    (runtime, _worker, after) => runtime.watch({ after }),
  );

  test("finish() rejects invalid outcomes", async (place) => {
    const runtime = await place.runtime();
    const worker = await runtime.createWorker({ intent: { kind: "assistant" } });
    const run = await worker.beginRun();
    for (const outcome of ["interrupted", "done", "", undefined, 7]) {
      const work = () => refused(() => run.finish(outcome as "failed"), "invalid_request");
      await writesNothing(runtime, work);
    }
    await run.finish("completed");
  });

  test("append() rejects entries that are too large in total before reading them", async (place) => {
    const runtime = await place.runtime();
    const worker = await runtime.createWorker({ intent: { kind: "assistant" } });
    let looks = 0;
    const metadata = {
      get x(): number {
        return ++looks;
      },
    };
    const content = "x".repeat(limits.contentBytesMax);
    const entries = Array.from(
      { length: limits.entriesMax },
      () => ({ role: "tool", content, metadata }) as const,
    );
    await writesNothing(runtime, () => refused(worker.append(entries), "limit_exceeded"));
    equal(looks, 0);
    // Control characters take six bytes each, which is known only once most of the text is built.
    const control = entries.map((entry) => ({ ...entry, content: "\0".repeat(limits.eventBytesMax / 256) }));
    await writesNothing(runtime, () => refused(worker.append(control), "limit_exceeded"));
    ok(looks < 100);
  });

  test("updateState() rejects data that is too large without reading all of it", async (place) => {
    const runtime = await place.runtime();
    const worker = await runtime.createWorker({ intent: { kind: "assistant" } });
    let looks = 0;
    const unread = {
      get x(): number {
        return ++looks;
      },
    };
    for (
      const patch of [
        { a: "x".repeat(limits.dataBytesMax), b: unread },
        { a: Array.from({ length: limits.dataBytesMax }, () => 1), b: unread },
        { ["n".repeat(limits.dataBytesMax)]: 1, b: unread },
      ]
    ) await writesNothing(runtime, () => refused(worker.updateState(patch), "invalid_request"));
    equal(looks, 0);
  });

  test("append() rejects all entries if one of them is invalid", async (place) => {
    const runtime = await place.runtime();
    const worker = await runtime.createWorker({ intent: { kind: "assistant" } });
    const entries = [{ role: "tool", content: "x" }, { role: "tool", content: "\uDC00" }] as const;
    await writesNothing(runtime, () => refused(() => worker.append(entries), "invalid_request"));
    equal(worker.state().transcriptLength, 0);
  });

  test("limits of texts are exact to the byte", async (place) => {
    const runtime = await place.runtime();
    const worker = await runtime.createWorker({
      workerId: "字".repeat(26) + "ab",
      displayName: "é".repeat(limits.nameBytesMax / 2),
      intent: { kind: "task", objective: "x".repeat(limits.textBytesMax) },
    });
    await worker.record("n".repeat(limits.nameBytesMax), "x".repeat(limits.dataBytesMax - 2), {
      key: "k".repeat(limits.keyBytesMax),
    });
    await worker.stop({ reason: "é".repeat(limits.textBytesMax / 2) });
    const again = await place.reopen(runtime);
    equal(again.worker(worker.workerId).state().reason?.length, limits.textBytesMax / 2);
  });
}
