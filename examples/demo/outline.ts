/**
 * What stands in for a model: a plain routine that says something true about a text, without any network.
 *
 * @module
 */
import { extname } from "@std/path";

const HEADINGS_MAX = 12;
const TODOS_MAX = 5;
const DECLARATION =
  /^\s*(?:export\s+|pub(?:\([a-z]+\))?\s+|public\s+|async\s+|default\s+|abstract\s+)*(?:function\*?|class|interface|enum|struct|trait|def|fn|func|module|type|impl)\s+[A-Za-z_]\w*/;

/** Numbers about a text. */
export interface TextFacts {
  readonly lines: number;
  readonly words: number;
  readonly characters: number;
}

/** Counts. */
export function factsOf(text: string): TextFacts {
  const lines = text === "" ? 0 : text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  return { lines, words: text.match(/\S+/g)?.length ?? 0, characters: text.length };
}

/** The outline of a text. The same text gives the same outline. */
export function outlineOf(path: string, text: string): string {
  const { lines: count, words, characters } = factsOf(text);
  const lines = text.split(/\r?\n/);
  const longest = lines.reduce(
    (best, line, index) => line.length > (lines[best]?.length ?? 0) ? index : best,
    0,
  );
  const parts = [
    `${path}: ${count} lines, ${words} words, ${characters} characters.`,
    `The longest line is ${longest + 1}, with ${lines[longest]?.length ?? 0} characters.`,
    ...listed("Outline", headingsOf(path, lines), HEADINGS_MAX),
    ...listed("Open", todosOf(lines), TODOS_MAX),
  ];
  return parts.join("\n");
}

function listed(title: string, items: readonly string[], max: number): string[] {
  if (items.length === 0) return [];
  const more = items.length > max ? [`  ... and ${items.length - max} more`] : [];
  return [`${title}:`, ...items.slice(0, max).map((item) => `  ${item}`), ...more];
}

/** Headings of a Markdown file outside its code, declarations of any other. */
function headingsOf(path: string, lines: readonly string[]): string[] {
  const isMarkdown = /^\.(md|markdown)$/i.test(extname(path));
  let inCode = false;
  const found: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (isMarkdown && /^\s*(```|~~~)/.test(line)) inCode = !inCode;
    const heading = isMarkdown ? !inCode && /^#{1,6}\s+\S/.test(line) : DECLARATION.test(line);
    if (heading) found.push(`${index + 1}: ${line.trim().replace(/\s*[{(:].*$/, "").slice(0, 100)}`);
  }
  return found;
}

function todosOf(lines: readonly string[]): string[] {
  return lines.flatMap((line, index) =>
    /\b(TODO|FIXME|XXX)\b/.test(line) ? [`${index + 1}: ${line.trim().slice(0, 100)}`] : []
  );
}
