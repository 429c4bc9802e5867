// Blobs of a runtime: sources, references, and the order of calls while content is moved into blobs.

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type BlobRef,
  type BlobSource,
  limits,
  MemoryRuntimeStore,
  Runtime,
  RuntimeError,
  type Worker,
} from "../../mod.ts";
import { MemoryStorage } from "../../memory_store.ts";
import { Gate, ScriptedStore, turns } from "./scripted_store.ts";

const intent = { kind: "assistant" } as const;
const LARGE = "x".repeat(limits.contentInlineBytesMax);
const bytes = new Uint8Array([1, 2, 3]);
const SHA_OF_BYTES = "039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81";

async function start(
  storage = new MemoryStorage(),
): Promise<{ store: ScriptedStore; runtime: Runtime; worker: Worker }> {
  const store = new ScriptedStore({}, storage);
  const runtime = await Runtime.open({ store });
  const worker = await runtime.ensureWorker({ workerId: "a", intent });
  return { store, runtime, worker };
}

async function bytesOf(worker: Worker, ref: BlobRef): Promise<Uint8Array> {
  return new Uint8Array(await new Response(await worker.blob(ref)).arrayBuffer());
}

async function rejected(work: () => Promise<unknown>): Promise<RuntimeError> {
  return await assertRejects(work, RuntimeError);
}

async function* chunks(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

const sources: Readonly<Record<string, () => BlobSource>> = {
  "bytes": () => bytes,
  "a view of bytes": () => new Uint8Array([0, 1, 2, 3, 4]).subarray(1, 4),
  "a Blob": () => new Blob([bytes]),
  "a stream": () => new Blob([bytes]).stream(),
  "an iterable of chunks": () => chunks(bytes.subarray(0, 1), new Uint8Array(), bytes.subarray(1)),
};

for (const [what, source] of Object.entries(sources)) {
  Deno.test(`putBlob() keeps ${what} under the hash of the bytes`, async () => {
    const { runtime, worker } = await start();
    await using _ = runtime;
    const ref = await worker.putBlob(source(), { mediaType: "image/png" });
    assertEquals(ref, { sha256: SHA_OF_BYTES, bytes: 3, mediaType: "image/png" });
    assertEquals(await bytesOf(worker, ref), bytes);
  });
}

Deno.test("putBlob() keeps the bytes of the moment of the call", async () => {
  const { runtime, worker } = await start();
  await using _ = runtime;
  const changing = bytes.slice();
  const putting = worker.putBlob(changing);
  changing.fill(0);
  const ref = await putting;
  assertEquals([await bytesOf(worker, ref), ref.mediaType], [bytes, "application/octet-stream"]);
});

Deno.test("putBlob() keeps the bytes that it hashed if the source changes them afterwards", async () => {
  const { store, runtime, worker } = await start();
  await using _ = runtime;
  const own = bytes.slice();
  const written: number[] = [];
  store.script.putBlob = async (_owner, input) => {
    for await (const chunk of input) {
      own.fill(0);
      written.push(...chunk);
    }
    return input.facts;
  };
  const { sha256 } = await worker.putBlob(chunks(own));
  assertEquals([written, sha256], [[...bytes], SHA_OF_BYTES]);
});

Deno.test("putBlob() keeps no bytes at all as a blob", async () => {
  const { runtime, worker } = await start();
  await using _ = runtime;
  const ref = await worker.putBlob(chunks());
  assertEquals([ref.bytes, await bytesOf(worker, ref)], [0, new Uint8Array()]);
});

Deno.test("putBlob() rejects other sources and media types, and throws the error of a stream", async () => {
  const { runtime, worker } = await start();
  await using _ = runtime;
  for (const source of ["text", null, undefined, 7, {}, [bytes]]) {
    assertEquals((await rejected(() => worker.putBlob(source as never))).code, "invalid_request");
  }
  assertEquals((await rejected(() => worker.putBlob(chunks("x" as never)))).code, "invalid_request");
  for (const mediaType of ["", " ", "x".repeat(limits.nameBytesMax + 1), 7]) {
    const options = { mediaType } as { mediaType: string };
    assertEquals((await rejected(() => worker.putBlob(bytes, options))).code, "invalid_request");
  }
  const error = new Error("the network failed");
  const failing = (async function* (): AsyncGenerator<Uint8Array> {
    yield bytes;
    throw error;
  })();
  assertEquals(await assertRejects(() => worker.putBlob(failing)), error);
  assertEquals(runtime.lastEventId, worker.state().createdEventId);
});

Deno.test("a commit that refers to a blob that the worker does not have is rejected with blob_missing", async () => {
  const { runtime, worker } = await start();
  await using _ = runtime;
  const other = await runtime.createWorker({ workerId: "b", intent });
  const ref = await other.putBlob(bytes);
  const refs = [ref, { ...ref, bytes: 4 }, { ...ref, sha256: "0f".repeat(32) }];
  for (const blob of refs) {
    const { code, details } = await rejected(() =>
      worker.sendInput({ role: "user", content: "", blobs: [blob] })
    );
    assertEquals([code, Reflect.get(details, "workerId")], ["blob_missing", "a"]);
  }
  await other.sendInput({ role: "user", content: "", blobs: [ref] });
  assertEquals([worker.state().transcriptLength, other.state().transcriptLength], [0, 1]);
});

Deno.test("a commit looks a blob up once, and not at all if this process put it", async () => {
  const storage = new MemoryStorage();
  const first = await start(storage);
  const ref = await first.worker.putBlob(bytes);
  await first.runtime.close();
  const { store, runtime, worker } = await start(storage);
  await using _ = runtime;
  const looked: string[] = [];
  store.script.blobSize = (sha256, size) => {
    looked.push(sha256);
    return size();
  };
  const put = await worker.putBlob(new Uint8Array(1));
  for (let round = 0; round < 2; round++) {
    await worker.sendInput({ role: "user", content: "", blobs: [ref, put, ref] });
  }
  assertEquals(looked, [ref.sha256]);
});

Deno.test("blobs are forgotten with the purge of their worker", async () => {
  const { runtime, worker } = await start();
  await using _ = runtime;
  const ref = await worker.putBlob(bytes);
  await worker.stop();
  await worker.purge();
  const next = await runtime.createWorker({ workerId: "a", intent });
  const { code } = await rejected(() => next.sendInput({ role: "user", content: "", blobs: [ref] }));
  assertEquals(code, "blob_missing");
});

Deno.test("large content is kept as a blob before its event, and read back by content()", async () => {
  const { store, runtime, worker } = await start();
  await using _ = runtime;
  const order: string[] = [];
  store.script.putBlob = (_owner, _chunks, put) => {
    order.push("blob");
    return put();
  };
  store.script.append = (batch, keep) => {
    order.push(...batch.events.map(({ blobs }) => `event with ${blobs?.length ?? 0}`));
    return keep();
  };
  const content = { text: LARGE, of: ["\ud800", { x: null }] };
  await worker.append([{ role: "tool", content: "small" }, { role: "tool", content }]);
  assertEquals(order, ["blob", "event with 1"]);
  const { items } = await worker.transcript();
  const [small, large] = items;
  assert(small !== undefined && large !== undefined);
  assertEquals([small.content, small.contentBlob, "content" in large], ["small", undefined, false]);
  assertEquals(large.contentBlob?.mediaType, "application/json");
  assertEquals(await Promise.all([worker.content(small), worker.content(large)]), ["small", content]);
});

Deno.test("content() of a blob that is no JSON, or too large to be content, is blob_corrupt", async () => {
  const { runtime, worker } = await start();
  await using _ = runtime;
  const ref = await worker.putBlob(bytes);
  for (const contentBlob of [ref, { ...ref, bytes: limits.contentBytesMax + 1 }]) {
    assertEquals((await rejected(() => worker.content({ contentBlob }))).code, "blob_corrupt");
  }
});

Deno.test("the commands of a worker keep the order of their calls while content becomes a blob", async () => {
  const { store, runtime, worker } = await start();
  await using _ = runtime;
  const other = await runtime.createWorker({ workerId: "b", intent });
  const gates = [new Gate(), new Gate()];
  let puts = 0;
  store.script.putBlob = async (_owner, _chunks, put) => {
    await gates[puts++]?.passed;
    return await put();
  };
  const first = store.batches.length;
  const work: Promise<unknown>[] = [
    worker.sendInput({ role: "user", content: `1${LARGE}` }),
    worker.sendInput({ role: "user", content: "2" }),
    worker.commit({ data: { n: 3 } }),
    worker.sendInput({ role: "user", content: `4${LARGE}` }),
    worker.beginRun({ runId: "5" }),
    worker.retire({ cancelRun: true }),
    worker.purge(),
  ];
  await other.sendInput({ role: "user", content: "not delayed" });
  assertEquals([puts, store.batches.length], [1, first + 1]);
  gates[0]?.open();
  await turns(10);
  assertEquals([puts, worker.state().transcriptLength, worker.state().data], [2, 2, { n: 3 }]);
  gates[1]?.open();
  await Promise.all(work);
  const { items } = await runtime.events({ worker: "a", after: 0 });
  const roles = items.map((event) =>
    event.type === "worker.committed" ? Object.keys(event).at(-1) : event.type
  );
  assertEquals(roles, [
    "worker.created",
    "entries",
    "entries",
    "data",
    "entries",
    "run",
    "status",
    "worker.purged",
  ]);
});

Deno.test("a failed blob rejects its own command, and the later ones go on", async () => {
  const { store, runtime, worker } = await start();
  await using _ = runtime;
  const error = new RuntimeError("no_space", "Cannot put blob: full", {
    operation: "write",
    path: "x",
    systemCode: "ENOSPC",
  });
  store.script.putBlob = () => Promise.reject(error);
  const [large, small] = await Promise.allSettled([
    worker.sendInput({ role: "user", content: LARGE }, { key: "k" }),
    worker.sendInput({ role: "user", content: "small" }),
  ]);
  assertEquals([large.status === "rejected" && large.reason, small.status], [error, "fulfilled"]);
  delete store.script.putBlob;
  const { firstSeq, duplicate } = await worker.sendInput({ role: "user", content: LARGE }, { key: "k" });
  assertEquals([firstSeq, duplicate, runtime.health], [2, false, { status: "ok" }]);
});

Deno.test("commands that wait for blobs count as waiting, and none is put for one that is rejected", async () => {
  const { store, runtime, worker } = await start();
  await using _ = runtime;
  const gate = new Gate();
  let puts = 0;
  store.script.putBlob = async (_owner, _input, put) => {
    puts++;
    await gate.passed;
    return await put();
  };
  const workers = await Promise.all(
    ["b", "c", "d"].map((workerId) => runtime.createWorker({ workerId, intent })),
  );
  const content = "x".repeat(limits.contentBytesMax - 2);
  const send = (to: Worker) => to.sendInput({ role: "user", content });
  const sent = workers.map(send);
  const { code, details } = await rejected(() =>
    worker.append([{ role: "user", content }, { role: "user", content }])
  );
  assertEquals([code, Reflect.get(details, "max")], ["limit_exceeded", limits.queueUnitsMax]);
  await turns();
  gate.open();
  await Promise.all(sent);
  assertEquals(puts, 3);
  await send(worker);
});

Deno.test("a command whose signal has aborted puts no blob", async () => {
  const { store, runtime, worker } = await start();
  await using _ = runtime;
  store.script.putBlob = () => Promise.reject(new Error("a blob was put"));
  const signal = AbortSignal.abort(new Error("gone"));
  await assertRejects(() => worker.sendInput({ role: "user", content: LARGE }, { signal }), Error, "gone");
});

Deno.test("a command whose signal aborts while its blob is put is not committed", async () => {
  const { store, runtime, worker } = await start();
  await using _ = runtime;
  const gate = new Gate();
  store.script.putBlob = async (_owner, _chunks, put) => {
    await gate.passed;
    return await put();
  };
  const controller = new AbortController();
  const sending = worker.sendInput({ role: "user", content: LARGE }, { signal: controller.signal });
  const later = worker.sendInput({ role: "user", content: "later" });
  await turns();
  controller.abort("enough");
  gate.open();
  assertEquals(await sending.catch((error) => error), "enough");
  assertEquals((await later).firstSeq, 1);
});

Deno.test("close() keeps blobs and content in memory, ends a stream that is still read, and waits for the store", async () => {
  const { store, runtime, worker } = await start();
  const gate = new Gate();
  store.script.putBlob = async (_owner, _chunks, put) => {
    await gate.passed;
    return await put();
  };
  const stalled = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
  const putting = worker.putBlob(bytes);
  const stalling = rejected(() => worker.putBlob(stalled));
  const sending = worker.sendInput({ role: "user", content: LARGE });
  await turns();
  const closing = runtime.close();
  await turns();
  assertEquals(store.closings, 0);
  gate.open();
  await closing;
  assertEquals((await stalling).code, "runtime_closed");
  assertEquals([(await putting).bytes, (await sending).firstSeq], [bytes.length, 1]);
  assertEquals(store.closings, 1);
});

Deno.test("close() does not wait for a stream that never ends its clean-up", async () => {
  const { runtime, worker } = await start();
  const returned = Promise.withResolvers<void>();
  const source: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.resolve({ done: false, value: "no bytes" as never }),
      return: () => {
        returned.resolve();
        return new Promise(() => {});
      },
    }),
  };
  const putting = rejected(() => worker.putBlob(source));
  await returned.promise;
  await runtime.close();
  assertEquals((await putting).code, "runtime_closed");
});

Deno.test("close() does not wait for the clean-up of a stream whose bytes could not be kept", async () => {
  const { store, runtime, worker } = await start();
  const returned = Promise.withResolvers<void>();
  const source = (async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield bytes;
    } finally {
      returned.resolve();
      await new Promise(() => {});
    }
  })();
  store.script.putBlob = async (_owner, input) => {
    for await (const _ of input) throw new Error("the disk is full");
    return input.facts;
  };
  const putting = assertRejects(() => worker.putBlob(source), Error, "the disk is full");
  await returned.promise;
  await runtime.close();
  await putting;
});

Deno.test("a blob whose bytes never come ends with the error of a lost store", async () => {
  const { store, runtime, worker } = await start();
  const stalled = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
  const putting = rejected(() => worker.putBlob(stalled));
  await turns();
  const lost = new RuntimeError("store_vanished", "Cannot put blob: replaced", { file: "f", reason: "r" });
  store.host?.lost(lost);
  assertEquals(await putting, lost);
  assertEquals(await rejected(() => worker.putBlob(bytes)), lost);
  await runtime.close();
});

Deno.test("the same content is one blob, however often it is committed", async () => {
  const storage = new MemoryStorage();
  const runtime = await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "local", storage }) });
  const worker = await runtime.createWorker({ workerId: "a", intent });
  await worker.append([{ role: "tool", content: LARGE }, { role: "tool", content: LARGE }]);
  await worker.append([{ role: "tool", content: LARGE }]);
  const { items } = await worker.transcript();
  assertEquals(new Set(items.map(({ contentBlob }) => contentBlob?.sha256)).size, 1);
  await runtime.close();
});

Deno.test("a blob that a removal has chosen is put after it, and a reference to it is blob_missing", async () => {
  const storage = new MemoryStorage();
  const before = await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "local", storage }) });
  const first = await (await before.createWorker({ workerId: "a", intent })).putBlob(bytes);
  await before.close();
  const gate = new Gate();
  const store = new ScriptedStore({}, storage);
  store.script.removeBlobs = async (remove) => {
    await gate.passed;
    return await remove();
  };
  await using runtime = await Runtime.open({ store });
  const worker = runtime.worker("a");
  const removing = worker.removeUnreferencedBlobs();
  await turns();
  const referring = rejected(() => worker.append([{ role: "user", content: "x", blobs: [first] }]));
  const putting = worker.putBlob(bytes);
  await turns();
  gate.open();
  assertEquals((await removing).map(({ sha256 }) => sha256), [first.sha256]);
  assertEquals((await referring).code, "blob_missing");
  const again = await putting;
  assertEquals(await worker.removeUnreferencedBlobs(), []);
  await worker.append([{ role: "user", content: "x", blobs: [again] }]);
  assertEquals((await new Response(await worker.blob(again)).arrayBuffer()).byteLength, bytes.length);
});

Deno.test("blob() rejects a reference whose hash is none, before the store sees it", async () => {
  const { runtime, worker } = await start();
  await using _ = runtime;
  const ref = await worker.putBlob(bytes);
  for (const sha256 of ["", "../transcript.jsonl", ref.sha256.toUpperCase(), `${ref.sha256}/`]) {
    const { code } = await rejected(() => worker.blob({ ...ref, sha256 }));
    assertEquals(code, "invalid_request", sha256);
  }
  const { code } = await rejected(() => worker.blob({ ...ref, bytes: -1 }));
  assertEquals(code, "invalid_request");
});

Deno.test("removeUnreferencedBlobs() keeps a blob that was put, though a handle of an earlier worker of this id refers to blobs", async () => {
  const { runtime, worker: earlier } = await start();
  await using _ = runtime;
  const ref = await earlier.putBlob(bytes);
  await earlier.retire();
  await earlier.purge();
  const worker = await runtime.createWorker({ workerId: "a", intent });
  await worker.putBlob(bytes);
  const late = await rejected(() => earlier.append([{ role: "user", content: "late", blobs: [ref] }]));
  assertEquals(late.code, "worker_not_found");
  assertEquals(await worker.removeUnreferencedBlobs(), []);
  assertEquals(await bytesOf(worker, ref), bytes);
});
