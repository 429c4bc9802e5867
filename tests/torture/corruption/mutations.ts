/**
 * Mutations of a file: three bits of each byte flipped, truncation at each byte,
 * lines removed, duplicated, swapped or taken from another file, sectors of zeros,
 * and the whole file missing, empty, old, or replaced by something else.
 *
 * @module
 */

/** A mutation in words; part of a case's name, to replay it. */
export type Mutation = string;

const NEWLINE = 0x0a;
const SECTOR = 512;
/** Bytes of a file beyond which not every byte is changed. */
const WHOLE_BYTES_MAX = 65_536;
/** Distance of the bytes that are changed in a larger file. */
const STRIDE = 131;

/** All mutations of a file with these bytes. */
export function* mutationsOf(bytes: Uint8Array): Generator<Mutation> {
  yield* ["absent", "empty", "directory", "link", "older", "denied", "neighbour"];
  yield* ["grown zeros 1", "grown zeros 700", "grown line"];
  const step = stepOf(bytes);
  for (let at = 0; at < bytes.length; at += SECTOR * step) yield `zeros ${at}`;
  yield* lineMutations(linesOf(bytes).length);
  for (let at = 0; at < bytes.length; at += step) {
    yield `cut ${at}`;
    // One low, one high and one of the others in turn.
    for (const bit of [0, 1 + at % 6, 7]) yield `flip ${at} ${bit}`;
  }
}

/** Number of bytes that are changed one at a time. */
export function changedBytes(bytes: Uint8Array): number {
  return Math.ceil(bytes.length / stepOf(bytes));
}

function stepOf({ length }: Uint8Array): number {
  return length > WHOLE_BYTES_MAX ? STRIDE : 1;
}

function* lineMutations(count: number): Generator<Mutation> {
  for (let line = 0; line < count; line++) {
    yield* [`delete ${line}`, `double ${line}`, `garbage ${line}`];
    for (const other of new Set([line + 1, line + 2, line + 3, line + 6, count - 1, 0])) {
      if (other === line || other >= count) continue;
      if (other > line) yield `swap ${line} ${other}`;
      yield* [`replace ${line} ${other}`, `insert ${line} ${other}`];
    }
  }
}

/** The lines of a file, each with its newline. */
export function linesOf(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline === -1 ? bytes.length : newline + 1;
    lines.push(bytes.subarray(start, end));
    start = end;
  }
  return lines;
}

/** The bytes after a mutation that leaves the file a file; `undefined` for the others. */
export function mutated(bytes: Uint8Array, mutation: Mutation): Uint8Array | undefined {
  const [kind = "", ...rest] = mutation.split(" ");
  const [first = 0, second = 0] = rest.map(Number);
  switch (kind) {
    case "empty":
      return new Uint8Array();
    case "cut":
      return bytes.slice(0, first);
    case "flip": {
      const copy = bytes.slice();
      copy[first] = (copy[first] ?? 0) ^ (1 << second);
      return copy;
    }
    case "zeros":
      return bytes.slice().fill(0, first, first + SECTOR);
    case "grown":
      return grown(bytes, rest);
    default:
      return withOtherLines(linesOf(bytes), kind, first, second);
  }
}

function grown(bytes: Uint8Array, [what, count]: string[]): Uint8Array {
  return joined([bytes, what === "zeros" ? new Uint8Array(Number(count)) : linesOf(bytes).at(-1) ?? bytes]);
}

const garbage = new TextEncoder().encode('{"id":1,"durable":0,"crc":"00000000"}\n');

function withOtherLines(
  lines: Uint8Array[],
  kind: string,
  first: number,
  second: number,
): Uint8Array | undefined {
  const [one, other] = [lines[first] ?? garbage, lines[second] ?? garbage];
  switch (kind) {
    case "delete":
      return joined(lines.toSpliced(first, 1));
    case "double":
      return joined(lines.toSpliced(first, 0, one));
    case "garbage":
      return joined(lines.toSpliced(first, 0, garbage));
    case "insert":
      return joined(lines.toSpliced(first, 0, other));
    case "replace":
      return joined(lines.with(first, other));
    case "swap":
      return joined(lines.with(first, other).with(second, one));
    default:
      return undefined;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
