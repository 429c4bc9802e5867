// A segment that holds its header only: the header may be in the page cache, and not on the device.

import { assert } from "@std/assert";
import { isSync, SimulatedDisk } from "../../disk/mod.ts";
import { HOME, openOn, smallConfig } from "../../kit/opened.ts";

/** A machine whose process was killed before the header of a new segment was synced; a checkpoint covers all before it. */
async function killedAtHeader(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  disk.plant.file(`${HOME}/config.jsonc`, smallConfig());
  const { runtime } = await openOn(disk);
  // Each opening ends the runs that are open, all in one batch: more than one sector.
  for (let number = 0; number < 20; number++) {
    const worker = await runtime.createWorker({ workerId: `w${number}`, intent: { kind: "assistant" } });
    await worker.beginRun();
  }
  await runtime.close();
  let killed: SimulatedDisk | undefined;
  disk.onCall = (call) => {
    const isNewSegment = call.path.includes("/events/") && !call.path.endsWith("/0000000000000001.jsonl");
    if (isSync(call) && isNewSegment) killed ??= disk.fork();
    return undefined;
  };
  const next = await openOn(disk);
  disk.onCall = undefined;
  await next.runtime.close();
  assert(killed !== undefined, "no segment was begun");
  return killed;
}

Deno.test("Runtime.open() writes the header of a segment without events again, so that events never come before it", async () => {
  const killed = await killedAtHeader();
  const moments: SimulatedDisk[] = [];
  killed.onCall = (call) => void (isSync(call) && moments.push(killed.fork()));
  const { runtime } = await openOn(killed);
  killed.onCall = undefined;
  await runtime.close();
  let states = 0;
  for (const moment of moments) {
    for (const { disk } of moment.crashStates({ samples: 64 })) {
      states++;
      const again = await openOn(disk);
      await again.runtime.close();
    }
  }
  assert(states > 100, `${states} states`);
});
