/**
 * Stand-in for `@std/assert`: the functions that this project uses, over `node:assert`.
 *
 * @module
 */

import node from "node:assert";

/** The values that {@linkcode assertFalse} accepts. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

// deno-lint-ignore no-explicit-any
type Class<T> = abstract new (...args: any[]) => T;

/** Fails unconditionally. */
export function fail(msg?: string): never {
  node.fail(msg === undefined ? "Failed assertion." : `Failed assertion: ${msg}`);
}

/** Asserts that the value is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  node.ok(expr, msg);
}

/** Asserts that the value is falsy. */
export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  node.ok(!expr, msg);
}

/** Asserts that the values are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  node.deepStrictEqual(actual, expected, msg);
}

/** Asserts that the values are not deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  node.notDeepStrictEqual(actual, expected, msg);
}

/** Asserts that the values are identical by `Object.is`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  node.strictEqual(actual, expected, msg);
}

/** Asserts that the text matches the pattern. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  node.match(actual, expected, msg);
}

/** Asserts that the text contains the other one. */
export function assertStringIncludes(actual: string, expected: string, msg = ""): void {
  node.ok(actual.includes(expected), `Expected "${actual}" to include "${expected}". ${msg}`.trim());
}

/** Asserts that the value is an instance of the class. */
export function assertInstanceOf<T>(actual: unknown, Class: Class<T>, msg = ""): asserts actual is T {
  const name = Object(actual).constructor?.name;
  node.ok(actual instanceof Class, `Expected an instance of "${Class.name}", got "${name}". ${msg}`.trim());
}

type Expected = [classOrMsg?: Class<Error> | string, msgIncludes?: string, msg?: string];

/** Asserts that the function throws, and returns the reason. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Asserts that the function throws an error of the class, and returns it. */
export function assertThrows<E extends Error>(
  fn: () => unknown,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(fn: () => unknown, ...expected: Expected): unknown {
  try {
    fn();
  } catch (error) {
    return checkError(error, expected);
  }
  fail(`Expected function to throw. ${messageOf(expected)}`.trim());
}

/** Asserts that the function returns a promise that rejects, and resolves to the reason. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Asserts that the function returns a promise that rejects with an error of the class, and resolves to it. */
export function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(fn: () => PromiseLike<unknown>, ...expected: Expected): Promise<unknown> {
  let promise: PromiseLike<unknown> | undefined;
  try {
    promise = fn();
  } catch {
    // A function that throws synchronously fails the assertion, like one that returns no promise.
  }
  const isPromise = typeof promise === "object" && typeof promise?.then === "function";
  node.ok(isPromise, `Function throws when expected to reject. ${messageOf(expected)}`.trim());
  try {
    await promise;
  } catch (error) {
    return checkError(error, expected);
  }
  fail(`Expected function to reject. ${messageOf(expected)}`.trim());
}

function checkError(error: unknown, [ErrorClass, msgIncludes = "", msg]: Expected): unknown {
  if (typeof ErrorClass !== "function") return error;
  assertInstanceOf(error, ErrorClass, msg);
  assertStringIncludes(error.message, msgIncludes, msg);
  return error;
}

function messageOf([classOrMsg, , msg = ""]: Expected): string {
  return typeof classOrMsg === "string" ? classOrMsg : msg;
}
