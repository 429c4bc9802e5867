/**
 * Branches of critical files that no test can take, each with the reason.
 *
 * @module
 */

/** An excused branch. */
export interface Excuse {
  /** The file, below `src/fs/`. */
  readonly file: string;
  /** A part of the line and the next one, joined by a space; unique in the file. */
  readonly text: string;
  /** Reason why it cannot be reached. */
  readonly reason: string;
}

const TYPES = "the compiler asks for it: what is indexed is always there";

/** All of them. */
export const excused: readonly Excuse[] = [
  { file: "lines/codec.ts", text: "hexDigits[crc & 15] ?? 0", reason: TYPES },
  { file: "lines/codec.ts", text: "(bytes[place] ?? 0) - 0x30", reason: TYPES },
  {
    file: "log/writer.ts",
    text: "#segments.at(-1) ?? 1",
    reason: "a log has a segment from its creation on",
  },
  { file: "log/writer.ts", text: "lines.at(-1)?.start ?? 0", reason: "a batch has an event at least" },
  { file: "log/pages.ts", text: "log.segments[0] ?? 1", reason: "a log has a segment from its creation on" },
  { file: "log/pages.ts", text: "log.segments[index] ?? 1", reason: TYPES },
  {
    file: "lines/search.ts",
    text: "newline === -1 ? bytes.length : newline",
    reason: "the stretch ends where a line ends",
  },
  {
    file: "log/tail_table.ts",
    text: "the last row applies always",
    reason: "the last row of the table applies always",
  },
];
