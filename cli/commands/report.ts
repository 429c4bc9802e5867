/**
 * `report`: a page to read in a browser.
 *
 * @module
 */
import type { Io } from "../io.ts";
import type { Options } from "../options.ts";
import { reportHtml } from "../report/page.ts";
import { writeOutput } from "./moving.ts";
import type { OpenedStore } from "../store.ts";

/** Runs `report`. */
export async function reportCommand(
  io: Io,
  options: Options,
  store: OpenedStore,
): Promise<void> {
  const { entries, workers } = options;
  const page = reportHtml(store, { entries, workers, now: io.now(), signal: io.signal });
  await writeOutput(io, options, store.location, () => encoded(page));
}

async function* encoded(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const text of texts) yield encoder.encode(text);
}
