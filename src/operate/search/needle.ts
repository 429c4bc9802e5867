/**
 * The text or pattern of a search, and the ways in which JSON may write a text.
 *
 * @module
 */
import { invalidRequest } from "../../core/errors.ts";
import { plainLines } from "../../core/json.ts";

/** A text or pattern to find in strings. */
export interface Needle {
  /** Finds the first match in a string. */
  readonly pattern: RegExp;
  /**
   * For each code point, the texts that JSON writes for it: every match is a sequence of these.
   * Absent for a pattern of the caller.
   */
  readonly written?: readonly (readonly string[])[];
}

/** Code points by which candidates are chosen; the rest of a longer text is compared afterwards. */
const WRITTEN_MAX = 64;
/** Code points above have no case. */
const CASED_END = 0x2_0000;

/** Creates a needle. Throws `invalid_request`. */
export function needleOf(searched: string | RegExp, ignoreCase: boolean): Needle {
  if (searched instanceof RegExp) {
    // With these flags a match would depend on the one before.
    return { pattern: new RegExp(searched.source, searched.flags.replace(/[gy]/g, "")) };
  }
  if (typeof searched !== "string" || searched === "") {
    throw invalidRequest("search", "a text that is not empty, or a RegExp is needed");
  }
  // With `u`, half of a surrogate pair does not match.
  const pattern = new RegExp(RegExp.escape(searched), ignoreCase ? "iu" : "u");
  const written = [...searched.slice(0, 2 * WRITTEN_MAX)].slice(0, WRITTEN_MAX)
    .map((char) => (ignoreCase ? casesOf(char) : [char]).map(textInJson));
  return { pattern, written };
}

/** The text between the quotes of a JSON string, as events have it. */
function textInJson(text: string): string {
  return plainLines(JSON.stringify(text)).slice(1, -1);
}

let casedText: string | undefined;

/** Every code point that equals this one if case is ignored. */
function casesOf(char: string): string[] {
  casedText ??= makeCasedText();
  const equal = new RegExp(RegExp.escape(char), "giu");
  return [...new Set([char, ...casedText.match(equal) ?? []])];
}

/** All code points whose case can be changed. */
function makeCasedText(): string {
  const cased = /[\p{Changes_When_Casefolded}\p{Changes_When_Casemapped}]/u;
  let text = "";
  for (let code = 0; code < CASED_END; code++) {
    const char = String.fromCodePoint(code);
    if (cased.test(char)) text += char;
  }
  return text;
}
