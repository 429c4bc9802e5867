/**
 * Opening a store for the reading commands.
 *
 * @module
 */
import { openReadOnly, type ReadOnlyRuntime } from "../../fs_store.ts";
import type { StoreLocation } from "../../operate.ts";
import { exitCodes } from "../failure.ts";
import type { Io } from "../io.ts";
import type { Options } from "../options.ts";
import { tone, visible } from "../style.ts";

/** Opens a store for reading, and closes it after the work. Damage is reported. */
export async function withView(
  io: Io,
  { json }: Options,
  location: StoreLocation,
  work: (view: ReadOnlyRuntime) => Promise<void> | void,
): Promise<number> {
  await using view = await openReadOnly(location);
  await work(view);
  if (json !== true) reportNotices(io, view);
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
