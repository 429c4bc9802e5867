/**
 * What the demo tells in the end.
 *
 * @module
 */
import type { Diagnostic, Runtime } from "../../mod.ts";
import type { SourceFile } from "./files.ts";
import { workerIdOf } from "./job.ts";
import { factsOf } from "./outline.ts";
import { amount, bold, dim, fitted, green, print, red, table, width } from "./screen.ts";
import type { Findings } from "./verify.ts";

const ROWS_MAX = 15;

/** A row for each worker, up to a bound. */
export function printWorkers(runtime: Runtime, files: readonly SourceFile[], { runs }: Findings): void {
  const rows = files.slice(0, ROWS_MAX).map((file) => {
    const workerId = workerIdOf(file);
    const { transcriptLength, usage } = runtime.worker(workerId).state();
    const { lines, words } = factsOf(file.text);
    const { completed = 0, interrupted = 0 } = runs.get(workerId) ?? {};
    const numbers = [lines, words, transcriptLength, usage.inputTokens, usage.outputTokens].map(amount);
    return [
      file.path,
      ...numbers,
      interrupted > 0 ? `${completed} (+${interrupted} killed)` : `${completed}`,
    ];
  });
  print(bold("Workers"));
  const head = ["file", "lines", "words", "entries", "tokens in", "out", "runs"];
  for (const line of table(head, rows)) print(line);
  if (files.length > ROWS_MAX) print(dim(`... and ${files.length - ROWS_MAX} more`));
}

/** Counts and totals. */
export function printOverview(runtime: Runtime, { events, entries, runs }: Findings): void {
  const { workers, usage, epoch } = runtime.overview();
  const interrupted = [...runs.values()].reduce((sum, run) => sum + run.interrupted, 0);
  const completed = [...runs.values()].reduce((sum, run) => sum + run.completed, 0);
  print(`\n${bold("Overview")}`);
  print(
    `  ${amount(workers.total)} workers, ${amount(entries)} transcript entries, ${amount(events)} events`,
  );
  print(`  ${amount(completed)} runs completed, ${amount(interrupted)} interrupted by the kill`);
  print(`  ${amount(usage.inputTokens)} tokens in, ${amount(usage.outputTokens)} out; opened ${epoch} times`);
}

/** What the store noticed, by kind. */
export function printDiagnostics(diagnostics: readonly Diagnostic[]): void {
  const kinds = Map.groupBy(diagnostics, ({ code }) => code);
  print(`\n${bold("What the store noticed")}`);
  if (kinds.size === 0) print("  nothing");
  for (const [code, found] of kinds) {
    const start = `  ${code}${found.length > 1 ? ` (${found.length} times)` : ""}: `;
    print(start + fitted(found[0]?.message ?? "", Math.max(20, width() - start.length)));
  }
}

/** Whether all is there exactly once. */
export function printVerdict({ issues }: Findings, files: number): void {
  print(`\n${bold("Exactly once")}`);
  if (issues.length === 0) {
    const what = "the whole text, one answer, one completed run, usage counted once";
    return print(green(`  yes: for each of ${amount(files)} files ${what}`));
  }
  for (const issue of issues.slice(0, 10)) print(red(`  ${issue}`));
  if (issues.length > 10) print(red(`  ... and ${issues.length - 10} more`));
}
