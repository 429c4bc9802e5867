/**
 * This library with its file system store, as it comes, and with answers that
 * do not wait for the device.
 *
 * @module
 */
import { FsRuntimeStore } from "../../fs_store.ts";
import type { Contender } from "./contender.ts";
import { openLibrary } from "./library.ts";

/** The file system store. */
export const fsContender: Contender = {
  open: (directory) => openLibrary(new FsRuntimeStore({ root: directory, runtimeId: "bench" })),
};

/** The file system store with durability `written`. */
export const fsWrittenContender: Contender = {
  open: async (directory) => {
    const runtime = `${directory}/runtimes/bench`;
    Deno.mkdirSync(runtime, { recursive: true });
    Deno.writeTextFileSync(`${runtime}/config.jsonc`, '{ "durability": "written" }\n');
    return await fsContender.open(directory);
  },
};
