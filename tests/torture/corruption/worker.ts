/**
 * Runs portions of the corruption suite.
 *
 * @module
 */
import { begin, serve } from "../kit/serving.ts";
import { BrokenOracle } from "../suite.ts";
import { type Baseline, baselineOf } from "./baseline.ts";
import { kindOf } from "./damage.ts";
import { isChosen, PAGE_SIZES, type Portion, type Tally } from "./plan.ts";
import { mutationsOf } from "./mutations.ts";
import { judge } from "./verdict.ts";

const baselines = new Map<string, Promise<Baseline>>();

serve<Portion, Tally>(async (portion) => {
  const { ending, file, part, parts, only } = portion;
  const known = baselines.get(ending) ?? baselineOf(ending, PAGE_SIZES);
  baselines.set(ending, known);
  const baseline = await known;
  const tally: Record<string, number> = {};
  const bytes = baseline.files.get(file) ?? new Uint8Array();
  const kind = kindOf(file, baseline.files);
  let index = 0;
  for (const mutation of mutationsOf(bytes)) {
    const name = `${ending}:${file}:${mutation}`.replaceAll(" ", "+");
    index++;
    if (only === undefined ? index % parts !== part || !isChosen(portion, mutation, index) : only !== name) {
      continue;
    }
    begin(name);
    const found = await judgeTyped(baseline, { name, file, mutation, again: index % 8 === 0 });
    if (found === undefined) continue;
    const place = inLastBatch(baseline, kind, mutation);
    const key = `${ending}|${kind}|${place}|${found}`;
    tally[key] = (tally[key] ?? 0) + 1;
  }
  return tally;
});

/** An unexpected error is a failed case too. */
async function judgeTyped(
  baseline: Baseline,
  one: Parameters<typeof judge>[1],
): ReturnType<typeof judge> {
  try {
    return await judge(baseline, one, PAGE_SIZES);
  } catch (cause) {
    if (cause instanceof BrokenOracle) throw cause;
    throw new BrokenOracle("I7", one.name, `an error without a type: ${cause}`, { cause });
  }
}

/** Returns the position of a mutation in the log: in the last batch, before it, or at a truncated end. */
function inLastBatch(baseline: Baseline, kind: string, mutation: string): string {
  if (kind !== "last segment") return "";
  const [what, at] = mutation.split(" ");
  if (what === "flip" || what === "zeros") {
    const end = Number(at) + (what === "flip" ? 1 : 512);
    return end > baseline.lastBatchOffset ? "last batch" : "before it";
  }
  return what === "cut" ? "end cut off" : "lines or file";
}
