// The file system store passes the conformance suite.

import { FsRuntimeStore } from "../fs_store.ts";
import { testRuntimeStore } from "../testing/mod.ts";
import { onFiles } from "./fs/place.ts";

/** The suite is about the contract, not about durability: a disk in memory, where it may be used, saves the syncs. */
function inMemory(): { dir?: string } {
  try {
    Deno.removeSync(Deno.makeTempDirSync({ dir: "/dev/shm" }));
    return { dir: "/dev/shm" };
  } catch {
    return {};
  }
}

const place = onFiles.ignore === true ? {} : inMemory();

testRuntimeStore({
  name: "fs",
  test: (name, fn) => Deno.test({ name, fn, permissions: "inherit", ignore: onFiles.ignore === true }),
  open: (runtimeId) => {
    const root = Deno.makeTempDirSync({ prefix: "worker-runtime-test-", ...place });
    return {
      open: () => FsRuntimeStore.open({ root, runtimeId }),
      remove: () => Deno.remove(root, { recursive: true }),
    };
  },
});
