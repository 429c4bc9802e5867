/**
 * `report`: a page to read in a browser.
 *
 * @module
 */
import type { Io } from "../io.ts";
import { reportHtml } from "../report/page.ts";
import { type OutputOptions, writeOutput } from "./output.ts";
import { withView } from "./view.ts";

/** Options of `report`. */
export interface ReportOptions extends OutputOptions {
  /** Entries of each transcript. */
  readonly entries: number;
  /** Workers with their transcripts. */
  readonly workers: number;
}

/** Runs `report`. */
export async function reportCommand(io: Io, directory: string, options: ReportOptions): Promise<number> {
  return await withView(io, directory, options, async (view, location) => {
    const { entries, workers } = options;
    const page = reportHtml(location, view, { entries, workers, now: io.now(), signal: io.signal });
    await writeOutput(io, options, location, () => encoded(page));
  });
}

async function* encoded(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const text of texts) yield encoder.encode(text);
}
