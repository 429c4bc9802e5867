// Usage: checking, adding up, staying exact.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { RuntimeError } from "../../src/core/errors.ts";
import { limits } from "../../src/core/limits.ts";
import {
  addUsage,
  addUsageOf,
  checkUsageFits,
  noUsage,
  parseUsage,
  type UsageByModel,
} from "../../src/core/usage.ts";
import * as wrong from "../../testing/wrong.ts";

Deno.test("parseUsage() fills in what was left out", () => {
  assertEquals(parseUsage({ model: "m" }), { ...noUsage, requests: 1, model: "m" });
  assertEquals(parseUsage({ model: "m", requests: 0, inputTokens: 5 }), {
    ...noUsage,
    inputTokens: 5,
    model: "m",
  });
});

for (const [what, usage] of Object.entries(wrong.usage)) {
  Deno.test(`parseUsage() refuses ${what}`, () => {
    const error = assertThrows(() => parseUsage(usage as { model: string }), RuntimeError);
    assertEquals((error as RuntimeError).code, "invalid_request");
  });
}

Deno.test("addUsage() adds every amount and changes neither side", () => {
  const one = parseUsage({
    model: "m",
    inputTokens: 1,
    outputTokens: 2,
    cachedTokens: 3,
    reasoningTokens: 4,
    requests: 5,
    costMicroUsd: 6,
    durationMs: 7,
  });
  const sum = addUsage(one, one);
  assertEquals(Object.values(sum), [2, 4, 6, 8, 10, 12, 14]);
  assert(Object.isFrozen(sum));
  assertEquals(noUsage.requests, 0);
});

Deno.test("addUsageOf() keeps models apart, whatever their names", () => {
  let totals: UsageByModel = {};
  for (const model of ["a", "__proto__", "a", "toString"]) {
    totals = addUsageOf(totals, model, parseUsage({ model, inputTokens: 1 }));
  }
  assertEquals(Object.entries(totals).map(([model, { inputTokens }]) => [model, inputTokens]), [
    ["a", 2],
    ["__proto__", 1],
    ["toString", 1],
  ]);
});

Deno.test("checkUsageFits() stops before numbers lose their exactness", () => {
  const total = { ...noUsage, costMicroUsd: Number.MAX_SAFE_INTEGER - 1 };
  checkUsageFits(total, {}, parseUsage({ model: "m", costMicroUsd: 1 }));
  const usage = parseUsage({ model: "m", costMicroUsd: 2 });
  const error = assertThrows(() => checkUsageFits(total, {}, usage), RuntimeError) as RuntimeError;
  assertEquals([error.code, (error as RuntimeError<"limit_exceeded">).details.limit], [
    "limit_exceeded",
    "costMicroUsd",
  ]);
});

Deno.test("checkUsageFits() bounds the models", () => {
  const models = Array.from({ length: limits.modelsMax }, (_, index) => [`m${index}`, noUsage]);
  const byModel = Object.fromEntries(models);
  checkUsageFits(noUsage, byModel, parseUsage({ model: "m0" }));
  const error = assertThrows(
    () => checkUsageFits(noUsage, byModel, parseUsage({ model: "new" })),
    RuntimeError,
  );
  assertEquals((error as RuntimeError).code, "limit_exceeded");
});
