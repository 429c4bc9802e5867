/**
 * The suite of interleavings: fast-check generates the actions, and the order in
 * which waiting operations continue.
 *
 * @module
 */
import { inParallel } from "../kit/parallel.ts";
import type { Budget, Suite, SuiteReport } from "../suite.ts";
import type { PropertyPortion } from "./worker.ts";

const GROUP_COMMITS = 20_000;
const OVERLAPS = 4_000;
const PORTIONS = 20;

/** Orders of things that overlap. */
export const interleavings: Suite = {
  name: "interleavings",
  title: "group commit and concurrent operations answer correctly in every order",
  real: false,
  run,
};

async function run({ share, seed, only, progress }: Budget): Promise<SuiteReport> {
  const portions: PropertyPortion[] = only === undefined
    ? [
      ...portionsOf("group-commit", GROUP_COMMITS * share, seed),
      ...portionsOf("overlaps", OVERLAPS * share, seed),
    ]
    : [replayOf(only)];
  const module = new URL("./worker.ts", import.meta.url);
  const runs = await inParallel<PropertyPortion, number>(module, portions, { progress });
  const sum = (property: string): number =>
    portions.reduce(
      (total, portion, index) => total + (portion.property === property ? runs[index] ?? 0 : 0),
      0,
    );
  const target = (count: number): number => only === undefined ? Math.floor(count * share) : 0;
  return {
    counts: [
      { what: "orders of group commits", count: sum("group-commit"), target: target(GROUP_COMMITS) },
      { what: "orders of overlapping work", count: sum("overlaps"), target: target(OVERLAPS) },
    ],
    notes: [],
  };
}

function portionsOf(property: PropertyPortion["property"], runs: number, seed: number): PropertyPortion[] {
  const each = Math.max(1, Math.ceil(runs / PORTIONS));
  const count = Math.ceil(runs / each);
  return Array.from(
    { length: count },
    (_, index) => ({ property, runs: each, seed: seed * 1_000_000 + index * 10_000 }),
  );
}

/** `group-commit:SEED:PATH`, where the path itself holds colons. */
function replayOf(only: string): PropertyPortion {
  const [property, seed, ...path] = only.split(":");
  return {
    property: property === "overlaps" ? "overlaps" : "group-commit",
    runs: 1,
    seed: Number(seed),
    path: path.join(":"),
  };
}
