/**
 * Output of the command, and properties of the terminal. Requires no permission:
 * Deno exposes NO_COLOR.
 *
 * @module
 */

/** Output of the command; replaceable for tests. */
export interface Io {
  /** Writes text to the standard output. */
  out(text: string): void;
  /** Writes bytes to the standard output. */
  outBytes(bytes: Uint8Array): void;
  /** Writes text to the standard error. */
  err(text: string): void;
  /** Columns of the terminal; Infinity without one. */
  readonly columns: number;
  /** True if the standard output shows colours. */
  readonly color: boolean;
  /** True if the standard error is a terminal that can show a progress bar. */
  readonly progress: boolean;
  /** The time, in milliseconds since 1970. */
  now(): number;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Thrown when the output is closed; the command ends quietly. */
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

/** Output of this process. Without a signal nothing aborts the command. */
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
