// A reader of a store on disk: beside a writer, and of a damaged store.

import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { FsRuntimeSource } from "../../fs_store.ts";
import { listRuntimes } from "../../operate.ts";
import { isRuntimeError, type RuntimeEvent, RuntimeReader } from "../../mod.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { openReader } from "../fs/reading/reader.ts";
import { append, flip, segments, withDirectory } from "./kit.ts";
import { everyEvent, everyEventStore, openRuntime } from "./stores.ts";

const local = (root: string) => ({ root, runtimeId: "local" });

Deno.test("RuntimeReader reads beside a writer that rotates and checkpoints, and nothing wrong", async () => {
  const fileSystem = new SimulatedDisk();
  fileSystem.makeDirectory("/r");
  fileSystem.makeDirectory("/r/runtimes");
  fileSystem.makeDirectory("/r/runtimes/local");
  const limits = { segmentBytes: 4_096, checkpointBytes: 4_096, transcriptBufferBytes: 4_096 };
  const config = fileSystem.open("/r/runtimes/local/config.jsonc", "create");
  config.write(new TextEncoder().encode(JSON.stringify({ limits })), 0);
  config.close();
  const runtime = await openRuntime({ root: "/r", fileSystem });
  await everyEvent(runtime);
  let writing = true;
  let written = 3;
  const writer = (async () => {
    const worker = runtime.worker("reviewer");
    for (; writing; written++) await worker.append([{ role: "assistant", content: `entry ${written + 1}` }]);
  })();
  for (let round = 0; round < 10; round++) {
    const before = written;
    const source = new FsRuntimeSource(local("/r"), { fileSystem });
    await using view = await RuntimeReader.open({ source });
    assertEquals(source.damage, undefined);
    const { items, length } = await view.transcript("reviewer", { limit: 50 });
    assert(length >= before, `${length} of ${before}`);
    for (const { seq, content } of items) if (seq > 3) assertEquals(content, `entry ${seq}`);
    const page = await view.events({ limit: 100 });
    assertEquals(page.items.at(-1)?.id, view.lastEventId);
  }
  writing = false;
  await writer;
  await runtime.close();
});

Deno.test("RuntimeReader.watch() yields every event once, in order, over rotations", async () => {
  await withDirectory(async (root) => {
    const directory = join(root, "runtimes", "local");
    Deno.mkdirSync(directory, { recursive: true });
    Deno.writeTextFileSync(join(directory, "config.jsonc"), '{ "limits": { "segmentBytes": 4096 } }');
    const runtime = await openRuntime({ root });
    await using view = await openReader(local(root), { pollMs: 5 });
    const ids: number[] = [];
    const following = (async () => {
      for await (const { id, type } of view.watch({ after: 0 })) {
        ids.push(id);
        if (type === "runtime.closed") break;
      }
    })();
    for (let n = 0; n < 100; n++) await runtime.record("tick", { n, text: "x".repeat(100) });
    await runtime.close();
    await following;
    assertEquals(ids, Array.from({ length: 103 }, (_, index) => index + 1));
    assert(segments(directory).length > 2);
  });
});

Deno.test("RuntimeReader.watch() ends quietly when its signal aborts or the reader is closed, and filters by worker", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    const view = await openReader(local(root));
    const ending = new AbortController();
    const events: RuntimeEvent[] = [];
    for await (const event of view.watch({ after: 0, workers: ["reviewer"], signal: ending.signal })) {
      events.push(event);
      if (event.id === 31 || event.type === "worker.committed" && event.id === 28) ending.abort();
    }
    assertEquals(events.every((event) => "workerId" in event && event.workerId === "reviewer"), true);
    const rest = view.watch().next();
    await view.close();
    assertEquals((await rest).done, true);
  });
});

Deno.test("FsRuntimeSource.pending is an unfinished write at the end of the log", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    const last = segments(join(root, "runtimes", "local")).at(-1) ?? "";
    append(last, '{"id":33,"at":"2026');
    const source = new FsRuntimeSource(local(root));
    await using view = await RuntimeReader.open({ source });
    assertEquals([view.lastEventId, source.pending, source.damage], [
      32,
      { events: 0, bytes: 19 },
      undefined,
    ]);
  });
});

Deno.test("RuntimeReader reads what precedes the damage of a store", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    const directory = join(root, "runtimes", "local");
    flip(segments(directory).at(-1) ?? "", "You were interrupted");
    for (const name of ["checkpoint.json", "checkpoint.previous.json"]) {
      Deno.removeSync(join(directory, name));
    }
    const source = new FsRuntimeSource(local(root));
    await using view = await RuntimeReader.open({ source });
    assertEquals([view.lastEventId, source.damage?.code], [27, "store_corrupt"]);
    assertEquals(view.worker("reviewer").transcriptLength, 3);
    assertEquals((await view.events({ limit: 2 })).items.map(({ id }) => id), [26, 27]);
  });
});

Deno.test("RuntimeReader.transcript() reads from the log if the file is missing or damaged, and reports it", async () => {
  for (const harm of [(path: string) => Deno.removeSync(path), (path: string) => flip(path, "interrupted")]) {
    await withDirectory(async (root) => {
      await everyEventStore({ root });
      harm(join(root, "runtimes", "local", "workers", "reviewer", "transcript.jsonl"));
      await using view = await openReader(local(root));
      const pages = [
        await view.transcript("reviewer"),
        await view.transcript("reviewer", { after: 1, limit: 1 }),
      ];
      assertEquals(pages.map(({ items }) => items.map(({ seq }) => seq)), [[1, 2, 3, 4], [2, 3].slice(0, 1)]);
      assertEquals(view.diagnostics().items.some(({ code }) => code === "transcript_rebuilt"), true);
    });
  }
});

Deno.test("RuntimeReader.open() throws store_missing where there is no store", async () => {
  await withDirectory(async (root) => {
    const missing = await openReader(local(root)).catch((error) => error);
    assert(isRuntimeError(missing) && missing.code === "store_missing");
  });
});

Deno.test("listRuntimes() lists what lies below a root", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    assertEquals(listRuntimes(root).runtimes.map(({ runtimeId }) => runtimeId), ["local"]);
  });
});
