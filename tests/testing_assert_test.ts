// The assertions of the conformance suite.

import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { deepEqual, equal, fail, ok, rejects } from "../testing/assert.ts";

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

Deno.test("equal(), ok() and fail() pass and fail", () => {
  equal(NaN, NaN);
  ok([]);
  assertThrows(() => equal(0, -0));
  assertThrows(() => ok(""));
  assertThrows(() => fail("because"), Error, "because");
});

Deno.test("rejects() fails when nothing or another error is thrown", async () => {
  const error = new Error("it");
  const fits = (thrown: unknown): boolean => thrown === error;
  await rejects(Promise.reject(error), fits);
  await assertRejects(() => rejects(Promise.resolve(), fits), Error, "it was not rejected");
  await assertRejects(() => rejects(Promise.reject(error), () => false), Error, "another error");
});
