// The file system store passes the conformance suite.

import { FsRuntimeStore } from "../fs_store.ts";
import { parseRuntimeId } from "../src/core/ids.ts";
import { runtimeLayout } from "../src/fs/layout.ts";
import { testRuntimeStore } from "../testing/mod.ts";
import { onFiles } from "./kit/place.ts";

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

function register(name: string, concerns: RegExp, config?: string): void {
  testRuntimeStore({
    name,
    test: (name, fn) => {
      if (!concerns.test(name)) return;
      Deno.test({ name, fn, permissions: "inherit", ignore: onFiles.ignore === true });
    },
    open: (runtimeId) => {
      const root = Deno.makeTempDirSync({ prefix: "worker-runtime-test-", ...place });
      if (config !== undefined) {
        const layout = runtimeLayout(root, parseRuntimeId(runtimeId));
        Deno.mkdirSync(layout.directory, { recursive: true });
        Deno.writeTextFileSync(layout.config, config);
      }
      return {
        store: () => new FsRuntimeStore({ root, runtimeId }),
        remove: () => Deno.remove(root, { recursive: true }),
      };
    },
  });
}

register("fs", /./);

// Pages that cross segments, checkpoints in the middle of everything, something to prune.
const small = {
  segmentBytes: 4_096,
  checkpointBytes: 4_096,
  checkpointEvents: 16,
  transcriptBufferBytes: 4_096,
};
register(
  "fs in small pieces",
  /prune|watch|vents\(\)|ranscript\(\)|history|fork/i,
  JSON.stringify({ limits: small }),
);
