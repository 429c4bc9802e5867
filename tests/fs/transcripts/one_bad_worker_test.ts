// Files of one worker that cannot be written: reported, without effect on other workers.

import { assert, assertEquals } from "@std/assert";
import type { Runtime } from "../../../mod.ts";
import { type ErrorCode, SimulatedDisk } from "../../disk/mod.ts";
import { codesOf, contentsOf, diskTest, speak } from "../../kit/place.ts";
import { LOCAL_HOME as HOME, open } from "../../kit/opened.ts";

const decoder = new TextDecoder();
const config = new TextEncoder().encode(
  JSON.stringify({ limits: { segmentBytes: 4_096, checkpointBytes: 4_096 } }),
);
const bad = `${HOME}/workers/bad`;
const long = Array.from({ length: 12 }, (_, index) => `${index} ${"x".repeat(700)}`);

/** A disk that fails what is done to the files of worker "bad". */
function failing(disk: SimulatedDisk, code: ErrorCode, operations?: readonly string[]): void {
  disk.onCall = ({ path, operation }) =>
    path.startsWith(bad) && operations?.includes(operation) !== false ? { kind: "error", code } : undefined;
}

function checkpointOf(disk: SimulatedDisk): number {
  return JSON.parse(decoder.decode(disk.peek(`${HOME}/checkpoint.json`))).through;
}

async function opened(disk: SimulatedDisk): Promise<Runtime> {
  disk.plant.file(`${HOME}/config.jsonc`, config);
  const runtime = await open(disk);
  await speak(runtime, "bad", ["one"]);
  await speak(runtime, "good", ["one"]);
  await runtime.flush();
  return runtime;
}

const faults: Readonly<Record<string, readonly string[] | undefined>> = {
  "no call works": undefined,
  "files cannot be opened": ["open"],
  "files cannot be written": ["write"],
  "files cannot be synced": ["syncData", "sync"],
  "names cannot be synced": ["syncDirectory"],
};

for (const code of ["EACCES", "EIO", "EISDIR", "ENOSPC"] as const) {
  for (const [how, operations] of Object.entries(faults)) {
    Deno.test(`checkpoints go on for all workers when for one ${how} (${code})`, async () => {
      const disk = new SimulatedDisk();
      const runtime = await opened(disk);
      failing(disk, code, operations);
      for (let times = 0; times < 3; times++) {
        await speak(runtime, "bad", long);
        await speak(runtime, "good", long);
        await runtime.flush();
      }
      assert(checkpointOf(disk) > 60, "checkpoints were written meanwhile");
      assertEquals(codesOf(runtime).filter((found) => found === "checkpoint_failed"), []);
      await runtime.prune();
      assertEquals(await contentsOf(runtime, "good"), ["one", ...long, ...long, ...long]);
      await runtime.close();
      const found = runtime.diagnostics().items;
      assert(found.length > 0 && found.every(({ workerId }) => workerId === "bad"), JSON.stringify(found));
      assertEquals(checkpointOf(disk), runtime.lastEventId);
      const wanted = ["one", ...long, ...long, ...long];
      // Sound again, at once or after a power cut: nothing of either worker is lost.
      for (const next of [disk.fork(), disk.crash()]) {
        const again = await open(next);
        for (const workerId of ["good", "bad"]) assertEquals(await contentsOf(again, workerId), wanted);
        await again.prune();
        await again.close();
        const last = await open(next.attach());
        assertEquals(await contentsOf(last, "bad"), wanted);
        await last.close();
      }
    });
  }
}

Deno.test("checkpoints go on when files of a purged worker cannot be removed, which is tried again", async () => {
  const disk = new SimulatedDisk();
  const runtime = await opened(disk);
  failing(disk, "EACCES", ["remove", "removeDirectory"]);
  await runtime.worker("bad").retire();
  await runtime.worker("bad").purge();
  for (let times = 0; times < 3; times++) {
    await speak(runtime, "good", long);
    await runtime.flush();
  }
  await runtime.close();
  assertEquals(new Set(codesOf(runtime)), new Set(["projection_failed"]));
  assertEquals(checkpointOf(disk), runtime.lastEventId);
  const left = (): string[] => [...disk.dump().keys()].filter((path) => path.startsWith(bad));
  assert(left().length > 0);
  disk.onCall = undefined;
  const again = await open(disk);
  await again.flush();
  assertEquals(left(), []);
  await again.close();
  assertEquals(decoder.decode(disk.peek(`${HOME}/checkpoint.json`)).includes("purgedLeft"), false);
});

diskTest("flush() and close() go on beside a directory in the place of a transcript", async (place) => {
  const runtime = await place.open();
  Deno.mkdirSync(place.path("workers/bad/transcript.jsonl/inner"), { recursive: true });
  await speak(runtime, "bad", ["one"]);
  await speak(runtime, "good", ["one"]);
  await runtime.flush();
  const found = runtime.diagnostics().items.map(({ code, workerId }) => `${code} ${workerId}`);
  // The directory is moved to salvage/.
  assertEquals(found, ["transcript_rebuilt bad"]);
  await runtime.close();
  assertEquals(JSON.parse(Deno.readTextFileSync(place.layout.checkpoint)).through, runtime.lastEventId);
  const again = await place.open();
  assertEquals(await contentsOf(again, "bad"), ["one"]);
  assertEquals(await contentsOf(again, "good"), ["one"]);
});
