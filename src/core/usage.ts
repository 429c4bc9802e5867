/**
 * Usage: the cost of work with a model. Totals are sums over the log, so that
 * nothing is counted twice.
 *
 * @module
 */
import type { Notice } from "./diagnostics.ts";
import { limits } from "./limits.ts";
import { assertShape, dictionary, integer, object, type Shape, text } from "./shape.ts";

/**
 * Sums of usage: token counts, requests, cost in millionths of a US dollar, and milliseconds; all
 * integers. A sum saturates at 2^53 - 1.
 */
export interface UsageTotals {
  /** Tokens sent to the model. */
  readonly inputTokens: number;
  /** Tokens returned by the model. */
  readonly outputTokens: number;
  /** Input tokens served from a cache. */
  readonly cachedTokens: number;
  /** Input tokens written to a cache. */
  readonly cacheWriteTokens: number;
  /** Output tokens spent on reasoning. */
  readonly reasoningTokens: number;
  /** Requests made. */
  readonly requests: number;
  /** Cost in millionths of a US dollar. */
  readonly costMicroUsd: number;
  /** Duration of the requests, in milliseconds. */
  readonly durationMs: number;
}

/** Usage to record; omitted amounts count as 0, `requests` as 1. Amounts are integers from 0 to 2^53 - 1. */
export interface UsageReport extends Partial<UsageTotals> {
  /** The model that was used: 1 to 256 bytes. */
  readonly model: string;
}

/** Totals by model name; models past `limits.modelsMax` names are counted together as {@linkcode OTHER_MODELS}. */
export type UsageByModel = Readonly<Record<string, UsageTotals>>;

/** The name under which further models are counted once the bound is reached. */
export const OTHER_MODELS = "other";

/** No usage. */
export const noUsage: UsageTotals = Object.freeze({
  inputTokens: 0,
  outputTokens: 0,
  cachedTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
  requests: 0,
  costMicroUsd: 0,
  durationMs: 0,
});

const amounts = Object.keys(noUsage) as (keyof UsageTotals)[];

const amountShapes = Object.fromEntries(amounts.map((amount) => [amount, integer(0)]));
const model = text(limits.nameBytesMax);
const report = object({ model }, amountShapes);

/** {@linkcode UsageTotals}. */
export const totalsShape: Shape = object(amountShapes);
/** {@linkcode UsageTotals} with the model that was used. */
export const usageShape: Shape = object({ model, ...amountShapes });
/** {@linkcode UsageByModel}; further models past the bound share one name. */
export const usageByModelShape: Shape = dictionary(model, totalsShape, limits.modelsMax + 1);

/** Validates and completes usage to record. Throws `invalid_request`. */
export function parseUsage(value: UsageReport, action: string): UsageTotals & { readonly model: string } {
  assertShape(report, value, action);
  const given = amounts.map((amount) => [amount, value[amount] ?? (amount === "requests" ? 1 : 0)]);
  return { model: value.model, ...Object.fromEntries(given) };
}

/** Returns the sum of two totals, amount by amount, saturating at the largest safe integer. */
export function addUsage(a: UsageTotals, b: UsageTotals): UsageTotals {
  return Object.freeze({
    inputTokens: sum(a.inputTokens, b.inputTokens),
    outputTokens: sum(a.outputTokens, b.outputTokens),
    cachedTokens: sum(a.cachedTokens, b.cachedTokens),
    cacheWriteTokens: sum(a.cacheWriteTokens, b.cacheWriteTokens),
    reasoningTokens: sum(a.reasoningTokens, b.reasoningTokens),
    requests: sum(a.requests, b.requests),
    costMicroUsd: sum(a.costMicroUsd, b.costMicroUsd),
    durationMs: sum(a.durationMs, b.durationMs),
  });
}

function sum(a: number, b: number): number {
  return Math.min(a + b, Number.MAX_SAFE_INTEGER);
}

/** Returns the totals by model with one more report added. */
export function addUsageOf(totals: UsageByModel, model: string, usage: UsageTotals): UsageByModel {
  const name = countedAs(totals, model);
  const before = Object.hasOwn(totals, name) ? totals[name] : undefined;
  return Object.freeze({ ...totals, [name]: addUsage(before ?? noUsage, usage) });
}

/** Returns the name under which a model is counted. One name within the bound is reserved for {@linkcode OTHER_MODELS}. */
function countedAs(totals: UsageByModel, model: string): string {
  if (Object.hasOwn(totals, model)) return model;
  const names = Object.keys(totals).length - Number(Object.hasOwn(totals, OTHER_MODELS));
  return names < limits.modelsMax - 1 ? model : OTHER_MODELS;
}

/** Creates the diagnostic about usage that could not be counted exactly; `total` and `byModel` include it. */
export function usageNotice(
  total: UsageTotals,
  byModel: UsageByModel,
  model: string,
  workerId: string,
): (Notice & { readonly code: "usage_bounded" }) | undefined {
  const full = amounts.filter((amount) => total[amount] === Number.MAX_SAFE_INTEGER);
  const message = full.length > 0
    ? `The sum of ${full.join(", ")} reached its bound and stays there`
    : Object.hasOwn(byModel, model)
    ? undefined
    : `Usage names more than ${limits.modelsMax - 1} models; further ones are counted as "${OTHER_MODELS}"`;
  return message === undefined
    ? undefined
    : { code: "usage_bounded", severity: "warning", message, workerId };
}
