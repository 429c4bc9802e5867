// exportRuntime() and importRuntime(): the same stream again, the same state, and nothing half done.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { FsRuntimeStore } from "../../fs_store.ts";
import { exportRuntime, importRuntime, verify } from "../../operate.ts";
import { isRuntimeError, Runtime, type RuntimeReader } from "../../mod.ts";
import { command, snapshot, streamOf, textOf, withDirectory } from "./kit.ts";
import { everyEvent, everyEventStore, openRuntime } from "./stores.ts";
import { openReader } from "../fs/reading/reader.ts";

const local = (root: string) => ({ root, runtimeId: "local" });

/** A store whose first segments were pruned. */
async function prunedStore(root: string): Promise<void> {
  const directory = join(root, "runtimes", "local");
  Deno.mkdirSync(directory, { recursive: true });
  Deno.writeTextFileSync(join(directory, "config.jsonc"), '{ "limits": { "segmentBytes": 4096 } } // small');
  const first = await openRuntime({ root });
  await everyEvent(first);
  await first.close();
  for (let n = 0; n < 2; n++) {
    const runtime = await openRuntime({ root });
    const worker = runtime.worker("reviewer");
    for (let i = 0; i < 30; i++) {
      await worker.append([{ role: "assistant", content: `${n} ${i} ${"x".repeat(200)}` }]);
    }
    await runtime.close();
  }
  const runtime = await openRuntime({ root });
  const pruned = await runtime.prune();
  assert(pruned.events > 20, `pruned ${pruned.events}`);
  await runtime.worker("reviewer").append([{ role: "assistant", content: "after pruning" }]);
  await runtime.close();
}

/** Everything that a reader returns of a store. */
async function seen(root: string): Promise<unknown> {
  await using view = await openReader(local(root));
  const workers = [...view.allWorkers()];
  const transcripts = await Promise.all(
    workers.map(({ record }) => view.transcript(record.workerId, { limit: 1_000 })),
  );
  const events = await view.events({ limit: 1_000 });
  return { overview: view.overview(), workers, transcripts, events };
}

const stores: Readonly<Record<string, (root: string) => Promise<void>>> = {
  "a store with every type of event": (root) => everyEventStore({ root }),
  "a store that was pruned": prunedStore,
};

for (const [name, make] of Object.entries(stores)) {
  Deno.test(`importRuntime() makes the same store again from an export of ${name}`, async () => {
    await withDirectory(async (directory) => {
      const [source, target] = [join(directory, "source"), join(directory, "target")];
      await make(source);
      const stream = await textOf(exportRuntime(local(source)));
      const report = await importRuntime(target, streamOf(stream));
      assertEquals(report.lastEventId, (await verify(local(source))).lastEventId);
      assertEquals(await seen(target), await seen(source));
      assertEquals(await textOf(exportRuntime(local(target))), stream);
      const { verdict, findings } = await verify(local(target));
      assertEquals([verdict, findings.filter(({ severity }) => severity !== "info")], ["clean", []]);
    });
  });
}

Deno.test("importRuntime() makes a store that a runtime goes on with", async () => {
  await withDirectory(async (directory) => {
    const [source, target] = [join(directory, "source"), join(directory, "target")];
    const runtime = await openRuntime({ root: source });
    await everyEvent(runtime);
    const stream = await textOf(exportRuntime(local(source)));
    await runtime.close();
    await importRuntime(target, streamOf(stream));
    await using again = await Runtime.open({ store: new FsRuntimeStore(local(target)) });
    const repeated = await again.worker("reviewer")
      .sendInput({ role: "user", content: "Please review PR 42" }, { key: "slack:1712" });
    assertEquals([repeated.duplicate, repeated.eventId], [true, 4]);
    await again.worker("reviewer").append([{ role: "assistant", content: "more" }]);
    assertEquals((await again.worker("reviewer").transcript()).length, 4);
  });
});

Deno.test("exportRuntime() of one worker with late usage can be imported", async () => {
  await withDirectory(async (directory) => {
    const root = join(directory, "source");
    const runtime = await openRuntime({ root });
    await runtime.createWorker({ workerId: "other", intent: { kind: "assistant" } });
    const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    await worker.stop();
    await worker.commit({ usage: { model: "m", inputTokens: 7 } });
    await runtime.close();
    const stream = exportRuntime({ root, runtimeId: "local" }, { worker: "a" });
    const { directory: imported } = await importRuntime(join(directory, "copy"), stream);
    const again = await openRuntime({ root: join(directory, "copy") });
    assertEquals(again.worker("a").state().usage.inputTokens, 7, imported);
    await again.close();
  });
});

Deno.test("exportRuntime() of one worker is a runtime of its own, the same again after an import", async () => {
  await withDirectory(async (directory) => {
    const [source, target] = [join(directory, "source"), join(directory, "target")];
    await everyEventStore({ root: source });
    const stream = await textOf(exportRuntime(local(source), { worker: "reviewer" }));
    await importRuntime(target, streamOf(stream));
    assertEquals(await textOf(exportRuntime(local(target), { worker: "reviewer" })), stream);
    await using a = await openReader(local(source));
    await using b = await openReader(local(target));
    // Its events have other ids.
    const stateOf = (view: RuntimeReader): unknown => {
      const { createdEventId: _created, lastEventId: _last, lastRun, ...state } = view.worker("reviewer");
      return { ...state, lastRun: { ...lastRun, eventId: 0 } };
    };
    assertEquals(stateOf(b), stateOf(a));
    const [said, again] = [await a.transcript("reviewer"), await b.transcript("reviewer")];
    assertEquals(again.items.map(({ content }) => content), said.items.map(({ content }) => content));
    const originals = (await b.events({ limit: 1_000 })).items.map((event) =>
      Reflect.get(event, "originalId")
    );
    assertEquals(originals.slice(0, 4), [undefined, 3, 4, 5]);
  });
});

Deno.test("importRuntime() rejects incomplete streams, and leaves no files", async () => {
  await withDirectory(async (directory) => {
    const [source, target] = [join(directory, "source"), join(directory, "target")];
    await everyEventStore({ root: source });
    const stream = await textOf(exportRuntime(local(source)));
    const lines = stream.split("\n");
    const bad: Record<string, string> = {
      "an empty stream": "",
      "a stream that ends early": lines.slice(0, 20).join("\n"),
      "a stream without its last line": `${lines.slice(0, -2).join("\n")}\n`,
      "a changed line": stream.replace("Looks good", "Looks bad!"),
      "a missing line": [...lines.slice(0, 5), ...lines.slice(6)].join("\n"),
      "a line too many": `${stream}{"id":33}\n`,
      "something else": '{"format":"other"}\n',
      "a newer version": stream.replace('"version":1', '"version":2'),
    };
    for (const [name, text] of Object.entries(bad)) {
      const error = await importRuntime(target, streamOf(text)).catch((reason) => reason);
      assert(isRuntimeError(error), `${name}: ${error}`);
      const files = [...snapshot(directory).keys()].filter((path) =>
        path.startsWith("target/runtimes/local")
      );
      assertEquals(files, [], name);
    }
    await importRuntime(target, streamOf(stream));
    const error = await importRuntime(target, streamOf(stream)).catch((reason) => reason);
    assert(isRuntimeError(error) && error.code === "invalid_request");
    assertEquals((await verify(local(target))).verdict, "clean");
  });
});

Deno.test("export and import work as commands", async () => {
  await withDirectory(async (directory) => {
    const [source, target, file] = [
      join(directory, "source"),
      join(directory, "target"),
      join(directory, "x.jsonl"),
    ];
    await everyEventStore({ root: source });
    const wrote = await command("export", source, "-o", file);
    assertEquals([wrote.code, wrote.err], [0, ""]);
    const again = await command("export", source, "-o", file);
    assertEquals(again.code, 1);
    assertStringIncludes(again.err, "--force");
    const checked = await command("import", file, target, "--dry-run", "--json");
    assertEquals([checked.code, checked.json?.events], [0, 32], checked.out);
    const done = await command("import", file, target);
    assertEquals([done.code, done.err], [0, ""]);
    assertEquals(await seen(target), await seen(source));
  });
});
