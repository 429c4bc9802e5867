// backup(): a copy that is a store, also of a store in use, and never worse than what was there.

import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { FsRuntimeSource } from "../../fs_store.ts";
import { backup, verify } from "../../operate.ts";
import { isRuntimeError, RuntimeReader } from "../../mod.ts";
import { command, flip, segments, snapshot, withDirectory } from "./kit.ts";
import { everyEvent, everyEventStore, openRuntime } from "./stores.ts";
import { openReader } from "../fs/reading/reader.ts";

const local = (root: string) => ({ root, runtimeId: "local" });

/** Everything that a reader returns of a store. */
async function seen(root: string): Promise<unknown> {
  await using view = await openReader(local(root));
  const workers = [...view.allWorkers()];
  const transcripts = await Promise.all(
    workers.map(({ record }) => view.transcript(record.workerId, { limit: 1_000 })),
  );
  return { overview: view.overview(), workers, transcripts };
}

Deno.test("backup() makes a copy that opens as a store, and brings it up to date", async () => {
  await withDirectory(async (directory) => {
    const [source, to] = [join(directory, "source"), join(directory, "copy")];
    const runtime = await openRuntime({ root: source });
    await everyEvent(runtime);
    await runtime.close();
    const before = snapshot(source);
    const first = await backup(local(source), { to });
    assertEquals([first.verified?.verdict, first.segments], ["clean", { copied: 1, kept: 0 }]);
    assertEquals(snapshot(source), before);
    assertEquals(await seen(to), await seen(source));
    const again = await backup(local(source), { to });
    assertEquals([again.copiedBytes, again.segments], [0, { copied: 0, kept: 1 }]);

    const more = await openRuntime({ root: source });
    await more.worker("reviewer").append([{ role: "assistant", content: "one more thing" }]);
    await more.close();
    await backup(local(source), { to });
    assertEquals(await seen(to), await seen(source));
    const copy = await openRuntime({ root: to });
    assertEquals((await copy.worker("reviewer").transcript()).length, 4);
    await copy.close();
    assertEquals((await verify(local(to))).verdict, "clean");
  });
});

Deno.test("backup() copies a store in use, each copy an earlier state of it", async () => {
  await withDirectory(async (directory) => {
    const [source, to] = [join(directory, "source"), join(directory, "copy")];
    const place = join(source, "runtimes", "local");
    Deno.mkdirSync(place, { recursive: true });
    const limits = { segmentBytes: 8_192, checkpointBytes: 8_192, transcriptBufferBytes: 4_096 };
    Deno.writeTextFileSync(join(place, "config.jsonc"), JSON.stringify({ limits }));
    const runtime = await openRuntime({ root: source });
    await everyEvent(runtime);
    let writing = true;
    const writer = (async () => {
      const worker = runtime.worker("reviewer");
      for (let n = 0; writing; n++) {
        await worker.append([{ role: "assistant", content: `${n} ${"x".repeat(99)}` }]);
      }
    })();
    let last = 0;
    for (let round = 0; round < 4; round++) {
      const report = await backup(local(source), { to });
      assertEquals(report.verified?.verdict, "clean", JSON.stringify(report.verified?.findings));
      assert(report.lastEventId > last);
      last = report.lastEventId;
      const copy = new FsRuntimeSource(local(to));
      await using view = await RuntimeReader.open({ source: copy });
      assertEquals([view.lastEventId, copy.damage], [last, undefined]);
      const { items } = await view.transcript("reviewer", { limit: 2 });
      assertEquals(items.length, 2);
    }
    writing = false;
    await writer;
    await runtime.close();
  });
});

Deno.test("backup() refuses a damaged source and a copy that went its own way, and changes nothing", async () => {
  await withDirectory(async (directory) => {
    const [source, to] = [join(directory, "source"), join(directory, "copy")];
    await everyEventStore({ root: source });
    await backup(local(source), { to });
    const copied = snapshot(join(to, "runtimes", "local", "events"));
    flip(segments(join(source, "runtimes", "local"))[0] ?? "", "Looks good");
    const damaged = await backup(local(source), { to }).catch((reason) => reason);
    assert(isRuntimeError(damaged) && damaged.code === "store_corrupt", String(damaged));
    assertEquals(snapshot(join(to, "runtimes", "local", "events")), copied);

    const [other, copy] = [join(directory, "other"), join(directory, "other copy")];
    await (await openRuntime({ root: other })).close();
    await backup(local(other), { to: copy });
    for (const root of [copy, other]) await (await openRuntime({ root })).close();
    const diverged = await openRuntime({ root: copy });
    await diverged.record("mine", 1);
    await diverged.close();
    const error = await backup(local(other), { to: copy }).catch((reason) => reason);
    assert(isRuntimeError(error) && error.code === "store_corrupt", String(error));
  });
});

Deno.test("backup works as a command", async () => {
  await withDirectory(async (directory) => {
    const [source, to] = [join(directory, "source"), join(directory, "copy")];
    await everyEventStore({ root: source });
    const { code, json, err } = await command("backup", source, to, "--json");
    assertEquals([code, json?.verified?.verdict, err], [0, "clean", ""]);
  });
});
