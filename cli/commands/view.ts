/**
 * Opening a store for the reading commands.
 *
 * @module
 */
import { FsRuntimeSource } from "../../fs_store.ts";
import { RuntimeReader } from "../../mod.ts";
import type { StoreLocation } from "../../operate.ts";
import { exitCodes } from "../failure.ts";
import type { Io } from "../io.ts";
import type { Options } from "../options.ts";
import { tone, visible } from "../style.ts";

/** A store that is open for reading. */
export interface Opened {
  /** Its location. */
  readonly location: StoreLocation;
  /** Its runtime. */
  readonly view: RuntimeReader;
  /** Its files. */
  readonly source: FsRuntimeSource;
}

/** Opens a store for reading, and closes it after the work, which may return an exit code. Damage is reported. */
export async function withView(
  io: Io,
  { json }: Options,
  location: StoreLocation,
  work: (opened: Opened) => Promise<number | void> | void,
): Promise<number> {
  const source = new FsRuntimeSource(location);
  await using view = await RuntimeReader.open({ source });
  const code = await work({ location, view, source });
  if (json !== true) reportNotices(io, view, source);
  return source.damage === undefined ? code ?? exitCodes.ok : exitCodes.damaged;
}

function reportNotices(io: Io, view: RuntimeReader, { damage }: FsRuntimeSource): void {
  for (const { message, severity } of view.diagnostics().items) {
    if (severity !== "info") io.err(`${tone(io, "warn", "note:")} ${visible(message)}\n`);
  }
  const { lastEventId } = view;
  if (damage === undefined) return;
  io.err(`${tone(io, "bad", "damaged:")} ${visible(damage.message)}\n`);
  io.err(`  the log was read through event ${lastEventId}; the command "verify" shows all damage\n`);
}
