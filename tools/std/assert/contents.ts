import { equal } from "./equal.ts";
import { assertEquals } from "./equals.ts";
import { AssertionError, format, suffix } from "./failure.ts";

/** Asserts that the text matches the pattern. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) return;
  throw new AssertionError(`Expected actual: "${actual}" to match: "${expected}"${suffix(msg)}`);
}

/** Asserts that the text contains the other one. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(`Expected actual: "${actual}" to contain: "${expected}"${suffix(msg)}`);
}

/** An array or something like it, but not a string. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

/** Asserts that the array has every expected item, in any order. */
export function assertArrayIncludes<T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
): void {
  const items = Array.from(actual);
  const missing = Array.from(expected).filter((wanted) => !items.some((item) => equal(wanted, item)));
  if (missing.length === 0) return;
  throw new AssertionError(
    `Expected actual: "${format(actual)}" to include: "${format(expected)}"${suffix(msg)}\n` +
      `missing: ${format(missing)}`,
  );
}

type Loose = Record<PropertyKey, unknown>;

/** Asserts that the object has the expected properties, at every level; it may have more. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  // The expected side goes through the same filter, which turns instances of classes into plain objects.
  assertEquals(pick(actual, expected, new Map()), pick(expected, expected, new Map()), msg);
}

/** Of `actual`, what `expected` speaks of. `seen` ends cycles. */
function pick(actual: unknown, expected: unknown, seen: Map<unknown, unknown>): unknown {
  if (!isObject(actual) || !isObject(expected)) return actual;
  if (seen.get(actual) === expected) return actual;
  seen.set(actual, expected);
  if (actual instanceof Map && expected instanceof Map) {
    const common = [...actual].filter(([key]) => expected.has(key));
    return new Map(common.map(([key, value]) => [key, pick(value, expected.get(key), seen)]));
  }
  if (actual instanceof Set && expected instanceof Set) return actual.intersection(expected);
  if (Array.isArray(actual) && Array.isArray(expected)) {
    return actual.slice(0, expected.length).map((item, index) => pick(item, expected[index], seen));
  }
  const keys = Reflect.ownKeys(actual).filter((key) => Object.hasOwn(expected, key));
  // With nothing in common, show the whole object in the message.
  if (keys.length === 0 && Reflect.ownKeys(expected).length > 0) return { ...actual };
  return Object.fromEntries(keys.map((key) => [key, pick(actual[key], expected[key], seen)]));
}

/** Dates and patterns are compared as a whole. */
function isObject(value: unknown): value is Loose {
  if (typeof value !== "object" || value === null) return false;
  return !(value instanceof Date || value instanceof RegExp);
}
