/**
 * Calls of functions supplied by the host: a clock, an id generator, a
 * listener. They may throw, or return a promise.
 *
 * @module
 */
import { RuntimeError } from "./errors.ts";

/**
 * Calls a function of the host. Throws `invalid_request` if it throws. A
 * promise is returned like any other wrong value, and its rejection is handled.
 */
export function callHost<T>(action: string, name: string, call: () => T): T {
  try {
    const answer = call();
    if (answer instanceof Promise) answer.catch(() => {});
    return answer;
  } catch (cause) {
    const issue = `${name}: it threw ${textOf(cause)}`;
    throw new RuntimeError("invalid_request", `Cannot ${action}: ${issue}`, { issues: [issue] }, { cause });
  }
}

/** The message of a thrown value of any kind. */
export function textOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } catch {
    return "a value without a text";
  }
}
