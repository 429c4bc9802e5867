/**
 * The texts of a range of events, page by page, for operations that read a long
 * part of a log in a database.
 *
 * @module
 */
import type { StoredRuntime } from "../../core/store.ts";
import { corrupt } from "../../fs/disk/faults.ts";
import type { Meter } from "../options.ts";

/**
 * The texts of the events from `from` to `to`. `meter` counts events; an error that it
 * throws ends the read. Throws `cursor_expired` if events were pruned meanwhile.
 */
export async function* readTexts(
  source: StoredRuntime,
  from: number,
  to: number,
  meter?: Meter,
): AsyncGenerator<string, void, void> {
  for (let next = from; next <= to;) {
    const { events } = await source.readEvents({ from: next, to, keep: "first" });
    if (events.length === 0) {
      throw corrupt("", `events ${next} to ${to} are missing`, { eventIds: [next, to] });
    }
    yield* events;
    next += events.length;
    meter?.add(events.length);
  }
}
