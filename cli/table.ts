/**
 * Aligned tables that fit the terminal.
 *
 * @module
 */
import Table from "cli-table3";
import stringWidth from "string-width";
import type { Io } from "./io.ts";
import { tone } from "./style.ts";

/** A column. */
export interface Column {
  /** Its heading. */
  readonly name: string;
  /** Numbers stand at the right. @default {"left"} */
  readonly align?: "left" | "right";
  /** May be shortened on a narrow terminal. @default {false} */
  readonly flexible?: boolean;
  /** May be left out on a narrower terminal. @default {false} */
  readonly optional?: boolean;
}

const NO_LINES: Record<string, string> = Object.fromEntries(
  ["top", "bottom", "mid"].flatMap((place) => [place, `${place}-mid`, `${place}-left`, `${place}-right`])
    .concat(["left", "left-mid", "right", "right-mid", "mid-mid"]).map((name) => [name, ""]),
);
const GAP = "  ";
const FLEXIBLE_MIN = 8;

/** The lines of a table, each with its line break. */
export function table(io: Io, columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = fit(io.columns, columns, rows);
  const spare = columns.findLastIndex(({ optional }) => optional === true);
  if (spare !== -1 && total(widths) > io.columns) {
    const without = <T>(items: readonly T[]): T[] => items.filter((_item, index) => index !== spare);
    return table(io, without(columns), rows.map(without));
  }
  const made = new Table({
    head: columns.map(({ name }) => tone(io, "faint", name)),
    colWidths: widths,
    colAligns: columns.map(({ align = "left" }) => align),
    chars: { ...NO_LINES, middle: GAP },
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [], compact: true },
  });
  made.push(...rows.map((row) => row.map((cell) => cell.replaceAll("\n", " "))));
  return `${
    made.toString().split("\n").map((line) => line.trimEnd()).filter((line) => line !== "").join("\n")
  }\n`;
}

/** Natural widths, with flexible columns shortened to fit the terminal. */
function fit(room: number, columns: readonly Column[], rows: readonly (readonly string[])[]): number[] {
  const widths = columns.map(({ name }, index) =>
    Math.max(1, stringWidth(name), ...sampled(rows).map((row) => stringWidth(row[index] ?? "")))
  );
  let excess = total(widths) - room;
  while (excess > 0) {
    let widest = -1;
    for (const [index, width] of widths.entries()) {
      const mayShrink = columns[index]?.flexible === true && width > FLEXIBLE_MIN;
      if (mayShrink && width > (widths[widest] ?? 0)) widest = index;
    }
    if (widest === -1) return widths;
    widths[widest] = (widths[widest] ?? 1) - 1;
    excess--;
  }
  return widths;
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);
}

/** All rows: `Math.max` takes only so many at once. */
function sampled<T>(rows: readonly T[]): readonly T[] {
  return rows.length > 50_000 ? rows.slice(0, 50_000) : rows;
}

/** Names and values, aligned. */
export function pairs(io: Io, entries: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `  ${tone(io, "faint", name.padEnd(width))}  ${value}\n`).join("");
}
