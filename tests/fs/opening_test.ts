// Opening: what is told of the last process, what newer versions left, and whose files these are.

import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import {
  appendTo,
  codesOf,
  contentsOf,
  diagnosticOf,
  diskTest,
  onFiles,
  refused,
  speak,
  type TestPlace,
  treeOf,
} from "../kit/place.ts";
import { AT, lineOf } from "./log/log_lines.ts";
import { FsRuntimeStore } from "../../fs_store.ts";
import type { Runtime } from "../../mod.ts";
import { acquire } from "../kit/acquire.ts";

diskTest(
  "Runtime.open() tells when the last writer did not close, and which events it replayed",
  async (place) => {
    const runtime = await place.open();
    await speak(runtime, "a", ["one"]);
    const { lastEventId } = runtime;
    await place.kill(runtime);
    const again = await place.open();
    const found = diagnosticOf(again, "unclean_open");
    assertEquals([found.severity, found.eventIds], ["info", [1, lastEventId]]);
    assertEquals(place.names("events").length, 2, "it writes into a segment of its own");
    await again.close();
    const third = await place.open();
    assertEquals(codesOf(third), []);
    assertEquals(place.names("events").length, 2);
  },
);

diskTest("Runtime.open() ends runs that were open when the process was killed, once", async (place) => {
  const runtime = await place.open();
  await speak(runtime, "a", ["one"]);
  const run = await runtime.worker("a").beginRun({ runId: "r1" });
  await place.kill(runtime);
  assert(run.signal.aborted);
  const again = await place.open();
  const found = diagnosticOf(again, "run_interrupted");
  assertEquals(found.workerId, "a");
  const { run: open, lastRun } = again.worker("a").state();
  assertEquals([open, lastRun?.runId, lastRun?.outcome], [null, "r1", "interrupted"]);
  const [event] = (await again.events({ after: (found.eventIds?.[0] ?? 0) - 1, limit: 1 })).items;
  assert(event?.type === "worker.committed");
  assertEquals([event.runId, event.run?.ended], ["r1", "interrupted"]);
  await again.close();
  const third = await place.open();
  assertEquals(codesOf(third), []);
  await third.worker("a").beginRun();
});

/** Adds an event of some later version to the log of a store that was killed. */
function addLine(place: TestPlace, event: Record<string, unknown>): void {
  const last = place.names("events").at(-1) ?? "";
  const id = Number(event.id);
  appendTo(join(place.layout.events, last), lineOf(JSON.stringify({ id, at: AT, ...event }), id - 1));
}

diskTest(
  "Runtime.open() keeps events of unknown types and unknown members, passes them on, and tells",
  async (place) => {
    const runtime = await place.open();
    await speak(runtime, "a", ["one"]);
    const last = runtime.lastEventId;
    await place.kill(runtime);
    addLine(place, { id: last + 1, type: "worker.dreamt", workerId: "a", dream: { of: "sheep" } });
    addLine(place, { id: last + 2, type: "runtime.shone" });
    addLine(place, {
      id: last + 3,
      type: "worker.committed",
      workerId: "a",
      data: { x: 1 },
      mood: "new",
    });
    const again = await place.open();
    assertEquals(diagnosticOf(again, "unknown_event").message.includes(" 2 events"), true);
    assertEquals(again.worker("a").state().data, { x: 1 });
    const read = async (): Promise<unknown[]> =>
      (await again.events({ after: last, limit: 3 })).items.slice();
    assertEquals(await read(), [
      {
        id: last + 1,
        at: AT,
        type: "unknown",
        event: { id: last + 1, at: AT, type: "worker.dreamt", workerId: "a", dream: { of: "sheep" } },
        workerId: "a",
      },
      {
        id: last + 2,
        at: AT,
        type: "unknown",
        event: { id: last + 2, at: AT, type: "runtime.shone" },
      },
      { id: last + 3, at: AT, type: "worker.committed", workerId: "a", data: { x: 1 }, mood: "new" },
    ]);
    await again.close();
    const third = await place.open();
    assertEquals(codesOf(third), []);
    const [dreamt] = (await third.events({ after: last, limit: 1 })).items;
    assert(dreamt?.type === "unknown");
    assertEquals(dreamt.event.type, "worker.dreamt");
  },
);

diskTest(
  "Runtime.open() throws store_corrupt for an intact event that cannot follow the state",
  async (place) => {
    const runtime = await place.open();
    const last = runtime.lastEventId;
    await place.kill(runtime);
    addLine(place, { id: last + 1, type: "worker.committed", workerId: "nobody", data: {} });
    await refused("store_corrupt", () => place.open());
  },
);

diskTest(
  "Runtime.open() tells of files in the log's directory that are none of the store's, and leaves them",
  async (place) => {
    await (await place.open()).close();
    Deno.writeTextFileSync(place.path("events/notes.txt"), "mine");
    const runtime = await place.open();
    assertEquals(diagnosticOf(runtime, "foreign_entry").file, "events/notes.txt");
    assertEquals(Deno.readTextFileSync(place.path("events/notes.txt")), "mine");
  },
);

for (const name of ["events", "workers", ""]) {
  const what = name === "" ? "the runtime's directory" : name;
  diskTest(`FsRuntimeStore.acquire() refuses a link in the place of ${what}`, async (place) => {
    const runtime = await place.open();
    await speak(runtime, "a", ["one"]);
    await runtime.close();
    const path = name === "" ? place.layout.directory : place.path(name);
    const elsewhere = join(place.root, "elsewhere");
    Deno.renameSync(path, elsewhere);
    Deno.symlinkSync(elsewhere, path);
    const outcome = await place.open().then(
      async (opened) => await contentsOf(opened, "a").then(() => "read", (error) => error.code),
      (error) => error.code,
    );
    assertEquals(outcome, "store_corrupt");
  });
}

for (const name of ["runtime.json", "events/0000000000000001.jsonl"]) {
  diskTest(`Runtime.open() throws store_corrupt for a link in the place of ${name}`, async (place) => {
    await (await place.open()).close();
    const elsewhere = join(place.root, "elsewhere");
    Deno.renameSync(place.path(name), elsewhere);
    Deno.symlinkSync(elsewhere, place.path(name));
    const { details } = await refused("store_corrupt", () => place.open());
    assert(details.reason.includes("link"), details.reason);
  });
}

diskTest("all directories have mode 0700 and all files 0600", async (place) => {
  const runtime = await place.open();
  await speak(runtime, "a", ["one"]);
  await runtime.close();
  Deno.writeTextFileSync(place.layout.identity.replace("runtime.json", "overview.json"), "damaged");
  const again = await place.open();
  await again.flush();
  const modes = new Map<string, string>();
  const look = (path: string): void => {
    for (const { name, isDirectory } of Deno.readDirSync(path)) {
      const inner = join(path, name);
      modes.set(inner.slice(place.root.length), ((Deno.statSync(inner).mode ?? 0) & 0o777).toString(8));
      if (isDirectory) look(inner);
    }
  };
  look(place.root);
  assert(modes.size > 12, [...modes.keys()].join());
  for (const [path, mode] of modes) {
    const isFile = /\.(json|jsonl|bin)$|lock$/.test(path);
    assertEquals([path, mode], [path, isFile ? "600" : "700"]);
  }
}, { ...onFiles, ignore: onFiles.ignore === true || Deno.build.os === "windows" });

/** Collects the ids of events after the last one in `seen`, up to the custom event `name`. */
async function follow(runtime: Runtime, seen: number[], name: string): Promise<void> {
  for await (const event of runtime.watch({ after: seen.at(-1) ?? 0 })) {
    seen.push(event.id);
    if (event.type === "custom" && event.name === name) return;
  }
}

diskTest("watch() goes on across a reopen, without a gap and without an event twice", async (place) => {
  const seen: number[] = [];
  for (let round = 0; round < 4; round++) {
    const runtime = await place.open();
    const following = follow(runtime, seen, `end ${round}`);
    await speak(runtime, "a", [`${round} one`, `${round} two`]);
    await runtime.record(`end ${round}`, null);
    await following;
    await runtime.record("unseen", null);
    if (round % 2 === 1) await place.kill(runtime);
    else await runtime.close();
  }
  assertEquals(seen, Array.from({ length: seen.length }, (_, index) => index + 1));
  assert(seen.length > 20);
});

diskTest(
  "append() throws store_vanished for commands once the log is gone, and the runtime says so",
  async (place) => {
    const runtime = await place.open();
    await speak(runtime, "a", ["one"]);
    Deno.removeSync(place.segment(1));
    const error = await refused("store_vanished", () => speak(runtime, "a", ["two"]));
    assertEquals(error.details.file, "events/0000000000000001.jsonl");
    assertEquals(runtime.health.status, "failed");
    await refused("store_vanished", () => runtime.record("x", 1));
    assertEquals(diagnosticOf(runtime, "store_lost").severity, "error");
    assertEquals(runtime.worker("a").state().transcriptLength, 1);
    await runtime.close();
    await runtime.close();
    // Without its log, it is no store any more.
    await refused("store_corrupt", () => place.open());
  },
);

Deno.test("FsRuntimeStore() rejects a root that is no path", onFiles, async () => {
  for (const root of ["", undefined]) {
    const open = (): unknown => new FsRuntimeStore({ root: root as string, runtimeId: "local" });
    assertEquals((await refused("invalid_request", open)).details.issues, ["a path is needed"]);
  }
});

diskTest(
  "FsRuntimeStore.acquire() refuses a clock that throws or gives no time, and makes nothing",
  async (place) => {
    const clocks = [() => NaN, () => Infinity, () => 1e15, () => {
      throw new TypeError("no clock");
    }];
    for (const now of clocks) {
      const root = join(place.root, "data");
      await refused("invalid_request", () => acquire(place.store({ root }, { now })));
      assertEquals(treeOf(place.root).size, 0);
    }
  },
);
