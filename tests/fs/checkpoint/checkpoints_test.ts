// Checkpoints: the newest good one serves, and without any the log does.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
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
import { DenoFileSystem } from "../../../src/fs/disk/deno_file_system.ts";
import type { Runtime, WorkerId } from "../../../mod.ts";
import type { SnapshotPart } from "../../../store.ts";
import { writeCheckpoint } from "../../../src/fs/checkpoint/checkpoint.ts";
import { runtimeLayout } from "../../../src/fs/layout.ts";
import { SimulatedDisk } from "../../disk/simulated_disk.ts";

const contents = ["one", "two", "three"];

/** A store that was closed three times, so that there are two checkpoints. */
async function closedThrice(place: TestPlace): Promise<void> {
  for (const content of contents) {
    const runtime = await place.open();
    await speak(runtime, "a", [content]);
    await runtime.close();
  }
}

function throughOf(path: string): number {
  return JSON.parse(Deno.readTextFileSync(path)).through;
}

async function assertWhole(runtime: Runtime): Promise<void> {
  assertEquals(await contentsOf(runtime, "a"), contents);
  assertEquals(runtime.worker("a").state().transcriptLength, 3);
  assertEquals(runtime.overview().workers.total, 1);
}

diskTest("close() writes a checkpoint through the last event, and keeps the one before", async (place) => {
  await closedThrice(place);
  const { checkpoint, previousCheckpoint } = place.layout;
  const [through, before] = [throughOf(checkpoint), throughOf(previousCheckpoint)];
  assert(before < through);
  const runtime = await place.open();
  assertEquals(runtime.lastEventId, through + 1);
  assertEquals(codesOf(runtime), []);
  await runtime.close();
  assertEquals(throughOf(previousCheckpoint), through);
  assertEquals(throughOf(checkpoint), through + 2);
});

diskTest("Runtime.open() takes the checkpoint before when the newest is damaged, anywhere", async (place) => {
  await closedThrice(place);
  const whole = Deno.readFileSync(place.layout.checkpoint);
  for (const offset of [0, 40, whole.length >> 1, whole.length - 2, whole.length - 1]) {
    Deno.writeFileSync(place.layout.checkpoint, whole);
    flipBit(place.layout.checkpoint, offset);
    const runtime = await place.open();
    const told = runtime.diagnostics().items.filter(({ code }) => code === "checkpoint_unusable");
    assertEquals(told.map(({ file }) => file), ["checkpoint.json", "checkpoint.previous.json"]);
    await assertWhole(runtime);
    await place.kill(runtime);
  }
});

diskTest(
  "Runtime.open() takes the checkpoint before when the newest was cut short or is empty",
  async (place) => {
    await closedThrice(place);
    const whole = Deno.readFileSync(place.layout.checkpoint);
    for (const length of [0, 1, 18, 19, whole.length - 1]) {
      Deno.writeFileSync(place.layout.checkpoint, whole.subarray(0, length));
      const runtime = await place.open();
      assert(codesOf(runtime).includes("checkpoint_unusable"));
      await assertWhole(runtime);
      await place.kill(runtime);
    }
  },
);

diskTest(
  "Runtime.open() replays the whole log when both checkpoints are damaged or missing",
  async (place) => {
    await closedThrice(place);
    const { checkpoint, previousCheckpoint } = place.layout;
    flipBit(checkpoint, 30);
    flipBit(previousCheckpoint, 30);
    const runtime = await place.open();
    assertEquals(codesOf(runtime).filter((code) => code === "checkpoint_unusable").length, 2);
    assertEquals(diagnosticOf(runtime, "unclean_open").eventIds?.[0], 1);
    await assertWhole(runtime);
    await place.kill(runtime);
    Deno.removeSync(checkpoint);
    Deno.removeSync(previousCheckpoint);
    const again = await place.open();
    assertEquals(codesOf(again).includes("checkpoint_unusable"), false);
    await assertWhole(again);
  },
);

diskTest("close() does not put a damaged checkpoint in the place of the good one before", async (place) => {
  await closedThrice(place);
  const before = throughOf(place.layout.previousCheckpoint);
  flipBit(place.layout.checkpoint, 30);
  const runtime = await place.open();
  await runtime.close();
  assertEquals(throughOf(place.layout.previousCheckpoint), before);
  assertEquals(throughOf(place.layout.checkpoint), runtime.lastEventId);
  const again = await place.open();
  assertEquals(codesOf(again), []);
  await assertWhole(again);
});

diskTest("Runtime.open() takes no checkpoint of another runtime or kind", async (place) => {
  await closedThrice(place);
  for (const other of ['{"format":"worker-runtime/checkpoint","version":1,"runtimeId":"other"}', '{"a":1}']) {
    Deno.writeFileSync(place.layout.checkpoint, sealedBytes(other));
    const runtime = await place.open();
    assert(codesOf(runtime).includes("checkpoint_unusable"));
    await assertWhole(runtime);
    await place.kill(runtime);
  }
});

diskTest("Runtime.open() throws store_version for a checkpoint that a newer version wrote", async (place) => {
  await closedThrice(place);
  const text = Deno.readTextFileSync(place.layout.checkpoint);
  const newer = text.slice(0, text.lastIndexOf(',"crc"')).replace('"version":1', '"version":2');
  Deno.writeFileSync(place.layout.checkpoint, sealedBytes(`${newer}}`));
  const { details } = await refused("store_version", () => place.open());
  assertEquals(details, { file: "checkpoint.json", found: 2, supported: 1 });
});

diskTest(
  "Runtime.open() throws store_version for a checkpoint that requires an unknown feature",
  async (place) => {
    await closedThrice(place);
    const text = Deno.readTextFileSync(place.layout.checkpoint);
    assertStringIncludes(text, '"requires":[],');
    const newer = text.slice(0, text.lastIndexOf(',"crc"')).replace('"requires":[]', '"requires":["drafts"]');
    Deno.writeFileSync(place.layout.checkpoint, sealedBytes(`${newer}}`));
    const { details } = await refused("store_version", () => place.open());
    assertEquals(details, { file: "checkpoint.json", found: 1, supported: 1, requires: "drafts" });
  },
);

diskTest(
  "Runtime.open() takes a directory or a link in the place of a checkpoint for an unusable one",
  async (place) => {
    await closedThrice(place);
    Deno.removeSync(place.layout.checkpoint);
    Deno.symlinkSync(place.layout.previousCheckpoint, place.layout.checkpoint);
    const runtime = await place.open();
    const [found] = runtime.diagnostics().items;
    assertEquals([found?.code, found?.file], ["checkpoint_unusable", "checkpoint.json"]);
    await assertWhole(runtime);
  },
);

diskTest("Runtime tells of a checkpoint that could not be written, and goes on", async (place) => {
  place.configure({ limits: { checkpointBytes: 4_096 } });
  class Full extends DenoFileSystem {
    full = false;
    override open(...[path, mode]: Parameters<DenoFileSystem["open"]>): ReturnType<DenoFileSystem["open"]> {
      if (!this.full || !path.includes("checkpoint")) return super.open(path, mode);
      throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    }
  }
  const fileSystem = new Full();
  const runtime = await place.open({}, { fileSystem });
  fileSystem.full = true;
  for (let index = 0; index < 10; index++) await speak(runtime, "a", ["x".repeat(2_000)]);
  await runtime.flush();
  assert(codesOf(runtime).includes("checkpoint_failed"), codesOf(runtime).join());
  assertEquals(runtime.health.status, "ok");
  await runtime.close();
  assertEquals(codesOf(runtime).at(-1), "close_incomplete");
  const again = await place.open();
  assertEquals((await contentsOf(again, "a")).length, 10);
});

for (
  const [bound, limits] of [["bytes", { checkpointBytes: 4_096 }], ["events", {
    checkpointEvents: 16,
  }]] as const
) {
  diskTest(
    `Runtime writes a checkpoint while it runs, once the log has grown past the bound of ${bound}`,
    async (place) => {
      place.configure({ limits });
      const runtime = await place.open();
      for (let index = 0; index < 20; index++) await speak(runtime, "a", [`${index} ${"x".repeat(1_000)}`]);
      await runtime.flush();
      await speak(runtime, "a", ["20 and no checkpoint behind it"]);
      await place.kill(runtime);
      const through = throughOf(place.layout.checkpoint);
      assert(through > 5);
      const again = await place.open();
      assertEquals(diagnosticOf(again, "unclean_open").eventIds?.[0], through + 1);
      assertEquals((await contentsOf(again, "a")).map((content) => parseInt(content)), [...Array(21).keys()]);
    },
  );
}

diskTest(
  "Runtime goes on writing checkpoints after a rename that was done and failed all the same",
  async (place) => {
    place.configure({ limits: { checkpointBytes: 4_096 } });
    class Lying extends DenoFileSystem {
      lies = 0;
      override async rename(from: string, to: string): Promise<void> {
        await super.rename(from, to);
        if (this.lies-- > 0) throw Object.assign(new Error("input/output error"), { code: "EIO" });
      }
    }
    const fileSystem = new Lying();
    const runtime = await place.open({}, { fileSystem });
    for (let index = 0; index < 5; index++) await speak(runtime, "a", ["x".repeat(2_000)]);
    await runtime.flush();
    fileSystem.lies = 1;
    for (let index = 0; index < 5; index++) await speak(runtime, "a", ["x".repeat(2_000)]);
    await runtime.flush();
    diagnosticOf(runtime, "checkpoint_failed");
    await runtime.close();
    assertEquals(codesOf(runtime).includes("close_incomplete"), false);
    assertEquals(throughOf(place.layout.checkpoint), runtime.lastEventId);
    const again = await place.open();
    assertEquals(codesOf(again), []);
    assertEquals((await contentsOf(again, "a")).length, 10);
  },
);

Deno.test("writeCheckpoint() refuses a snapshot with a worker whose transcript is not known", async () => {
  async function* workers(): AsyncGenerator<SnapshotPart> {
    yield await Promise.resolve({ workerId: "a" as WorkerId, json: "{}" });
  }
  const disk = new SimulatedDisk();
  const place = { fs: disk, layout: runtimeLayout("/", "local"), runtimeId: "local" };
  const snapshot = { through: 1, runtimeJson: "{}", workers: workers(), changed: new Set<WorkerId>() };
  const position = { segment: 1, offset: 1, lineOffset: 0 };
  const write = () => writeCheckpoint(place, "/checkpoint", { snapshot, position, lengths: new Map() });
  await assertRejects(write, Error, "the transcript of a is not known");
  assertEquals(disk.stat("/checkpoint"), undefined);
});
