// States of a disk that the suites found and that once broke an oracle, planted by hand: the numbers of cases
// change with the code, these do not.

import { sealedBytes } from "../../src/fs/lines/codec.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { HOME } from "../kit/opened.ts";
import { checkWhole } from "./oracle.ts";
import { type Base, baseOf, bases, bytesOf, pictures } from "./script/bases.ts";
import { Finding } from "./script/history.ts";

async function holds(base: Base, plant: (disk: SimulatedDisk) => void, told: string): Promise<void> {
  const disk = new SimulatedDisk({ contents: base.image });
  plant(disk);
  const notices = await checkWhole(disk, base.history.at(base.history.mark()));
  if (!notices.some(({ code }) => code === told)) throw new Finding("I8", `${told} was not told`);
}

Deno.test("FsRuntimeStore.acquire() makes a segment anew when its header is a line of a removed file", async () => {
  const { killed } = await bases();
  const name = `${String(killed.history.texts.length + 1).padStart(16, "0")}.jsonl`;
  const line = sealedBytes('{"format":"worker-runtime/worker"}');
  await holds(
    killed,
    (disk) => disk.plant.file(`${HOME}/events/${name}`, line),
    "unfinished_segment_removed",
  );
});

Deno.test("FsRuntimeStore.acquire() copies a torn end again when an earlier copy holds other bytes", async () => {
  const { halfCut } = await bases();
  await holds(halfCut, (disk) => {
    for (const [path, bytes] of disk.dump()) {
      if (path.startsWith(`${HOME}/quarantine/`)) disk.plant.file(path, bytes.fill(0));
    }
  }, "torn_tail_cut");
});

Deno.test("FsRuntimeStore.acquire() keeps the blobs of a later worker when it replays the purge of an earlier one", async () => {
  const { blobs } = await bases();
  const later = await baseOf(blobs, async (session) => {
    await session.open();
    await session.ask("a", (worker) => worker.retire());
    await session.ask("a", (worker) => worker.purge());
    await session.tell((runtime) => runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } }));
    const blob = await session.put("a", bytesOf(pictures.first));
    if (blob === undefined) throw new Finding("I1", "the blob is refused");
    await session.ask("a", (worker) => worker.append([{ role: "user", content: "see", blobs: [blob] }]));
    await session.put("a", bytesOf("loose"));
  });
  // Without a checkpoint, the whole log is replayed.
  await holds(later, (disk) => {
    for (const name of ["checkpoint.json", "checkpoint.previous.json"]) disk.plant.nothing(`${HOME}/${name}`);
  }, "unclean_open");
});

Deno.test("FsRuntimeStore.acquire() removes an unfinished blob, which counts for nothing", async () => {
  const { begunBlob } = await bases();
  await holds(begunBlob, () => {}, "temporary_removed");
});
