// Turns and slices: background work leaves the event loop its turns.

import { assertEquals } from "@std/assert";
import { afterThisTurn, Slices } from "../../src/core/turn.ts";

/** Work that uses a slice up. */
function work(slices: Slices): void {
  while (!slices.isUsedUp);
}

/** Tells the number of each turn of the event loop, at its beginning, while `work` is done. */
async function turnsOf(work: () => Promise<unknown>, tell: (turn: number) => void): Promise<void> {
  let isDone = false;
  const counting = (async () => {
    for (let turn = 0; !isDone; turn++) {
      tell(turn);
      await afterThisTurn();
    }
  })();
  await work().finally(() => isDone = true);
  await counting;
}

Deno.test("pause() waits for the next turn when the slice is used up", async () => {
  let turn = 0;
  await turnsOf(async () => {
    const slices = new Slices();
    work(slices);
    const before = turn;
    await slices.pause();
    assertEquals(turn, before + 1);
  }, (count) => turn = count);
});

Deno.test("next() gives those who work side by side one slice after another, not the same", async () => {
  const slices = new Slices();
  let turn = 0;
  const worked: number[] = [];
  const side = async () => {
    for (let step = 0; step < 3; step++) {
      while (slices.isUsedUp) await slices.next();
      worked.push(turn);
      work(slices);
      await Promise.resolve();
    }
  };
  await turnsOf(() => Promise.all([side(), side(), side(), side()]), (count) => turn = count);
  assertEquals(worked.length, 12);
  assertEquals(new Set(worked).size, worked.length, `each in a turn of its own: ${worked}`);
});
