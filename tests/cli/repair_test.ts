// repair(): reports first, loses nothing without consent, keeps the bytes that it removes, and is idempotent.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { FsRuntimeStore } from "../../fs_store.ts";
import { repair, verify } from "../../operate.ts";
import { isRuntimeError } from "../../mod.ts";
import { append, command, flip, segments, snapshot, withDirectory } from "./kit.ts";
import { everyEvent, everyEventStore, openRuntime } from "./stores.ts";
import { openReader } from "../fs/reading/reader.ts";
import { acquire } from "../kit/acquire.ts";

const local = (root: string) => ({ root, runtimeId: "local" });

/** Damage that can be repaired without loss. */
const healable: Readonly<Record<string, (directory: string) => void>> = {
  "an unfinished line at the end": (dir) => append(segments(dir).at(-1) ?? "", '{"id":33,"at":"2026'),
  "a damaged transcript": (dir) => flip(join(dir, "workers", "reviewer", "transcript.jsonl"), "Looks good"),
  "a missing transcript": (dir) => Deno.removeSync(join(dir, "workers", "reviewer", "transcript.jsonl")),
  "damaged projections": (dir) => flip(join(dir, "overview.json"), "reviewer"),
  "a damaged checkpoint": (dir) => flip(join(dir, "checkpoint.json"), '"transcriptLength":4'),
  "two damaged checkpoints": (dir) => {
    flip(join(dir, "checkpoint.json"), '"transcriptLength":4');
    flip(join(dir, "checkpoint.previous.json"), '"transcriptLength":4');
  },
  "a missing runtime.json": (dir) => Deno.removeSync(join(dir, "runtime.json")),
  "a damaged runtime.json": (dir) => flip(join(dir, "runtime.json"), "createdAt"),
};

for (const [name, harm] of Object.entries(healable)) {
  Deno.test(`repair() repairs ${name} without loss, once`, async () => {
    await withDirectory(async (root) => {
      await everyEventStore({ root });
      harm(join(root, "runtimes", "local"));
      const before = snapshot(root);
      const plan = await repair(local(root));
      assertEquals([plan.applied, plan.lost, plan.steps.length > 0], [false, null, true]);
      assertEquals(snapshot(root), before);
      const done = await repair(local(root), { apply: true });
      assertEquals(
        [done.applied, done.after?.verdict],
        [true, "clean"],
        JSON.stringify(done.after?.findings),
      );
      await using view = await openReader(local(root));
      const said = await view.transcript("reviewer");
      assertEquals(said.items.map(({ seq }) => seq), [1, 2, 3, 4]);
      const after = snapshot(root);
      assertEquals((await repair(local(root), { apply: true })).steps, []);
      assertEquals(snapshot(root), after);
    });
  });
}

Deno.test("repair() deletes damaged events only with salvage, and keeps every byte", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    const directory = join(root, "runtimes", "local");
    const [first = "", second = ""] = segments(directory);
    flip(first, "Looks good");
    const [damaged, later] = [Deno.readFileSync(first), Deno.readFileSync(second)];
    const error = await repair(local(root), { apply: true }).catch((reason) => reason);
    assert(isRuntimeError(error) && error.code === "store_corrupt");
    assertStringIncludes(error.message, "events 6 to 32 would be lost");
    assertEquals(Deno.readFileSync(first), damaged);

    const done = await repair(local(root), { apply: true, salvage: true });
    assertEquals([done.lost, done.after?.verdict], [[6, 32], "clean"]);
    await using view = await openReader(local(root));
    assertEquals((await view.transcript("reviewer")).items.map(({ content }) => content), [
      "Please review PR 42",
    ]);
    const { items } = await view.events({ after: 5 });
    const audit = items.find((event) => event.type === "custom");
    assertEquals(audit?.type === "custom" && audit.data, {
      firstLostEventId: 6,
      lastLostEventId: 32,
      keptIn: "salvage",
    });

    const kept = [...Deno.readDirSync(join(directory, "salvage"))].map(({ name }) => name).sort();
    const read = (part: string) =>
      Deno.readFileSync(join(directory, "salvage", kept.find((name) => name.includes(part)) ?? ""));
    const tail = read("0000000000000001.jsonl");
    assertEquals(tail, damaged.slice(damaged.length - tail.length));
    assertEquals(read("0000000000000026.jsonl"), later);
    assertEquals(kept.filter((name) => name.includes("checkpoint")).length, 2);
  });
});

Deno.test("repair() reports that only a backup helps when the first event is damaged", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    flip(segments(join(root, "runtimes", "local"))[0] ?? "", "runtime.created");
    const { steps } = await repair(local(root));
    assertEquals(steps.map(({ action }) => action).includes("restore_backup"), true);
    const error = await repair(local(root), { apply: true, salvage: true }).catch((reason) => reason);
    assert(isRuntimeError(error) && error.code === "store_corrupt");
  });
});

Deno.test("repair() takes an older copy of the log for what it is", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    const last = segments(join(root, "runtimes", "local")).at(-1) ?? "";
    const lines = Deno.readTextFileSync(last).split("\n");
    Deno.writeTextFileSync(last, `${lines.slice(0, -3).join("\n")}\n`);
    const plan = await repair(local(root));
    assertEquals(plan.lost, [31, 32]);
    const done = await repair(local(root), { apply: true, salvage: true });
    assertEquals(done.after?.verdict, "clean", JSON.stringify(done.after?.findings));
    assertEquals((await verify(local(root))).verdict, "clean");
  });
});

Deno.test("repair() leaves a store in use alone", async () => {
  await withDirectory(async (root) => {
    const runtime = await openRuntime({ root });
    await everyEvent(runtime);
    await runtime.flush();
    flip(join(root, "runtimes", "local", "workers", "reviewer", "worker.json"), "approve");
    const before = snapshot(root);
    const error = await repair(local(root), { apply: true }).catch((reason) => reason);
    assert(isRuntimeError(error) && error.code === "store_locked");
    assertEquals(snapshot(root), before);
    await runtime.close();
  });
});

Deno.test("repair is a dry run as a command, and acts with --apply", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    append(segments(join(root, "runtimes", "local")).at(-1) ?? "", '{"id":33,');
    const before = snapshot(root);
    const planned = await command("repair", root);
    assertEquals(planned.code, 2);
    assertStringIncludes(planned.out, "Run again with --apply");
    assertEquals(snapshot(root), before);
    const done = await command("repair", root, "--apply", "--json");
    assertEquals([done.code, done.json.applied, done.json.after.verdict], [0, true, "clean"]);
  });
});

Deno.test("repair and verify say of an unusable config that it is to be corrected", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    Deno.writeTextFileSync(join(root, "runtimes", "local", "config.jsonc"), '{ "limit": {} }');
    const verified = await command("verify", root);
    assertEquals(verified.code, 2);
    assertStringIncludes(verified.out, "until config.jsonc is corrected");
    const planned = await command("repair", root);
    assertEquals(planned.code, 2);
    assertStringIncludes(planned.out, "Correct config.jsonc first");
    assertEquals(planned.out.includes("--apply"), false, planned.out);
    const refused = await command("repair", root, "--apply");
    assertEquals(refused.code, 1);
    assertStringIncludes(refused.err, "config.jsonc has to be corrected first");
  });
});

for (const now of [() => NaN, () => 8.64e15, () => -1e15]) {
  Deno.test(`repair() throws invalid_request when the clock gives ${now()}`, async () => {
    await withDirectory(async (root) => {
      await everyEventStore({ root });
      Deno.removeSync(join(root, "runtimes", "local", "runtime.json"));
      const before = snapshot(root);
      const error = await repair(local(root), { apply: true, now }).catch((reason) => reason);
      assert(isRuntimeError(error) && error.code === "invalid_request", String(error));
      assertEquals(snapshot(root), before);
    });
  });

  Deno.test(`FsRuntimeStore.acquire() throws invalid_request when the clock gives ${now()}`, async () => {
    await withDirectory(async (root) => {
      const error = await acquire(new FsRuntimeStore(local(root), { now })).catch((reason) => reason);
      assert(isRuntimeError(error) && error.code === "invalid_request", String(error));
      assertEquals([...Deno.readDirSync(root)], []);
    });
  });
}
