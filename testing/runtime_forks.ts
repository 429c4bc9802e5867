/**
 * Forks: workers that begin with the entries of another one.
 *
 * @module
 */
import { deepEqual, equal, ok } from "./assert.ts";
import { limits } from "../src/core/limits.ts";
import type { TranscriptEntry } from "../src/core/reading.ts";
import type { Worker } from "../src/core/worker.ts";
import { allEntries, contentsOf, range } from "./dump.ts";
import { each, type Place, refused, type Tests, withWorkers } from "./place.ts";

const intent = { kind: "assistant" } as const;
const large = "字".repeat(limits.contentInlineBytesMax / 3);
const bytes = new Uint8Array(range(0, 999).map((index) => index * index));

/** Says something, in an event of its own each. */
async function say(worker: Worker, ...contents: readonly string[]): Promise<void> {
  for (const content of contents) await worker.sendInput({ role: "user", content });
}

const summary = { role: "system", content: "so far" };

/** A fork of `a`: the title, its preparation, where it is forked, and the sequences of the context. */
type ContextRow = readonly [string, (a: Worker) => Promise<unknown>, number | undefined, readonly number[]];

async function compactAndSay(a: Worker): Promise<void> {
  await a.compact({ through: 3, summary });
  await say(a, "seven", "eight", "nine");
}

async function rewindAndSay(a: Worker): Promise<void> {
  await a.rewind({ toSeq: 2 });
  await say(a, "six", "seven", "eight");
}

/** The source `a`, with entries of every kind: 5 in 4 events. */
async function fill({ a }: Place): Promise<void> {
  await say(a, "one");
  const run = await a.beginRun({ runId: "r" });
  await run.append([
    { role: "assistant", content: [{ type: "text", text: "two \uD800" }], metadata: { n: 1 } },
    { role: "tool", content: large, name: "search" },
  ]);
  await run.finish("completed");
  const blob = await a.putBlob(bytes, { mediaType: "image/png" });
  await a.append([{ role: "user", content: "see", blobs: [blob] }]);
  await say(a, "five");
}

/** Entries read in pages of all sizes, from both ends. */
async function checkPages(worker: Worker, expected: readonly TranscriptEntry[]): Promise<void> {
  const { length } = expected;
  for (const limit of [1, 2, 3, length + 1]) {
    for (const from of range(0, length + 1)) {
      const after = await worker.transcript({ after: from, limit });
      deepEqual(after.items, expected.slice(from, from + limit));
      const before = await worker.transcript({ before: from, limit });
      deepEqual(before.items, expected.slice(Math.max(0, from - 1 - limit), Math.max(0, from - 1)));
      deepEqual([after.length, before.length], [length, length]);
      equal(after.next, from + after.items.length < length ? from + after.items.length : null);
    }
  }
}

/** Tests of a runtime with workers `a` and `b`. */
export const forkTests: Tests = withWorkers(["a", "b"], {
  ...each([0, 1, 2, 3, 4, 5, undefined], (atSeq) => ({
    [`forkWorker() at ${atSeq ?? "the end"} copies the entries up to there, in one event`]: async (place) => {
      await fill(place);
      const source = await allEntries(place.a);
      const contents = await contentsOf(place.a);
      const { lastEventId } = place.runtime;
      const fork = await place.runtime.forkWorker("a", { workerId: "f", atSeq });
      equal(fork.creation?.eventId, lastEventId + 1);
      const seq = atSeq ?? 5;
      await place.throughout(async (runtime) => {
        const fork = runtime.worker("f");
        const { transcriptLength, createdEventId, fork: origin, usage } = fork.state();
        deepEqual([transcriptLength, usage.requests], [seq, 0]);
        deepEqual({ ...origin, base: undefined }, { workerId: "a", createdEventId: 3, seq, base: undefined });
        equal(origin?.base === undefined, seq === 0);
        deepEqual(await allEntries(fork), source.slice(0, seq));
        deepEqual(await contentsOf(fork), contents.slice(0, seq));
        await checkPages(fork, source.slice(0, seq));
        deepEqual(await fork.removeUnreferencedBlobs({ dryRun: true }), []);
        deepEqual(await allEntries(runtime.worker("a")), source);
        equal((await fork.events()).items[0]?.id, createdEventId);
      });
    },
  })),

  "a fork goes on after the entries that it has": async (place) => {
    await fill(place);
    const { runtime } = place;
    const source = await allEntries(place.a);
    const commit = { entries: [{ role: "user", content: "first" }, { role: "tool", content: [large] }] };
    const fork = await runtime.forkWorker(place.a.ref, { workerId: "f", atSeq: 3 }, { commit });
    const receipt = await fork.append([{ role: "user", content: "six" }, { role: "user", content: "seven" }]);
    deepEqual([receipt.firstSeq, receipt.lastSeq], [6, 7]);
    await say(place.a, "elsewhere");
    await place.throughout(async (runtime) => {
      const fork = runtime.worker("f");
      const entries = await allEntries(fork);
      deepEqual(entries.slice(0, 3), source.slice(0, 3));
      deepEqual(entries.map(({ seq }) => seq), range(1, 7));
      deepEqual((await contentsOf(fork)).slice(3), ["first", [large], "six", "seven"]);
      await checkPages(fork, entries);
      deepEqual(await fork.removeUnreferencedBlobs({ dryRun: true }), []);
    });
    await say(place.runtime.worker("f"), "eight");
    await place.runtime.worker("f").beginRun();
    await place.throughout(async (runtime) => {
      equal((await contentsOf(runtime.worker("f"))).at(-1), "eight");
    });
  },

  "a fork stays whole when the worker it was forked from is purged, and its id is used again": async (
    place,
  ) => {
    await fill(place);
    const [source, contents] = [await allEntries(place.a), await contentsOf(place.a)];
    await place.runtime.forkWorker("a", { workerId: "f" });
    await place.a.stop();
    await place.a.purge();
    await place.create("a");
    await say(place.a, "another");
    await place.throughout(async (runtime) => {
      const fork = runtime.worker("f");
      deepEqual([await allEntries(fork), await contentsOf(fork)], [source, contents]);
      equal(
        await new Response(await fork.blob(source[3]?.blobs?.[0] ?? { sha256: "", bytes: 0, mediaType: "" }))
          .bytes()
          .then(({ length }) => length),
        bytes.length,
      );
      deepEqual(await contentsOf(runtime.worker("a")), ["another"]);
    });
  },

  "a fork of a fork has the entries of both, and names its own origin": async (place) => {
    await fill(place);
    const source = await allEntries(place.a);
    const first = await place.runtime.forkWorker("a", { workerId: "f", atSeq: 4 });
    await say(first, "own 5", "own 6");
    const entries = await allEntries(first);
    for (const atSeq of [2, 4, 5, 6]) {
      const id = `g${atSeq}`;
      const second = await place.runtime.forkWorker("f", { workerId: id, atSeq });
      equal(second.state().fork?.workerId, "f");
      await say(second, "last");
    }
    await first.retire();
    await first.purge();
    await place.throughout(async (runtime) => {
      for (const atSeq of [2, 4, 5, 6]) {
        const second = runtime.worker(`g${atSeq}`);
        deepEqual((await allEntries(second)).slice(0, -1), entries.slice(0, atSeq));
        deepEqual((await contentsOf(second)).at(-1), "last");
      }
      deepEqual(await allEntries(runtime.worker("a")), source);
    });
  },

  ...each<ContextRow>([
    ["of a compacted worker", (a) => a.compact({ through: 3, summary }), undefined, [6, 4, 5]],
    ["of a compacted worker at its summary", (a) => a.compact({ through: 3, summary }), 6, [6, 4, 5]],
    ["of a compacted worker before its summary", (a) => a.compact({ through: 3, summary }), 4, [1, 2, 3, 4]],
    ["of a compacted worker at a compacted entry", (a) => a.compact({ through: 3, summary }), 2, [1, 2]],
    ["of a compacted worker that went on", compactAndSay, 8, [6, 4, 5, 7, 8]],
    ["of a rewound worker", (a) => a.rewind({ toSeq: 2 }), undefined, [1, 2]],
    ["of a worker rewound to nothing", (a) => a.rewind({ toSeq: 0 }), undefined, []],
    ["of a rewound worker at an entry in its context", (a) => a.rewind({ toSeq: 3 }), 2, [1, 2]],
    ["of a rewound worker at an entry that was rewound away", (a) => a.rewind({ toSeq: 2 }), 4, [1, 2, 3, 4]],
    ["of a rewound worker that went on", rewindAndSay, 7, [1, 2, 6, 7]],
    ["of a rewound worker that went on, between", rewindAndSay, 6, [1, 2, 6]],
    ["at nothing of a compacted worker", (a) => a.compact({ through: 3, summary }), 0, []],
  ], ([what, prepare, atSeq, seqs]) => ({
    [`forkWorker() ${what} has the context up to there, or all of the entries`]: async (place) => {
      await fill(place);
      await prepare(place.a);
      const { entries } = await place.a.context();
      const fork = await place.runtime.forkWorker("a", { workerId: "f", atSeq });
      if (atSeq === undefined) deepEqual((await fork.context()).entries, entries);
      await say(fork, "next");
      const length = fork.state().transcriptLength;
      await place.throughout(async (runtime) => {
        const { entries, version } = await runtime.worker("f").context();
        deepEqual(entries.map(({ seq }) => seq), [...seqs, length]);
        equal(version, runtime.worker("f").state().createdEventId);
        equal("context" in (runtime.worker("f").state().fork ?? {}), false);
      });
      const again = place.runtime.worker("f");
      await again.compact({ through: length, summary });
      deepEqual((await again.context()).entries.map(({ seq }) => seq), [length + 1]);
      const second = await place.runtime.forkWorker("f", { workerId: "g" });
      deepEqual((await second.context()).entries, (await again.context()).entries);
    },
  })),

  "forkWorker() has the record of its origin where its spec is silent, and nothing else": async (
    place,
  ) => {
    const objective = "count";
    const spec = {
      workerId: "s",
      intent: { kind: "task", objective },
      profile: { kind: "named", name: "p" },
      labels: { team: "x" },
      displayName: "S",
      parent: "a",
    } as const;
    const source = await place.runtime.createWorker(spec, {
      commit: { data: { n: 1 }, usage: { model: "m" } },
    });
    await say(source, "x");
    const same = await place.runtime.forkWorker("s", { workerId: "f" });
    const other = await place.runtime.forkWorker("s", {
      workerId: "g",
      intent,
      labels: { l: "1" },
      displayName: "G",
    });
    await place.throughout((runtime) => {
      const [source, f, g] = ["s", "f", "g"].map((id) => runtime.worker(id).state());
      deepEqual(f?.record, { ...source?.record, workerId: same.workerId });
      deepEqual([{ ...f?.labels }, f?.displayName, { ...f?.data }, f?.usage.requests], [
        {},
        undefined,
        {},
        0,
      ]);
      deepEqual(g?.record, { ...source?.record, intent, workerId: other.workerId });
      deepEqual([{ ...g?.labels }, g?.displayName], [{ l: "1" }, "G"]);
    });
    ok((await place.runtime.forkWorker("s")).workerId.length > 10);
  },

  "forkWorker() with a key returns the same worker, also after its origin has changed or is gone": async (
    place,
  ) => {
    await fill(place);
    const fork = () => place.runtime.forkWorker("a", { workerId: "f" }, { key: "k" });
    const [first, second] = await Promise.all([fork(), fork()]);
    deepEqual([first.creation?.duplicate, second.creation?.duplicate], [false, true]);
    await say(place.a, "more");
    equal((await place.writesNothing(fork)).creation?.eventId, first.creation?.eventId);
    await place.a.stop();
    await place.a.purge();
    await place.throughout(async (runtime) => {
      const again = await place.writesNothing(fork);
      deepEqual([again.creation?.eventId, again.creation?.duplicate], [first.creation?.eventId, true]);
      equal(runtime.worker("f").state().transcriptLength, 5);
      await place.rejects(
        () => runtime.forkWorker("a", { workerId: "f", atSeq: 1 }, { key: "k" }),
        "key_reused",
      );
    });
  },

  ...each([-1, 6, 1.5, NaN, "1"], (atSeq) => ({
    [`forkWorker() at ${JSON.stringify(atSeq)} of 5 is invalid_request`]: async (place) => {
      await fill(place);
      const spec = { workerId: "f", atSeq: atSeq as number };
      await place.rejects(() => place.runtime.forkWorker("a", spec), "invalid_request");
    },
  })),

  "forkWorker() of no worker is worker_not_found, of an id in use worker_exists": async (place) => {
    await fill(place);
    await place.rejects(() => place.runtime.forkWorker("nobody"), "worker_not_found", { workerId: "nobody" });
    await place.rejects(() => place.runtime.forkWorker("a", { workerId: "b" }), "worker_exists");
    await place.rejects(() => place.runtime.forkWorker("a", { workerId: "" }), "invalid_request");
    const unknown = { workerId: "f", colour: 1 } as { workerId: string };
    await place.rejects(() => place.runtime.forkWorker("a", unknown), "invalid_request");
    await place.reopen();
    deepEqual(await place.b.removeUnreferencedBlobs({ dryRun: true }), []);
  },

  "forkWorker() while entries are appended copies those of the moment of the call": async (place) => {
    await fill(place);
    const { a, runtime } = place;
    const forking = runtime.forkWorker("a", { workerId: "f" });
    await Promise.all([say(a, "six", "seven"), a.append([{ role: "tool", content: [large] }]), forking]);
    await place.throughout(async (runtime) => {
      deepEqual((await contentsOf(runtime.worker("f"))).slice(3), ["see", "five"]);
      equal(runtime.worker("a").state().transcriptLength, 8);
    });
  },

  "forkWorker() of a worker that is purged meanwhile is rejected, or has all of its entries": async (
    place,
  ) => {
    await fill(place);
    const { a, runtime } = place;
    await a.stop();
    const forking = runtime.forkWorker("a", { workerId: "f" }).then(() => true, (error) => {
      equal(error.code, "worker_not_found");
      return false;
    });
    await a.purge();
    const isForked = await forking;
    await place.throughout(async (runtime) => {
      if (isForked) equal((await contentsOf(runtime.worker("f"))).length, 5);
      else await refused(() => runtime.worker("f"), "worker_not_found");
    });
  },

  "a fork of a long transcript is read in bounded pages from either end": async (place) => {
    const content = "x".repeat(200_000);
    for (const first of [1, 11, 21]) {
      await place.a.append(
        range(first, first + 4).map((index) => ({ role: "tool", content: `${index} ${content}` })),
      );
      await place.a.append(
        range(first + 5, first + 9).map((index) => ({ role: "user", content: `${index}` })),
      );
    }
    const source = await allEntries(place.a);
    const fork = await place.runtime.forkWorker("a", { workerId: "f" });
    await fork.append(range(31, 35).map((index) => ({ role: "tool", content: `${index} ${content}` })));
    await place.throughout(async (runtime) => {
      const fork = runtime.worker("f");
      const all = await allEntries(fork);
      deepEqual(all.slice(0, 30), source);
      const seqs: number[] = [];
      for (let before: number | null = 36; before !== null;) {
        const page = await fork.transcript({ before, limit: 1_000 });
        const size = JSON.stringify(page.items).length;
        ok(size < limits.pageBytesMax + 300_000, `a page of ${size} bytes`);
        seqs.unshift(...page.items.map(({ seq }) => seq));
        before = page.previous;
      }
      deepEqual(seqs, range(1, 35));
    });
  },
});
