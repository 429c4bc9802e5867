// The order in which projections are written: an overview is never ahead of the files of workers.

import { assertEquals } from "@std/assert";
import type { WorkerRow } from "../../../mod.ts";
import { SimulatedDisk } from "../../disk/mod.ts";
import { speak } from "../../kit/place.ts";
import { LOCAL_HOME as HOME, open } from "../../kit/opened.ts";

Deno.test("flush() writes an overview of its beginning when workers change while it runs", async () => {
  let change: (() => Promise<void>) | undefined;
  const latency = async (): Promise<void> => {
    const work = change;
    change = undefined;
    await work?.();
  };
  const disk = new SimulatedDisk({ latency });
  const runtime = await open(disk);
  for (const workerId of ["a", "b"]) await speak(runtime, workerId, ["first"]);
  let isChanged = false;
  disk.onCall = ({ operation, to = "" }) => {
    if (isChanged || operation !== "rename" || !to.endsWith("/b/worker.json")) return undefined;
    isChanged = true;
    change = () => speak(runtime, "a", ["second"]);
    return undefined;
  };
  await runtime.flush();
  const { rows } = contentOf<{ rows: readonly WorkerRow[] }>(disk, "overview.json");
  const { through } = contentOf<{ through: number }>(disk, "workers/a/worker.json");
  const { lastEventId } = runtime.worker("a").state();
  assertEquals([isChanged, through < lastEventId, rows[0]?.lastEventId], [true, true, through]);
  await runtime.close();
});

function contentOf<Content>(disk: SimulatedDisk, name: string): Content {
  return JSON.parse(new TextDecoder().decode(disk.peek(`${HOME}/${name}`)));
}
