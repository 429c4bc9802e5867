/**
 * Charts as inline SVG and markup, each with its numbers as a table for those
 * who do not see it.
 *
 * @module
 */
import { html, Markup, nothing, type Piece } from "./html.ts";

/** A point of a chart. */
export interface Point {
  /** Its place on the axis. */
  readonly label: string;
  /** Its height. */
  readonly value: number;
}

/** A chart over days. */
export interface DayChart {
  /** Title, in a sentence. */
  readonly title: string;
  /** Heading of the values. */
  readonly unit: string;
  /** The days, in order. */
  readonly points: readonly Point[];
  /** Formats a value. */
  readonly show: (value: number) => string;
  /** As bars, or as a line. */
  readonly as: "bars" | "line";
}

const WIDTH = 720;
const HEIGHT = 240;
const LEFT = 84;
const BOTTOM = 32;
const TOP = 10;

/** A chart over days, with at most six labels at even distances. */
export function dayChart({ title, points, unit, show, as }: DayChart): Markup {
  const top = niceTop(Math.max(0, ...points.map(({ value }) => value)));
  const y = (value: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const step = (WIDTH - LEFT) / Math.max(1, points.length);
  const x = (index: number): number => LEFT + step * (index + 0.5);
  const marks = [0, top / 2, top].map((value) =>
    html`
      <line class="grid" x1="${LEFT}" x2="${WIDTH}" y1="${round(y(value))}" y2="${round(y(value))}" />
      <text x="${LEFT - 6}" y="${round(y(value) + 4)}" text-anchor="end">${show(value)}</text>
    `
  );
  const width = Math.max(1, Math.min(48, step * 0.7));
  const shapes = points.map(({ label, value }, index) => {
    const tip = html`<title>${label}: ${show(value)}</title>`;
    return as === "bars"
      ? html`<rect class="bar" x="${round(x(index) - width / 2)}" width="${round(width)}" y="${
        round(y(value))
      }" height="${round(Math.max(0, y(0) - y(value)))}">${tip}</rect>`
      : html`<circle class="dot" r="3" cx="${round(x(index))}" cy="${round(y(value))}">${tip}</circle>`;
  });
  const path = points.map(({ value }, index) => `${round(x(index))},${round(y(value))}`).join(" ");
  const line = as === "bars" ? [] : [html`<polyline class="line" points="${path}" />`];
  const every = Math.max(1, Math.ceil(points.length / 6));
  const labels = points.map(({ label }, index) => {
    if (index % every > 0) return nothing;
    const anchor = index > 0 && index === points.length - 1 ? "end" : "middle";
    return html`<text x="${round(x(index))}" y="${HEIGHT - 6}" text-anchor="${anchor}">${
      label.slice(5)
    }</text>`;
  });
  const drawn = [...marks, ...line, ...(as === "line" && points.length > 60 ? [] : shapes), ...labels];
  const heads = [{ name: "Day" }, { name: unit, isNumber: true }];
  const table = numbers(title, heads, points.map(({ label, value }) => [label, show(value)]));
  return html`
    <div
      class="card"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">${drawn}</svg>${table}</div>
  `;
}

/** A round number at or above `value`. */
function niceTop(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 4, 5, 10].find((factor) => factor * power >= value) ?? 10;
  return factor * power;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Horizontal bars with a name and a value each. */
export function nameBars(
  title: string,
  rows: readonly { name: string; value: number; text: string }[],
): Markup {
  const most = Math.max(1, ...rows.map(({ value }) => value));
  const items = rows.map(({ name, value, text }) =>
    html`
      <span class="name">${name}</span><span
        class="track"><span class="fill" style="width:${round(value / most * 100)}%"></span></span><span
        class="num">${text}</span>
    `
  );
  return html`<div class="card bars" role="group" aria-label="${title}">${items}</div>`;
}

/** The numbers of a chart, as a table that can be opened. */
export function numbers(
  caption: string,
  heads: readonly Head[],
  rows: readonly (readonly Piece[])[],
): Markup {
  return html`<details class="chartdata"><summary>The numbers</summary>${
    dataTable(caption, heads, rows)
  }</details>`;
}

/** Heading of a column. */
export interface Head {
  /** Its text. */
  readonly name: string;
  /** The column holds numbers. */
  readonly isNumber?: boolean;
  /** The column holds times. */
  readonly isTime?: boolean;
}

/** A table. The first cell of a row is its heading. */
export function dataTable(
  caption: string,
  heads: readonly Head[],
  rows: readonly (readonly Piece[])[],
): Markup {
  const classOf = (index: number): string =>
    heads[index]?.isNumber === true ? "num" : heads[index]?.isTime === true ? "nowrap" : "";
  const head = heads.map(({ name }, index) => html`<th scope="col" class="${classOf(index)}">${name}</th>`);
  const body = rows.map((row) => {
    const cells = row.map((cell, index) =>
      index === 0 ? html`<th scope="row">${cell}</th>` : html`<td class="${classOf(index)}">${cell}</td>`
    );
    return html`<tr>${cells}</tr>`;
  });
  const text = html`
    <div class="wide" tabindex="0" role="region" aria-label="${caption}">
      <table>
        <caption>${caption}</caption>
        <thead>
          <tr>${head}</tr>
        </thead>
        <tbody>${body}</tbody>
      </table>
    </div>
  `;
  return new Markup(`${text.text}\n`);
}
