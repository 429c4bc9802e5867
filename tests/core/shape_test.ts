// Shapes: one definition for what callers give and for what was stored.

import { assertEquals, assertThrows } from "@std/assert";
import { RuntimeError } from "../../src/core/errors.ts";
import { limits } from "../../src/core/limits.ts";
import {
  assertShape,
  byKind,
  dictionary,
  integer,
  jsonObject,
  jsonValue,
  list,
  nullable,
  object,
  oneOf,
  type Shape,
  text,
  tuple,
} from "../../src/core/shape.ts";

const nested = (depth: number): unknown => depth === 0 ? 1 : { a: nested(depth - 1) };
const point = object({ x: integer(0) }, { label: text(4) });

/** A shape, values that have it, and values that have not with what is said of them. */
const table:
  readonly (readonly [name: string, Shape, good: readonly unknown[], bad: readonly [unknown, string][]])[] = [
    ["integer()", integer(1), [1, Number.MAX_SAFE_INTEGER], [
      [0, "an integer from 1 is needed"],
      [1.5, "an integer from 1 is needed"],
      ["1", "an integer from 1 is needed"],
      [2 ** 53, "an integer from 1 is needed"],
      [NaN, "an integer from 1 is needed"],
    ]],
    ["text()", text(4), ["", " ", "abcd", "\ud800"], [[1, "a string is needed"], [
      "字字",
      "longer than 4 bytes",
    ]]],
    ["oneOf()", oneOf("a", "b"), ["a", "b"], [["c", 'one of "a", "b" is needed'], [
      undefined,
      'one of "a", "b" is needed',
    ]]],
    ["nullable()", nullable(integer(0)), [null, 0], [[undefined, "an integer from 0 is needed"]]],
    ["list()", list(integer(0), 2), [[], [1, 2]], [
      [{}, "a list is needed"],
      [[1, -1], "1: an integer from 0 is needed"],
      [[1, 2, 3], "more than 2 items"],
      [[1, , 3].slice(0, 2), "1: an integer from 0 is needed"],
    ]],
    ["tuple()", tuple(integer(0), text(4)), [[1, "a"]], [
      [[1], "2 items are needed"],
      [[1, 2], "1: a string is needed"],
      ["ab", "a list is needed"],
    ]],
    ["dictionary()", dictionary(text(4), integer(0), 2), [{}, { a: 1 }], [
      [{ a: -1 }, "a: an integer from 0 is needed"],
      [{ a: 1, b: 2, c: 3 }, "more than 2 members"],
      [[], "an object is needed"],
    ]],
    ["byKind()", byKind({ a: object({ kind: text(4), x: integer(0) }) }), [{ kind: "a", x: 1 }], [
      [{ kind: "a" }, "x: missing"],
      [{ kind: "toString" }, 'kind: one of "a" is needed'],
      [null, "an object is needed"],
    ]],
    ["object()", point, [{ x: 1 }, { x: 1, label: "a", later: nested(limits.jsonDepthMax) }, {
      x: 1,
      label: undefined,
    }], [
      [{}, "x: missing"],
      [{ x: undefined }, "x: an integer from 0 is needed"],
      [{ x: -1, label: 1 }, "x: an integer from 0 is needed; label: a string is needed"],
      [{ x: 1, later: nested(limits.jsonDepthMax + 1) }, `later: nested deeper than ${limits.jsonDepthMax}`],
      [[], "an object is needed"],
    ]],
    ["jsonObject", jsonObject, [{}, nested(limits.jsonDepthMax)], [
      [[], "an object is needed"],
      [nested(limits.jsonDepthMax + 1), `nested deeper than ${limits.jsonDepthMax}`],
      [nested(5_000), `nested deeper than ${limits.jsonDepthMax}`],
    ]],
    ["jsonValue", jsonValue, [null, 0, [], nested(limits.jsonDepthMax)], [
      [undefined, "a value is needed"],
      [[nested(limits.jsonDepthMax)], `nested deeper than ${limits.jsonDepthMax}`],
    ]],
  ];

for (const [name, shape, good, bad] of table) {
  Deno.test(`${name} accepts valid stored values and rejects others`, () => {
    for (const value of good) assertEquals(shape(value, "stored"), undefined);
    for (const [value, issues] of bad) assertEquals(shape(value, "stored")?.join("; "), issues);
  });
}

Deno.test("a shape is stricter for callers than for stored values", () => {
  assertEquals(point({ x: 1, later: 1 }, "caller"), ["later: unknown member"]);
  assertEquals(text(4)(" ", "caller"), ["blank"]);
  assertEquals(text(4)("\ud800", "caller"), ["a well-formed string is needed"]);
});

Deno.test("object() names the path of an invalid member", () => {
  const shape = object({ a: object({ b: list(point) }) });
  assertEquals(shape({ a: { b: [{ x: 1 }, { x: "y: z" }] } }, "stored"), [
    "a.b.1.x: an integer from 0 is needed",
  ]);
});

Deno.test("object() and list() report the first issues of a value that is wrong throughout", () => {
  const first = Array.from({ length: 20 }, (_, index) => `${index}: unknown member`);
  assertEquals(object({})(new Uint8Array(21), "caller"), first);
  assertEquals(list(object({}))(Array(21).fill({ x: 1 }), "caller")?.length, 20);
});

Deno.test("assertShape() throws invalid_request with the issues", () => {
  const error = assertThrows(() => assertShape(point, { x: -1, y: 2 }, "draw"), RuntimeError);
  assertEquals(
    (error as RuntimeError<"invalid_request">).details.issues,
    ["x: an integer from 0 is needed", "y: unknown member"],
  );
});
