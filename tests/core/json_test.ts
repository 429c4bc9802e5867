// JSON values from callers.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { RuntimeError } from "../../src/core/errors.ts";
import {
  canonicalText,
  deepFreeze,
  isJsonObject,
  type Json,
  jsonObjectText,
  jsonText,
  jsonTextWithin,
  mergePatch,
  plainLines,
} from "../../src/core/json.ts";
import { limits } from "../../src/core/limits.ts";
import * as wrong from "../../testing/wrong.ts";

function issueOf(work: () => unknown): string {
  const error = assertThrows(work, RuntimeError) as RuntimeError<"invalid_request">;
  assertEquals(error.code, "invalid_request");
  return error.details.issues.join();
}

Deno.test("jsonText() gives the text of JSON.stringify", () => {
  const values = [
    null,
    true,
    -0.5,
    "a\n",
    [],
    {},
    [1, [2, { a: [null] }]],
    { "": { b: "字" } },
    Object.create(null),
    "a\uD800b",
    { "\uDFFF": "\uDC00\uD83D" },
    { a: undefined, b: { c: undefined } },
    new Date(0),
    { at: new Date(1), of: [{ toJSON: (): number => 1 }] },
    -0,
    1e21,
    5e-324,
  ];
  for (const value of values) assertEquals(jsonText(value, "test", "value", 1_000), JSON.stringify(value));
});

Deno.test("jsonTextWithin() returns nothing for a value past the bound, and throws for one that is not JSON", () => {
  const within = (value: unknown, bytesMax: number): string | undefined =>
    jsonTextWithin(value, "test", "value", bytesMax);
  assertEquals([within("ab", 4), within("ab", 3), within(["字"], 7), within(["字"], 6)], [
    '"ab"',
    undefined,
    '["字"]',
    undefined,
  ]);
  // A control character takes six bytes.
  assertEquals([within("\u0001", 8), within("\u0001", 7)], ['"\\u0001"', undefined]);
  issueOf(() => within([NaN], 100));
});

for (const [what, value] of Object.entries(wrong.json)) {
  Deno.test(`jsonText() rejects ${what}`, () => {
    issueOf(() => jsonText(value, "test", "value", 1_000_000));
  });
}

Deno.test("jsonText() names the path of the issue", () => {
  const issue = issueOf(() => jsonText({ a: [1, { b: NaN }] }, "test", "data", 100));
  assertEquals(issue, "data.a[1].b: NaN is not a JSON number");
});

Deno.test("jsonText() accepts nesting up to the bound", () => {
  const nested = (depth: number): Json => depth === 0 ? 1 : [nested(depth - 1)];
  jsonText(nested(limits.jsonDepthMax), "test", "value", 1_000);
  issueOf(() => jsonText(nested(limits.jsonDepthMax + 1), "test", "value", 1_000));
});

Deno.test("jsonText() counts bytes, not characters", () => {
  assertEquals(jsonText("字字", "test", "value", 8).length, 4);
  issueOf(() => jsonText("字字", "test", "value", 7));
});

Deno.test("jsonText() keeps the member __proto__", () => {
  const value = JSON.parse('{"__proto__":{"a":1}}');
  assertEquals(jsonText(value, "test", "value", 100), '{"__proto__":{"a":1}}');
});

Deno.test("jsonText() and plainLines() escape line separators", () => {
  assertEquals(jsonText("a\u2028b\u2029", "test", "value", 100), '"a\\u2028b\\u2029"');
  assertEquals(plainLines("plain"), "plain");
  assertEquals(JSON.parse(plainLines(JSON.stringify("\u2028\u2029"))), "\u2028\u2029");
});

Deno.test("jsonObjectText() accepts objects only", () => {
  assertEquals(jsonObjectText({}, "test", "value", 10), "{}");
  for (const value of [null, [], "{}", 1, undefined]) {
    issueOf(() => jsonObjectText(value, "test", "value", 10));
  }
});

Deno.test("jsonObjectText() accepts objects that JSON writes as objects only", () => {
  assertEquals(jsonObjectText({ toJSON: () => ({ a: 1 }) }, "test", "value", 10), '{"a":1}');
  for (const value of [new Date(0), { toJSON: () => "{}" }, { toJSON: () => undefined }]) {
    issueOf(() => jsonObjectText(value, "test", "value", 100));
  }
});

Deno.test("canonicalText() is the same for the same members in another order", () => {
  assertEquals(canonicalText({ b: [{ d: 1, c: 2 }], a: null }), '{"a":null,"b":[{"c":2,"d":1}]}');
  assertEquals(canonicalText({ a: undefined, b: 1 }), canonicalText({ b: 1 }));
  assertEquals(canonicalText(JSON.parse('{"b":1,"__proto__":{"z":1}}')), '{"__proto__":{"z":1},"b":1}');
  assert(canonicalText([1, 2]) !== canonicalText([2, 1]));
});

Deno.test("deepFreeze() freezes all the way down", () => {
  const value = deepFreeze({ a: [{ b: {} }], c: Object.freeze({}) });
  assert([value, value.a, value.a[0], value.a[0]?.b].every(Object.isFrozen));
});

Deno.test("isJsonObject() returns true for objects that are no lists", () => {
  assertEquals([{}, [], null, "x", undefined].map(isJsonObject), [true, false, false, false, false]);
});

/** The table of RFC 7396, appendix A: original, patch, result. */
const table: readonly [Json, Json, Json][] = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [["a", "b"], ["c", "d"], ["c", "d"]],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

for (const [index, [target, patch, result]] of table.entries()) {
  Deno.test(`mergePatch() gives row ${index + 1} of the table in RFC 7396`, () => {
    const before = JSON.stringify([target, patch]);
    assertEquals(mergePatch(target, patch), result);
    assertEquals(JSON.stringify([target, patch]), before);
  });
}

Deno.test("mergePatch() treats __proto__ like any other name", () => {
  const patch = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
  const result = mergePatch({ a: 1 }, patch);
  assertEquals(Object.keys(result as object).toSorted(), ["__proto__", "a", "constructor"]);
  assertEquals(Reflect.get({}, "polluted"), undefined);
  assertEquals(mergePatch(result, JSON.parse('{"__proto__":null,"constructor":null}')), { a: 1 });
});
