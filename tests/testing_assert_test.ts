// The assertions of the conformance suite.

import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { deepEqual, equal, fail, match, notEqual, ok, rejects, throws } from "../testing/assert.ts";

class Point {
  readonly x = 1;
}

const same: readonly [unknown, unknown][] = [
  [NaN, NaN],
  [{ a: [1, { b: null }] }, { a: [1, { b: null }] }],
  [{ a: 1, b: 2 }, { b: 2, a: 1 }],
  [new Map([["a", [1]]]), new Map([["a", [1]]])],
  [new Set([1, 2]), new Set([1, 2])],
  [{ a: undefined }, { a: undefined }],
];

const different: readonly [unknown, unknown][] = [
  [1, "1"],
  [0, -0],
  [{ a: undefined }, {}],
  [[1, 2], [2, 1]],
  [[1], { 0: 1, length: 1 }],
  [new Point(), { x: 1 }],
  [null, {}],
  [new Map([["a", 1]]), new Map([["a", 2]])],
  [[undefined], new Array(1)],
];

Deno.test("deepEqual() accepts equal values only", () => {
  for (const [a, b] of same) deepEqual(a, b);
  for (const [a, b] of different) {
    assertThrows(() => deepEqual(a, b));
    assertThrows(() => deepEqual(b, a));
  }
});

Deno.test("deepEqual() reports both values, shortened", () => {
  const { message } = assertThrows(() => deepEqual({ a: 1 }, { a: 2 }, "the answer")) as Error;
  assertEquals(message, 'the answer: {"a":1} is not {"a":2} as expected');
  const long = assertThrows(() => deepEqual("x".repeat(9_000), "y")) as Error;
  assertStringIncludes(long.message, "(9002 characters)");
});

Deno.test("equal(), notEqual(), ok(), match() and fail() pass and fail", () => {
  equal(NaN, NaN);
  notEqual({}, {});
  ok([]);
  match("abc", /b/);
  assertThrows(() => equal(0, -0));
  assertThrows(() => notEqual(1, 1));
  assertThrows(() => ok(""));
  assertThrows(() => match("abc", /d/));
  assertThrows(() => fail("because"), Error, "because");
});

Deno.test("throws() and rejects() fail when nothing or another error is thrown", async () => {
  const error = new Error("it");
  const fits = (thrown: unknown): boolean => thrown === error;
  const raise = (): never => {
    throw error;
  };
  throws(raise, fits);
  await rejects(Promise.reject(error), fits);
  assertThrows(() => throws(() => {}, fits), Error, "nothing was thrown");
  assertThrows(() => throws(raise, () => false), Error, "another error was expected");
  await assertRejects(() => rejects(Promise.resolve(), fits), Error, "it was not refused");
  await assertRejects(() => rejects(Promise.reject(error), () => false), Error, "another error");
});
