/**
 * Colours, only on a terminal and never with NO_COLOR; escaping of control
 * characters in the texts of workers.
 *
 * @module
 */
import { styleText } from "node:util";
import type { Io } from "./io.ts";

/** Meaning of a text, which determines its colour. */
export type Tone = "strong" | "faint" | "good" | "warn" | "bad" | "name" | "match";

const FORMATS: Readonly<Record<Tone, Parameters<typeof styleText>[0]>> = {
  strong: "bold",
  faint: "dim",
  good: "green",
  warn: "yellow",
  bad: "red",
  name: "cyan",
  match: ["bold", "red"],
};

/** The text in its colour, if colours are on. */
export function tone(io: Pick<Io, "color">, kind: Tone, text: string): string {
  return io.color && text !== "" ? styleText(FORMATS[kind], text, { validateStream: false }) : text;
}

// Lone surrogates have no bytes in UTF-8.
const CONTROLS =
  // deno-lint-ignore no-control-regex -- control characters are what this is about
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\p{Surrogate}]/gu;

/** The text with control characters and lone surrogates made visible, except tabs and line breaks. */
export function visible(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(CONTROLS, (char) => {
    const code = char.charCodeAt(0);
    return code < 0x20
      ? String.fromCharCode(0x2400 + code)
      : `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
  });
}

/** {@linkcode visible} on one line. */
export function oneLine(text: string): string {
  return visible(text).replace(/\s+/g, " ").trim();
}

/** The first characters of a text, without half of a surrogate pair at the end. */
export function beginningOf(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const isSplit = /[\uD800-\uDBFF]/.test(text[charsMax - 1] ?? "") &&
    /[\uDC00-\uDFFF]/.test(text[charsMax] ?? "");
  return text.slice(0, isSplit ? charsMax - 1 : charsMax);
}
