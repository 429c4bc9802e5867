/**
 * Reads the coverage that `deno coverage --lcov` prints.
 *
 * @module
 */

/** Coverage of one file. */
export interface FileCoverage {
  /** Its path. */
  readonly path: string;
  /** Number of executions of each line. */
  readonly lines: ReadonlyMap<number, number>;
  /** Number of executions of each branch. */
  readonly branches: readonly { readonly line: number; readonly taken: number }[];
}

/** Parses a report. */
export function parseLcov(text: string): FileCoverage[] {
  return text.split("end_of_record\n").filter((record) => record.includes("SF:")).map(parseRecord);
}

function parseRecord(record: string): FileCoverage {
  let path = "";
  const lines = new Map<number, number>();
  const branches: { readonly line: number; readonly taken: number }[] = [];
  for (const entry of record.split("\n")) {
    const [tag, value = ""] = splitOnce(entry, ":");
    const [line = 0, count = 0, , taken = 0] = value.split(",").map((part) =>
      part === "-" ? 0 : Number(part)
    );
    if (tag === "SF") path = value;
    if (tag === "DA") lines.set(line, count);
    if (tag === "BRDA") branches.push({ line, taken });
  }
  return { path, lines, branches };
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
