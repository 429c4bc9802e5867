/**
 * Random transcripts, and a plain scan of them to compare a search with.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Json, Runtime, type RuntimeReader, type TranscriptPage, type Worker } from "../../mod.ts";
import { search, type SearchHit, type SearchOptions } from "../../operate.ts";
import type { Random } from "../kit/random.ts";

/** Pieces of the random texts: characters that JSON escapes, that have several cases, or that are two UTF-16 units. */
const PIECES = [
  ...'aAbkKsSxX "\\/\n\t\0\u001f\u007f\u2028\u2029',
  ..."\u212a\u017f\u00e9\u00c9\u00b5\u03bc\u039c\u00df\u1e9e\u01c4\u01c5\u0130\u65e5",
  "\u{1f600}",
  "\u{10400}",
  "\u{10428}",
  "\ud83d",
  "\ude00",
  "u0061",
  "\\u00e9",
  '"contentBlob":',
  '"role":"user"',
] as const;

/** A random text. */
export function randomText(random: Random, length: number): string {
  return Array.from({ length }, () => random.pick(PIECES)).join("");
}

/** A random content. */
function randomContent(random: Random, depth = 3): Json {
  const kind = random.below(depth === 0 ? 3 : 6);
  if (kind < 2) return randomText(random, random.below(20));
  if (kind === 2) return random.pick([null, true, 0, -1.5e-7, "", "plain"]);
  const parts = Array.from({ length: random.below(4) }, () => randomContent(random, depth - 1));
  if (kind === 3) return parts;
  return Object.fromEntries(
    parts.map((part, index) => [`${randomText(random, random.below(3))}${index}`, part]),
  );
}

/** Content that is kept as a blob. */
function spilledContent(random: Random): Json {
  return [{ type: "text", text: `${"long ".repeat(60_000)}${randomText(random, 4)}` }, randomContent(random)];
}

/** Appends random entries to random workers, and forks one. */
export async function say(runtime: Runtime, random: Random, commits: number): Promise<void> {
  const workers = [...runtime.allWorkers()].map(({ record }) => runtime.worker(record.workerId));
  for (let commit = 0; commit < commits; commit++) {
    const entries = Array.from({ length: 1 + random.below(3) }, () => ({
      role: random.pick(["user", "assistant", "x"]),
      content: random.chance(0.01) ? spilledContent(random) : randomContent(random),
      metadata: { text: randomText(random, 3) },
    }));
    await random.pick(workers).append(entries);
  }
  const source = random.pick(workers);
  const atSeq = random.below(source.state().transcriptLength + 1);
  await runtime.forkWorker(source.ref, { workerId: `x${runtime.lastEventId + 100_000}`, atSeq });
}

/** Hits of a search, all of them. */
export async function hitsOf(
  source: Parameters<typeof search>[0],
  searched: string | RegExp,
  options: SearchOptions = {},
): Promise<SearchHit[]> {
  return await Array.fromAsync(search(source, searched, options));
}

/** Hits in the order of workers and of their transcripts. */
export function sorted(hits: readonly SearchHit[]): SearchHit[] {
  return hits.toSorted((a, b) => a.workerId < b.workerId ? -1 : a.workerId > b.workerId ? 1 : a.seq - b.seq);
}

/** Offset of the first match in a string, and its end. */
export type Find = (text: string) => readonly [number, number] | undefined;

/** Finds a text code point by code point. */
export function finder(needle: string, ignoreCase: boolean): Find {
  const wanted = [...needle];
  const isEqual = wanted.map((char) => {
    const pattern = new RegExp(`^${RegExp.escape(char)}$`, ignoreCase ? "iu" : "u");
    return (other: string | undefined) => other !== undefined && pattern.test(other);
  });
  return (text) => {
    const chars = [...text];
    const index = chars.findIndex((_char, at) => isEqual.every((equals, step) => equals(chars[at + step])));
    if (index === -1) return undefined;
    const start = chars.slice(0, index).join("").length;
    return [start, start + chars.slice(index, index + wanted.length).join("").length];
  };
}

/** The entries and contents of a worker. */
type Readable = Pick<Worker, "transcript" | "content">;

function readable(view: RuntimeReader | Runtime, workerId: string): Readable {
  if (view instanceof Runtime) return view.worker(workerId);
  return {
    transcript: (options) => view.transcript(workerId, options),
    content: (entry) => view.content(workerId, entry),
  };
}

/** The expected hits of a search, from a plain scan of all transcript pages. */
export async function scan(view: RuntimeReader | Runtime, find: Find): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const { record: { workerId } } of view.allWorkers()) {
    const worker = readable(view, workerId);
    for (let after: number | null = 0; after !== null;) {
      const page: TranscriptPage = await worker.transcript({ after, limit: 7 });
      for (const entry of page.items) {
        const { seq, eventId, at, role } = entry;
        for (const { path, text } of strings(await worker.content(entry), [])) {
          const [index] = find(text) ?? [];
          if (index === undefined) continue;
          found.push({ workerId, seq, eventId, at, role, path, index, length: text.length });
        }
      }
      after = page.next;
    }
  }
  return found;
}

function strings(value: Json, path: (string | number)[]): { path: (string | number)[]; text: string }[] {
  if (typeof value === "string") return [{ path, text: value }];
  if (Array.isArray(value)) return value.flatMap((item: Json, index) => strings(item, [...path, index]));
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([name, member]) => strings(member as Json, [...path, name]));
}

/** Asserts that hits are those of a scan, and that their excerpts show the matches. */
export function assertHits(hits: readonly SearchHit[], expected: readonly unknown[], find: Find): void {
  const facts = sorted(hits).map(({ workerId, seq, eventId, at, role, path, index, length }) => (
    { workerId, seq, eventId, at, role, path, index, length }
  ));
  assertEquals(facts, expected);
  for (const { excerpt: { text, start, end } } of hits) {
    const [from, to] = find(text.slice(start)) ?? [];
    assertEquals([from, start + (to ?? 0)], [0, end]);
  }
}
