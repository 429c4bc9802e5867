// Usage: validation, sums, bounds.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { RuntimeError } from "../../src/core/errors.ts";
import { limits } from "../../src/core/limits.ts";
import {
  addUsage,
  addUsageOf,
  noUsage,
  parseUsage,
  type UsageByModel,
  usageNotice,
  type UsageTotals,
} from "../../src/core/usage.ts";
import * as wrong from "../../testing/wrong.ts";

Deno.test("parseUsage() completes omitted amounts", () => {
  assertEquals(parseUsage({ model: "m" }, "commit"), { ...noUsage, requests: 1, model: "m" });
  assertEquals(parseUsage({ model: "m", requests: 0, inputTokens: 5 }, "commit"), {
    ...noUsage,
    inputTokens: 5,
    model: "m",
  });
});

for (const [what, usage] of Object.entries(wrong.usage)) {
  Deno.test(`parseUsage() rejects ${what}`, () => {
    const error = assertThrows(() => parseUsage(usage as { model: string }, "commit"), RuntimeError);
    assertEquals((error as RuntimeError).code, "invalid_request");
  });
}

Deno.test("addUsage() adds every amount and changes neither side", () => {
  const one = parseUsage({
    model: "m",
    inputTokens: 1,
    outputTokens: 2,
    cachedTokens: 3,
    cacheWriteTokens: 4,
    reasoningTokens: 5,
    requests: 6,
    costMicroUsd: 7,
    durationMs: 8,
  }, "commit");
  const sum = addUsage(one, one);
  assertEquals(Object.values(sum), [2, 4, 6, 8, 10, 12, 14, 16]);
  assert(Object.isFrozen(sum));
  assertEquals(noUsage.requests, 0);
});

Deno.test("addUsageOf() separates models of any name", () => {
  let totals: UsageByModel = {};
  for (const model of ["a", "__proto__", "a", "toString"]) {
    totals = addUsageOf(totals, model, parseUsage({ model, inputTokens: 1 }, "commit"));
  }
  assertEquals(Object.entries(totals).map(([model, { inputTokens }]) => [model, inputTokens]), [
    ["a", 2],
    ["__proto__", 1],
    ["toString", 1],
  ]);
});

const most = Number.MAX_SAFE_INTEGER;

Deno.test("addUsage() stays at the largest exact integer", () => {
  const one = parseUsage({ model: "m", inputTokens: most, outputTokens: most - 1, requests: 1 }, "commit");
  const sum = addUsage(one, parseUsage({ model: "m", inputTokens: most, outputTokens: 2 }, "commit"));
  assertEquals([sum.inputTokens, sum.outputTokens, sum.requests], [most, most, 2]);
});

Deno.test("addUsageOf() counts models past the bound as other", () => {
  let totals: UsageByModel = {};
  const count = limits.modelsMax + 10;
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < count; index++) {
      totals = addUsageOf(totals, `m${index}`, parseUsage({ model: `m${index}`, inputTokens: 1 }, "commit"));
    }
  }
  const names = Object.keys(totals);
  assertEquals([names.length, names.at(-1)], [limits.modelsMax, "other"]);
  assertEquals([totals.m0?.inputTokens, totals.other?.inputTokens], [2, 2 * (count - limits.modelsMax + 1)]);
});

Deno.test("addUsageOf() accepts a model that is named other", () => {
  let totals: UsageByModel = addUsageOf(
    {},
    "other",
    parseUsage({ model: "other", inputTokens: 1 }, "commit"),
  );
  for (let index = 0; index < limits.modelsMax; index++) {
    totals = addUsageOf(totals, `m${index}`, parseUsage({ model: `m${index}`, inputTokens: 1 }, "commit"));
  }
  assertEquals([Object.keys(totals).length, totals.other?.inputTokens], [limits.modelsMax, 2]);
});

Deno.test("usageNotice() reports usage that is not counted exactly", () => {
  const of = (total: UsageTotals, byModel: UsageByModel): string | undefined =>
    usageNotice(total, byModel, "m", "a")?.message;
  assertEquals(of(noUsage, { m: noUsage }), undefined);
  assertEquals(of({ ...noUsage, costMicroUsd: most - 1 }, { m: noUsage }), undefined);
  assertEquals(
    of({ ...noUsage, costMicroUsd: most, requests: most }, { m: noUsage }),
    "The sum of requests, costMicroUsd reached its bound and stays there",
  );
  assertEquals(
    of(noUsage, { other: noUsage }),
    'Usage names more than 255 models; further ones are counted as "other"',
  );
});
