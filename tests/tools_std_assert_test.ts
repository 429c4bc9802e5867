// The stand-in for @std/assert, held against the original in the way that tools_std_test.ts explains.

import * as original from "@std/assert";
import * as standIn from "../tools/std/assert/mod.ts";
import { assert, assertRejects, assertThrows } from "../tools/std/assert/mod.ts";

testAssert("stand-in", standIn);
testAssert("@std", original);

function testAssert(kind: string, lib: typeof standIn): void {
  const fails = (fn: () => unknown, text?: string): unknown => assertThrows(fn, lib.AssertionError, text);

  Deno.test(`${kind}: equal() compares by structure`, () => {
    class Point {
      constructor(readonly x: number) {}
    }
    const cycle = (): unknown[] => {
      const list: unknown[] = [1];
      list.push(list);
      return list;
    };
    const same: [unknown, unknown][] = [
      [NaN, NaN],
      [0, -0],
      [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }],
      [{ a: 1, b: 2 }, { b: 2, a: 1 }],
      [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
      [new Date(5), new Date(5)],
      [new Map([[{ k: 1 }, [1]], [{ k: 2 }, [2]]]), new Map([[{ k: 2 }, [2]], [{ k: 1 }, [1]]])],
      [new Set([1, 2]), new Set([2, 1])],
      [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
      [/a/g, /a/g],
      [new Point(1), new Point(1)],
      [cycle(), cycle()],
    ];
    const different: [unknown, unknown][] = [
      [1, "1"],
      [null, undefined],
      [{ a: undefined }, {}],
      [{ a: undefined }, { b: undefined }],
      [{ [Symbol.for("a")]: 1 }, { [Symbol.for("a")]: 2 }],
      [[1, 2], [2, 1]],
      [[], {}],
      [new Date(5), new Date(6)],
      [new Map([[1, 2]]), new Map([[1, 3]])],
      [new Set([{ a: 1 }, { a: 2 }]), new Set([{ a: 1 }, { a: 3 }])],
      [new Uint8Array([1]), new Uint8Array([2])],
      [new Uint8Array([1]), [1]],
      [/a/g, /a/],
      [new Point(1), { x: 1 }],
      [new Point(1), new Point(2)],
    ];
    for (const [a, b] of same) assert(lib.equal(a, b) && lib.equal(b, a), Deno.inspect([a, b]));
    for (const [a, b] of different) assert(!lib.equal(a, b) && !lib.equal(b, a), Deno.inspect([a, b]));
  });

  Deno.test(`${kind}: the assertions on values pass and fail`, () => {
    lib.assertEquals([{ a: 1 }], [{ a: 1 }]);
    fails(() => lib.assertEquals({ a: 1 }, { a: 2 }, "why"), "Values are not equal: why");
    lib.assertNotEquals(1, 2);
    fails(() => lib.assertNotEquals([1], [1]), "not to be");
    fails(() => lib.assertStrictEquals(0, -0), "Values are not strictly equal.");
    fails(() => lib.assertStrictEquals<unknown>([], []), "not reference-equal");
    fails(() => lib.assert(0, "zero"), "zero");
    fails(() => lib.assertFalse(1));
    fails(() => lib.assertExists(null), 'actual: "null" to not be null');
    lib.assertInstanceOf(new TypeError(), Error);
    fails(() => lib.assertInstanceOf(new Date(), Error), 'instance of "Error" but was "Date"');
    fails(() => lib.assertMatch("abc", /d/), 'Expected actual: "abc" to match: "/d/".');
    fails(() => lib.assertStringIncludes("abc", "d"), 'Expected actual: "abc" to contain: "d".');
    fails(() => lib.assertGreater(1, 1), "Expect 1 > 1");
    lib.assertGreaterOrEqual(1, 1);
    fails(() => lib.assertLess(1, 1), "Expect 1 < 1");
    lib.assertLessOrEqual(1, 1);
    lib.assertAlmostEquals(0.1 + 0.2, 0.3);
    fails(() => lib.assertAlmostEquals(1, 1.1, 0.05), "to be close to");
    fails(() => lib.fail("why"), "Failed assertion: why");
    fails(() => lib.unreachable(), "Unreachable.");
  });

  Deno.test(`${kind}: assertObjectMatch() and assertArrayIncludes() look for a part`, () => {
    lib.assertObjectMatch({ a: 1, b: { c: [{ d: 1, e: 2 }, 3], f: 4 } }, { b: { c: [{ d: 1 }] } });
    lib.assertObjectMatch({ m: new Map([[1, { a: 1, b: 2 }], [2, {}]]) }, { m: new Map([[1, { a: 1 }]]) });
    fails(() => lib.assertObjectMatch({ a: { b: 1 } }, { a: { b: 2 } }));
    fails(() => lib.assertObjectMatch({ a: 1 }, { b: undefined }));
    fails(() => lib.assertObjectMatch({ a: [1] }, { a: [1, 2] }));
    lib.assertArrayIncludes([{ a: 1 }, { b: 2 }, 3], [3, { a: 1 }]);
    fails(() => lib.assertArrayIncludes([1], [2]), "missing");
  });

  Deno.test(`${kind}: assertThrows() checks class and message, and returns the error`, () => {
    const error = new RangeError("too far");
    const throws = (): never => {
      throw error;
    };
    lib.assertStrictEquals(lib.assertThrows(throws), error);
    lib.assertStrictEquals(lib.assertThrows(throws, Error, "far"), error);
    fails(() => lib.assertThrows(throws, TypeError), 'instance of "TypeError", but was "RangeError"');
    fails(
      () => lib.assertThrows(throws, RangeError, "near", "why"),
      'to include "near", but got "too far": why',
    );
    fails(() => lib.assertThrows(() => 1, "why"), "Expected function to throw: why");
  });

  Deno.test(`${kind}: assertRejects() wants a promise that rejects, and resolves to the reason`, async () => {
    const error = new RangeError("too far");
    const rejects = (): Promise<never> => Promise.reject(error);
    const failsLater = (promise: Promise<unknown>, text: string): Promise<unknown> =>
      assertRejects(() => promise, lib.AssertionError, text);
    lib.assertStrictEquals(await lib.assertRejects(rejects), error);
    lib.assertStrictEquals(await lib.assertRejects(rejects, RangeError, "far"), error);
    lib.assertStrictEquals(await lib.assertRejects(() => Promise.reject("text")), "text");
    await failsLater(lib.assertRejects(rejects, TypeError), 'instance of "TypeError"');
    await failsLater(lib.assertRejects(rejects, RangeError, "near"), 'to include "near"');
    await failsLater(
      lib.assertRejects(() => Promise.reject("text"), Error),
      "A non-Error object was rejected.",
    );
    await failsLater(lib.assertRejects(() => Promise.resolve(), "why"), "Expected function to reject: why");
    const throwsAtOnce = (): Promise<never> => {
      throw error;
    };
    await failsLater(lib.assertRejects(throwsAtOnce), "Function throws when expected to reject.");
  });
}
