/**
 * `transcript`: what was said to a worker and by it.
 *
 * @module
 */
import type { RuntimeReader, TranscriptEntry, TranscriptPage } from "../../mod.ts";
import type { Io } from "../io.ts";
import { oneLine, type Tone, tone, visible } from "../style.ts";
import { time, whole } from "../units.ts";
import { printJson, type StoreOptions, withView } from "./view.ts";

/** Options of commands that show a page. */
export interface PagedOptions extends StoreOptions {
  /** Items of a page. */
  readonly limit: number;
  /** Begin after this number. */
  readonly after?: number | undefined;
  /** End before this number. */
  readonly before?: number | undefined;
}

/** Options of `transcript`. */
export interface TranscriptOptions extends PagedOptions {
  /** Shows every entry. */
  readonly all?: boolean | undefined;
  /** Shows entries in full, however long. */
  readonly full?: boolean | undefined;
}

/** Runs `transcript`. */
export async function transcriptCommand(
  io: Io,
  directory: string,
  workerId: string,
  options: TranscriptOptions,
): Promise<number> {
  return await withView(io, directory, options, async (view) => {
    if (options.all) return await printAll(io, view, workerId, options);
    const { limit, after, before } = options;
    const page = await view.transcript(workerId, { limit, after, before });
    if (options.json) return printJson(io, page);
    if (page.previous !== null) {
      io.out(tone(io, "faint", `... older entries: --before ${page.previous}\n\n`));
    }
    for (const entry of page.items) io.out(shown(io, entry, options.full === true));
    if (page.length === 0) io.out(tone(io, "faint", "nothing was said\n"));
    if (page.next !== null) io.out(tone(io, "faint", `... newer entries: --after ${page.next}\n`));
  });
}

async function printAll(
  io: Io,
  view: RuntimeReader,
  workerId: string,
  { json, full }: TranscriptOptions,
): Promise<void> {
  for (let after: number | null = 0; after !== null;) {
    const page: TranscriptPage = await view.transcript(workerId, { after, limit: 500 });
    for (const entry of page.items) {
      io.out(json ? `${JSON.stringify(entry)}\n` : shown(io, entry, full === true));
    }
    after = page.next;
  }
}

const ROLE_TONES: Readonly<Record<string, Tone>> = {
  user: "good",
  system: "warn",
  assistant: "name",
  tool: "faint",
};

/** Most characters of one entry that are shown; the output of a tool may be a megabyte. */
const CHARS_MAX = 4_000;

function shown(io: Io, entry: TranscriptEntry, full: boolean): string {
  const { seq, role, name, at, runId, content, metadata } = entry;
  const who = name === undefined ? role : `${role} ${oneLine(name)}`;
  const run = runId === undefined ? "" : `  run ${oneLine(runId)}`;
  const head = `${tone(io, ROLE_TONES[role] ?? "strong", who)}  ${
    tone(io, "faint", `#${whole(seq)}  ${time(at)}${run}`)
  }\n`;
  const isCut = !full && content.length > CHARS_MAX;
  const text = isCut ? content.slice(0, CHARS_MAX).toWellFormed() : content;
  const note = isCut
    ? tone(
      io,
      "faint",
      `  ... ${whole(CHARS_MAX)} of ${whole(content.length)} characters; --full shows all\n`,
    )
    : "";
  const lines = visible(text).replace(/\n+$/, "").split("\n").map((line) =>
    line === "" ? "\n" : `  ${line}\n`
  ).join("");
  const json = metadata === undefined ? "" : oneLine(JSON.stringify(metadata));
  const shownJson = full || json.length <= CHARS_MAX
    ? json
    : `${json.slice(0, CHARS_MAX).toWellFormed()} ...`;
  const extra = json === "" ? "" : tone(io, "faint", `  ${shownJson}\n`);
  return `${head}${lines}${note}${extra}\n`;
}
