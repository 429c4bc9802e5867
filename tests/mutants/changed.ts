/**
 * Lines that differ from a revision, as git sees them.
 *
 * @module
 */
import { git, listFiles, ROOT } from "./workspace.ts";

/** Numbers of the changed or added lines, by file; files that git does not track yet count as added. */
export async function changedLines(revision: string): Promise<Map<string, Set<number>>> {
  const found = parseDiff(await git(["diff", "--unified=0", "--no-color", "--no-ext-diff", revision]));
  const tracked = new Set((await git(["ls-files"])).split("\n"));
  for (const file of await listFiles("src", "cli")) {
    if (tracked.has(file)) continue;
    const count = Deno.readTextFileSync(`${ROOT}/${file}`).split("\n").length;
    found.set(file, new Set(Array.from({ length: count }, (_, index) => index + 1)));
  }
  return found;
}

/** Numbers of the lines that a unified diff without context adds, by file. */
export function parseDiff(diff: string): Map<string, Set<number>> {
  const found = new Map<string, Set<number>>();
  let lines = new Set<number>();
  for (const text of diff.split("\n")) {
    if (text.startsWith("+++ ")) found.set(text.slice("+++ b/".length), lines = new Set());
    const [, first, count = "1"] = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(text) ?? [];
    for (let index = 0; first !== undefined && index < Number(count); index++) {
      lines.add(Number(first) + index);
    }
  }
  return found;
}
