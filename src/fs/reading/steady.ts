/**
 * Reading beside a writer that removes files: a reader that finds a file missing
 * starts over from the current log.
 *
 * @module
 */
import { isRuntimeError } from "../../core/errors.ts";
import { isNotFound } from "../disk/faults.ts";

/** A read fails only if a writer prunes or purges this many times during it. */
const ATTEMPTS_MAX = 32;

/** Returns true if a writer may have removed the file being read, by pruning, purging or replacing it. */
function isOvertaken(error: unknown): boolean {
  return isNotFound(error) || isRuntimeError(error) && error.code === "cursor_expired";
}

/**
 * Runs `read`, and retries it if a writer removed a file that it was reading.
 * Each attempt must start from the current state of the disk; `again` is called
 * before each retry, and its errors are final. Throws the last error after
 * several attempts.
 */
export async function untilSteady<T>(
  read: () => T | Promise<T>,
  again: () => Promise<void> = () => Promise.resolve(),
): Promise<T> {
  for (let attempt = 1;; attempt++) {
    try {
      return await read();
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !isOvertaken(error)) throw error;
    }
    await again();
  }
}
