// States of a disk that the suites found and that once broke an oracle, planted by hand: the numbers of cases
// change with the code, these do not.

import { sealedBytes } from "../../src/fs/lines/codec.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { HOME } from "../kit/opened.ts";
import { checkWhole } from "./oracle.ts";
import { type Base, bases } from "./script/bases.ts";
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
