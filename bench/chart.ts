/**
 * Draws the inputs per second of a run as bars:
 *
 *     deno run --allow-read --allow-write bench/chart.ts RESULTS.json CHART.svg
 *
 * @module
 */
// deno-lint-ignore-file no-console
import type { Contestant } from "./report/book.ts";
import type { MeasureResult, Results } from "./report/results.ts";

const WIDTH = 760;
const LABEL_WIDTH = 150;
const VALUE_WIDTH = 90;
const BAR = 18;
const STEP = 24;
const PANEL_GAP = 44;

const PANELS = ["inputs.1", "inputs.64", "inputs.1024"];
const SHOWN: readonly Contestant[] = ["fs", "level", "sqlite-batched", "lmdb", "kv", "sqlite", "raw"];

/** Readable on light and dark: no background, and colours for both. */
const STYLE = `
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; }
.fs { fill: #0969da; }
.peer { fill: #8c959f; }
.raw { fill: none; stroke: #8c959f; stroke-dasharray: 4 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .fs { fill: #4493f8; }
  .peer { fill: #767e88; }
  .raw { stroke: #767e88; }
}`;

/** The chart of a run. */
export function chart(results: Results): string {
  const panels = PANELS.flatMap((id) => results.measures.filter((measure) => measure.id === id));
  let top = 0;
  const drawn = panels.map((measure) => {
    const bars = SHOWN.filter((who) => measure.figures[who] !== undefined);
    const text = panel(results, measure, bars, top);
    top += bars.length * STEP + PANEL_GAP;
    return text;
  });
  const height = top - PANEL_GAP + STEP + 8;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img"` +
    ` aria-label="Durable inputs per second, by store and number of callers">` +
    `<style>${STYLE}\n</style>\n${drawn.join("\n")}\n</svg>\n`;
}

function panel(results: Results, measure: MeasureResult, bars: readonly Contestant[], top: number): string {
  const largest = Math.max(...bars.map((who) => measure.figures[who]?.median ?? 0));
  const title = `<text class="title" x="0" y="${
    top + 16
  }">Durable inputs per second, ${measure.column}</text>`;
  const rows = bars.map((who, index) => {
    const value = measure.figures[who]?.median ?? 0;
    return bar(titleOf(results, who), who, value, largest, top + STEP + index * STEP);
  });
  return [title, ...rows].join("\n");
}

function bar(title: string, who: Contestant, value: number, largest: number, y: number): string {
  const width = Math.max(1, (value / largest) * (WIDTH - LABEL_WIDTH - VALUE_WIDTH));
  const kind = who === "fs" || who === "raw" ? who : "peer";
  const baseline = y + BAR - 4;
  return `<text x="${LABEL_WIDTH - 8}" y="${baseline}" text-anchor="end">${title}</text>` +
    `<rect class="${kind}" x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2"/>` +
    `<text x="${(LABEL_WIDTH + width + 8).toFixed(1)}" y="${baseline}">${
      Math.round(value).toLocaleString("en")
    }</text>`;
}

function titleOf(results: Results, who: Contestant): string {
  if (who === "fs") return "worker-runtime";
  return who === "raw" ? "write + fdatasync" : results.contenders[who]?.title ?? who;
}

if (import.meta.main) {
  const [from, to] = Deno.args;
  if (from === undefined || to === undefined) {
    console.error("Usage: deno run --allow-read --allow-write bench/chart.ts RESULTS.json CHART.svg");
    Deno.exit(2);
  }
  Deno.writeTextFileSync(to, chart(JSON.parse(Deno.readTextFileSync(from))));
}
