// Damage of the log that leaves every event readable.

import { assertEquals, assertRejects } from "@std/assert";
import { verify } from "../../operate.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { speak } from "../kit/place.ts";
import { configured, LOCAL_HOME as HOME, open } from "../kit/opened.ts";

Deno.test("verify() reports bytes between two segments as one finding, and reads the later segments", async () => {
  const disk = configured({ limits: { segmentBytes: 4_096 } });
  const runtime = await open(disk);
  for (const text of ["x", "y", "z"]) await speak(runtime, "a", [text.repeat(3_000)]);
  const { lastEventId } = runtime;
  const left = new SimulatedDisk({ contents: disk.image() });
  await runtime.close();
  const path = `${HOME}/events/0000000000000001.jsonl`;
  const bytes = left.peek(path) ?? new Uint8Array();
  left.plant.file(path, new Uint8Array([...bytes, ...new TextEncoder().encode("garbage\n")]));
  const location = { root: "/data", runtimeId: "local" };
  const report = await verify(location, { fileSystem: left });
  const damage = report.findings.filter(({ severity }) => severity === "damaged");
  assertEquals(damage.map(({ code, byteOffset }) => [code, byteOffset]), [["log_damaged", bytes.length]]);
  assertEquals([report.events, report.lastEventId], [lastEventId, lastEventId]);
  await assertRejects(() => open(left), Error, "although the log continues in the next segment");
});
