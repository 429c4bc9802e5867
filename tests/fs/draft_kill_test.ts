// SIGKILL while an answer is streamed: every text that was acknowledged is in the draft, once and in order, and the
// next process continues it.

import { assert, assertEquals } from "@std/assert";
import { Random } from "../disk/mod.ts";
import { diskTest } from "../kit/place.ts";
import { privileged } from "../privileged.ts";
import { Child } from "./children/child.ts";

const KILLS = 15;

/** Runs a streamer and kills it after some acknowledgements. Returns where it began, and what it was acknowledged. */
async function killed(
  root: string,
  acknowledged: number,
): Promise<readonly [from: number, numbers: number[]]> {
  const child = new Child("streamer.ts", root);
  try {
    const from = Number((await child.line())?.slice(2));
    const lines = await child.killAfter(acknowledged, "");
    return [from, lines.map((line) => Number(line.slice(2)))];
  } finally {
    await child.end();
  }
}

diskTest(
  `every acknowledged text of a draft survives SIGKILL in order, ${KILLS} kills in a row`,
  async (place) => {
    place.configure({ limits: { segmentBytes: 20_000, checkpointBytes: 20_000 } });
    const random = new Random(1);
    let [kept, all] = [0, 0];
    for (let kill = 0; kill < KILLS; kill++) {
      const [from, numbers] = await killed(place.root, random.below(80));
      // The texts that the last opening found.
      assertEquals(from, kept);
      const runtime = await place.open();
      const worker = runtime.worker("a");
      const { text = "" } = await worker.draft() ?? {};
      const found = text.split(" ").slice(0, -1).map(Number);
      assertEquals(found, found.map((_, index) => index));
      for (const number of numbers) assert(number < found.length, `${number} was acknowledged and is lost`);
      assertEquals(worker.state().lastRun?.draft?.bytes, text.length);
      [kept, all] = [found.length, all + numbers.length];
      await runtime.prune();
      assertEquals((await worker.draft())?.text, text);
      if (kill % 3 === 0) await place.kill(runtime);
      else await runtime.close();
    }
    assert(all > KILLS, `${all} texts were acknowledged in all`);
  },
  privileged,
);
