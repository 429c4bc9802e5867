// The stand-in for @std/assert. As in tools_std_test.ts, each test runs on the stand-in and on what `@std/assert`
// resolves to in this run.

import { throws } from "node:assert/strict";
import * as original from "@std/assert";
import * as standIn from "../tools/std/assert/mod.ts";
import { equal, rejects } from "../testing/assert.ts";

testAssert("stand-in", standIn);
testAssert("@std", original);

function testAssert(kind: string, lib: typeof standIn): void {
  /** Matches an AssertionError whose message has all of the texts. */
  const failure = (...texts: readonly string[]) => (error: unknown): boolean =>
    error instanceof Error && error.name === "AssertionError" &&
    texts.every((text) => error.message.includes(text));
  const fails = (fn: () => unknown, ...texts: readonly string[]): void => throws(fn, failure(...texts));

  Deno.test(`${kind}: assertEquals() and assertNotEquals() compare by structure`, () => {
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
      [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }],
      [{ a: 1, b: 2 }, { b: 2, a: 1 }],
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
    for (const [a, b] of same) {
      lib.assertEquals(a, b);
      lib.assertEquals(b, a);
      fails(() => lib.assertNotEquals(a, b));
    }
    for (const [a, b] of different) {
      lib.assertNotEquals(a, b);
      fails(() => lib.assertEquals(a, b));
      fails(() => lib.assertEquals(b, a));
    }
    fails(() => lib.assertEquals({ a: 1 }, { a: 2 }, "why"), "a: 1", "a: 2", "why");
  });

  Deno.test(`${kind}: the other assertions on values pass and fail`, () => {
    lib.assertStrictEquals(NaN, NaN);
    fails(() => lib.assertStrictEquals(0, -0));
    fails(() => lib.assertStrictEquals<unknown>([], []));
    lib.assert([]);
    fails(() => lib.assert(0, "zero"), "zero");
    lib.assertFalse("");
    fails(() => lib.assertFalse(1, "one"), "one");
    lib.assertInstanceOf(new TypeError(), Error);
    fails(() => lib.assertInstanceOf(new Date(), Error), '"Error"', "Date");
    lib.assertMatch("abc", /b/);
    fails(() => lib.assertMatch("abc", /d/), "abc", "/d/");
    lib.assertStringIncludes("abc", "b");
    fails(() => lib.assertStringIncludes("abc", "d", "why"), '"abc"', '"d"', "why");
    fails(() => lib.fail("why"), "Failed assertion: why");
  });

  Deno.test(`${kind}: assertThrows() checks class and message, and returns the error`, () => {
    const error = new RangeError("too far");
    const raise = (): never => {
      throw error;
    };
    equal(lib.assertThrows(raise), error);
    equal(lib.assertThrows(raise, Error, "far"), error);
    fails(() => lib.assertThrows(raise, TypeError), '"TypeError"', "RangeError");
    fails(() => lib.assertThrows(raise, RangeError, "near", "why"), '"near"', '"too far"', "why");
    fails(() => lib.assertThrows(() => 1, "why"), "Expected function to throw", "why");
  });

  Deno.test(`${kind}: assertRejects() wants a promise that rejects, and resolves to the reason`, async () => {
    const error = new RangeError("too far");
    const reject = (): Promise<never> => Promise.reject(error);
    const failsLater = (promise: Promise<unknown>, ...texts: readonly string[]): Promise<void> =>
      rejects(promise, failure(...texts));
    equal(await lib.assertRejects(reject), error);
    equal(await lib.assertRejects(reject, RangeError, "far"), error);
    equal(await lib.assertRejects(() => Promise.reject("text")), "text");
    await failsLater(lib.assertRejects(reject, TypeError), '"TypeError"', "RangeError");
    await failsLater(lib.assertRejects(reject, RangeError, "near"), '"near"', '"too far"');
    await failsLater(lib.assertRejects(() => Promise.reject("text"), Error));
    await failsLater(lib.assertRejects(() => Promise.resolve(), "why"), "Expected function to reject", "why");
    const throwsAtOnce = (): Promise<never> => {
      throw error;
    };
    await failsLater(lib.assertRejects(throwsAtOnce), "Function throws when expected to reject");
    await failsLater(
      lib.assertRejects((() => 1) as unknown as () => Promise<void>),
      "when expected to reject",
    );
  });
}
