// A runtime on the simulated disk, as the tests of the store open it.

import { Runtime } from "../../mod.ts";
import { FsRuntimeStore } from "../../fs_store.ts";
import { SimulatedDisk } from "../disk/mod.ts";

/** The directory of the runtime. */
export const HOME = "/data/runtimes/local";

/** Opens the runtime "local" on a disk. */
export async function open(fileSystem: SimulatedDisk): Promise<Runtime> {
  const store = new FsRuntimeStore({ root: "/data", runtimeId: "local" }, { fileSystem });
  return await Runtime.open({ store });
}

/** An empty disk with the operator's config. */
export function configured(config: object): SimulatedDisk {
  const disk = new SimulatedDisk();
  disk.plant.file(`${HOME}/config.jsonc`, new TextEncoder().encode(JSON.stringify(config)));
  return disk;
}
