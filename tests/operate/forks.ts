/**
 * Stores with forks, for the tests of the operations.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { Runtime } from "../../mod.ts";
import { openRuntime } from "../cli/stores.ts";
import type { SimulatedDisk } from "../disk/mod.ts";
import { large, say, small, SOURCE, spilled } from "./blobs.ts";

const intent = { kind: "assistant" } as const;

/** Forks of `a`, whose creation is pruned or not; the origin of one is purged. */
async function fill(runtime: Runtime): Promise<void> {
  const a = await runtime.createWorker({ workerId: "a", intent });
  await say(a, "one", large, small);
  await a.append([{ role: "tool", content: spilled }, { role: "user", content: "x".repeat(3_000) }]);
  await say(a, "four");
  await runtime.forkWorker("a", { workerId: "none", atSeq: 0 });
  await runtime.forkWorker("a", { workerId: "f", atSeq: 3 });
  const g = await runtime.forkWorker("f", { workerId: "g" }, {
    commit: { entries: [{ role: "user", content: "own" }] },
  });
  await say(g, "more", small, new Uint8Array([7]));
  const gone = await runtime.forkWorker("g", { workerId: "gone" });
  await gone.retire();
  await gone.purge();
}

/** Fills a store below `/source`, and closes it. */
export async function forkStore(disk: SimulatedDisk): Promise<void> {
  const runtime = await openRuntime({ root: "/source", fileSystem: disk });
  await fill(runtime);
  await runtime.close();
}

/** Fills a store in whose log some forks are not created. */
export async function prunedForkStore(disk: SimulatedDisk): Promise<void> {
  disk.plant.file(
    `${SOURCE}/config.jsonc`,
    new TextEncoder().encode('{ "limits": { "segmentBytes": 4096 } }'),
  );
  for (let turn = 0; turn < 3; turn++) {
    const runtime = await openRuntime({ root: "/source", fileSystem: disk });
    if (turn === 0) await fill(runtime);
    for (let line = 0; line < 8; line++) await say(runtime.worker("a"), "x".repeat(500));
    if (turn === 2) {
      const { firstEventId } = await runtime.prune();
      assert(firstEventId > runtime.worker("g").state().createdEventId, `${firstEventId}`);
      await say(runtime.worker("g"), "after pruning", small);
      await runtime.forkWorker("g", { workerId: "late" });
    }
    await runtime.close();
  }
}
