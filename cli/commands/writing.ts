/**
 * Opening a store to change it, for the commands that do.
 *
 * @module
 */
import { FsRuntimeStore, type StoreLocation } from "../../fs_store.ts";
import { Runtime } from "../../mod.ts";
import { invalidRequest } from "../../src/core/errors.ts";
import { findPlace, rootOf } from "../../src/operate/options.ts";
import { runtimeLayout } from "../../src/fs/layout.ts";
import { basename, dirname } from "@std/path";
import { disk } from "../place.ts";

/** Opens a runtime that is there. The directory must lie where its root would have it. */
export async function openToWrite(location: StoreLocation): Promise<Runtime> {
  const { runtimeId, layout: { directory } } = findPlace(disk, location);
  const root = rootOf(location);
  const isInPlace = "root" in location ||
    basename(directory) === basename(runtimeLayout(root, runtimeId).directory) &&
      basename(dirname(directory)) === "runtimes";
  if (!isInPlace) {
    const wanted = `runtimes/${basename(runtimeLayout(root, runtimeId).directory)}`;
    throw invalidRequest(
      `change ${JSON.stringify(directory)}`,
      `a store must lie in ${wanted}; move it there first`,
    );
  }
  return await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId, create: false }) });
}
