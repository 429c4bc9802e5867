/**
 * Usage: what work with a model took. Totals are sums over the log, so that
 * nothing is counted twice.
 *
 * @module
 */
import { limitExceeded } from "./errors.ts";
import { limits } from "./limits.ts";
import { dictionary, integer, mustHaveShape, object, type Shape, text } from "./shape.ts";

/** Sums of usage. Token counts, requests, cost in millionths of a US dollar, and milliseconds; all integers. */
export interface UsageTotals {
  /** Tokens sent to the model. */
  readonly inputTokens: number;
  /** Tokens the model gave back. */
  readonly outputTokens: number;
  /** Input tokens that a cache served. */
  readonly cachedTokens: number;
  /** Output tokens spent on reasoning. */
  readonly reasoningTokens: number;
  /** Requests made. */
  readonly requests: number;
  /** Cost in millionths of a US dollar. */
  readonly costMicroUsd: number;
  /** Time the requests took, in milliseconds. */
  readonly durationMs: number;
}

/** Usage to record; amounts left out count as 0, `requests` as 1. */
export interface UsageReport extends Partial<UsageTotals> {
  /** The model that was used. */
  readonly model: string;
}

/** Totals told apart by model name. */
export type UsageByModel = Readonly<Record<string, UsageTotals>>;

/** No usage. */
export const noUsage: UsageTotals = Object.freeze({
  inputTokens: 0,
  outputTokens: 0,
  cachedTokens: 0,
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
/** {@linkcode UsageByModel}; what is summed up for models past the bound has a name of its own. */
export const usageByModelShape: Shape = dictionary(model, totalsShape, limits.modelsMax + 1);

/** Checks and completes usage to record. Throws `invalid_request`. */
export function parseUsage(value: UsageReport): UsageTotals & { readonly model: string } {
  mustHaveShape(report, value, "record usage");
  const given = amounts.map((amount) => [amount, value[amount] ?? (amount === "requests" ? 1 : 0)]);
  return { model: value.model, ...Object.fromEntries(given) };
}

/** The sum of two totals, amount by amount. */
export function addUsage(a: UsageTotals, b: UsageTotals): UsageTotals {
  return Object.freeze({
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
    requests: a.requests + b.requests,
    costMicroUsd: a.costMicroUsd + b.costMicroUsd,
    durationMs: a.durationMs + b.durationMs,
  });
}

/** The totals by model with one more report added. */
export function addUsageOf(totals: UsageByModel, model: string, usage: UsageTotals): UsageByModel {
  const before = Object.hasOwn(totals, model) ? totals[model] : undefined;
  return Object.freeze({ ...totals, [model]: addUsage(before ?? noUsage, usage) });
}

/** Throws `limit_exceeded` when adding `usage` would leave the exact integers or name too many models. */
export function checkUsageFits(
  total: UsageTotals,
  byModel: UsageByModel,
  usage: UsageTotals & { readonly model: string },
): void {
  for (const amount of amounts) {
    const sum = total[amount] + usage[amount];
    if (sum > Number.MAX_SAFE_INTEGER) {
      throw limitExceeded("record usage", amount, Number.MAX_SAFE_INTEGER, sum);
    }
  }
  if (Object.hasOwn(byModel, usage.model)) return;
  const models = Object.keys(byModel).length + 1;
  if (models > limits.modelsMax) throw limitExceeded("record usage", "models", limits.modelsMax, models);
}
