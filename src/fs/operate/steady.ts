/**
 * Reading beside a writer that removes files: whoever finds a file gone goes
 * back to what the log says now.
 *
 * @module
 */
import { isRuntimeError } from "../../core/errors.ts";
import { isNotFound } from "../faults.ts";

/** A writer would have to prune or purge as often as this during one read for the read to fail. */
const ATTEMPTS_MAX = 32;

/** Whether a writer may have removed what was being read: by pruning, by a purge, or by replacing a file. */
export function isOvertaken(error: unknown): boolean {
  return isNotFound(error) || isRuntimeError(error) && error.code === "cursor_expired";
}

/**
 * Runs `read`, and runs it again when a writer removed what it was reading.
 * It has to begin with what lies on disk at that time; `again` is called before
 * each further attempt, and what it throws is final. Throws the last error
 * after several attempts.
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
