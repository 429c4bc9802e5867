/**
 * Opening an existing store for writing, given its location.
 *
 * @module
 */
import { basename, dirname } from "@std/path";
import { invalidRequest } from "../core/errors.ts";
import { Runtime } from "../core/runtime.ts";
import { encodeName } from "../fs/names.ts";
import { FsRuntimeStore } from "../fs/store.ts";
import type { FoundPlace, StoreLocation } from "../fs/place/find.ts";
import { lastSettings } from "../fs/place/identity.ts";
import { type FindOptions, placeOf } from "./options.ts";

/** Options of {@linkcode openRuntime}. */
export interface OpenRuntimeOptions extends FindOptions {
  /** The clock, in milliseconds since 1970. @default {Date.now} */
  readonly now?: (() => number) | undefined;
}

/**
 * Opens an existing runtime for writing: takes the lock, and requires
 * `--allow-read` and `--allow-write` of the store. Throws `store_missing`,
 * `store_locked`, and `invalid_request` for a directory that is not named
 * `runtimes/<runtime>`, such as a renamed copy.
 */
export async function openRuntime(
  location: StoreLocation,
  options: OpenRuntimeOptions = {},
): Promise<Runtime> {
  const place = placeOf(location, options);
  assertInPlace(place);
  return await openPlace(place, options.now);
}

/** Throws `invalid_request` unless the directory is where a root directory would have it. */
export function assertInPlace({ layout: { directory }, runtimeId }: FoundPlace): void {
  const name = encodeName(runtimeId);
  if (basename(directory) === name && basename(dirname(directory)) === "runtimes") return;
  const issue = `the directory must be named runtimes/${name}; move it there first`;
  throw invalidRequest(`change ${JSON.stringify(directory)}`, issue);
}

/** Opens the runtime of a place that {@linkcode assertInPlace} accepts, with the settings of its last opening. */
export async function openPlace(place: FoundPlace, now: (() => number) | undefined): Promise<Runtime> {
  const { fs: fileSystem, layout, runtimeId } = place;
  const root = dirname(dirname(layout.directory));
  const options = { ...lastSettings(place), root, runtimeId, create: false };
  const store = new FsRuntimeStore(options, { fileSystem, now });
  return await Runtime.open({ store, now });
}
