/**
 * The context of a worker: compactions, rewinds, and what a model sees after them.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import { limits } from "../src/core/limits.ts";
import type { ContextState } from "../src/core/state.ts";
import type { Worker } from "../src/core/worker.ts";
import { allEntries, range } from "./dump.ts";
import { each, type Place, type Tests, withWorkers } from "./place.ts";

/** A step: so many entries to append, a compaction through a sequence, or a rewind to one. */
export type Step = number | { readonly through: number } | { readonly to: number };

/** Takes steps in order. The content of each entry is its sequence. */
export async function take(worker: Worker, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    const { transcriptLength } = worker.state();
    if (typeof step === "number") {
      const seqs = range(transcriptLength + 1, transcriptLength + step);
      await worker.append(seqs.map((seq) => ({ role: "user", content: `${seq}` })));
    } else if ("to" in step) await worker.rewind({ toSeq: step.to });
    else {
      const summary = { role: "summary", content: `${transcriptLength + 1}` };
      await worker.compact({ through: step.through, summary });
    }
  }
}

/** Sequences of the context, whose contents are those of the entries. */
async function seen(worker: Worker): Promise<number[]> {
  const { entries, version, bytes } = await worker.context();
  deepEqual(entries.map(({ content }) => content), entries.map(({ seq }) => `${seq}`));
  equal(bytes, entries.reduce((sum, { content }) => sum + JSON.stringify(content).length, 0));
  const { context, createdEventId } = worker.state();
  equal(version, context?.version ?? createdEventId);
  return entries.map(({ seq }) => seq);
}

/** Steps, and what the context is after them. */
const cases: Readonly<Record<string, readonly [steps: readonly Step[], seqs: readonly number[]]>> = {
  "nothing of an empty transcript": [[], []],
  "all entries before the first change": [[3], [1, 2, 3]],
  "the summary alone after compacting all": [[3, { through: 3 }], [4]],
  "the summary and what follows": [[3, { through: 3 }, 2], [4, 5, 6]],
  "the summary before entries that stay": [[5, { through: 2 }, 1], [6, 3, 4, 5, 7]],
  "the second summary in place of the first": [[3, { through: 3 }, 2, { through: 5 }, 1], [7, 6, 8]],
  "the second summary in place of the first, which is newer than what it compacts": [
    [5, { through: 2 }, { through: 3 }],
    [7, 4, 5],
  ],
  "the second summary in place of the first alone": [[5, { through: 2 }, 1, { through: 0 }], [8, 3, 4, 5, 7]],
  "the summary of a compaction through a gap": [
    [6, { to: 2 }, 3, { through: 4 }],
    [10, 7, 8, 9],
  ],
  "the summary of a compaction through the middle of a range after a gap": [
    [6, { to: 2 }, 3, { through: 8 }, 1],
    [10, 9, 11],
  ],
  "the summary of a compaction below an earlier one": [[6, { through: 4 }, { through: 2 }], [8, 5, 6]],
  "the entries up to a rewind": [[5, { to: 3 }], [1, 2, 3]],
  "the entries up to a rewind, and later ones": [[5, { to: 3 }, 2], [1, 2, 3, 6, 7]],
  "nothing after a rewind to 0": [[5, { to: 0 }], []],
  "later entries after a rewind to 0": [[5, { to: 0 }, 2], [6, 7]],
  "nothing of a summary after a rewind to 0": [[5, { through: 3 }, { to: 0 }, 1], [7]],
  "the summary alone after a rewind to it": [[5, { through: 3 }, 1, { to: 6 }, 1], [6, 8]],
  "the summary and the entries up to a rewind below it in the transcript": [
    [5, { through: 2 }, 2, { to: 4 }, 1],
    [6, 3, 4, 9],
  ],
  "the same after a rewind to the newest entry": [[3, { to: 3 }, 1], [1, 2, 3, 4]],
  "the same after a rewind of nothing to 0": [[{ to: 0 }, 2], [1, 2]],
  "the entries up to two rewinds, each lower": [[5, { to: 4 }, 2, { to: 2 }, 1], [1, 2, 8]],
  "the entries up to two rewinds, each higher": [[5, { to: 2 }, 3, { to: 7 }, 1], [1, 2, 6, 7, 9]],
  "the entries of a rewind after a compaction after a rewind": [
    [4, { to: 2 }, 4, { through: 5 }, 3, { to: 11 }, 1],
    [9, 6, 7, 8, 10, 11, 13],
  ],
  "the summary of what a rewind to 0 left": [[3, { to: 0 }, 2, { through: 4 }], [6, 5]],
};

/** Steps, a sequence that is not in the context then, and why. */
const outside: Readonly<Record<string, readonly [steps: readonly Step[], toSeq: number, why: RegExp]>> = {
  "after the newest entry": [[3], 4, /the transcript ends with entry 3/],
  "after the newest entry of an empty transcript": [[], 1, /the transcript ends with entry 0/],
  "that was compacted": [[5, { through: 3 }, 1], 3, /it was compacted into entry 6; a fork can begin there/],
  "that was compacted by the summary before": [
    [5, { through: 3 }, { through: 0 }],
    2,
    /it was compacted into entry 7/,
  ],
  "that was rewound away": [[5, { to: 2 }, 1], 4, /it was rewound away; a fork can begin there/],
  "that was rewound away to 0": [[5, { to: 0 }], 1, /it was rewound away;/],
  "that was compacted into a summary that was rewound away": [
    [5, { through: 3 }, { to: 0 }],
    2,
    /it was rewound away;/,
  ],
  "that was rewound away after a compaction": [
    [5, { through: 3 }, { to: 6 }],
    4,
    /it was rewound away, or is a summary that was replaced/,
  ],
  "of a summary that was replaced": [
    [5, { through: 3 }, { through: 4 }],
    6,
    /it was rewound away, or is a summary that was replaced/,
  ],
};

/** Tests of a runtime with a worker `a`. */
export const contextTests: Tests = withWorkers(["a"], {
  ...each(Object.entries(cases), ([what, [steps, seqs]]) => ({
    [`context() has ${what}`]: async (place) => {
      await take(place.a, steps);
      await place.throughout(async () => deepEqual(await seen(place.a), seqs));
      const { transcriptLength } = place.a.state();
      deepEqual((await allEntries(place.a)).map(({ seq }) => seq), range(1, transcriptLength));
    },
  })),

  ...each(Object.entries(outside), ([what, [steps, toSeq, why]]) => ({
    [`rewind() to an entry ${what} is invalid_request`]: async (place) => {
      await take(place.a, steps);
      await place.throughout(async () => {
        const { message } = await place.rejects(place.a.rewind({ toSeq }), "invalid_request");
        ok(why.test(message), message);
      });
    },
  })),

  "compact() of nothing is invalid_request": async (place) => {
    const summary = { role: "summary", content: "x" };
    const refuses = async (through: number, why: string) => {
      const { message } = await place.rejects(place.a.compact({ through, summary }), "invalid_request");
      ok(message.includes(why), message);
    };
    await refuses(0, "neither a summary nor an entry up to 0");
    await refuses(1, "the transcript ends with entry 0");
    await take(place.a, [4]);
    await refuses(0, "neither a summary nor an entry up to 0");
    await refuses(5, "the transcript ends with entry 4");
    await take(place.a, [{ to: 0 }, 1]);
    await refuses(4, "neither a summary nor an entry up to 4");
  },

  "compact() and rewind() are one event each, and change no entry": async (place) => {
    await take(place.a, [4]);
    const before = await allEntries(place.a);
    const summary = { role: "summary", content: [{ text: "so far" }], metadata: { by: "m" } };
    const meta = { actor: "ann" };
    const compacted = await place.a.compact({ through: 3, summary }, { meta });
    deepEqual([compacted.firstSeq, compacted.lastSeq, compacted.eventId], [5, 5, place.runtime.lastEventId]);
    deepEqual(place.a.state().context, contextOf(compacted.eventId, 5, 3, [[4, 4]], 6));
    const rewound = await place.a.rewind({ toSeq: 5 }, { meta });
    equal(rewound.eventId, place.runtime.lastEventId);
    deepEqual(place.a.state().context, contextOf(rewound.eventId, 5, 3, [], 6));
    const { items } = await place.a.events({ after: compacted.eventId - 1 });
    const worker = { type: "worker.committed", workerId: "a" };
    deepEqual(items.map(({ id: _, at: _at, ...event }) => event), [
      { ...worker, seq: 5, count: 1, meta, context: { compacted: 3 }, entries: [summary] },
      { ...worker, meta, context: { rewound: 5 } },
    ]);
    const { eventId, at } = compacted;
    await place.throughout(async () => {
      deepEqual(await allEntries(place.a), [...before, { seq: 5, at, eventId, compacted: 3, ...summary }]);
      deepEqual((await place.a.context()).entries, [{ seq: 5, at, eventId, compacted: 3, ...summary }]);
      equal(place.a.state().context?.version, rewound.eventId);
    });
  },

  "watch() for the context yields compactions and rewinds": async ({ a, runtime }) => {
    const watch = runtime.watch({ has: ["context"] });
    await take(a, [3, { through: 2 }, 1, { to: 4 }, 1]);
    const changes = [await watch.next(), await watch.next()].map(({ value }) =>
      value !== undefined && "context" in value ? value.context : undefined
    );
    await watch.return();
    deepEqual(changes, [{ compacted: 2 }, { rewound: 4 }]);
  },

  "state() has no context before the first change, and the same one after appending": async (place) => {
    await take(place.a, [3]);
    equal("context" in place.a.state(), false);
    await take(place.a, [{ to: 2 }]);
    const { context } = place.a.state();
    await take(place.a, [5]);
    await place.throughout(() => deepEqual(place.a.state().context, context));
  },

  "compact() while a run is open leaves it open": async (place) => {
    await take(place.a, [3]);
    const run = await place.a.beginRun();
    await run.append([{ role: "user", content: "4" }]);
    await take(place.a, [{ through: 3 }]);
    await run.append([{ role: "user", content: "6" }]);
    equal(run.isOpen, true);
    deepEqual(await seen(place.a), [5, 4, 6]);
    await run.finish("completed");
    await place.throughout(async () => deepEqual(await seen(place.a), [5, 4, 6]));
  },

  "compact() of a run is its entry, and run_ended once it has ended": async (place) => {
    await take(place.a, [3]);
    const run = await place.a.beginRun({ runId: "r" });
    const summary = { role: "summary", content: "4" };
    const { lastSeq, at, eventId } = await run.compact({ through: 2, summary });
    const { items: [entry] } = await place.a.transcript({ limit: 1 });
    deepEqual(entry, { seq: lastSeq, at, runId: "r", eventId, compacted: 2, ...summary });
    await place.a.rewind({ toSeq: 4 }, { cancelRun: true });
    await place.a.beginRun({ runId: "r" });
    await place.rejects(run.compact({ through: 3, summary }), "run_ended", { workerId: "a", runId: "r" });
    deepEqual(await seen(place.a), [4]);
  },

  "rewind() while a run is open is worker_busy, unless it cancels the run": async (place) => {
    await take(place.a, [3]);
    const run = await place.a.beginRun({ runId: "r" });
    await run.append([{ role: "user", content: "4" }]);
    await place.rejects(place.a.rewind({ toSeq: 2 }), "worker_busy", { workerId: "a", runId: "r" });
    await place.rejects(place.a.rewind({ toSeq: 9 }, { cancelRun: true }), "invalid_request");
    equal(run.isOpen, true);
    const { eventId } = await place.a.rewind({ toSeq: 2 }, { cancelRun: true });
    deepEqual([run.isOpen, run.signal.aborted], [false, true]);
    await place.rejects(run.append([{ role: "user", content: "late" }]), "run_ended");
    const { items: [event] } = await place.a.events({ limit: 1 });
    const { at } = event ?? {};
    const members = { type: "worker.committed", workerId: "a", runId: "r", run: { ended: "cancelled" } };
    deepEqual(event, { id: eventId, at, ...members, context: { rewound: 2 } });
    await place.throughout(async () => {
      deepEqual([await seen(place.a), place.a.state().lastRun?.outcome], [[1, 2], "cancelled"]);
    });
    // Without a run there is none to cancel.
    await place.a.rewind({ toSeq: 1 }, { cancelRun: true });
    deepEqual(await seen(place.a), [1]);
  },

  "rewind() and compact() beyond 64 ranges are limit_exceeded, and an append never is": async (place) => {
    // Each leaves a range of one entry behind.
    for (let count = 1; count < limits.contextRangesMax; count++) {
      await take(place.a, [2, { to: place.a.state().transcriptLength + 1 }]);
    }
    await take(place.a, [3]);
    const { transcriptLength } = place.a.state();
    const kept = await seen(place.a);
    equal(kept.length, limits.contextRangesMax + 2);
    const rewind = () => place.a.rewind({ toSeq: transcriptLength - 1 });
    await place.throughout(async () => {
      const { message, details } = await place.rejects(rewind, "limit_exceeded");
      ok(message.includes("compact"), message);
      deepEqual([details.max, details.actual], [limits.contextRangesMax, limits.contextRangesMax + 1]);
      deepEqual(await seen(place.a), kept);
    });
    // Room for the range of the newest entries.
    await take(place.a, [{ through: 1 }]);
    equal(place.a.state().context?.ranges.length, limits.contextRangesMax - 1);
    await take(place.a, [1]);
    const summary = { role: "summary", content: "x" };
    await place.rejects(place.a.compact({ through: 0, summary }), "limit_exceeded");
    // A rewind that creates no range.
    await take(place.a, [{ to: 3 }, { through: place.a.state().transcriptLength }]);
    await place.throughout(async () => {
      deepEqual(await seen(place.a), [place.a.state().transcriptLength]);
      deepEqual(place.a.state().context?.ranges, []);
    });
  },

  "context() has the content of large entries and of a large summary": async (place) => {
    const [large, largest] = ["字".repeat(100_000), { parts: ["x".repeat(2_000_000)] }];
    await place.a.append([{ role: "tool", content: "1" }, { role: "tool", content: large, name: "read" }]);
    await place.a.compact({ through: 1, summary: { role: "summary", content: largest } });
    await place.throughout(async () => {
      const { entries, bytes } = await place.a.context();
      deepEqual(entries.map(({ content }) => content), [largest, large]);
      equal(bytes, 300_002 + JSON.stringify(largest).length);
      deepEqual(entries.map((entry) => "contentBlob" in entry), [false, false]);
      deepEqual([entries[0]?.compacted, entries[1]?.name], [1, "read"]);
      const { items } = await place.a.transcript();
      deepEqual(items.map((entry) => "contentBlob" in entry), [false, true, true]);
    });
  },

  "context() beyond bytesMax is limit_exceeded, and never truncated": async (place) => {
    const large = "x".repeat(300_000);
    await place.a.append([{ role: "user", content: "é\u2028" }, { role: "tool", content: { large } }]);
    const bytes = 10 + 300_012;
    await place.throughout(async () => {
      equal((await place.a.context({ bytesMax: bytes })).bytes, bytes);
      for (const bytesMax of [bytes - 1, 10, 1]) {
        const { message, details } = await place.rejects(place.a.context({ bytesMax }), "limit_exceeded");
        ok(message.includes("compact"), message);
        ok(details.actual > bytesMax && details.max === bytesMax, message);
      }
    });
    for (const bytesMax of [0, -1, 1.5, "9" as never]) {
      await place.rejects(place.a.context({ bytesMax }), "invalid_request");
    }
    await place.rejects(place.a.context({ bytes: 9 } as never), "invalid_request");
  },

  "context() is read in pages, also of a context with many ranges": async (place) => {
    const content = "x".repeat(200_000);
    for (const count of range(1, 30)) {
      await place.a.append([{ role: "tool", content: `${count}${content}` }, { role: "tool", content }]);
      if (count % 3 === 0) await place.a.rewind({ toSeq: 2 * count - 1 });
    }
    await place.a.append(range(1, 256).map((index) => ({ role: "user", content: `${index}` })));
    await place.throughout(async () => {
      const { entries } = await place.a.context();
      const kept = range(1, 60).filter((seq) => seq % 6 > 0);
      deepEqual(entries.map(({ seq }) => seq), [...kept, ...range(61, 316)]);
      for (const { seq, content } of entries) {
        equal(
          `${content}`.length,
          seq > 60 ? `${seq - 60}`.length : 200_000 + (seq % 2) * `${(seq + 1) / 2}`.length,
        );
      }
    });
  },

  "context() is that of the worker's life, and stays readable when it is stopped": async (place) => {
    await take(place.a, [3, { through: 2 }]);
    await place.a.stop();
    await place.throughout(async () => deepEqual(await seen(place.a), [4, 3]));
    const handle = place.a;
    await handle.purge();
    await place.rejects(handle.context(), "worker_not_found", { workerId: "a" });
    await place.create("a");
    await place.throughout(async () => {
      deepEqual([await seen(place.a), "context" in place.a.state()], [[], false]);
    });
  },

  "context() is of one moment, whatever is committed meanwhile": async (place) => {
    await take(place.a, [5, { through: 2 }]);
    const [before, , after] = await Promise.all([
      seenLater(place),
      take(place.a, [1, { to: 6 }]),
      seenLater(place),
    ]);
    deepEqual([before, after], [[6, 3, 4, 5], [6, 3, 4, 5]]);
    deepEqual(await seen(place.a), [6]);
  },
});

/** Sequences of the context as of now. */
async function seenLater({ a }: Place): Promise<number[]> {
  return (await a.context()).entries.map(({ seq }) => seq);
}

function contextOf(
  version: number,
  summary: number | null,
  compacted: number,
  ranges: ContextState["ranges"],
  openFrom: number,
): ContextState {
  return { version, summary, compacted, ranges, openFrom };
}
