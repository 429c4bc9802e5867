/**
 * Appending: order, fencing, and unchanged texts.
 *
 * @module
 */
import { parseEventHead } from "../src/core/events.ts";
import { deepEqual, equal, ok } from "./assert.ts";
import { parseWorkerId } from "../src/core/ids.ts";
import { limits } from "../src/core/limits.ts";
import { type Place, refused, type Register } from "./place.ts";
import { oddContents } from "./samples.ts";
import { custom, said, Seam } from "./seam.ts";

/** Registers the tests. */
export function seamAppendTests(test: Register): void {
  test("append() keeps a batch in order", (place) => keeps(place, (seam) => seam.append(...notes(300))));

  test("append() keeps batch after batch", (place) =>
    keeps(place, async (seam) => {
      for (let count = 1; count <= 40; count++) await seam.append(...notes(count % 3 + 1));
    }));

  test("append() keeps the largest batch", (place) =>
    keeps(place, (seam) => seam.append(...notes(limits.batchEventsMax))));

  test("append() keeps the events that later stores append", async (place) => {
    let seam = await Seam.start(place, "a");
    const texts = [...seam.texts];
    for (let count = 1; count <= 5; count++) {
      seam = await seam.reopen(place);
      equal(seam.last, texts.length);
      await seam.append(said("a", `of store ${count}`), custom("note"));
      texts.push(...seam.texts);
    }
    await sameTexts(place, seam, texts);
  });

  test("append() reports a due snapshot", async (place) => {
    const seam = await Seam.start(place);
    equal(typeof (await seam.append(custom("x"))).snapshotDue, "boolean");
  });

  for (const [what, content] of Object.entries(oddContents)) {
    test(`append() keeps ${what} unchanged`, (place) =>
      keeps(place, (seam) => seam.append(said("a", content), custom(content.slice(0, 1_000)))));
  }

  for (const [what, off] of [["lower", -1], ["higher", 1]] as const) {
    test(`append() rejects a ${what} expectation with store_fenced, permanently, and keeps nothing of it`, (place) =>
      fenced(place, off));
  }

  test("append() rejects a batch that the previous store would have written", async (place) => {
    const first = await Seam.start(place);
    const second = await first.reopen(place);
    await second.append(custom("theirs"));
    await refused(second.appendAs(first.last, custom("stale")), "store_fenced");
    await sameTexts(place, second, [...first.texts, ...second.texts]);
  });
}

function notes(count: number): ReturnType<typeof custom>[] {
  return Array.from({ length: count }, (_, index) => custom(`note ${index}`));
}

async function keeps(place: Place, write: (seam: Seam) => Promise<unknown>): Promise<void> {
  const seam = await Seam.start(place, "a");
  await write(seam);
  await sameTexts(place, seam, seam.texts);
}

/** Asserts that a store has exactly these texts, now and for the next store. */
async function sameTexts(place: Place, seam: Seam, texts: readonly string[]): Promise<void> {
  deepEqual(await seam.log(), texts);
  const again = await seam.reopen(place);
  equal(again.last, texts.length);
  deepEqual(again.loaded, texts.slice(again.through).map(parseEventHead));
  deepEqual(await again.log(), texts);
}

async function fenced(place: Place, off: number): Promise<void> {
  const seam = await Seam.start(place, "a");
  const { last } = seam;
  const error = await refused(seam.appendAs(last + off, said("a", "no"), custom("no")), "store_fenced");
  ok(error.details.owner.length > 0 && error.details.epoch >= 0);
  // Final: a batch that would follow is rejected, too.
  equal(await refused(seam.append(said("a", "later")), "store_fenced"), error);
  const again = await seam.reopen(place);
  equal(again.last, last);
  deepEqual(
    await again.store.readTranscript({ workerId: parseWorkerId("a"), from: 1, to: 9, keep: "last" }),
    [],
  );
  await again.append(said("a", "yes"));
  await sameTexts(place, again, [...seam.texts, ...again.texts]);
}
