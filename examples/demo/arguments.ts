/**
 * The demo's arguments.
 *
 * @module
 */
import { dirname, fromFileUrl, join, resolve } from "@std/path";

/** What is asked for. */
export interface DemoArguments {
  /** Whose files are worked on. */
  readonly directory: string;
  /** Where the store is to be, if that was said. */
  readonly out: string | undefined;
}

/** Said to who asks wrongly. */
export class UsageError extends Error {}

/** How the demo is called. */
export const USAGE = `Usage: deno task demo [DIRECTORY] [--out DIRECTORY]

One worker for each Markdown or source file below DIRECTORY (this repository unless you name one).
The files of the store go to a new directory for temporary files, or to the one that --out names.`;

/** Reads the arguments. Throws `UsageError`. */
export function readArguments(args: readonly string[]): DemoArguments {
  const rest: string[] = [];
  let out: string | undefined;
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? "";
    if (argument === "--out") out = valueOf(args[++index]);
    else if (argument.startsWith("--out=")) out = valueOf(argument.slice(6));
    else if (argument.startsWith("-")) throw new UsageError(`Cannot understand ${argument}`);
    else rest.push(argument);
  }
  if (rest.length > 1) throw new UsageError(`Cannot take more than one directory: ${rest.join(", ")}`);
  const repository = dirname(dirname(dirname(fromFileUrl(import.meta.url))));
  return { directory: existing(rest[0] ?? repository), out };
}

function valueOf(value: string | undefined): string {
  if (value === undefined || value === "") {
    throw new UsageError("Cannot use --out: name a directory behind it");
  }
  return value;
}

function existing(path: string): string {
  try {
    const real = Deno.realPathSync(path);
    if (Deno.statSync(real).isDirectory) return real;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UsageError(`Cannot read ${resolve(path)}: there is no such directory`);
  }
  throw new UsageError(`Cannot read ${resolve(path)}: it is not a directory`);
}

/** Makes the directory for the store. Throws `UsageError`. */
export function makeRoot(out: string | undefined): string {
  if (out === undefined) return Deno.realPathSync(Deno.makeTempDirSync({ prefix: "worker-runtime-demo-" }));
  try {
    Deno.mkdirSync(out, { recursive: true });
  } catch (error) {
    throw new UsageError(
      `Cannot make ${join(Deno.cwd(), out)}: ${error instanceof Error ? error.message : error}`,
    );
  }
  return Deno.realPathSync(out);
}
