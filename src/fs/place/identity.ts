/**
 * `runtime.json`: the identity of the runtime in a directory, written once at its
 * creation, and a snapshot of the config of its last opening.
 *
 * @module
 */
import { isRuntimeError, RuntimeError } from "../../core/errors.ts";
import { jsonObject, object } from "../../core/shape.ts";
import { timeShape } from "../../core/shapes.ts";
import { isExisting } from "../disk/faults.ts";
import { parseSettings, type StoreConfig, type StoreSettings } from "./config.ts";
import { replaceFile, writeNew } from "../disk/files.ts";
import type { Place } from "../layout.ts";
import { readSealed, seal } from "../lines/sealed.ts";
import { dirname } from "@std/path";

const FORMAT = "worker-runtime";

/** Content of `runtime.json`. */
export interface StoreIdentity {
  /** Time of creation, ISO 8601. */
  readonly createdAt: string;
  /** The config it was last opened with. */
  readonly config: Readonly<Record<string, unknown>>;
}

const identityShape = object({ createdAt: timeShape, config: jsonObject });

/** Reads the identity; `undefined` if there is none. Throws `store_corrupt` or `store_version`. */
export function readIdentity(place: Place): StoreIdentity | undefined {
  return readSealed(place, place.layout.identity, FORMAT, identityShape);
}

/** The settings that were in effect when the store was last opened; none if they cannot be read. */
export function lastSettings(place: Place): StoreSettings {
  try {
    return parseSettings(readIdentity(place)?.config ?? {}, "use the config snapshot");
  } catch (error) {
    // Whoever needs the identity reports what is wrong with it.
    if (isRuntimeError(error)) return {};
    throw error;
  }
}

/** Writes the identity of a new store. Never overwrites: throws `store_permission` if one exists but is hidden. */
export async function createIdentity(
  { fs, layout, runtimeId }: Place,
  identity: StoreIdentity,
): Promise<void> {
  try {
    await writeNew(fs, layout.identity, [seal({ format: FORMAT, runtimeId }, identity)], { durable: true });
  } catch (error) {
    if (!isExisting(error)) throw error;
    const [operation, path] = ["read", layout.identity];
    const message =
      `Cannot read ${JSON.stringify(path)}: it exists, but reading says it does not (is it hidden by ` +
      `--ignore-read?); run again with --allow-read for this directory`;
    throw new RuntimeError("store_permission", message, { operation, path, flag: "--allow-read" }, {
      cause: error,
    });
  }
  await fs.syncDirectory(dirname(layout.identity));
}

/** Keeps the config snapshot current; the identity is unchanged. With `isInDoubt` it is rewritten in any case. */
export async function updateConfigSnapshot(
  { fs, layout, runtimeId }: Place,
  identity: StoreIdentity,
  config: StoreConfig,
  isInDoubt: boolean,
): Promise<void> {
  const snapshot = JSON.parse(JSON.stringify(config));
  if (!isInDoubt && JSON.stringify(identity.config) === JSON.stringify(snapshot)) return;
  const bytes = seal({ format: FORMAT, runtimeId }, { createdAt: identity.createdAt, config: snapshot });
  await replaceFile(fs, layout.identity, [bytes], { durable: true });
}

/** Returns true if commits waited for the device, now and when the store was open before. */
export function wasSynced(identity: StoreIdentity | undefined, config: StoreConfig): boolean {
  return config.durability === "synced" && identity?.config.durability !== "written";
}
