/**
 * `report`: a page to read in a browser.
 *
 * @module
 */
import { layoutIn } from "../../src/fs/layout.ts";
import type { Io } from "../io.ts";
import { disk } from "../place.ts";
import { reportHtml } from "../report/page.ts";
import { bytes } from "../units.ts";
import { type OutputOptions, withOutput } from "./output.ts";
import { printJson, type StoreOptions, withView } from "./view.ts";

/** Options of `report`. */
export interface ReportOptions extends StoreOptions, OutputOptions {
  /** Entries of each transcript. */
  readonly entries: number;
  /** Workers with their transcripts. */
  readonly workers: number;
}

/** Runs `report`. */
export async function reportCommand(io: Io, directory: string, options: ReportOptions): Promise<number> {
  return await withView(io, directory, options, async (view, source) => {
    const place = { fs: disk, layout: layoutIn(source.directory), runtimeId: view.runtimeId };
    const { output, entries, workers, json } = options;
    const chunks = encoded(
      reportHtml(place, view, source, { entries, workers, now: io.now(), signal: io.signal }),
    );
    const written = await withOutput(io, options, chunks, source.directory);
    if (json && output !== undefined) printJson(io, { file: output, bytes: written });
    else if (output !== undefined) io.out(`Wrote ${bytes(written)} to ${output}\n`);
  });
}

async function* encoded(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const text of texts) yield encoder.encode(text);
}
