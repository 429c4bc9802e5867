/**
 * What the reading commands share.
 *
 * @module
 */
import { FsRuntimeSource } from "../../fs_store.ts";
import { RuntimeReader } from "../../mod.ts";
import { exitCodes } from "../failure.ts";
import type { Io } from "../io.ts";
import { locate } from "../place.ts";
import { tone, visible } from "../style.ts";

/** Options that every command on a store takes. */
export interface StoreOptions {
  /** Which runtime. */
  readonly runtime?: string | undefined;
  /** Whether to print JSON. */
  readonly json?: boolean | undefined;
}

/** Opens the store of a command to read, and closes it afterwards. Damage is reported. */
export async function withView(
  io: Io,
  directory: string,
  options: StoreOptions,
  work: (view: RuntimeReader, source: FsRuntimeSource) => Promise<void>,
): Promise<number> {
  const source = new FsRuntimeSource(locate(directory, options.runtime));
  await using view = await RuntimeReader.open({ source });
  await work(view, source);
  if (options.json !== true) tellNotices(io, view, source);
  return source.damage === undefined ? exitCodes.ok : exitCodes.damaged;
}

function tellNotices(io: Io, view: RuntimeReader, { damage }: FsRuntimeSource): void {
  for (const { message, severity } of view.diagnostics().items) {
    if (severity !== "info") io.err(`${tone(io, "warn", "note:")} ${visible(message)}\n`);
  }
  if (damage === undefined) return;
  io.err(`${tone(io, "bad", "damaged:")} ${visible(damage.message)}\n`);
  io.err(`  the log was read through event ${view.lastEventId}; the command "verify" shows all damage\n`);
}

/** Prints a value as JSON. */
export function printJson(io: Io, value: unknown): void {
  io.out(`${JSON.stringify(value, null, 2)}\n`);
}
