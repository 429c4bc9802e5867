/**
 * Matches in the strings of a content.
 *
 * @module
 */
import { isJsonObject, type Json } from "../../core/json.ts";

/** A part of a text around a match. */
export interface SearchExcerpt {
  /** The part: up to 256 UTF-16 units, whole code points at both ends. */
  readonly text: string;
  /** Offset of the match in it, in UTF-16 units. */
  readonly start: number;
  /** End of the match in it; that of the excerpt, if the match is longer. */
  readonly end: number;
}

/** The first match in a string of a content. */
export interface ContentMatch {
  /** Names and indices that lead to the string; empty if the content is the string. */
  readonly path: readonly (string | number)[];
  /** Offset of the match in the string, in UTF-16 units. */
  readonly index: number;
  /** Length of the string in UTF-16 units. */
  readonly length: number;
  /** The match and the text around it. */
  readonly excerpt: SearchExcerpt;
}

/** Units of an excerpt before the match, and in all. */
const [BEFORE_UNITS, EXCERPT_UNITS] = [80, 240];

/** The first match in each string of a content, in their order. */
export function* matchesIn(
  content: Json,
  pattern: RegExp,
  path: readonly (string | number)[] = [],
): Generator<ContentMatch, void, void> {
  if (typeof content === "string") {
    const found = pattern.exec(content);
    if (found === null) return;
    const { index } = found;
    const excerpt = excerptOf(content, index, index + found[0].length);
    yield { path, index, length: content.length, excerpt };
  } else if (Array.isArray(content)) {
    for (const [index, item] of content.entries()) yield* matchesIn(item, pattern, [...path, index]);
  } else if (isJsonObject(content)) {
    for (const [name, member] of Object.entries(content)) {
      yield* matchesIn(member, pattern, [...path, name]);
    }
  }
}

function excerptOf(text: string, index: number, end: number): SearchExcerpt {
  let from = Math.max(0, index - BEFORE_UNITS);
  let to = Math.min(text.length, from + EXCERPT_UNITS);
  if (isInsidePair(text, from)) from--;
  if (isInsidePair(text, to)) to++;
  return { text: text.slice(from, to), start: index - from, end: Math.min(end, to) - from };
}

function isInsidePair(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  const before = text.charCodeAt(at - 1);
  return code >= 0xdc00 && code <= 0xdfff && before >= 0xd800 && before <= 0xdbff;
}
