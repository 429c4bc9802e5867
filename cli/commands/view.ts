/**
 * Opening a store for the reading commands.
 *
 * @module
 */
import { openReadOnly, type ReadOnlyRuntime } from "../../fs_store.ts";
import { locateStore, type StoreLocation } from "../../operate.ts";
import { exitCodes } from "../failure.ts";
import type { Io } from "../io.ts";
import { tone, visible } from "../style.ts";

/** Options that every command on a store takes. */
export interface StoreOptions {
  /** Which runtime. */
  readonly runtime?: string | undefined;
  /** Whether to print JSON. */
  readonly json?: boolean | undefined;
}

/** Opens a store for reading, and closes it after the work. Damage is reported. */
export async function withView(
  io: Io,
  directory: string,
  options: StoreOptions,
  work: (view: ReadOnlyRuntime, location: StoreLocation) => Promise<void>,
): Promise<number> {
  const location = locateStore(directory, options.runtime);
  await using view = await openReadOnly(location);
  await work(view, location);
  if (options.json !== true) reportNotices(io, view);
  return view.damage === undefined ? exitCodes.ok : exitCodes.damaged;
}

function reportNotices(io: Io, view: ReadOnlyRuntime): void {
  for (const { message, severity } of view.diagnostics().items) {
    if (severity !== "info") io.err(`${tone(io, "warn", "note:")} ${visible(message)}\n`);
  }
  const { damage, lastEventId } = view;
  if (damage === undefined) return;
  io.err(`${tone(io, "bad", "damaged:")} ${visible(damage.message)}\n`);
  io.err(`  the log was read through event ${lastEventId}; the command "verify" shows all damage\n`);
}

/** Prints a value as JSON. */
export function printJson(io: Io, value: unknown): void {
  io.out(`${JSON.stringify(value, null, 2)}\n`);
}
