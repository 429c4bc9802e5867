/**
 * Stand-in for `@std/assert`: the assertions this project uses.
 *
 * @module
 */

export { assertArrayIncludes, assertMatch, assertObjectMatch, assertStringIncludes } from "./contents.ts";
export { equal } from "./equal.ts";
export { assertEquals, assertNotEquals, assertStrictEquals } from "./equals.ts";
export { AssertionError, fail, unreachable } from "./failure.ts";
export {
  assertAlmostEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLess,
  assertLessOrEqual,
} from "./numbers.ts";
export { assertRejects, assertThrows } from "./throws.ts";
export { assert, assertExists, assertFalse, assertInstanceOf, type Falsy } from "./truth.ts";
