/**
 * A runtime in a PostgreSQL database, for operations that read a long part of its log.
 *
 * @module
 */
import { Folding } from "../../core/folding.ts";
import type { Ledger } from "../../core/ledger.ts";
import type { PostgresLocation } from "../../postgres/location.ts";
import { PostgresRuntimeSource } from "../../postgres/source.ts";
import type { Meter } from "../options.ts";

/** A runtime as it is at one moment. */
export interface FoldedRows {
  /** Reads it. */
  readonly source: PostgresRuntimeSource;
  /** Its state. */
  readonly ledger: Ledger;
  /** The oldest event that the log holds. */
  readonly firstEventId: number;
}

/** Folds a runtime. Throws `store_missing`. */
export async function foldRows(location: PostgresLocation): Promise<FoldedRows> {
  const source = new PostgresRuntimeSource(location);
  const folding = new Folding(source.runtimeId);
  await source.load(folding);
  const { lastEventId } = folding.view.runtime;
  const { firstEventId } = await source.readEvents({ from: lastEventId + 1, to: lastEventId, keep: "last" });
  return { source, ledger: folding.view, firstEventId };
}

/** The texts of the events from `from` to `to`. `meter` counts them. Throws `cursor_expired` if they are pruned meanwhile. */
export async function* rowTexts(
  { source }: FoldedRows,
  from: number,
  to: number,
  meter?: Meter,
): AsyncGenerator<string, void, void> {
  for (let next = from; next <= to;) {
    const { events } = await source.readEvents({ from: next, to, keep: "first" });
    yield* events;
    next += events.length;
    meter?.add(events.length);
  }
}
