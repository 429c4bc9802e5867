/**
 * Options for opening a file system store.
 *
 * @module
 */
import { z } from "zod";
import { parseShape } from "../core/schema.ts";
import type { FileSystem } from "./disk/file_system.ts";
import { parseSettings, type StoreSettings } from "./place/config.ts";

/** Options of `FsRuntimeStore`. Settings that the operator's `config.jsonc` names replace those given here. */
export interface FsStoreOptions extends StoreSettings {
  /** Directory of all runtimes of a host: a path, resolved immediately, or a `file:` URL. */
  readonly root: string | URL;
  /** The runtime to keep: 1 to 80 bytes of UTF-8. */
  readonly runtimeId: string;
  /** Creates the store if there is none. Never overwrites. @default {true} */
  readonly create?: boolean | undefined;
  /**
   * Milliseconds to wait for the lock while another process has the store open, up to a
   * day; then `store_locked` is thrown. @default {0}
   */
  readonly lockWaitMs?: number | undefined;
}

/** Further options, for tests and other disks. */
export interface FsStoreEnvironment {
  /** The disk. @default the real one */
  readonly fileSystem?: FileSystem | undefined;
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: (() => number) | undefined;
}

const DAY_MS = 86_400_000;
const waitSchema = z.strictObject({ lockWaitMs: z.number().min(0).max(DAY_MS) });

/** The checked settings and `lockWaitMs` of options. Throws `invalid_request`. */
export function settingsOf(
  { displayName, durability, limits, lockWaitMs = 0 }: FsStoreOptions,
): { readonly settings: StoreSettings; readonly lockWaitMs: number } {
  const action = "create store";
  return {
    settings: parseSettings({ displayName, durability, limits }, action),
    ...parseShape(waitSchema, { lockWaitMs }, action),
  };
}
