// Pruning: only on request, only what no checkpoint needs, and recorded in the log.

import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import { type CustomEvent, Runtime } from "../../../mod.ts";
import type { PrunedEvents } from "../../../store.ts";
import { verify } from "../../../operate.ts";
import { sealedBytes } from "../../../src/fs/lines/codec.ts";
import { SimulatedDisk } from "../../disk/mod.ts";
import {
  acting,
  codesOf,
  contentsOf,
  diskTest,
  flipBit,
  onFiles,
  refused,
  speak,
  type TestPlace,
} from "../../kit/place.ts";
import { LOCAL_HOME as HOME, open } from "../../kit/opened.ts";

const contents = Array.from({ length: 30 }, (_, index) => `${index} ${"x".repeat(500)}`);

/** A store with many segments and two checkpoints behind most of them. */
async function filled(place: TestPlace): Promise<Runtime> {
  place.configure({ limits: { segmentBytes: 4_096 } });
  const runtime = await place.open();
  for (const content of contents) await speak(runtime, "a", [content]);
  await runtime.close();
  await (await place.open()).close();
  return await place.open();
}

diskTest("planPrune() reports what prune() would delete, and deletes nothing", async (place) => {
  const runtime = await filled(place);
  const before = place.names("events");
  assert(before.length > 4);
  const { lastEventId } = runtime;
  const plan = await runtime.planPrune();
  assert(plan.events > 20 && plan.bytes > 10_000, JSON.stringify(plan));
  assertEquals(plan.firstEventId, plan.events + 1);
  assertEquals(place.names("events"), before);
  assertEquals(runtime.lastEventId, lastEventId);
});

diskTest(
  "prune() deletes whole segments, records it in the log first, and expires cursors",
  async (place) => {
    const runtime = await filled(place);
    const before = place.names("events");
    const plan = await runtime.planPrune();
    const pruned = await runtime.prune();
    assertEquals(pruned, plan);
    const left = place.names("events");
    assertEquals(left, before.slice(before.length - left.length));
    assertEquals(Number.parseInt(left[0] ?? "", 10), plan.firstEventId);
    const page = await runtime.events({ limit: 1 });
    const event = page.items[0] as CustomEvent;
    assertEquals([event.type, event.name, event.data], ["custom", "runtime.pruned", { ...plan }]);
    assertEquals(page.firstEventId, plan.firstEventId);
    const error = await refused("cursor_expired", () => runtime.events({ after: 0 }));
    assertEquals(error.details, { after: 0, firstEventId: plan.firstEventId });
    await refused("cursor_expired", () => runtime.watch({ after: plan.firstEventId - 2 }).next());
    const kept = await runtime.events({ after: plan.firstEventId - 1, limit: 1_000 });
    assertEquals(kept.items[0]?.id, plan.firstEventId);
    assertEquals(kept.items.at(-1)?.id, runtime.lastEventId);
    const oldest = await runtime.events({ before: plan.firstEventId, limit: 5 });
    assertEquals([oldest.items, oldest.previous], [[], null]);
  },
);

diskTest("prune() leaves transcripts and state as they are, also after reopening", async (place) => {
  const runtime = await filled(place);
  const state = runtime.worker("a").state();
  const { firstEventId } = await runtime.prune();
  assertEquals(await contentsOf(runtime, "a"), contents);
  await runtime.close();
  const again = await place.open();
  assertEquals(codesOf(again), []);
  assertEquals(await contentsOf(again, "a"), contents);
  assertEquals(again.worker("a").state(), state);
  assertEquals((await again.events()).firstEventId, firstEventId);
});

diskTest(
  "prune() deletes nothing past `through`, nor what the checkpoint before the newest needs",
  async (place) => {
    const runtime = await filled(place);
    const [, second = ""] = place.names("events");
    const through = Number.parseInt(second, 10);
    assertEquals((await runtime.planPrune({ through: 0 })).events, 0);
    assertEquals((await runtime.planPrune({ through: through - 2 })).events, 0);
    assertEquals((await runtime.prune({ through })).events, through - 1);
    await runtime.prune();
    const previous = JSON.parse(Deno.readTextFileSync(place.layout.previousCheckpoint)).through;
    assert(Number.parseInt(place.names("events")[0] ?? "", 10) <= previous + 1);
    await runtime.close();
    // Even with the newest checkpoint damaged the store opens.
    flipBit(place.layout.checkpoint, 30);
    assertEquals(await contentsOf(await place.open(), "a"), contents);
  },
);

diskTest("prune() of a store without a checkpoint deletes nothing", async (place) => {
  place.configure({ limits: { segmentBytes: 4_096 } });
  const runtime = await place.open();
  for (const content of contents) await speak(runtime, "a", [content]);
  assert(place.names("events").length > 3);
  const { lastEventId } = runtime;
  assertEquals((await runtime.prune()).events, 0);
  assertEquals(runtime.lastEventId, lastEventId, "nothing was deleted, and nothing is reported");
});

diskTest(
  "transcript() throws store_corrupt for a damaged transcript whose log was pruned, and tells which events",
  async (place) => {
    const runtime = await filled(place);
    await speak(runtime, "b", ["mine"]);
    const { firstEventId } = await runtime.prune();
    await runtime.close();
    flipBit(place.transcript("a"), 3_000);
    const again = await place.open();
    const { details } = await refused("store_corrupt", () => contentsOf(again, "a"));
    assertEquals(details.file, "workers/a/transcript.jsonl");
    assertEquals(details.eventIds, [3, firstEventId - 1]);
    assertEquals(await contentsOf(again, "b"), ["mine"]);
  },
);

diskTest(
  "transcript() of a damaged transcript whose log was pruned stays readable where it is not damaged",
  async (place) => {
    const runtime = await filled(place);
    await runtime.prune();
    await runtime.close();
    flipBit(place.transcript("a"), 3_000);
    const newest = async (opened: Runtime): Promise<unknown[]> =>
      (await opened.worker("a").transcript({ limit: 2 })).items.map(({ content }) => content);
    const again = await place.open();
    assertEquals(await newest(again), contents.slice(-2), "before the damage was found");
    await refused("store_corrupt", () => contentsOf(again, "a"));
    assertEquals(await newest(again), contents.slice(-2), "after the damage was found");
    await speak(again, "a", ["more"]);
    assertEquals(await newest(again), [...contents.slice(-1), "more"]);
    await again.close();
    assertEquals(await newest(await place.open()), [...contents.slice(-1), "more"]);
  },
);

diskTest(
  "prune() removes no more than its event says, though checkpoints are written before the removal",
  async (place) => {
    await (await filled(place)).close();
    place.configure({ limits: { segmentBytes: 4_096, checkpointBytes: 16_384 } });
    const store = place.store();
    const runtime: Runtime = await Runtime.open({
      store: acting(store, {
        async prune(options): Promise<PrunedEvents> {
          // Checkpoints, by which more could be pruned.
          for (let times = 0; times < 3 && !options.dryRun; times++) {
            await speak(runtime, "a", contents);
            await runtime.flush();
          }
          return await store.prune(options);
        },
      }),
    });
    // Segments behind the older checkpoint.
    for (const content of contents) {
      await speak(runtime, "a", [content]);
      await runtime.flush();
    }
    const { firstEventId } = await runtime.prune();
    const { items, firstEventId: kept } = await runtime.events({ limit: 1_000 });
    const told = items.find((event) => event.type === "custom") as CustomEvent;
    assertEquals(told.data, { ...(told.data as object), firstEventId: kept });
    assertEquals(firstEventId, kept);
    assert((await runtime.planPrune()).events > 0, "checkpoints were written meanwhile");
    await runtime.close();
    assertEquals((await verify({ root: place.root, runtimeId: "local" })).verdict, "clean");
  },
);

Deno.test(
  "prune() leaves what the older checkpoint begins with, wherever in the log that is",
  onFiles,
  async () => {
    for (const length of [700, 2_000, 5_000]) {
      const disk = new SimulatedDisk();
      const config = { limits: { segmentBytes: 4_096, checkpointBytes: 4_096 } };
      disk.plant.file(`${HOME}/config.jsonc`, new TextEncoder().encode(JSON.stringify(config)));
      const runtime = await open(disk);
      const said: string[] = [];
      let pruned = 0;
      for (let index = 0; index < 24; index++) {
        said.push(`${index} ${"x".repeat(length)}`);
        await speak(runtime, "a", said.slice(-1));
        await runtime.flush();
        pruned += (await runtime.prune()).events;
        const spoiled = disk.fork();
        spoiled.plant.nothing(`${HOME}/checkpoint.json`);
        const again = await open(spoiled);
        assertEquals(await contentsOf(again, "a"), said);
        await again.close();
      }
      assert(pruned > 10, `${pruned} events pruned`);
      await runtime.close();
    }
  },
);

diskTest("prune() deletes nothing while one of the two checkpoints is unusable", async (place) => {
  const runtime = await filled(place);
  assert((await runtime.planPrune()).events > 0);
  flipBit(place.layout.checkpoint, 30);
  assertEquals((await runtime.prune()).events, 0);
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => resolve()));
}

Deno.test("close() waits until what prune() removes is removed", onFiles, async () => {
  const long = Array.from({ length: 30 }, (_, index) => `${index} ${"x".repeat(5_000)}`);
  for (let turns = 0; turns < 40; turns += 4) {
    const disk = new SimulatedDisk({ latency: turn });
    const config = { limits: { segmentBytes: 4_096 } };
    disk.plant.file(`${HOME}/config.jsonc`, new TextEncoder().encode(JSON.stringify(config)));
    for (let times = 0; times < 2; times++) {
      const runtime = await open(disk);
      for (const content of long) await speak(runtime, "a", [content]);
      await runtime.close();
    }
    const runtime = await open(disk);
    const pruning = runtime.prune().catch(() => {});
    for (let passed = 0; passed < turns; passed++) await turn();
    await runtime.close();
    const closed = disk.fingerprint();
    await pruning;
    assertEquals([turns, disk.fingerprint()], [turns, closed]);
  }
});

/** Changes that another program makes at the path of a transcript. */
const replacements: Record<string, (path: string, older: string, place: TestPlace) => void> = {
  "an older copy was renamed over a transcript": (path, older) => Deno.renameSync(older, path),
  "an older copy was written over a transcript": (path, older) => Deno.copyFileSync(older, path),
  "a transcript was removed": (path, older) => {
    Deno.removeSync(path);
    Deno.renameSync(older, path);
  },
  "another worker's transcript took the place of the newer lines": (path, older, place) => {
    const kept = Deno.readTextFileSync(older);
    const lines = Deno.readTextFileSync(place.transcript("b")).split("\n").slice(1).join("\n");
    Deno.writeTextFileSync(`${path}.new`, kept + lines);
    Deno.renameSync(`${path}.new`, path);
  },
  "lines of another copy of the store took the place of the newer ones": (path) => {
    const lines = Deno.readTextFileSync(path).trimEnd().split("\n");
    const others = lines.map((line, index) => index < 100 ? line : sealed(line.replace("mine", "they")));
    Deno.writeTextFileSync(`${path}.new`, `${others.join("\n")}\n`);
    Deno.renameSync(`${path}.new`, path);
  },
};

/** A line with the checksum of what it holds now. */
function sealed(line: string): string {
  const json = line.replace(/,"crc":"[0-9a-f]{8}"\}$/, "}");
  return new TextDecoder().decode(sealedBytes(json)).trimEnd();
}

const inputs = Array.from({ length: 400 }, (_, index) => `mine ${index} ${"x".repeat(600)}`);

/** A store that was pruned once and has taken more since, whose transcript of "a" was then replaced. */
async function replaced(place: TestPlace, replace: typeof replacements[string]): Promise<Runtime> {
  place.configure({ limits: { segmentBytes: 4_096, checkpointBytes: 65_536 } });
  const runtime = await place.open();
  await speak(runtime, "b", inputs.slice(0, 20));
  for (const content of inputs.slice(0, 200)) await speak(runtime, "a", [content]);
  assert((await runtime.prune()).events > 50);
  await runtime.flush();
  const older = `${place.root}/older.jsonl`;
  Deno.copyFileSync(place.transcript("a"), older);
  for (const content of inputs.slice(200)) await speak(runtime, "a", [content]);
  await runtime.flush();
  replace(place.transcript("a"), older, place);
  return runtime;
}

for (const [name, replace] of Object.entries(replacements)) {
  diskTest(`close() does not count a transcript as synced when ${name}`, async (place) => {
    await (await replaced(place, replace)).close();
    const again = await place.open();
    assertEquals(await contentsOf(again, "a"), inputs);
    await again.close();
  });

  diskTest(`prune() rebuilds a transcript first when ${name}`, async (place) => {
    const runtime = await replaced(place, replace);
    assert((await runtime.prune()).events > 50);
    assertEquals(await contentsOf(runtime, "a"), inputs);
    await runtime.close();
    const again = await place.open();
    assertEquals(await contentsOf(again, "a"), inputs);
    assertEquals((await verify({ root: place.root, runtimeId: "local" })).verdict, "clean");
    await again.close();
  });
}
