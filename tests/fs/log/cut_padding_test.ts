// A cut of the room whose sync failed: in memory the segment ends where it should, on the device it does not.

import { assert, assertEquals } from "@std/assert";
import { codesOf, contentsOf, speak } from "../../kit/place.ts";
import type { SimulatedDisk } from "../../disk/mod.ts";
import { configured, LOCAL_HOME as HOME, open } from "../../kit/opened.ts";

function throughOf(disk: SimulatedDisk): number {
  const text = new TextDecoder().decode(disk.peek(`${HOME}/checkpoint.json`) ?? new Uint8Array());
  return Number(/"through":(\d+)/.exec(text)?.[1] ?? 0);
}

Deno.test("Runtime.open() makes an end of the log last whose cut could not be synced, before the log goes on", async () => {
  const disk = configured({ limits: { segmentBytes: 4_096, checkpointBytes: 4_096 } });
  const runtime = await open(disk);
  await speak(runtime, "a", ["begun"]);
  let cut = false;
  let isCovered = false;
  disk.onCall = ({ operation, path }) => {
    if (!path.includes("/events/") || !isCovered) return undefined;
    if (operation === "truncate") cut = true;
    return cut && operation.startsWith("syncData") ? { kind: "error", code: "EIO" } : undefined;
  };
  const said: string[] = [];
  for (let index = 0; runtime.health.status === "ok" && index < 200; index++) {
    const content = `${index} ${"x".repeat(300 + index * 397 % 1_500)}`;
    await speak(runtime, "a", [content]).then(() => said.push(content), () => {});
    await runtime.flush().catch(() => {});
    // By a checkpoint, so that nothing of the log is read again.
    isCovered = throughOf(disk) === runtime.lastEventId;
  }
  assert(cut && said.length > 1, "the log went as far as a second segment");
  disk.onCall = undefined;
  await runtime.close();
  const machine = disk.attach();
  const again = await open(machine);
  const more = Array.from({ length: 8 }, (_, index) => `more ${index} ${"x".repeat(1_500)}`);
  for (const content of more) await speak(again, "a", [content]);
  let states = 0;
  for (const { disk: left } of machine.crashStates({ samples: 64 })) {
    states++;
    const last = await open(left);
    assertEquals(await contentsOf(last, "a"), ["begun", ...said, ...more], codesOf(last).join());
    await last.close();
  }
  assert(states > 10, `${states} states`);
  await again.close();
});
