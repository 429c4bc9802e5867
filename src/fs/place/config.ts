/**
 * Settings of a store: the defaults, replaced by those that the host gives, and
 * those by the operator's `config.jsonc`, which is JSON with comments.
 *
 * @module
 */
import { parse } from "@std/jsonc";
import { z } from "zod";
import { invalidRequest } from "../../core/errors.ts";
import { nameSchema, parseShape } from "../../core/schema.ts";
import { ifCorrupt } from "../disk/faults.ts";
import { readSmallFile } from "../disk/files.ts";
import type { FileSystem } from "../disk/file_system.ts";

/** Bounds on the files of a store, in bytes unless named otherwise. */
export interface StoreLimits {
  /** A segment of the log is closed once it is longer. @default {67108864} */
  readonly segmentBytes: number;
  /**
   * A checkpoint is due once the log after the last one is longer (and longer
   * than 4 times its size). @default {25165824}
   */
  readonly checkpointBytes: number;
  /**
   * A checkpoint is also due after this many events (if the log is longer than
   * 4 times its size, too): they take time to replay. @default {45000}
   */
  readonly checkpointEvents: number;
  /** Transcript lines kept in memory before they are written to their files. @default {16777216} */
  readonly transcriptBufferBytes: number;
  /** Total size of the quarantine. @default {67108864} */
  readonly quarantineBytes: number;
  /** Files in the quarantine. @default {64} */
  readonly quarantineFiles: number;
}

/** Settings of a store. Those that the operator's `config.jsonc` names replace those of the host. */
export interface StoreSettings {
  /** Name of the runtime for people. */
  readonly displayName?: string | undefined;
  /**
   * `synced`: a resolved command is on the device. `written`: it is in the OS page
   * cache, survives a kill of the process, and the latest part may be lost in a
   * power cut. @default {"synced"}
   */
  readonly durability?: "synced" | "written" | undefined;
  /** Bounds on the files on disk. */
  readonly limits?: { readonly [Name in keyof StoreLimits]?: StoreLimits[Name] | undefined } | undefined;
}

/** The settings in effect. */
export interface StoreConfig extends StoreSettings {
  /** `synced` or `written`. */
  readonly durability: "synced" | "written";
  /** Bounds on the files on disk. */
  readonly limits: StoreLimits;
}

const MIB = 1_048_576;

const limitsSchema = z.strictObject({
  segmentBytes: z.number().int().min(4_096).max(1_024 * MIB),
  checkpointBytes: z.number().int().min(4_096).max(1_024 * MIB),
  checkpointEvents: z.number().int().min(16).max(10_000_000),
  transcriptBufferBytes: z.number().int().min(4_096).max(256 * MIB),
  quarantineBytes: z.number().int().min(16 * MIB).max(1_024 * MIB),
  quarantineFiles: z.number().int().min(4).max(1_024),
});

const settingsSchema = z.strictObject({
  displayName: nameSchema,
  durability: z.enum(["synced", "written"]),
  limits: limitsSchema.partial(),
}).partial() satisfies z.ZodType<StoreSettings>;

/** The largest config file that is read. */
const CONFIG_BYTES_MAX = 65_536;

/** The default configuration. */
export const defaultConfig: StoreConfig = {
  durability: "synced",
  limits: {
    segmentBytes: 64 * MIB,
    checkpointBytes: 24 * MIB,
    checkpointEvents: 45_000,
    transcriptBufferBytes: 16 * MIB,
    quarantineBytes: 64 * MIB,
    quarantineFiles: 64,
  },
};

/** Checks settings. Throws `invalid_request` for `action` with every issue. */
export function parseSettings(settings: unknown, action: string): StoreSettings {
  return parseShape<StoreSettings>(settingsSchema, settings, action);
}

/**
 * The settings in effect: the defaults, `settings` over them, and those of the operator's
 * config over both. Throws `invalid_request` if the config is invalid. A link or an
 * oversized file is the operator's mistake, not damage.
 */
export function readConfig(fs: FileSystem, path: string, settings: StoreSettings = {}): StoreConfig {
  const action = `use ${JSON.stringify(path)}`;
  const read = () => readSmallFile(fs, path, CONFIG_BYTES_MAX, "config.jsonc");
  const bytes = ifCorrupt(read, ({ details: { reason } }) => {
    const isLink = reason.startsWith("it is a symbolic link");
    throw invalidRequest(action, isLink ? `${reason}; put a copy of the file in its place` : reason);
  });
  const config = over(defaultConfig, settings);
  if (bytes === undefined) return config;
  let content: unknown;
  try {
    content = parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalidRequest(action, error instanceof Error ? error.message : String(error));
  }
  return over(config, parseSettings(content, action));
}

function over(config: StoreConfig, { limits, ...settings }: StoreSettings): StoreConfig {
  return { ...config, ...named(settings), limits: { ...config.limits, ...named(limits ?? {}) } };
}

/** The members that are not undefined. */
function named<Settings extends object>(
  settings: Settings,
): { [Name in keyof Settings]: NonNullable<Settings[Name]> } {
  const entries = Object.entries(settings).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Settings]: NonNullable<Settings[Name]> };
}
