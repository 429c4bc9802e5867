// Puts of the same bytes at once, whose calls to the disk overtake each other.

import { assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import { Random, SimulatedDisk } from "../../disk/mod.ts";
import { openOn } from "../../kit/opened.ts";

Deno.test("putBlob() of the same bytes at once keeps them, in whatever order calls to the disk end", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const latency = async (): Promise<void> => {
      const turns = random.below(6);
      for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
    };
    const disk = new SimulatedDisk({ latency });
    const { runtime } = await openOn(disk);
    const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    const refs = await Promise.all([1, 2, 3].map(() => worker.putBlob(new Uint8Array([1, 2, 3]))));
    for (const ref of refs) {
      assertEquals([seed, (await new Response(await worker.blob(ref)).arrayBuffer()).byteLength], [seed, 3]);
    }
    await runtime.close();
  }
});
