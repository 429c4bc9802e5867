/**
 * `transcript`: the entries of a worker, part by part.
 *
 * @module
 */
import {
  contextRanges,
  type RuntimeReader,
  type SeqRange,
  type TranscriptEntry,
  type WorkerState,
} from "../../mod.ts";
import { entryParts } from "../content.ts";
import { placeText } from "../describe.ts";
import { exitCodes } from "../failure.ts";
import { type Io, print } from "../io.ts";
import type { Options } from "../options.ts";
import type { Part } from "../parts.ts";
import { beginningOf, oneLine, type Tone, tone, visible } from "../style.ts";
import { bytes, time, whole } from "../units.ts";
import type { OpenedStore } from "../store.ts";

/** Runs `transcript`. */
export async function transcriptCommand(
  io: Io,
  options: Options,
  { view }: OpenedStore,
  workerId: string,
): Promise<number | void> {
  const { all, context, limit, after, before, json } = options;
  const state = view.worker(workerId);
  if (context && json) return print(io, json, await view.context(workerId), "");
  if (context || all) {
    const ranges = context ? contextRanges(state) : [[1, state.transcriptLength]] as const;
    return await printRanges(io, options, view, state, ranges);
  }
  const page = await view.transcript(workerId, { limit, after, before });
  if (json) return print(io, json, page, "");
  const { items, length, previous, next } = page;
  if (previous !== null) io.out(tone(io, "faint", `... older entries: --before ${previous}\n\n`));
  let code: number = exitCodes.ok;
  for (const entry of items) code = Math.max(code, await show(io, options, view, state, entry));
  if (length === 0) io.out(tone(io, "faint", "no entries\n"));
  if (next !== null) io.out(tone(io, "faint", `... newer entries: --after ${next}\n`));
  return code;
}

async function printRanges(
  io: Io,
  options: Options,
  view: RuntimeReader,
  state: WorkerState,
  ranges: readonly SeqRange[],
): Promise<number> {
  let code: number = exitCodes.ok;
  for (const [from, to] of ranges) {
    for (let after = from - 1; after < to;) {
      const { items } = await view.transcript(state.record.workerId, {
        after,
        limit: Math.min(500, to - after),
      });
      for (const entry of items) {
        if (options.json) io.out(`${JSON.stringify(entry)}\n`);
        else code = Math.max(code, await show(io, options, view, state, entry));
      }
      after += items.length;
    }
  }
  if (ranges.length === 0 && !options.json) io.out(tone(io, "faint", "no entries\n"));
  return code;
}

const ROLE_TONES: ReadonlyMap<string, Tone> = new Map([
  ["user", "good"],
  ["system", "warn"],
  ["assistant", "name"],
  ["tool", "faint"],
]);

/** Characters shown of one part; the output of a tool may be a megabyte. */
const CHARS_MAX = 4_000;
/** Bytes of content in a blob that are read to show its beginning. */
const BLOB_BYTES_MAX = 1_048_576;

/** Prints an entry; returns the exit code. */
async function show(
  io: Io,
  { full = false }: Options,
  view: RuntimeReader,
  state: WorkerState,
  entry: TranscriptEntry,
): Promise<number> {
  const { seq, role, name, at, runId, metadata } = entry;
  const who = oneLine(name === undefined ? role : `${role} ${name}`);
  const run = runId === undefined ? "" : `  run ${oneLine(runId)}`;
  const place = placeText(state, entry);
  const head = `${tone(io, ROLE_TONES.get(role) ?? "strong", who)}  ${
    tone(io, "faint", `#${whole(seq)}  ${time(at)}${run}`)
  }${place === "" ? "" : `  ${tone(io, "warn", place)}`}\n`;
  const { parts, note, isDamaged } = await entryParts(
    view,
    state.record.workerId,
    entry,
    full ? Infinity : BLOB_BYTES_MAX,
  );
  const hint = note === undefined || isDamaged ? "" : " --full shows it";
  const notes = note === undefined
    ? ""
    : `  ${tone(io, isDamaged ? "bad" : "faint", visible(note) + hint)}\n`;
  const json = metadata === undefined ? "" : oneLine(JSON.stringify(metadata));
  const shownJson = full || json.length <= CHARS_MAX ? json : `${beginningOf(json, CHARS_MAX)} ...`;
  const extra = json === "" ? "" : tone(io, "faint", `  ${shownJson}\n`);
  io.out(`${head}${parts.map((part) => partText(io, part, full)).join("")}${notes}${extra}\n`);
  return isDamaged ? exitCodes.damaged : exitCodes.ok;
}

function partText(io: Io, { kind, title, text, bytes: size }: Part, full: boolean): string {
  const name = title === "" ? kind : `${kind} ${oneLine(title)}`;
  const isPlain = kind === "text" || kind === "json";
  const heading = kind === "image" && size === 0 ? name : `${name}, ${bytes(size)}`;
  const label = isPlain && title === "" ? "" : tone(io, "faint", `  [${heading}]\n`);
  const isCut = !full && text.length > CHARS_MAX;
  const body = isCut ? beginningOf(text, CHARS_MAX) : text;
  const lines = visible(withoutLastBreaks(body)).split("\n")
    .map((line) => line === "" ? "\n" : `  ${line}\n`).join("");
  const note = isCut
    ? tone(
      io,
      "faint",
      `  ... ${whole(CHARS_MAX)} of ${whole(text.length)} characters; --full shows all\n`,
    )
    : "";
  return `${label}${text === "" ? "" : lines}${note}`;
}

/** The text without line breaks at its end. A pattern would take quadratic time on breaks elsewhere. */
function withoutLastBreaks(text: string): string {
  let end = text.length;
  while (text[end - 1] === "\n" || text[end - 1] === "\r") end--;
  return text.slice(0, end);
}
