/**
 * Sample ids and texts that often cause problems.
 *
 * @module
 */
import type { EntryInput } from "../src/core/entries.ts";
import { byteLength } from "../src/core/text.ts";

/** Ids that could be misinterpreted by a file system, a query language or an object. */
export const oddIds: readonly string[] = [
  "a",
  "A",
  "a/b",
  "a\\b",
  ".",
  "..",
  "../a",
  "a.",
  " a",
  "~",
  "~61",
  "%61",
  "con",
  "CON",
  "nul",
  "aux.txt",
  "com1",
  "a:b",
  "*?<>|\"'`;--",
  "-rf",
  "$HOME",
  "worker.json",
  "__proto__",
  "constructor",
  "日本語の作業者",
  "\u00E9",
  "ß",
  "ſ",
  "🦊",
  "👩‍👩‍👧‍👦",
  "\u202Eabc",
  "a\u2028b",
  "x".repeat(80),
  "X".repeat(80),
  "字".repeat(26),
];

/** Contents to be stored unchanged. */
export const oddContents: Readonly<Record<string, string>> = {
  "an empty text": "",
  "spaces alone": "  \t ",
  "line breaks of all kinds": "a\nb\rc\r\nd\u2028e\u2029f\u0085g\vh\f",
  "a lone carriage return": "\r",
  "a trailing line break": "a\n",
  "NUL and other controls": "\0\u0001\u001F\u007F\u0080",
  "a byte order mark": "\uFEFFa\uFEFF",
  "quotes and backslashes": '"\\"\\\\u0041\\',
  "JSON of an event": '{"id":1,"entries":[],"crc":"00000000"}\n',
  "the member before entries": 'x,"entries":[{"role":"user","content":"y"}],"crc":"deadbeef"}',
  "composed and decomposed letters": "é e\u0301 Å \u212B",
  "characters beyond the first plane": "𝄞🦊👩‍👩‍👧‍👦\u{10FFFF}",
  "noncharacters": "\uFFFE\uFFFF\u{1FFFE}",
  "1 MiB of one byte each": "x".repeat(1_048_576),
  "1 MiB of four bytes each": "🦊".repeat(262_144),
  "1 MiB of control characters": "\u0001".repeat(1_048_576),
};

/** Texts to be kept unit by unit, also where a pair of surrogates is divided. */
export const oddTexts: Readonly<Record<string, string>> = {
  ...oddContents,
  "halves of surrogate pairs": "a\uD83Eb\uDD8A\uD83E\uDD8A\uDD8A\uD83E",
};

/** Returns entries of 63,000 bytes each, 16 of which fill 1 MB of an event: metadata is never kept as a blob. */
export function bulk(content: string, character = "x", count = 16): EntryInput[] {
  const metadata = { m: character.repeat(63_000 / byteLength(character)) };
  return Array.from({ length: count }, () => ({ role: "tool", content, metadata }));
}

/** JSON values that some systems do not preserve. */
export const oddJson: Readonly<Record<string, string>> = {
  "an empty object": "{}",
  "the member __proto__": '{"__proto__":{"polluted":true},"constructor":{"prototype":1}}',
  "members like indexes": '{"2":1,"1":2,"a":3}',
  "numbers at the edges":
    '{"a":1.7976931348623157e308,"b":5e-324,"c":9007199254740993,"d":-1e-7,"e":0.30000000000000004}',
  "an empty name": '{"":{"":[[],{},"",0,false,null]}}',
  "line separators": '{"\\u2028":"\\u2029","\\r":"\\n"}',
};
