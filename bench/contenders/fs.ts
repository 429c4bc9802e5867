/**
 * This library with its file system store, as it comes.
 *
 * @module
 */
import { FsRuntimeStore } from "../../fs_store.ts";
import type { Contender } from "./contender.ts";
import { openLibrary } from "./library.ts";

/** The file system store. */
export const fsContender: Contender = {
  open: async (directory) => openLibrary(await FsRuntimeStore.open({ root: directory, runtimeId: "bench" })),
};
