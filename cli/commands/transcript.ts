/**
 * `transcript`: pages of the transcript of a worker.
 *
 * @module
 */
import type { RuntimeReader, TranscriptEntry, TranscriptPage } from "../../mod.ts";
import type { StoreLocation } from "../../operate.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import { oneLine, type Tone, tone, visible } from "../style.ts";
import { time, whole } from "../units.ts";
import { withView } from "./view.ts";

/** Runs `transcript`. */
export async function transcriptCommand(
  io: Io,
  options: Options,
  location: StoreLocation,
  workerId: string,
): Promise<number> {
  return await withView(io, options, location, async (view) => {
    if (options.all) return await printAll(io, options, view, workerId);
    const { limit, after, before, full, json } = options;
    const page = await view.transcript(workerId, { limit, after, before });
    const { previous, next } = page;
    const older = previous === null ? "" : `... older entries: --before ${previous}\n\n`;
    const newer = next === null ? "" : `... newer entries: --after ${next}\n`;
    const items = page.items.map((entry) => shown(io, entry, full)).join("");
    const empty = page.length === 0 ? "no entries\n" : "";
    print(io, json, page, `${tone(io, "faint", older)}${items}${tone(io, "faint", empty + newer)}`);
  });
}

async function printAll(
  io: Io,
  { json, full }: Options,
  view: RuntimeReader,
  workerId: string,
): Promise<void> {
  for (let after: number | null = 0; after !== null;) {
    const page: TranscriptPage = await view.transcript(workerId, { after, limit: 500 });
    for (const entry of page.items) io.out(json ? `${JSON.stringify(entry)}\n` : shown(io, entry, full));
    after = page.next;
  }
}

const ROLE_TONES: Readonly<Record<string, Tone>> = {
  user: "good",
  system: "warn",
  assistant: "name",
  tool: "faint",
};

/** Characters shown of one entry; the output of a tool may be a megabyte. */
const CHARS_MAX = 4_000;

function shown(io: Io, entry: TranscriptEntry, full = false): string {
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
