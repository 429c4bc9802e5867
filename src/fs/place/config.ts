/**
 * The operator's `config.jsonc`: JSON with comments, every member optional.
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

/** Settings of the operator, with the defaults. */
export interface StoreConfig {
  /** Name of the runtime for people. */
  readonly displayName?: string | undefined;
  /**
   * `synced`: a resolved command is on the device. `written`: it is in the OS page
   * cache, survives a kill of the process, and the latest part may be lost in a
   * power cut. @default {"synced"}
   */
  readonly durability: "synced" | "written";
  /** Bounds on the files on disk, in bytes unless named otherwise. */
  readonly limits: {
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
  };
}

const MIB = 1_048_576;

const limitsSchema = z.strictObject({
  segmentBytes: z.number().int().min(4_096).max(1_024 * MIB).default(64 * MIB),
  checkpointBytes: z.number().int().min(4_096).max(1_024 * MIB).default(24 * MIB),
  checkpointEvents: z.number().int().min(16).max(10_000_000).default(45_000),
  transcriptBufferBytes: z.number().int().min(4_096).max(256 * MIB).default(16 * MIB),
  quarantineBytes: z.number().int().min(16 * MIB).max(1_024 * MIB).default(64 * MIB),
  quarantineFiles: z.number().int().min(4).max(1_024).default(64),
});

const configSchema = z.strictObject({
  displayName: nameSchema.optional(),
  durability: z.enum(["synced", "written"]).default("synced"),
  limits: limitsSchema.prefault({}),
}) satisfies z.ZodType<StoreConfig>;

/** The largest config file that is read. */
const CONFIG_BYTES_MAX = 65_536;

/** The default configuration. */
export const defaultConfig: StoreConfig = configSchema.parse({});

/**
 * Reads the operator's config; the defaults if there is none. Throws `invalid_request` if it is invalid. A link or an
 * oversized file is the operator's mistake, not damage.
 */
export function readConfig(fs: FileSystem, path: string): StoreConfig {
  const action = `use ${JSON.stringify(path)}`;
  const read = () => readSmallFile(fs, path, CONFIG_BYTES_MAX, "config.jsonc");
  const bytes = ifCorrupt(read, ({ details: { reason } }) => {
    const isLink = reason.startsWith("it is a symbolic link");
    throw invalidRequest(action, isLink ? `${reason}; put a copy of the file in its place` : reason);
  });
  if (bytes === undefined) return defaultConfig;
  let content: unknown;
  try {
    content = parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalidRequest(action, error instanceof Error ? error.message : String(error));
  }
  return parseShape<StoreConfig>(configSchema, content, action);
}
