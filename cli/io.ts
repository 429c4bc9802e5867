/**
 * Where the command writes to, and what it knows of the terminal. Asks for no
 * permission: Deno itself says whether NO_COLOR is set.
 *
 * @module
 */

/** Input and output of the command; a test may bring its own. */
export interface Io {
  /** Writes text to the standard output. */
  out(text: string): void;
  /** Writes bytes to the standard output. */
  outBytes(bytes: Uint8Array): void;
  /** Writes text to the standard error. */
  err(text: string): void;
  /** Columns that a line may have; Infinity when nobody looks at a terminal. */
  readonly columns: number;
  /** Whether the standard output takes colours. */
  readonly color: boolean;
  /** Whether the standard error is a terminal, so that a progress bar makes sense. */
  readonly progress: boolean;
  /** The time, in milliseconds since 1970. */
  now(): number;
  /** Aborts when the command is to end: Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Thrown when nobody reads the output any more; the command ends quietly. */
export class OutputClosed extends Error {}

const encoder = new TextEncoder();

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosed();
    throw error;
  }
}

/** The real one. Without a signal nothing ends the command before its time. */
export function processIo(signal: AbortSignal = new AbortController().signal): Io {
  const isTerminal = Deno.stdout.isTerminal();
  return {
    out: (text) => writeAll(Deno.stdout, encoder.encode(text)),
    outBytes: (bytes) => writeAll(Deno.stdout, bytes),
    err: (text) => writeAll(Deno.stderr, encoder.encode(text)),
    columns: isTerminal ? columnsOf() : Infinity,
    color: isTerminal && !Deno.noColor,
    progress: Deno.stderr.isTerminal(),
    now: () => Date.now(),
    signal,
  };
}

function columnsOf(): number {
  try {
    return Math.max(40, Deno.consoleSize().columns);
  } catch {
    return 80;
  }
}

/** Prints the result of a command: as JSON if that was requested, as text otherwise. */
export function print(io: Io, json: boolean | undefined, value: unknown, text: string): void {
  io.out(json ? `${JSON.stringify(value, null, 2)}\n` : text);
}
