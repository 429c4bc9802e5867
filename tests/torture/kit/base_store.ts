/**
 * Small stores with one of everything, for suites that damage them.
 *
 * @module
 */
import { type DirectoryImage, SimulatedDisk } from "../../disk/mod.ts";
import { HOME, openOn, smallConfig } from "../../kit/opened.ts";
import { limits, type Runtime } from "../../../mod.ts";

/** A store to damage. */
export interface BaseStore {
  /** The disk that holds it. */
  readonly image: DirectoryImage;
  /** An earlier state of the same store. */
  readonly older: ReadonlyMap<string, Uint8Array>;
  /** Its workers. */
  readonly workerIds: readonly string[];
  /** First event of the last batch that was acknowledged. */
  readonly lastBatchFirst: number;
}

/** The workers of a base store; the id of the second is reused after a purge. */
export const workerIds: readonly string[] = ["alpha", "Beta/2", "gamma"];

/** End of the last writer of a base store. */
export type Ending = "closed" | "killed";

/** Creates a store that was closed normally, or whose writer was killed after its last batch. */
export async function baseStore(ending: Ending): Promise<BaseStore> {
  const disk = new SimulatedDisk();
  disk.plant.file(`${HOME}/config.jsonc`, smallConfig());
  const first = (await openOn(disk)).runtime;
  await early(first);
  await first.close();
  const second = (await openOn(disk)).runtime;
  await late(second, 3);
  await second.flush();
  const older = disk.dump();
  await second.close();
  const third = (await openOn(disk)).runtime;
  await late(third, 8);
  for (const content of ["almost", "there"]) {
    await third.worker("alpha").sendInput({ role: "user", content });
  }
  await third.flush();
  const [receipt] = await lastBatch(third);
  const lastBatchFirst = receipt?.eventId ?? 0;
  if (ending === "closed") await third.close();
  const image = disk.image();
  await third.close();
  return { image, older, workerIds, lastBatchFirst };
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Workers, one of them purged and created again, runs, usage, keys, data, blobs, contexts, events of the host. */
async function early(runtime: Runtime): Promise<void> {
  for (const workerId of workerIds) {
    await runtime.createWorker({ workerId, intent: { kind: "task", objective: `work of ${workerId}` } });
  }
  const beta = runtime.worker("Beta/2");
  await beta.sendInput({ role: "user", content: "to be forgotten" });
  await beta.retire({ reason: "test" });
  await beta.purge();
  await runtime.createWorker({ workerId: "Beta/2", intent: { kind: "assistant" } }, { key: "again" });
  for (const workerId of workerIds) {
    const worker = runtime.worker(workerId);
    const run = await worker.beginRun();
    const blob = await worker.putBlob(bytesOf(`image of ${workerId}`), { mediaType: "image/png" });
    await run.append([
      { role: "assistant", content: "one ☂" },
      { role: "tool", content: [{ type: "image" }], blobs: [blob] },
    ]);
    await run.finish("completed", { usage: { model: "m-1", inputTokens: 7, costMicroUsd: 3 } });
  }
  await runtime.worker("alpha").append([{ role: "tool", content: "z".repeat(limits.contentInlineBytesMax) }]);
  await runtime.worker("alpha").compact({ through: 1, summary: { role: "user", content: "so far" } });
  await runtime.worker("gamma").rewind({ toSeq: 1 });
  await runtime.worker("gamma").putBlob(bytesOf("nobody refers to it"));
  await runtime.record("host.event", { answer: 42 });
}

/** Rounds of entries for every worker, in lines of equal and of different lengths. */
async function late(runtime: Runtime, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const workerId of workerIds.slice(0, 2)) {
      const worker = runtime.worker(workerId);
      await worker.sendInput({ role: "user", content: `line ${round % 10}` }, { key: `k${round}-${rounds}` });
      await worker.append([{ role: "assistant", content: "x".repeat(round * 7) }]);
      await worker.commit({ data: { round }, labels: { round: `${round}` } });
    }
    await runtime.worker("gamma").commit({ usage: { model: `m-${round % 2}`, outputTokens: round } });
  }
}

/** One batch of several events; the last one acknowledged. */
async function lastBatch(runtime: Runtime): Promise<readonly { readonly eventId: number }[]> {
  return await Promise.all([
    runtime.worker("alpha").sendInput({ role: "user", content: "last words of alpha" }, { key: "last" }),
    runtime.worker("gamma").commit({ usage: { model: "m-1", inputTokens: 1 } }),
    runtime.worker("Beta/2").sendInput({ role: "system", content: "last words of beta" }),
  ]);
}
