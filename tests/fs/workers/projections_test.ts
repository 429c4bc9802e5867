// Projections: a bad one is reported and written again.

import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { Runtime } from "../../../mod.ts";
import type { AppendResult } from "../../../store.ts";
import { verify } from "../../../operate.ts";
import {
  acting,
  codesOf,
  contentsOf,
  diagnosticOf,
  diskTest,
  flipBit,
  refused,
  speak,
  type TestPlace,
} from "../../kit/place.ts";
import { sealedBytes } from "../../../src/fs/lines/codec.ts";

const files = ["workers/a/worker.json", "overview.json"];

/** A store with worker a, closed in good order. */
async function closed(place: TestPlace): Promise<Runtime> {
  const runtime = await place.open();
  await speak(runtime, "a", ["one", "two"]);
  await runtime.worker("a").commit({ data: { step: 1 } });
  await runtime.worker("a").commit({ usage: { model: "m", inputTokens: 3 } });
  await runtime.close();
  return runtime;
}

function read(place: TestPlace, name: string): Record<string, unknown> {
  return JSON.parse(Deno.readTextFileSync(place.path(name)));
}

diskTest("flush() writes projections that say what they are and through which event", async (place) => {
  const runtime = await closed(place);
  const state = runtime.worker("a").state();
  const worker = read(place, "workers/a/worker.json");
  assertEquals(worker.format, "worker-runtime/worker");
  assertEquals(worker.record, JSON.parse(JSON.stringify(state.record)));
  const { transcriptLength, data } = worker.state as Record<string, unknown>;
  assertEquals({ transcriptLength, data }, { transcriptLength: 2, data: { step: 1 } });
  assertEquals(worker.through, state.lastEventId);
  assertEquals((worker.usage as { total: { inputTokens: number } }).total.inputTokens, 3);
  const overview = read(place, "overview.json");
  assertEquals((overview.rows as { workerId: string }[]).map(({ workerId }) => workerId), ["a"]);
  assertEquals((overview.overview as { workers: { total: number } }).workers.total, 1);
});

diskTest(
  "flush() writes an overview with a row for each worker, in the order of their creation",
  async (place) => {
    const runtime = await place.open();
    for (const name of ["c", "a", "b"]) {
      await runtime.createWorker({
        workerId: name,
        displayName: `\u2028${name}`,
        intent: { kind: "assistant" },
      });
    }
    await runtime.flush();
    const text = Deno.readTextFileSync(place.path("overview.json"));
    assertEquals(text.split(/[\n\u2028]/).length, 2, "one line");
    const { rows } = JSON.parse(text) as { rows: { workerId: string; displayName: string }[] };
    assertEquals(rows.map(({ displayName }) => displayName), ["\u2028c", "\u2028a", "\u2028b"]);
    await runtime.close();
    const again = await place.open();
    await again.flush();
    assertEquals(codesOf(again), []);
  },
);

diskTest("flush() makes the directory of a worker again that was removed meanwhile", async (place) => {
  const runtime = await place.open();
  await speak(runtime, "a", ["one"]);
  await runtime.flush();
  Deno.removeSync(place.path("workers/a"), { recursive: true });
  await runtime.worker("a").commit({ data: { step: 1 } });
  await runtime.flush();
  assertEquals((read(place, "workers/a/worker.json").state as { data: unknown }).data, { step: 1 });
  assertEquals(codesOf(runtime), []);
});

for (const name of files) {
  const damages: Record<string, (path: string) => void> = {
    missing: (path) => Deno.removeSync(path),
    damaged: (path) => flipBit(path, 30),
    empty: (path) => Deno.truncateSync(path, 0),
    "another kind": (path) =>
      Deno.writeFileSync(path, sealedBytes('{"format":"x","version":1,"runtimeId":"local"}')),
  };
  for (const [how, apply] of Object.entries(damages)) {
    diskTest(`flush() rewrites ${name} when it is ${how}`, async (place) => {
      await closed(place);
      const before = read(place, name);
      apply(place.path(name));
      const damaged = how === "missing" ? undefined : Deno.readFileSync(place.path(name));
      const runtime = await place.open();
      await runtime.flush();
      assertEquals(diagnosticOf(runtime, "projection_rebuilt").file, name);
      const after = read(place, name);
      // The opening itself is in the overview.
      if (name !== "overview.json") assertEquals(after, before);
      else assertEquals(after.through, runtime.lastEventId);
      const kept = place.names("quarantine").map((file) =>
        Deno.readFileSync(join(place.layout.quarantine, file))
      );
      assertEquals(kept, damaged === undefined || damaged.length === 0 ? [] : [damaged]);
      await runtime.close();
      const again = await place.open();
      await again.flush();
      assertEquals(codesOf(again), []);
    });
  }
}

diskTest("flush() rewrites projections that are not current, and keeps no copy", async (place) => {
  await closed(place);
  const old = Deno.readFileSync(place.path("workers/a/worker.json"));
  const second = await place.open();
  await second.worker("a").commit({ data: { step: 2 } });
  await second.close();
  Deno.writeFileSync(place.path("workers/a/worker.json"), old);
  const runtime = await place.open();
  await runtime.flush();
  assertEquals(diagnosticOf(runtime, "projection_rebuilt").file, "workers/a/worker.json");
  assertEquals((read(place, "workers/a/worker.json").state as { data: unknown }).data, { step: 2 });
  assertEquals(place.names("quarantine"), []);
});

diskTest(
  "flush() reports a projection that cannot be written, and writes the others",
  async (place) => {
    await closed(place);
    Deno.removeSync(place.path("workers/a/worker.json"));
    Deno.mkdirSync(place.path("workers/a/worker.json/inner"), { recursive: true });
    // It would be moved there.
    Deno.writeTextFileSync(place.path("salvage"), "");
    const runtime = await place.open();
    await speak(runtime, "a", ["three"]);
    await speak(runtime, "b", ["one"]);
    await runtime.flush();
    const failed = diagnosticOf(runtime, "projection_failed");
    assertEquals(failed.workerId, "a");
    assertEquals(read(place, "workers/b/worker.json").through, runtime.lastEventId);
    assertEquals(read(place, "overview.json").through, runtime.lastEventId);
  },
);

diskTest(
  "flush() replaces a link in the place of a projection, and does not write through it",
  async (place) => {
    await closed(place);
    const elsewhere = join(place.root, "elsewhere");
    Deno.writeTextFileSync(elsewhere, "mine");
    Deno.removeSync(place.path("workers/a/worker.json"));
    Deno.symlinkSync(elsewhere, place.path("workers/a/worker.json"));
    const runtime = await place.open();
    await runtime.flush();
    diagnosticOf(runtime, "projection_rebuilt");
    assertEquals(Deno.readTextFileSync(elsewhere), "mine");
    assert(Deno.lstatSync(place.path("workers/a/worker.json")).isFile);
  },
);

diskTest(
  "flush() rewrites all files of all workers when the directory of workers is missing",
  async (place) => {
    await closed(place);
    Deno.removeSync(place.path("workers"), { recursive: true });
    const runtime = await place.open();
    assertEquals(runtime.workers().items.map(({ record }) => record.workerId as string), ["a"]);
    assertEquals(runtime.worker("a").state().data, { step: 1 });
    await refused("worker_not_found", () => runtime.worker("b").state());
    assertEquals(await contentsOf(runtime, "a"), ["one", "two"]);
    await runtime.flush();
    assertEquals(place.names("workers/a"), ["transcript.jsonl", "worker.json"]);
    assert(codesOf(runtime).includes("projection_rebuilt"));
  },
);

diskTest(
  "flush() between an append and its adoption leaves the files to be written again",
  async (place) => {
    const store = place.store();
    const runtime = await Runtime.open({
      store: acting(store, {
        async append(batch): Promise<AppendResult> {
          const result = await store.append(batch);
          // The events are durable, and the view of the runtime does not have them yet.
          await store.flush();
          return result;
        },
      }),
    });
    await speak(runtime, "a", ["one"]);
    await runtime.worker("a").commit({ data: { step: 1 } });
    await runtime.worker("a").commit({ usage: { model: "m", inputTokens: 3 } });
    await runtime.flush();
    const { lastEventId } = runtime.worker("a").state();
    assertEquals(read(place, "workers/a/worker.json").through, lastEventId);
    assertEquals(read(place, "overview.json").through, runtime.lastEventId);
    await runtime.close();
    const { verdict, findings } = await verify({ root: place.root, runtimeId: "local" });
    assertEquals(verdict, "clean", JSON.stringify(findings));
  },
);
