/**
 * Measures and goals as text, in aligned columns.
 *
 * @module
 */
import { contenderInfo } from "../contenders/contender.ts";
import { type Book, type Contestant, contestants, type Measure } from "./book.ts";
import type { Goal } from "./goals.ts";

/** What the tables call a contender. */
export function titleOf(who: Contestant): string {
  return who === "raw" ? "write + fdatasync" : contenderInfo[who].title;
}

/** All measures: a table for each group, a row for each contender. */
export function measureTables(book: Book): string {
  const tables = Map.groupBy(book.measures, ({ table }) => table);
  return [...tables].map(([title, measures]) => measureTable(book, title, measures)).join("\n\n");
}

function measureTable(book: Book, title: string, measures: readonly Measure[]): string {
  const present = contestants.filter((who) => measures.some(({ samples }) => samples.has(who)));
  const head = [title + unitOf(measures), ...measures.map(({ column }) => column)];
  const rows = present.map((who) => [titleOf(who), ...measures.map((measure) => cell(book, measure, who))]);
  return aligned([head, ...rows]);
}

function unitOf(measures: readonly Measure[]): string {
  const units = { "/s": "", ms: "ms", us: "us", B: "", MB: "MB", events: "events" };
  const named = new Set(measures.map(({ unit }) => units[unit]).filter((unit) => unit !== ""));
  return named.size === 0 ? "" : `, ${[...named].join(" / ")}`;
}

/** The median, and how many times it is that of the file system store, or else of the PostgreSQL store. */
function cell(book: Book, { id }: Measure, who: Contestant): string {
  const value = book.median(id, who);
  if (Number.isNaN(value)) return "-";
  const base = book.samples(id, "fs").length > 0 ? "fs" : "postgres";
  const relative = who === base ? NaN : book.ratio(id, who, base);
  return Number.isFinite(relative) ? `${rounded(value)} (${relative.toFixed(2)}x)` : rounded(value);
}

function rounded(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The goals: what was wanted, what was measured, met or not. */
export function goalTable(goals: readonly Goal[]): string {
  const rows = goals.map(({ title, target, measured, met }) => [
    title,
    target,
    measured,
    met === null ? "-" : met ? "met" : "NOT MET",
  ]);
  return aligned([["Goal", "target", "measured", ""], ...rows]);
}

/** Columns padded to the same width, the first to the left, the others to the right. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const [head, ...body] = rows.map((row) =>
    row.map((text, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? text.padEnd(width) : text.padStart(width);
    }).join("  ").trimEnd()
  );
  const rule = "-".repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  return [head, rule, ...body].join("\n");
}
