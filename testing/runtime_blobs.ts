/**
 * Blobs of workers, and large content that is kept as blobs.
 *
 * @module
 */
import { deepEqual, equal, ok, rejects } from "./assert.ts";
import type { BlobRef } from "../src/core/blob_ref.ts";
import { HashedInput } from "../src/core/blob_stream.ts";
import { parseWorkerId } from "../src/core/ids.ts";
import { limits } from "../src/core/limits.ts";
import type { Worker } from "../src/core/worker.ts";
import { allEntries, contentsOf, range } from "./dump.ts";
import { each, refused, type Tests, withWorkers } from "./place.ts";
import { onStore, purged, type Seam } from "./seam.ts";

const bytes = new Uint8Array(range(0, 999).map((index) => index * index));
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const large = "字".repeat(limits.contentInlineBytesMax / 3);

/** Sources of the bytes `abc`. */
const sources: readonly (readonly [string, () => Parameters<Worker["putBlob"]>[0]])[] = [
  ["bytes", () => new TextEncoder().encode("abc")],
  ["a part of a buffer", () => new TextEncoder().encode("xabcx").subarray(1, 4)],
  ["a Blob", () => new Blob(["a", "bc"])],
  ["a stream", () => new Blob(["abc"]).stream()],
  ["chunks, one of them empty", () => chunks("a", "", "bc")],
];

/** Bytes like those of Node's `Buffer`: `slice` returns a view. */
function viewed(bytes: Uint8Array): Uint8Array {
  return Object.defineProperty(bytes, "slice", { value: () => viewed(bytes.subarray()) });
}

/** Tests of a runtime with workers `a` and `b`. */
export const blobTests: Tests = withWorkers(["a", "b"], {
  ...each(sources, ([what, source]) => ({
    [`putBlob() keeps ${what}`]: async (place) => {
      const ref = await place.writesNothing(place.a.putBlob(source(), { mediaType: "text/plain" }));
      deepEqual(ref, { sha256: ABC, bytes: 3, mediaType: "text/plain" });
      await place.throughout(async () => equal(await new Response(await place.a.blob(ref)).text(), "abc"));
    },
  })),

  "putBlob() keeps no bytes at all": async (place) => {
    const ref = await place.a.putBlob(new Uint8Array());
    deepEqual(ref, { sha256: EMPTY, bytes: 0, mediaType: "application/octet-stream" });
    await place.throughout(async () => deepEqual(await read(place.a, ref), []));
  },

  "putBlob() keeps many chunks": async (place) => {
    const ref = await place.a.putBlob(chunks(...Array.from({ length: 300 }, () => "x".repeat(10_007))));
    equal(ref.bytes, 300 * 10_007);
    await place.throughout(async () => equal((await read(place.a, ref)).length, ref.bytes));
  },

  "putBlob() of the same bytes twice, also concurrently, keeps one blob": async (place) => {
    const both = await Promise.all([place.a.putBlob(bytes), place.a.putBlob(bytes)]);
    deepEqual(both[0], both[1]);
    deepEqual(await place.a.putBlob(bytes), both[0]);
    await place.throughout(async () => deepEqual(await read(place.a, both[0]), [...bytes]));
  },

  "putBlob() copies the caller's bytes": async ({ a }) => {
    const own = bytes.slice();
    const putting = a.putBlob(own);
    own.fill(0);
    deepEqual(await read(a, await putting), [...bytes]);
  },

  "putBlob() keeps bytes whose slice() is a view, such as those of a Buffer, and which are used again":
    async (
      { a },
    ) => {
      const own = viewed(new TextEncoder().encode("abc"));
      const putting = a.putBlob(own);
      own.fill(0);
      equal((await putting).sha256, ABC);
      const reused = (async function* (): AsyncGenerator<Uint8Array> {
        for (const byte of [97, 98, 99]) yield viewed(own.subarray(0, 1).fill(byte));
      })();
      const ref = await a.putBlob(reused);
      equal(ref.sha256, ABC);
      equal(await new Response(await a.blob(ref)).text(), "abc");
    },

  "putBlob() of a source that fails rejects with its error and keeps nothing": async (place) => {
    const error = new Error("torn");
    await rejects(place.a.putBlob(failing(error)), (reason) => reason === error);
    const missing = { sha256: ABC, bytes: 3, mediaType: "x" };
    await place.throughout(() => place.rejects(() => place.a.blob(missing), "blob_missing"));
  },

  "blobs are those of one worker": async (place) => {
    const ref = await place.a.putBlob(bytes);
    await place.throughout(() => place.rejects(() => place.b.blob(ref), "blob_missing"));
  },

  "an entry with a blob keeps its reference": async (place) => {
    const blobs = [
      await place.a.putBlob(bytes, { mediaType: "image/png" }),
      await place.a.putBlob(new Uint8Array()),
    ];
    await place.a.append([{ role: "user", content: [{ type: "image" }], blobs }]);
    await place.throughout(async () => {
      const [entry] = await allEntries(place.a);
      deepEqual(entry?.blobs, blobs);
      for (const [index, ref] of blobs.entries()) {
        deepEqual(await read(place.a, ref), index === 0 ? [...bytes] : []);
      }
    });
    await place.a.append([{ role: "user", content: "again", blobs }]);
  },

  "a commit that refers to a missing blob is blob_missing, and writes nothing": async (place) => {
    const ref = await place.b.putBlob(bytes);
    const entries = [{ role: "user", content: "x" }, { role: "user", content: "y", blobs: [ref] }];
    const run = await place.a.beginRun();
    for (
      const work of [
        () => place.a.append(entries),
        () => place.a.commit({ entries, data: { x: 1 } }),
        () => run.append(entries),
        () => run.commit({ entries, finish: { outcome: "completed" } }),
      ]
    ) {
      const { details } = await place.rejects(work, "blob_missing");
      deepEqual([details.workerId, details.sha256], ["a", ref.sha256]);
    }
    deepEqual([place.a.state().transcriptLength, run.isOpen], [0, true]);
    const wrongSize = { ...await place.b.putBlob(bytes), bytes: 1 };
    await place.reopen();
    await place.rejects(place.b.append([{ role: "user", content: "x", blobs: [wrongSize] }]), "blob_missing");
  },

  "removeUnreferencedBlobs() keeps a blob that was put, whatever a handle of an earlier worker does": async (
    place,
  ) => {
    const old = place.a;
    await old.stop();
    await old.purge();
    const next = await place.create("a");
    const blobs = [await next.putBlob(bytes)];
    const entries = [{ role: "user", content: "x", blobs }];
    await place.rejects(old.append(entries), "worker_not_found");
    deepEqual(await next.removeUnreferencedBlobs(), []);
    await next.append(entries);
  },

  "removeUnreferencedBlobs() removes the blobs that no entry refers to": async (place) => {
    const [used, unused] = [await place.a.putBlob(bytes), await place.a.putBlob(chunks("abc"))];
    await place.a.append([{ role: "tool", content: large }, { role: "user", content: "x", blobs: [used] }]);
    const other = await place.b.putBlob(chunks("abc"));
    // Not while this process may still commit a reference to it.
    deepEqual(await place.a.removeUnreferencedBlobs(), []);
    await place.reopen();
    const found = [{ sha256: ABC, bytes: 3 }];
    deepEqual(await place.a.removeUnreferencedBlobs({ dryRun: true }), found);
    equal((await read(place.a, unused)).length, 3);
    await place.writesNothing(place.a.removeUnreferencedBlobs());
    await place.throughout(async () => {
      await place.rejects(() => place.a.blob(unused), "blob_missing");
      deepEqual(await read(place.a, used), [...bytes]);
      deepEqual((await contentsOf(place.a))[0], large);
      equal((await read(place.b, other)).length, 3);
    });
    deepEqual(await place.a.removeUnreferencedBlobs(), []);
  },

  "removeUnreferencedBlobs() keeps a blob that is put or referred to again": async (place) => {
    const [first, second] = [await place.a.putBlob(bytes), await place.a.putBlob(chunks("abc"))];
    await place.reopen();
    await place.a.putBlob(bytes);
    await place.a.append([{ role: "user", content: "x", blobs: [second] }]);
    deepEqual(await place.a.removeUnreferencedBlobs(), []);
    await place.throughout(async () => {
      for (const { ref, length } of [{ ref: first, length: 1000 }, { ref: second, length: 3 }]) {
        equal((await read(place.a, ref)).length, length);
      }
    });
  },

  "purge() removes the blobs of a worker, and no later worker has them": async (place) => {
    const ref = await place.a.putBlob(bytes);
    await place.a.append([{ role: "user", content: "x", blobs: [ref] }]);
    await place.a.stop();
    await place.a.purge();
    await place.create("a");
    await place.throughout(async () => {
      await place.rejects(() => place.a.blob(ref), "blob_missing");
      await place.rejects(
        () => place.a.append([{ role: "user", content: "x", blobs: [ref] }]),
        "blob_missing",
      );
    });
  },

  "putBlob() during a purge is worker_not_found, also if the id is used again": async (place) => {
    const { a } = place;
    let release = () => {};
    const held = new Promise<void>((resolve) => release = resolve);
    const putting = refused(a.putBlob(after(held, bytes)), "worker_not_found", { workerId: "a" });
    await a.stop();
    await a.purge();
    await place.create("a");
    release();
    await putting;
    const { sha256 } = await place.b.putBlob(bytes);
    await place.rejects(() => place.a.blob({ sha256, bytes: bytes.length, mediaType: "x" }), "blob_missing");
  },

  "large content is kept as a blob, and read with content()": async (place) => {
    const contents = [large, [{ type: "text", text: large }], { a: { "\uD800": large } }, "small"];
    const entries = contents.map((content) => ({ role: "tool", content, metadata: { n: 1 } }));
    const { eventId } = await place.a.append(entries, { key: "k" });
    await place.throughout(async () => {
      const kept = await allEntries(place.a);
      deepEqual(kept.map((entry) => ["content" in entry, "contentBlob" in entry]), [
        [false, true],
        [false, true],
        [false, true],
        [true, false],
      ]);
      deepEqual(kept.map(({ contentBlob }) => contentBlob?.bytes), [
        ...contents.slice(0, 3).map((content) => new TextEncoder().encode(JSON.stringify(content)).length),
        undefined,
      ]);
      deepEqual(await contentsOf(place.a), contents);
      const again = await place.writesNothing(place.a.append(entries, { key: "k" }));
      deepEqual([again.eventId, again.duplicate], [eventId, true]);
    });
  },

  "content up to the bound of an event stays in it": async ({ a }) => {
    await a.append([{ role: "tool", content: "x".repeat(limits.contentInlineBytesMax - 2) }]);
    await a.append([{ role: "tool", content: "x".repeat(limits.contentInlineBytesMax - 1) }]);
    deepEqual((await allEntries(a)).map(({ contentBlob }) => contentBlob?.bytes), [
      undefined,
      limits.contentInlineBytesMax + 1,
    ]);
  },

  "entries that are large together: the largest are kept as blobs": async (place) => {
    const contents = range(1, 20).map((index) => `${index}`.repeat(index * 5_000));
    await place.a.append(contents.map((content) => ({ role: "tool", content })));
    await place.throughout(async () => {
      const sizes = (await allEntries(place.a)).map(({ contentBlob }) => contentBlob !== undefined);
      const first = sizes.indexOf(true);
      ok(first > 0 && sizes.slice(first).every(Boolean));
      deepEqual(await contentsOf(place.a), contents);
    });
  },

  "content of the largest size is kept": async (place) => {
    const content = "x".repeat(limits.contentBytesMax - 2);
    await place.a.append([{ role: "tool", content }]);
    await place.reopen();
    deepEqual(await contentsOf(place.a), [content]);
  },

  "commands of a worker keep the order of their calls when one waits for its blob": async (place) => {
    const { a, b } = place;
    const receipts = await Promise.all([
      a.append([{ role: "tool", content: large }]),
      a.append([{ role: "tool", content: "second" }]),
      a.commit({ data: { third: true } }),
      a.append([{ role: "tool", content: [large] }]),
      a.stop(),
      a.restart(),
      a.append([{ role: "tool", content: "last" }]),
    ]);
    const ids = receipts.map(({ eventId }) => eventId);
    deepEqual(ids, range(ids[0] ?? 0, (ids[0] ?? 0) + 6));
    deepEqual(await contentsOf(a), [large, "second", [large], "last"]);
    // A rejected one holds up nobody.
    const missing = { sha256: ABC, bytes: 3, mediaType: "x" };
    await Promise.all([
      refused(b.append([{ role: "tool", content: "x", blobs: [missing] }]), "blob_missing"),
      b.append([{ role: "tool", content: "after" }]),
    ]);
    deepEqual(await contentsOf(b), ["after"]);
  },
});

const owner = { workerId: parseWorkerId("a"), createdEventId: 3 };

/** Tests of a store with workers `a` and `b`. */
export const seamBlobTests: Tests = onStore(["a", "b"], {
  "putBlob() of a store keeps blobs of a worker": async (seam) => {
    const facts = { sha256: ABC, bytes: 3 };
    deepEqual(await seam.store.putBlob(owner, input("abc")), facts);
    deepEqual(await seam.store.putBlob(owner, input("ab", "c")), facts);
    deepEqual(await seam.store.putBlob(owner, input()), { sha256: EMPTY, bytes: 0 });
    for (const open of [() => seam, () => seam.reopen()]) {
      const { store } = await open();
      const kept = await store.blobs(owner.workerId);
      deepEqual(kept.toSorted((x, y) => x.bytes - y.bytes), [{ sha256: EMPTY, bytes: 0 }, facts]);
      equal(await store.blobSize(owner.workerId, ABC), 3);
      equal(await store.blobSize(parseWorkerId("b"), ABC), undefined);
      equal(await new Response(await store.readBlob(owner.workerId, facts)).text(), "abc");
      deepEqual(await store.blobs(parseWorkerId("b")), []);
      await refused(() => store.readBlob(parseWorkerId("b"), facts), "blob_missing");
    }
  },

  "removeBlobs() removes those named, and is idempotent": async (seam) => {
    const { store } = seam;
    await store.putBlob(owner, input("abc"));
    await store.putBlob(owner, input());
    await store.removeBlobs(owner.workerId, [ABC]);
    await store.removeBlobs(owner.workerId, [ABC, "0".repeat(64)]);
    equal(await store.blobSize(owner.workerId, ABC), undefined);
    await refused(() => store.readBlob(owner.workerId, { sha256: ABC, bytes: 3 }), "blob_missing");
    const again = await seam.reopen();
    deepEqual(await again.store.blobs(owner.workerId), [{ sha256: EMPTY, bytes: 0 }]);
  },

  ...each([["another life", 4], ["no worker", 0]], ([what, createdEventId]) => ({
    [`putBlob() of a store for ${what} is worker_not_found`]: async ({ store }: Seam) => {
      await refused(() => store.putBlob({ ...owner, createdEventId }, input("abc")), "worker_not_found");
      deepEqual(await store.blobs(owner.workerId), []);
    },
  })),

  "append() of a purge removes the blobs of its worker only": async (seam) => {
    const other = { workerId: parseWorkerId("b"), createdEventId: 4 };
    for (const each of [owner, other]) await seam.store.putBlob(each, input("abc"));
    await seam.append(...purged("a"));
    deepEqual(await seam.store.blobs(owner.workerId), []);
    const again = await seam.reopen();
    deepEqual(await again.store.blobs(owner.workerId), []);
    equal(await again.store.blobSize(other.workerId, ABC), 3);
    await refused(() => again.store.putBlob(owner, input("abc")), "worker_not_found");
  },
});

function input(...texts: string[]): HashedInput {
  return new HashedInput(chunks(...texts));
}

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text);
}

async function* failing(error: Error): AsyncGenerator<Uint8Array> {
  yield* chunks("abc");
  throw error;
}

async function* after(held: Promise<void>, bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield* chunks();
  await held;
  yield bytes;
}

async function read(worker: Worker, ref: BlobRef): Promise<number[]> {
  return [...new Uint8Array(await new Response(await worker.blob(ref)).arrayBuffer())];
}
