// A reader of a store on disk.

import { FsRuntimeSource, type FsSourceEnvironment, type StoreLocation } from "../../../fs_store.ts";
import { RuntimeReader } from "../../../mod.ts";

/** Opens a reader. */
export function openReader(
  location: StoreLocation,
  environment: FsSourceEnvironment = {},
): Promise<RuntimeReader> {
  return RuntimeReader.open({ source: new FsRuntimeSource(location, environment) });
}
