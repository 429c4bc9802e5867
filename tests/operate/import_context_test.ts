// importWorker(): contexts after random appends, compactions and rewinds.

import { assert, assertEquals } from "@std/assert";
import { MemoryRuntimeStore, Runtime, type Worker } from "../../mod.ts";
import { exportRuntime, importWorker } from "../../operate.ts";
import { streamOf, textOf } from "../cli/kit.ts";
import { openRuntime } from "../cli/stores.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { Random } from "../kit/random.ts";
import { local } from "./blobs.ts";

const entry = (content: string) => ({ role: "user", content });

async function seqsOf(worker: Worker): Promise<number[]> {
  return (await worker.context()).entries.map(({ seq }) => seq);
}

async function change(worker: Worker, random: Random): Promise<void> {
  const kind = random.below(6);
  const seqs = await seqsOf(worker);
  const [seq = 0] = random.below(5) === 0 ? [] : seqs.slice(random.below(seqs.length || 1));
  if (kind === 0) await worker.rewind({ toSeq: seq });
  else if (kind === 1 && seqs.length > 0) {
    await worker.compact({ through: seq, summary: entry("summary") }).catch(() => {});
  } else await worker.append(Array.from({ length: 1 + random.below(3) }, () => entry("text")));
}

Deno.test("importWorker() keeps the context after random appends, compactions and rewinds", async () => {
  const random = new Random(19);
  let changed = 0;
  for (let round = 0; round < 60; round++) {
    const disk = new SimulatedDisk();
    const source = await openRuntime({ root: "/source", fileSystem: disk });
    const worker = await source.createWorker({ workerId: "w", intent: { kind: "assistant" } });
    for (let step = 0; step < 4 + random.below(20); step++) await change(worker, random);
    const expected = await seqsOf(worker);
    changed += Number(worker.state().context !== undefined);
    await source.close();
    const stream = await textOf(exportRuntime(local("/source"), { fileSystem: disk }));
    const target = await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "target" }) });
    await importWorker(target, () => streamOf(stream), { workerId: "w" });
    assertEquals([round, await seqsOf(target.worker("w"))], [round, expected]);
    await target.close();
  }
  assert(changed > 40);
});
