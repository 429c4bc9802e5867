// timelineOf(): the order of a conversation, and what took its entries out of the context.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { isEntry, type Item, timelineOf } from "../../cli/report/timeline.ts";
import { contextRanges, MemoryRuntimeStore, Runtime, type TranscriptEntry, type Worker } from "../../mod.ts";
import type { Milestone } from "../../operate.ts";

/** A conversation: `add` appends entries, `compact` and `rewind` change its context, `run` is a run with an entry. */
type Step =
  | readonly ["add", number]
  | readonly ["compact", number]
  | readonly ["rewind", number]
  | readonly ["run"];

interface Played {
  readonly worker: Worker;
  readonly entries: readonly TranscriptEntry[];
  readonly milestones: readonly Milestone[];
}

async function play(steps: readonly Step[]): Promise<Played> {
  const runtime = await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "t" }) });
  const worker = await runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
  const milestones: Milestone[] = [];
  for (const [kind, value = 0] of steps) {
    const { context, transcriptLength } = worker.state();
    if (kind === "add") {
      await worker.append(Array.from({ length: value }, () => ({ role: "user", content: "" })));
    } else if (kind === "run") {
      const run = await worker.beginRun();
      await run.append([{ role: "user", content: "" }]);
      const { eventId } = run;
      milestones.push({ eventId, at: "", runId: run.runId, began: true });
      const end = await run.finish("completed", { entries: [{ role: "user", content: "" }] });
      milestones.push({ eventId: end.eventId, at: "", runId: run.runId, ended: "completed" });
    } else if (kind === "compact") {
      const isPossible = (context?.summary ?? null) !== null ||
        contextRanges(worker.state()).some(([from]) => from <= value);
      if (value > transcriptLength || !isPossible) continue;
      await worker.compact({ through: value, summary: { role: "user", content: "" } });
    } else {
      const ranges = contextRanges(worker.state());
      if (value > 0 && !ranges.some(([from, to]) => from <= value && value <= to)) continue;
      const { eventId } = await worker.rewind({ toSeq: value });
      milestones.push({ eventId, at: "", rewound: value });
    }
  }
  const { items } = await worker.transcript({ limit: 1_000 });
  return { worker, entries: items, milestones };
}

/** Blocks in a few words, such as `1-3 by #4` and `2 rewound to #1`; milestones and the boundary by their names. */
function wordsOf({ worker, entries, milestones }: Played, last = entries.length): string[] {
  return timelineOf(worker.state(), entries.slice(-last), milestones).map(({ removal, items }) => {
    const words = items.map((item: Item) =>
      isEntry(item) ? item.seq : item === "boundary" ? "|" : item.began ? "(" : item.ended ? ")" : "<"
    ).join(" ");
    if (removal === undefined) return words;
    const { summary, rewound } = removal;
    return `${words} ${
      summary !== undefined ? `by #${summary}` : rewound !== undefined ? `to #${rewound}` : "?"
    }`;
  });
}

Deno.test("timelineOf() has one block and no boundary as long as the context is the whole transcript", async () => {
  assertEquals(wordsOf(await play([["add", 2], ["run"]])), ["1 2 ( 3 4", ")"]);
  assertEquals(wordsOf(await play([])), []);
  assertEquals(wordsOf(await play([["add", 2], ["rewind", 2]])), ["1 2", "<"]);
});

Deno.test("timelineOf() groups entries by what took them out of the context", async () => {
  const compacted = await play([["add", 4], ["compact", 2]]);
  assertEquals(wordsOf(compacted), ["1 2 by #5", "| 3 4 5"]);
  assertEquals(wordsOf(await play([["add", 4], ["rewind", 2], ["add", 1]])), ["1 2", "3 4 to #2", "< 5"]);
  const twice = await play([["add", 2], ["compact", 1], ["run"], ["compact", 4], ["add", 1]]);
  assertEquals(wordsOf(twice), ["1 by #3", "2 3 ( 4 by #6", "| 5 ) 6 7"]);
  assertEquals(wordsOf(await play([["add", 2], ["compact", 2], ["add", 1], ["rewind", 3]])), [
    "1 2 by #3",
    "| 3",
    "4 to #3",
    "<",
  ]);
});

Deno.test("timelineOf() removes all but the summary when the context is rewound to it", async () => {
  assertEquals(wordsOf(await play([["add", 3], ["compact", 1], ["rewind", 4]])), [
    "1 by #4",
    "2 3 to #4",
    "| 4",
    "<",
  ]);
});

Deno.test("timelineOf() puts the boundary at the end when the context is empty, and leaves it out when it lies before", async () => {
  assertEquals(wordsOf(await play([["add", 2], ["rewind", 0]])), ["1 2 to #0", "< |"]);
  const played = await play([["add", 4], ["compact", 2], ["add", 2]]);
  assertEquals(wordsOf(played, 3), ["5 6 7"]);
  assertEquals(wordsOf(played, 6), ["2 by #5", "| 3 4 5 6 7"]);
});

Deno.test("timelineOf() says of each entry outside of the context only that, if milestones are missing", async () => {
  const played = await play([["add", 3], ["rewind", 1], ["add", 1]]);
  assertEquals(wordsOf({ ...played, milestones: [] }), ["1", "2 3 ?", "4"]);
});

Deno.test("timelineOf() keeps every item in order, and agrees with the state, for any conversation", async () => {
  const seq = fc.nat(12);
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.tuple(fc.constant("add" as const), fc.integer({ min: 1, max: 3 })),
    fc.tuple(fc.constant("compact" as const), seq),
    fc.tuple(fc.constant("rewind" as const), seq),
    fc.tuple(fc.constant("run" as const)),
  );
  let outside = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const { worker, entries, milestones } = await play(steps);
      const state = worker.state();
      const blocks = timelineOf(state, entries, milestones);
      const items = blocks.flatMap(({ items }) => items).filter((item) => item !== "boundary");
      assertEquals(items.filter(isEntry), [...entries]);
      assertEquals(items.filter((item) => !isEntry(item)), [...milestones]);
      const order = items.map(({ eventId }) => eventId);
      assertEquals(order, order.toSorted((a, b) => a - b));
      const ranges = contextRanges(state);
      for (const { removal, items } of blocks) {
        for (const entry of items.filter(isEntry)) {
          const isInside = ranges.some(([from, to]) => from <= entry.seq && entry.seq <= to);
          assertEquals(removal === undefined, isInside);
          if (removal === undefined) continue;
          outside++;
          assert(
            (removal.summary ?? 0) > entry.seq || removal.rewound !== undefined,
            JSON.stringify(removal),
          );
        }
      }
    }),
    { numRuns: 200, seed: 7 },
  );
  assert(outside > 200, `${outside} entries outside`);
});
