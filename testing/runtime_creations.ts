/**
 * Blobs of workers that are yet to be created, and creations whose first entries
 * have large content.
 *
 * @module
 */
import { deepEqual, equal, rejects } from "./assert.ts";
import { HashedInput } from "../src/core/blob_stream.ts";
import { parseWorkerId } from "../src/core/ids.ts";
import { limits } from "../src/core/limits.ts";
import type { CreateWorkerOptions } from "../src/core/runtime.ts";
import type { NewWorker } from "../src/core/store.ts";
import { allEntries, contentsOf, range } from "./dump.ts";
import { each, refused, type Tests, withWorkers } from "./place.ts";
import { adopting, created, onStore, purged, said, type Seam } from "./seam.ts";

const intent = { kind: "assistant" } as const;
const large = "字".repeat(limits.contentInlineBytesMax / 3);
const entries = [{ role: "tool", content: large }, { role: "user", content: "small" }];
const commit: CreateWorkerOptions["commit"] = { entries, data: { first: true } };
const missing = { sha256: "0".repeat(64), bytes: 3, mediaType: "x" };

/** Tests of a runtime with workers `a` and `b`. */
export const creationTests: Tests = withWorkers(["a", "b"], {
  "createWorker() keeps large content of the first entries as blobs, in one event": async (place) => {
    const worker = await place.runtime.createWorker({ workerId: "c", intent }, { commit });
    equal(worker.creation?.eventId, place.runtime.lastEventId);
    await place.throughout(async (runtime) => {
      const worker = runtime.worker("c");
      deepEqual(await contentsOf(worker), [large, "small"]);
      deepEqual((await allEntries(worker)).map((entry) => "contentBlob" in entry), [true, false]);
      deepEqual({ ...worker.state().data }, { first: true });
      deepEqual(await worker.removeUnreferencedBlobs({ dryRun: true }), []);
    });
  },

  "ensureWorker() with large content creates one worker, however often it is called at once": async (
    place,
  ) => {
    const spec = { workerId: "c", intent };
    const calls = range(1, 4).map(() => place.runtime.ensureWorker(spec, { commit }));
    const workers = await Promise.all(calls);
    deepEqual(workers.map(({ creation }) => creation !== undefined), [true, false, false, false]);
    await place.throughout(async (runtime) => {
      deepEqual(await contentsOf(runtime.worker("c")), [large, "small"]);
    });
  },

  "createWorker() with large content and a key returns the same worker again": async (place) => {
    const create = () => place.runtime.createWorker({ workerId: "c", intent }, { commit, key: "k" });
    const [first, second] = await Promise.all([create(), create()]);
    deepEqual([first.creation?.duplicate, second.creation?.duplicate], [false, true]);
    await place.throughout(async (runtime) => {
      const again = await place.writesNothing(create());
      deepEqual([again.creation?.eventId, again.creation?.duplicate], [first.creation?.eventId, true]);
      deepEqual(await contentsOf(runtime.worker("c")), [large, "small"]);
    });
  },

  "createWorker() with large content of an id in use is worker_exists, and that worker has none of it":
    async (place) => {
      await place.rejects(place.runtime.createWorker({ workerId: "a", intent }, { commit }), "worker_exists");
      await place.reopen();
      deepEqual(await place.a.removeUnreferencedBlobs({ dryRun: true }), []);
    },

  "creations and commands of an id keep the order of their calls when one waits for its blob": async (
    place,
  ) => {
    const { runtime } = place;
    const both = [
      runtime.createWorker({ workerId: "c", intent }, { commit }),
      refused(runtime.createWorker({ workerId: "c", intent }), "worker_exists"),
    ];
    await Promise.all(both);
    deepEqual(await contentsOf(runtime.worker("c")), [large, "small"]);
    await runtime.worker("c").stop();
    const [, again] = await Promise.all([
      runtime.worker("c").purge(),
      runtime.createWorker({ workerId: "c", intent }, {
        commit: { entries: [{ role: "tool", content: [large] }] },
      }),
    ]);
    await place.throughout(async (runtime) => {
      equal(runtime.worker("c").state().createdEventId, again.creation?.eventId);
      deepEqual(await contentsOf(runtime.worker("c")), [[large]]);
      deepEqual(await runtime.worker("c").removeUnreferencedBlobs({ dryRun: true }), []);
    });
  },

  "createWorker() that is aborted while it waits for its blob creates nothing": async (place) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const { signal } = controller;
    const creating = rejects(
      place.runtime.createWorker({ workerId: "c", intent }, { commit, signal }),
      (error) => error === reason,
    );
    controller.abort(reason);
    await creating;
    await place.rejects(() => place.runtime.worker("c"), "worker_not_found");
    await place.create("c");
    await place.throughout(async (runtime) => {
      deepEqual(await contentsOf(runtime.worker("c")), []);
      deepEqual(await runtime.worker("c").removeUnreferencedBlobs({ dryRun: true }), []);
    });
  },

  "createWorker() whose entries refer to a blob is blob_missing: the worker has none yet": async (place) => {
    const refs = [missing, await place.a.putBlob(new TextEncoder().encode("abc"))];
    for (const ref of refs) {
      const commit = { entries: [{ role: "user", content: "x", blobs: [ref] }] };
      await place.rejects(
        () => place.runtime.createWorker({ workerId: "c", intent }, { commit }),
        "blob_missing",
      );
    }
  },
});

/** Creations of `c`, which does not exist, and of `a`, which does. */
const [first, second] = [1, 2].map((creation) => ({ workerId: parseWorkerId("c"), creation })) as [
  NewWorker,
  NewWorker,
];
const ofA: NewWorker = { workerId: parseWorkerId("a"), creation: 3 };

/** Tests of a store with workers `a` and `b`. */
export const seamCreationTests: Tests = onStore(["a", "b"], {
  "append() of a creation adopts the blobs put for it": async (seam) => {
    await put(seam, first, "one");
    await put(seam, first, "two");
    await put(seam, first, "two");
    await has(seam, "c", []);
    await seam.append(adopting("c", 1), said("c", "hello"));
    await throughout(seam, "c", ["one", "two"]);
  },

  "append() of a creation adopts no blobs of another one, whatever their ids": async (seam) => {
    await put(seam, first, "one");
    await put(seam, second, "two");
    await seam.append(adopting("c", 2));
    await seam.store.discardBlobs(first);
    await throughout(seam, "c", ["two"]);
  },

  ...each([["without blobs", []], ["that adopts none", ["one"]]], ([what, adopted]) => ({
    [`append() of a creation ${what} leaves blobs put for others to them`]: async (seam: Seam) => {
      await put(seam, first, "one");
      if (adopted.length > 0) await put(seam, second, "one");
      await seam.append(adopted.length > 0 ? adopting("c", 2) : created("c"));
      await throughout(seam, "c", adopted);
    },
  })),

  "discardBlobs() removes the blobs of a creation, and is idempotent": async (seam) => {
    await put(seam, first, "one");
    await seam.store.discardBlobs(first);
    await seam.store.discardBlobs(first);
    await seam.store.discardBlobs(second);
    await put(seam, first, "two");
    await seam.append(adopting("c", 1));
    await throughout(seam, "c", ["two"]);
  },

  "blobs of a creation that was not appended are those of nobody after a reopening": async (seam) => {
    await put(seam, first, "one");
    await put(seam, ofA, "two");
    const again = await seam.reopen();
    await has(again, "a", []);
    await put(again, first, "three");
    await again.append(adopting("c", 1));
    await throughout(again, "c", ["three"]);
  },

  ...each([["", false], [", also if it was in a snapshot", true]], ([when, saves]) => ({
    [`blobs put for a creation survive the purge of an earlier worker with the id${when}`]: async (
      seam: Seam,
    ) => {
      await seam.store.putBlob({ workerId: ofA.workerId, createdEventId: 3 }, input("old"));
      await seam.append(said("a", "old"));
      await put(seam, ofA, "new");
      await has(seam, "a", ["old"]);
      if (saves) await seam.save();
      await seam.append(...purged("a"));
      await has(seam, "a", []);
      await seam.append(adopting("a", 3));
      await throughout(seam, "a", ["new"]);
    },
  })),

  "append() of a creation and a purge of one worker leaves no blob": async (seam) => {
    await put(seam, first, "one");
    await seam.append(adopting("c", 1), ...purged("c"));
    const again = await throughout(seam, "c", []);
    await again.append(created("c"));
    await throughout(again, "c", []);
  },

  "adopted blobs are blobs like others: put again, removed, purged": async (seam) => {
    await put(seam, first, "one");
    await put(seam, first, "two");
    await seam.append(adopting("c", 1));
    const owner = { workerId: first.workerId, createdEventId: seam.last };
    const { sha256 } = await seam.store.putBlob(owner, input("one"));
    await seam.store.putBlob(owner, input("three"));
    await seam.store.removeBlobs(owner.workerId, [sha256]);
    const again = await throughout(seam, "c", ["three", "two"]);
    await again.append(...purged("c"), created("c"));
    await throughout(again, "c", []);
  },
});

async function put({ store }: Seam, owner: NewWorker, text: string): Promise<void> {
  const { bytes } = await store.putBlob(owner, input(text));
  equal(bytes, text.length);
}

/** Asserts which texts the blobs of a worker hold, now and after reopenings, the second time after a snapshot. */
async function throughout(seam: Seam, id: string, texts: readonly string[]): Promise<Seam> {
  await has(seam, id, texts);
  const again = await seam.reopen();
  await has(again, id, texts);
  await again.save();
  const last = await again.reopen();
  await has(last, id, texts);
  return last;
}

async function has({ store }: Pick<Seam, "store">, id: string, texts: readonly string[]): Promise<void> {
  const workerId = parseWorkerId(id);
  const found: string[] = [];
  for (const blob of await store.blobs(workerId)) {
    equal(await store.blobSize(workerId, blob.sha256), blob.bytes);
    found.push(await new Response(await store.readBlob(workerId, blob)).text());
  }
  deepEqual(found.sort(), texts.toSorted());
}

function input(text: string): HashedInput {
  return new HashedInput(new Blob([text]).stream());
}
