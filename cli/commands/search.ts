/**
 * `search`: the strings in transcripts that match a text or a pattern.
 *
 * @module
 */
import { type Finding, search, type SearchHit } from "../../operate.ts";
import { invalidRequest } from "../../store.ts";
import { exitCodes } from "../failure.ts";
import type { Io } from "../io.ts";
import type { Options } from "../options.ts";
import { oneLine, tone, visible } from "../style.ts";
import { parseAge, time, whole } from "../units.ts";
import type { Located } from "./view.ts";

/** Runs `search`. */
export async function searchCommand(
  io: Io,
  options: Options,
  { location }: Located,
  text: string,
): Promise<number> {
  const { worker, role, limit, ignoreCase = false, json = false } = options;
  let [hits, isDamaged] = [0, false];
  const onFinding = ({ message, severity }: Finding): void => {
    isDamaged ||= severity === "damaged";
    const label = severity === "damaged" ? tone(io, "bad", "damaged:") : tone(io, "warn", "note:");
    io.err(`${label} ${visible(message)}\n`);
  };
  const found = search(location, options.regexp ? patternOf(text, ignoreCase) : text, {
    ignoreCase,
    workers: worker === undefined ? undefined : [worker],
    roles: role === undefined ? undefined : [role],
    since: timeOf(io, "--since", options.since),
    until: timeOf(io, "--until", options.until),
    limit: limit === 0 ? undefined : limit,
    signal: io.signal,
    onFinding,
  });
  for await (const hit of found) {
    hits++;
    io.out(json ? `${JSON.stringify(hit)}\n` : hitText(io, hit));
  }
  if (isDamaged) return exitCodes.damaged;
  return hits === 0 ? exitCodes.failed : exitCodes.ok;
}

function patternOf(text: string, ignoreCase: boolean): RegExp {
  try {
    return new RegExp(text, ignoreCase ? "iu" : "u");
  } catch (error) {
    throw invalidRequest("search", `--regexp: ${error instanceof Error ? error.message : error}`);
  }
}

/** A time, or an age such as `7d`. */
function timeOf(io: Io, option: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const age = parseAge(text);
  const date = new Date(age === undefined ? text : io.now() - age);
  if (!Number.isNaN(date.getTime())) return date;
  throw invalidRequest(
    "search",
    `${option}: a time such as 2026-07-31T08:00Z, or an age such as 7d is needed`,
  );
}

function hitText(io: Io, hit: SearchHit): string {
  const { workerId, seq, at, role, name, path, index, length, excerpt: { text, start, end } } = hit;
  const who = oneLine(name === undefined ? role : `${role} ${name}`);
  const where = path.length === 0 ? "" : `  ${oneLine(pathText(path))}`;
  const place = tone(io, "faint", `#${whole(seq)}  ${time(at)}  ${who}${where}`);
  const [before, match, after] = [text.slice(0, start), text.slice(start, end), text.slice(end)];
  const [lead, rest] = [index > start ? "..." : "", index - start + text.length < length ? "..." : ""];
  const excerpt = `${lead}${inLine(before)}${tone(io, "match", inLine(match))}${inLine(after)}${rest}`;
  return `${tone(io, "name", oneLine(workerId))}  ${place}\n  ${excerpt}\n`;
}

/** A path such as `[1].input.command`. */
function pathText(path: SearchHit["path"]): string {
  return path.map((part) => {
    if (typeof part === "number") return `[${part}]`;
    return /^[A-Za-z_]\w*$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`;
  }).join("").replace(/^\./, "");
}

/** A part of a text on one line. */
function inLine(text: string): string {
  return visible(text).replace(/\s+/g, " ");
}
