/**
 * Results of suites, as a table for people and as a JUnit file.
 *
 * @module
 */
import type { SuiteReport } from "./suite.ts";

/** Result of a suite. */
export interface SuiteResult {
  readonly suite: string;
  readonly title: string;
  readonly seconds: number;
  /** Counts; absent if it failed. */
  readonly report?: SuiteReport;
  /** Description of the failure. */
  readonly failure?: string;
  /** Command that reproduces the failure. */
  readonly replay?: string;
}

/** Returns true if all oracles held and all targets were met. */
export function isGood({ report, failure }: SuiteResult): boolean {
  return failure === undefined && report !== undefined &&
    report.counts.every(({ count, target }) => count >= target);
}

/** Formats all counts as a table. */
export function tableOf(results: readonly SuiteResult[]): string {
  const rows = [["suite", "what", "count", "target", "seconds", "ok"], ...results.flatMap(rowsOf)];
  const widths = rows.reduce<number[]>(
    (widest, row) => row.map((cell, column) => Math.max(widest[column] ?? 0, cell.length)),
    [],
  );
  const lines = rows.map((row) =>
    row.map((cell, column) =>
      column < 2 || column === 5 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
    ).join("  ").trimEnd()
  );
  return lines.join("\n");
}

function rowsOf({ suite, seconds, report, failure }: SuiteResult): string[][] {
  if (report === undefined) {
    return [[suite, "", "", "", seconds.toFixed(1), failure === undefined ? "" : "FAILED"]];
  }
  return report.counts.map(({ what, count, target }, index) => [
    index === 0 ? suite : "",
    what,
    count.toLocaleString("en"),
    target.toLocaleString("en"),
    index === 0 ? seconds.toFixed(1) : "",
    count >= target ? "ok" : "BELOW TARGET",
  ]);
}

/** Notes and failures, for people. */
export function remarksOf(results: readonly SuiteResult[]): string[] {
  return results.flatMap(({ suite, report, failure, replay }) => [
    ...(report?.notes ?? []).map((note) => `${suite}: ${note}`),
    ...(failure === undefined ? [] : [`\n${suite} FAILED: ${failure}\nreplay: ${replay}`]),
  ]);
}

/** A JUnit file in which each suite is one test, as Deno writes them. */
export function junitOf(results: readonly SuiteResult[]): string {
  const cases = results.map((result) => {
    const failure = isGood(result)
      ? ""
      : `<failure>${escaped(result.failure ?? "a count is too low")}</failure>`;
    return `<testcase name="${escaped(result.suite)}" time="${
      result.seconds.toFixed(3)
    }">${failure}</testcase>`;
  });
  return `<testsuites>\n<testsuite name="torture">\n${cases.join("\n")}\n</testsuite>\n</testsuites>\n`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
