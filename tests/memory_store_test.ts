// The memory store passes the conformance suite.

import { MemoryRuntimeStore, MemoryStorage } from "../memory_store.ts";
import { testRuntimeStore } from "../testing/mod.ts";

testRuntimeStore({
  name: "memory",
  test: (name, fn) => Deno.test({ name, fn, permissions: "none" }),
  open: (runtimeId) => {
    const storage = new MemoryStorage();
    return {
      store: () => new MemoryRuntimeStore({ runtimeId, storage }),
      remove: () => Promise.resolve(storage.runtimes.clear()),
    };
  },
});
