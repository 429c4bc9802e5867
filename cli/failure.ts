/**
 * Errors for people: what went wrong, and what to do next.
 *
 * @module
 */
import { type AnyRuntimeError, isRuntimeError } from "../mod.ts";
import type { Io } from "./io.ts";
import { tone, visible } from "./style.ts";

/** Exit codes. */
export const exitCodes = {
  /** All is well. */
  ok: 0,
  /** The command could not do what it was asked. */
  failed: 1,
  /** Something is to be mended, and can be without loss. */
  healable: 2,
  /** Acknowledged data is damaged, or opening is refused. */
  damaged: 3,
} as const;

/** Tells an error, and gives the exit code for it. */
export function tellFailure(io: Io, error: unknown, json: boolean): number {
  const code = isRuntimeError(error) && error.code === "store_corrupt" ? exitCodes.damaged : exitCodes.failed;
  if (json) {
    const details = isRuntimeError(error) ? { code: error.code, details: error.details } : {};
    io.out(`${JSON.stringify({ error: { message: messageOf(error), ...details } }, null, 2)}\n`);
    return code;
  }
  io.err(`${tone(io, "bad", "error:")} ${visible(messageOf(error))}\n`);
  const hint = isRuntimeError(error) ? hintOf(error) : undefined;
  if (hint !== undefined) io.err(`  ${tone(io, "faint", `try: ${hint}`)}\n`);
  return code;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function hintOf(error: AnyRuntimeError): string | undefined {
  switch (error.code) {
    case "store_missing":
      return 'give the root directory of the host (it holds "runtimes"), or the directory of one runtime';
    case "store_permission":
      return error.details.flag === "" ? undefined : `deno run ${error.details.flag}=DIR ...`;
    case "store_locked":
      return "stop the program that has it open, or use a reading command: they need no lock";
    case "store_corrupt":
      return 'the command "verify" shows all damage, "repair" what can be done about it';
    case "store_version":
      return "a newer version of this package";
    case "no_space":
      return 'free space on the disk; "prune" shows what the store itself can give up';
    case "worker_not_found":
      return 'the command "inspect" lists the workers';
    case "cursor_expired":
      return `--after ${error.details.firstEventId - 1}`;
    default:
      return undefined;
  }
}
