/**
 * Output of a run of mutants: a table by file, and survivors as diffs.
 *
 * @module
 */
import type { Mutation } from "./mutations.ts";
import type { Verdict } from "./trial.ts";
import { ROOT } from "./workspace.ts";

/** A mutant and what became of it. */
export interface Result extends Mutation {
  /** Digest of the file that was mutated. */
  readonly digest: string;
  /** Its outcome. */
  readonly verdict: Verdict;
  /** Units of the run that failed. */
  readonly by: readonly string[];
}

/** Returns true if tests detected the mutant. */
export function isKilled({ verdict }: Result): boolean {
  return verdict === "killed" || verdict === "timed out";
}

/** A row per file with the counts and the share killed, and a row for all. */
export function tableOf(results: readonly Result[]): string {
  const files = [...new Set(results.map(({ file }) => file))].sort();
  const rows = files.map((file) => rowOf(file, results.filter((result) => result.file === file)));
  const all = [
    ["file", "mutants", "killed", "survived", "not covered", "score"],
    ...rows,
    rowOf("all", results),
  ];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  return all.map((row) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))
      .join("  ")
  ).join("\n");
}

function rowOf(name: string, results: readonly Result[]): string[] {
  const killed = results.filter(isKilled).length;
  const count = (verdict: Verdict): string => String(results.filter((one) => one.verdict === verdict).length);
  const score = results.length === 0 ? "" : `${(100 * killed / results.length).toFixed(1)} %`;
  return [name, String(results.length), String(killed), count("survived"), count("not covered"), score];
}

/** The change of a mutant, as a diff. */
export function diffOf({ file, start, end, replacement, line, kind, verdict }: Result): string {
  const text = Deno.readTextFileSync(`${ROOT}/${file}`);
  const from = text.lastIndexOf("\n", start - 1) + 1;
  const lineEnd = text.indexOf("\n", end);
  const to = lineEnd === -1 ? text.length : lineEnd;
  const before = text.slice(from, to).split("\n");
  const after = (text.slice(from, start) + replacement + text.slice(end, to)).split("\n");
  return [
    `--- ${file}:${line} (${kind}, ${verdict})`,
    ...before.map((one) => `-${one}`),
    ...after.map((one) => `+${one}`),
  ].join("\n");
}
