// Files replaced, removed or started by a writer during reads and backups.

import { assert, assertEquals } from "@std/assert";
import { backup, verify } from "../../operate.ts";
import type { Runtime } from "../../mod.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { LOCAL_HOME as HOME, open } from "../kit/opened.ts";
import { speak } from "../kit/place.ts";

const location = { root: "/data", runtimeId: "local" };
const TRANSCRIPT = `${HOME}/workers/w/transcript.jsonl`;

/** A worker under an id that another had before. */
async function again(runtime: Runtime): Promise<void> {
  await runtime.worker("w").retire();
  await runtime.worker("w").purge();
  await runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
}

Deno.test("verify() calls a transcript pending whose writer has not begun it yet", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  await speak(runtime, "w", ["first"]);
  await runtime.flush();
  const earlier = disk.peek(TRANSCRIPT);
  await again(runtime);
  await speak(runtime, "w", ["second"]);
  await runtime.flush();
  const whole = disk.peek(TRANSCRIPT);
  for (const bytes of [new Uint8Array(), whole?.slice(0, 20), earlier]) {
    const reader = disk.fork();
    if (bytes !== undefined) reader.plant.file(TRANSCRIPT, bytes);
    const { verdict, findings } = await verify(location, { fileSystem: reader });
    assertEquals([verdict, findings.filter(({ file }) => file?.endsWith("transcript.jsonl")).length], [
      "clean",
      1,
    ]);
  }
  await runtime.close();
});

Deno.test("backup() leaves nothing in an older copy of workers that were purged since", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  for (const workerId of ["w", "gone"]) await speak(runtime, workerId, ["first"]);
  await runtime.close();
  const to = "/copy";
  await backup(location, { fileSystem: disk, to });
  const later = await open(disk);
  await again(later);
  await later.worker("gone").retire();
  await later.worker("gone").purge();
  await speak(later, "w", ["second"]);
  const { verified } = await backup(location, { fileSystem: disk, to });
  assertEquals(verified?.findings.filter(({ severity }) => severity !== "pending"), []);
  const texts = [...disk.dump()].filter(([path]) => path.startsWith("/copy/") && path.includes("/workers/"));
  assertEquals(texts.filter(([, bytes]) => new TextDecoder().decode(bytes).includes("first")), []);
  await later.close();
});

Deno.test("verify() reads a projection that is replaced after its size was looked at", async () => {
  const path = `${HOME}/workers/w/worker.json`;
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  await speak(runtime, "w", ["first"]);
  await runtime.flush();
  const earlier = disk.peek(path);
  // Longer by some digits.
  await speak(runtime, "w", Array.from({ length: 100 }, () => "later"));
  await runtime.flush();
  const later = disk.peek(path);
  assert(earlier !== undefined && later !== undefined && earlier.length < later.length);
  for (const [before, after] of [[earlier, later], [later, earlier]] as const) {
    const reader = disk.fork();
    reader.plant.file(path, before);
    let isReplaced = false;
    reader.onCall = (call) => {
      if (isReplaced || call.operation !== "open" || call.path !== path) return undefined;
      isReplaced = true;
      reader.plant.file(path, after);
      return undefined;
    };
    const { findings } = await verify(location, { fileSystem: reader });
    assertEquals(isReplaced, true);
    assertEquals(findings.filter(({ severity }) => severity === "healable"), []);
  }
  await runtime.close();
});

Deno.test("verify() calls a transcript pending whose header is written between two looks at it", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  await speak(runtime, "w", ["first"]);
  await runtime.flush();
  const whole = disk.peek(TRANSCRIPT);
  assert(whole !== undefined);
  const reader = disk.fork();
  reader.plant.file(TRANSCRIPT, new Uint8Array());
  let reads = 0;
  reader.onCall = (call) => {
    if (call.operation !== "read" || call.path !== TRANSCRIPT || ++reads !== 2) return undefined;
    const file = reader.attach().open(TRANSCRIPT, "update");
    file.write(whole, 0);
    file.close();
    return undefined;
  };
  const { verdict } = await verify(location, { fileSystem: reader });
  assertEquals([verdict, reads > 1], ["clean", true]);
  await runtime.close();
});

Deno.test("verify() calls a transcript pending whose predecessor is removed before it is opened", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  await speak(runtime, "w", ["first"]);
  await runtime.flush();
  const earlier = disk.peek(TRANSCRIPT);
  await again(runtime);
  await speak(runtime, "w", ["second"]);
  assert(earlier !== undefined);
  const reader = disk.fork();
  reader.plant.file(TRANSCRIPT, earlier);
  let isRemoved = false;
  reader.onCall = (call) => {
    if (isRemoved || call.operation !== "open" || call.path !== TRANSCRIPT) return undefined;
    isRemoved = true;
    reader.attach().remove(TRANSCRIPT);
    return undefined;
  };
  const { verdict } = await verify(location, { fileSystem: reader });
  assertEquals([verdict, isRemoved], ["clean", true]);
  await runtime.close();
});
