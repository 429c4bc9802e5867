// A purge while its worker's files are written: found by the suite of interleavings, and kept as a regression test.

import { assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import { SimulatedDisk } from "../../disk/mod.ts";
import { HOME, openOn, smallConfig } from "../../kit/opened.ts";

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => resolve()));
}

for (const work of ["flush", "checkpoint"] as const) {
  Deno.test(`Worker.purge() leaves nothing and upsets nothing at any moment of a ${work}`, async () => {
    for (let turns = 0; turns < 40; turns++) {
      const disk = new SimulatedDisk({ latency: turn });
      disk.plant.file(`${HOME}/config.jsonc`, smallConfig());
      const { runtime, diagnostics } = await openOn(disk);
      const worker = await runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
      // In the second case this makes a checkpoint due, which the runtime starts by itself.
      const content = "x".repeat(work === "checkpoint" ? 9_000 : 10);
      await worker.sendInput({ role: "user", content });
      const under = work === "flush" ? runtime.flush() : Promise.resolve();
      for (let passed = 0; passed < turns; passed++) await turn();
      await worker.retire();
      await worker.purge();
      await under;
      await runtime.close();
      assertEquals([turns, diagnostics], [turns, []]);
      const left = [...disk.dump().keys()].filter((path) => path.startsWith(`${HOME}/workers/w/`));
      assertEquals([turns, left], [turns, []]);
    }
  });
}
