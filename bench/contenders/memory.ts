/**
 * This library with its memory store: nothing is durable.
 *
 * @module
 */
import { MemoryRuntimeStore } from "../../memory_store.ts";
import type { Contender } from "./contender.ts";
import { openLibrary } from "./library.ts";

/** The memory store. */
export const memoryContender: Contender = {
  open: () => openLibrary(new MemoryRuntimeStore({ runtimeId: "bench" })),
};
