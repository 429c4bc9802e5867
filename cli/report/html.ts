/**
 * HTML text: whatever comes from a store is escaped, without exception.
 *
 * @module
 */
import { visible } from "../style.ts";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as it may stand in an element or in a quoted attribute; control and direction characters are made visible. */
export function escaped(text: string): string {
  return visible(text).replace(/[&<>"']/g, (char) => ENTITIES[char] ?? "");
}

/** Markup, as opposed to text. */
export class Markup {
  /** The markup. */
  readonly text: string;

  /** Takes markup as it is. */
  constructor(text: string) {
    this.text = text;
  }
}

/** A value in a template: text is escaped, markup is not. */
export type Piece = string | number | Markup | readonly Markup[];

/** Markup from a template, in which every text is escaped. */
export function html(parts: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  let text = parts[0] ?? "";
  for (const [index, piece] of pieces.entries()) text += rendered(piece) + (parts[index + 1] ?? "");
  return new Markup(text);
}

function rendered(piece: Piece): string {
  if (piece instanceof Markup) return piece.text;
  if (typeof piece === "object") return piece.map(({ text }) => text).join("");
  return escaped(String(piece));
}

/** Nothing. */
export const nothing: Markup = new Markup("");
