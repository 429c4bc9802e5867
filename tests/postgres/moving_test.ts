// A runtime moves from disk to PostgreSQL and back: the same stream each time.

import { assert, assertEquals } from "@std/assert";
import { FsRuntimeSource, FsRuntimeStore } from "../../fs_store.ts";
import { type BlobRef, Runtime, RuntimeReader, type RuntimeSource } from "../../mod.ts";
import type { RuntimeStore } from "../../store.ts";
import { exportRuntime, importRuntime, readHistory, verify, workerBlobs } from "../../operate.ts";
import { type PostgresClient, PostgresRuntimeSource, PostgresRuntimeStore } from "../../postgres_store.ts";
import { streamOf, textOf } from "../cli/kit.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { countingIds } from "../kit/opened.ts";
import { databaseTest, location, stores, streamOfStore } from "./moving_kit.ts";

for (const name of Object.keys(stores)) {
  databaseTest(
    `a runtime with ${name} is the same stream on disk, in PostgreSQL, and on disk again`,
    async (client, space) => {
      const stream = await streamOfStore(name);
      const report = await importRuntime({ client, space }, streamOf(stream));
      assertEquals([report.runtimeId, report.space, report.directory], ["local", space, undefined]);
      const place = { client, space, runtimeId: "local" };
      assertEquals(await textOf(exportRuntime(place)), stream);
      const fileSystem = new SimulatedDisk();
      await importRuntime("/back", exportRuntime(place), { fileSystem });
      assertEquals(await textOf(exportRuntime(location("/back"), { fileSystem })), stream);
      assertEquals((await verify(location("/back"), { fileSystem })).verdict, "clean");
    },
  );
}

/** A disk and a space with the same runtime. */
async function bothOf(name: string, client: PostgresClient, space: string): Promise<SimulatedDisk> {
  const stream = await streamOfStore(name);
  const fileSystem = new SimulatedDisk();
  await importRuntime("/source", streamOf(stream), { fileSystem });
  await importRuntime({ client, space }, streamOf(stream));
  return fileSystem;
}

/** All that a reader can read. */
async function everythingOf(source: RuntimeSource): Promise<unknown> {
  await using reader = await RuntimeReader.open({ source });
  const read: unknown[] = [await allEvents(reader)];
  for (const state of reader.allWorkers()) {
    const { workerId } = state.record;
    const { items: entries } = await reader.transcript(workerId, { after: 0, limit: 1_000 });
    const contents = [];
    for (const entry of entries) contents.push(await reader.content(workerId, entry));
    const blobs = [];
    for (const { sha256, bytes } of await source.blobs(workerId)) blobs.push([sha256, bytes].join());
    const newest = await reader.transcript(workerId, { limit: 3 });
    read.push(state, entries, contents, blobs.sort(), newest, await allEvents(reader, workerId));
    read.push(await reader.context(workerId));
  }
  return read;
}

async function allEvents(reader: RuntimeReader, worker?: string): Promise<unknown[]> {
  const found: unknown[] = [];
  const { firstEventId } = await reader.events({ limit: 1 });
  for (let after: number | null = firstEventId - 1; after !== null;) {
    const page = await reader.events({ after, limit: 1_000, worker });
    found.push(...page.items);
    after = page.next;
  }
  return found;
}

for (const name of Object.keys(stores)) {
  databaseTest(
    `a reader and the operations read the same of a runtime with ${name} in PostgreSQL and on disk`,
    async (client, space) => {
      const fileSystem = await bothOf(name, client, space);
      const place = { client, space, runtimeId: "local" };
      const onDisk = new FsRuntimeSource(location("/source"), { fileSystem });
      const inDatabase = new PostgresRuntimeSource(place);
      const expected = await everythingOf(onDisk);
      assertEquals(await everythingOf(inDatabase), expected);
      const reader = await RuntimeReader.open({ source: new PostgresRuntimeSource(place) });
      for (const through of [2, reader.lastEventId]) {
        const history = await readHistory(location("/source"), { through, fileSystem });
        assertEquals(await readHistory(place, { through }), history);
      }
      for (const { record: { workerId } } of reader.allWorkers()) {
        assertEquals(
          await workerBlobs(place, workerId),
          await workerBlobs(location("/source"), workerId, { fileSystem }),
        );
        const worker = (place: Parameters<typeof exportRuntime>[0]) =>
          textOf(exportRuntime(place, { worker: workerId, fileSystem })).catch((error) => error.message);
        assertEquals(await worker(place), await worker(location("/source")));
      }
      await reader.close();
    },
  );
}

/** Uses a runtime further. */
async function goOn(store: RuntimeStore): Promise<void> {
  const now = () => Date.UTC(2026, 7, 3);
  const runtime = await Runtime.open({ store, now, newId: countingIds() });
  for (const { record: { workerId }, status } of [...runtime.allWorkers()]) {
    const worker = runtime.worker(workerId);
    const refs: BlobRef[] = [await worker.putBlob(new TextEncoder().encode(`new of ${workerId}`))];
    await worker.append([{ role: "user", content: "y".repeat(300_000), blobs: refs }]);
    await worker.commit({ usage: { model: "m", inputTokens: 1 } });
    if (status === "running") await worker.stop();
  }
  const [first] = [...runtime.allWorkers()];
  if (first !== undefined) {
    await runtime.worker(first.record.workerId).purge();
    const again = await runtime.createWorker({
      workerId: first.record.workerId,
      intent: { kind: "assistant" },
    });
    await again.sendInput({ role: "user", content: "again" });
  }
  await runtime.close();
}

for (const name of Object.keys(stores).filter((name) => name !== "every type of event")) {
  databaseTest(`a runtime with ${name} goes on in PostgreSQL as on disk`, async (client, space) => {
    const fileSystem = await bothOf(name, client, space);
    const place = { client, space, runtimeId: "local" };
    await goOn(new FsRuntimeStore(location("/source"), { fileSystem }));
    await goOn(new PostgresRuntimeStore(place));
    const expected = await textOf(exportRuntime(location("/source"), { fileSystem }));
    assertEquals(await textOf(exportRuntime(place)), expected);
    const runtime = await Runtime.open({ store: new PostgresRuntimeStore(place) });
    assert((await runtime.prune()).events > 0);
    await runtime.close();
    const pruned = await textOf(exportRuntime(place));
    const target = { client, space: `${space} again` };
    await importRuntime(target, streamOf(pruned));
    assertEquals(await textOf(exportRuntime({ ...target, runtimeId: "local" })), pruned);
    await importRuntime("/back", streamOf(pruned), { fileSystem });
    assertEquals(await textOf(exportRuntime(location("/back"), { fileSystem })), pruned);
  });
}

databaseTest(
  "a runtime of several pages moves from PostgreSQL to disk and back, before and after it is pruned",
  async (client, space) => {
    const place = { client, space, runtimeId: "local" };
    const bytes = Uint8Array.from({ length: 2_600_000 }, (_, index) => index * index >> 5);
    const open = () => Runtime.open({ store: new PostgresRuntimeStore(place) });
    const runtime = await open();
    for (const workerId of ["a", "b"]) {
      const worker = await runtime.createWorker({ workerId, intent: { kind: "assistant" } });
      await worker.append([{ role: "user", content: "first", blobs: [await worker.putBlob(bytes)] }]);
    }
    const said = Array.from({ length: 2_400 }, (_, index) => {
      const worker = runtime.worker(index % 2 === 0 ? "a" : "b");
      return worker.sendInput({ role: "user", content: `${index} ${"x".repeat(index)}` });
    });
    await Promise.all(said);
    await runtime.close();
    for (const state of ["whole", "pruned"]) {
      const stream = await textOf(exportRuntime(place));
      assert(stream.split("\n").length > 2_400, state);
      assertEquals(stream.includes('"transcriptEvent"'), state === "pruned");
      const fileSystem = new SimulatedDisk();
      await importRuntime("/back", streamOf(stream), { fileSystem });
      const onDisk = location("/back");
      assertEquals(await textOf(exportRuntime(onDisk, { fileSystem })), stream);
      const target = { client, space: `${space} ${state}` };
      await importRuntime(target, exportRuntime(onDisk, { fileSystem }));
      const again = { ...target, runtimeId: "local" };
      assertEquals(await textOf(exportRuntime(again)), stream);
      const { days } = await readHistory(again, { through: 2_400 });
      assertEquals(days, (await readHistory(onDisk, { through: 2_400, fileSystem })).days);
      if (state === "pruned") return;
      const pruning = await open();
      assert((await pruning.prune()).events > 2_400);
      await pruning.close();
    }
  },
);
