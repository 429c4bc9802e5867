/**
 * Strict assertions without dependencies, so that the suite runs wherever the core
 * does.
 *
 * @module
 */

/** Error of a failed assertion. */
class SuiteFailure extends Error {
  override readonly name = "SuiteFailure";
}

/** Fails. */
export function fail(message: string): never {
  throw new SuiteFailure(message);
}

/** Fails unless `value` is truthy. */
export function ok(value: unknown, message = "it does not hold"): asserts value {
  if (!value) fail(message);
}

/** Fails unless both are the same value. */
export function equal(actual: unknown, expected: unknown, message?: string): void {
  if (!Object.is(actual, expected)) fail(differing(actual, expected, message));
}

/** Fails unless both are structurally equal: prototypes, members (including undefined ones), items, entries. */
export function deepEqual(actual: unknown, expected: unknown, message?: string): void {
  if (!isSame(actual, expected)) fail(differing(actual, expected, message));
}

/** Fails unless the promise rejects with an error that `fits`. */
export async function rejects(promise: Promise<unknown>, fits: (error: unknown) => boolean): Promise<void> {
  const error: unknown = await promise.then(() => fail("it was not rejected"), (error) => error);
  ok(fits(error), `another error was expected, not ${error}`);
}

function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof Map && b instanceof Map) return isSame([...a], [...b]);
  if (a instanceof Set && b instanceof Set) return isSame([...a], [...b]);
  const [keys, others] = [Reflect.ownKeys(a), Reflect.ownKeys(b)];
  return keys.length === others.length &&
    keys.every((key) => Object.hasOwn(b, key) && isSame(Reflect.get(a, key), Reflect.get(b, key)));
}

function differing(actual: unknown, expected: unknown, message: string | undefined): string {
  const difference = `${shown(actual)} is not ${shown(expected)} as expected`;
  return message === undefined ? difference : `${message}: ${difference}`;
}

/** Formats a value for a message, truncated if it is long. */
function shown(value: unknown): string {
  const isJson = typeof value === "object" || typeof value === "string";
  const text = (isJson ? JSON.stringify(value) : undefined) ?? String(value);
  return text.length > 2_000 ? `${text.slice(0, 2_000)}... (${text.length} characters)` : text;
}
