// SIGKILL while several commands are under way, again and again: what was acknowledged is there, exactly once.

import { assert, assertEquals } from "@std/assert";
import type { Runtime } from "../../mod.ts";
import { Random } from "../disk/mod.ts";
import { Child } from "./children/child.ts";
import { codesOf, contentsOf, diskTest, type TestPlace } from "../kit/place.ts";
import { privileged } from "../privileged.ts";

const KILLS = 25;

interface Printed {
  /** Events by the key that was acknowledged. */
  readonly acknowledged: ReadonlyMap<string, number>;
  /** Keys whose command was sent and not acknowledged. */
  readonly open: readonly string[];
}

function readPrinted(lines: readonly string[]): Printed {
  const acknowledged = new Map<string, number>();
  const open = new Set<string>();
  for (const line of lines) {
    const [mark, key = "", eventId] = line.split(" ");
    if (mark === ">") open.add(key);
    if (mark === "<" && open.delete(key)) acknowledged.set(key, Number(eventId));
  }
  return { acknowledged, open: [...open] };
}

/** Runs a writer and kills it after some acknowledgements. */
async function killedRound(place: TestPlace, round: string, acknowledged: number): Promise<Printed> {
  const child = new Child("writer.ts", place.root, round);
  try {
    assertEquals(await child.line(), "open");
    return readPrinted(await child.killAfter(acknowledged, "<"));
  } finally {
    await child.end();
  }
}

function workerOf(key: string): string {
  return ["a", "b", "c"][Number(key.split("-")[1]) % 3] ?? "";
}

function contentOf(key: string): string {
  return `${key} ${"x".repeat(Number(key.split("-")[2]) * 997 % 5_000)}`;
}

/** Repeats the commands that were not acknowledged, with their keys: now each of them is there. */
async function repeatOpen(runtime: Runtime, open: readonly string[]): Promise<number> {
  const receipts = await Promise.all(open.map(async (key) => {
    if (!runtime.workers().items.some(({ record }) => record.workerId === workerOf(key))) return undefined;
    const input = { role: "user", content: contentOf(key) } as const;
    return await runtime.worker(workerOf(key)).sendInput(input, { key });
  }));
  return receipts.filter((receipt) => receipt?.duplicate).length;
}

/** The keys in all transcripts, and that each of them is there once, with its content whole. */
async function keysIn(runtime: Runtime): Promise<Set<string>> {
  const keys = new Set<string>();
  for (const { record: { workerId }, transcriptLength } of runtime.workers().items) {
    const contents = await contentsOf(runtime, workerId);
    assertEquals(contents.length, transcriptLength);
    for (const content of contents) {
      const key = content.slice(0, content.indexOf(" "));
      assert(!keys.has(key), `${key} is there twice`);
      assertEquals(content, contentOf(key));
      assertEquals(workerOf(key), workerId as string);
      keys.add(key);
    }
  }
  return keys;
}

/**
 * What a kill may leave. A write that it stops at the border of a page leaves a torn end, of nothing that was
 * acknowledged. Between two renames there is no newest checkpoint, between two calls a segment has no header.
 */
const harmless: ReadonlySet<string> = new Set([
  "torn_tail_cut",
  "unfinished_segment_removed",
  "unclean_open",
  "run_interrupted",
  "temporary_removed",
  "projection_rebuilt",
  "checkpoint_unusable",
]);

for (const seed of [1, 2]) {
  diskTest(
    `every acknowledged command survives SIGKILL exactly once, ${KILLS} kills in a row, seed ${seed}`,
    async (place) => {
      const random = new Random(seed);
      place.configure({ limits: { segmentBytes: 300_000, checkpointBytes: 200_000 } });
      const expected = new Set<string>();
      let interrupted = 0;
      for (let kill = 0; kill < KILLS; kill++) {
        const { acknowledged, open } = await killedRound(place, `r${kill}`, random.below(60));
        const runtime = await place.open();
        for (const key of acknowledged.keys()) expected.add(key);
        for (const code of codesOf(runtime)) {
          assert(harmless.has(code), code);
          if (code === "run_interrupted") interrupted++;
        }
        const found = await keysIn(runtime);
        for (const key of expected) assert(found.has(key), `${key} was acknowledged and is lost`);
        await repeatOpen(runtime, open);
        if (runtime.workers().items.length === 3) { for (const key of open) expected.add(key); }
        if (kill % 5 === 0) await place.kill(runtime);
        else await runtime.close();
      }
      const runtime = await place.open();
      const found = await keysIn(runtime);
      for (const key of expected) assert(found.has(key));
      assert(expected.size > KILLS * 5, `${expected.size} commands were acknowledged in all`);
      assert(interrupted > KILLS, `${interrupted} runs were interrupted`);
      const { items } = await runtime.events({ limit: 1 });
      assertEquals(items[0]?.id, runtime.lastEventId);
    },
    privileged,
  );
}
