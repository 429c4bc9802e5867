/**
 * Error messages, with a hint at the next step.
 *
 * @module
 */
import { type AnyRuntimeError, isRuntimeError } from "../mod.ts";
import type { Io } from "./io.ts";
import { tone, visible } from "./style.ts";

/** Exit codes. */
export const exitCodes = {
  /** The command succeeded. */
  ok: 0,
  /** The command failed. */
  failed: 1,
  /** The store can be repaired without loss. */
  healable: 2,
  /** Acknowledged data is damaged, or the store cannot be opened. */
  damaged: 3,
} as const;

const DAMAGE: ReadonlySet<AnyRuntimeError["code"]> = new Set([
  "store_corrupt",
  "blob_missing",
  "blob_corrupt",
]);

/** Reports an error and returns the exit code for it. */
export function reportFailure(io: Io, error: unknown, json: boolean): number {
  const isDamage = isRuntimeError(error) && DAMAGE.has(error.code);
  const code = isDamage ? exitCodes.damaged : exitCodes.failed;
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

const HINTS: { readonly [Code in AnyRuntimeError["code"]]?: string } = {
  "store_missing":
    'give the root directory of the host (it holds "runtimes"), the directory of one runtime, or a postgres:// address',
  "store_locked": "stop the program that has it open, or use a reading command: they need no lock",
  "store_corrupt": 'the command "verify" lists all damage, "repair" the steps of a repair',
  "blob_missing": 'the command "verify" lists all damage; a backup or an export may hold the blob',
  "blob_corrupt": 'the command "verify" lists all damage; a backup or an export may hold the blob',
  "store_version": "a newer version of this package",
  "no_space": 'free space on the disk; "prune" lists events of the store that can be deleted',
  "worker_not_found": 'the command "inspect" lists the workers',
};

function hintOf(error: AnyRuntimeError): string | undefined {
  if (error.code === "cursor_expired") return `--after ${error.details.firstEventId - 1}`;
  if (error.code !== "store_permission") return HINTS[error.code];
  const { flag } = error.details;
  if (flag === "") return undefined;
  return `deno run ${flag.startsWith("--allow-net") ? flag : `${flag}=DIR`} ...`;
}
