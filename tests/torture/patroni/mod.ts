/**
 * The suite of a real cluster: three PostgreSQL servers under Patroni with etcd in
 * synchronous mode, whose leader fails in every way under load.
 *
 * @module
 */
import { Random } from "../../disk/mod.ts";
import type { Budget, Suite, SuiteReport } from "../suite.ts";
import { LIMIT_MS, missingPrograms } from "./cluster.ts";
import { failures } from "./failures.ts";
import { type Figures, type Outcome, Stage } from "./stage.ts";

const ROUNDS = 2;

/** A cluster under Patroni. */
export const patroni: Suite = {
  name: "patroni",
  title: "runtimes on a PostgreSQL cluster under Patroni survive every failure of its leader",
  real: true,
  shareMin: 0.5,
  run,
};

async function run({ share, seed, only, progress }: Budget): Promise<SuiteReport> {
  const missing = await missingPrograms();
  if (missing.length > 0) {
    return { counts: [], notes: missing.map((name) => `skipped: ${name} is not installed`) };
  }
  const names = Object.keys(failures);
  const rounds = Math.ceil(ROUNDS * share);
  const random = new Random(seed);
  const all = Array.from({ length: rounds }, () => shuffled(names, random)).flat();
  const cases = only === undefined ? all : [only];
  const done: Figures[] = [];
  for (const [index, name] of cases.entries()) {
    await using stage = await Stage.open(random);
    await stage.play(name);
    done.push(await stage.end());
    progress?.(index + 1, cases.length);
  }
  const sum = (key: Exclude<keyof Figures, "outcomes">): number =>
    done.reduce((total, figures) => total + figures[key], 0);
  const target = only === undefined ? rounds * names.length : 1;
  return {
    counts: [
      { what: "failures of the leader under load", count: sum("failures"), target },
      { what: "runtimes that went on by themselves", count: sum("continued"), target: 3 * target },
      {
        what: "inputs acknowledged, none lost, none doubled",
        count: sum("acknowledged"),
        target: target * 1_000,
      },
    ],
    notes: [
      ...notesOf(done.flatMap(({ outcomes }) => outcomes)),
      `${sum("repeated")} inputs had happened when they were repeated`,
      `${sum("takeovers")} takeovers by another process`,
      `${sum("broken")} clusters had no synchronous standby ${LIMIT_MS / 1_000} s after the end of a failure`,
    ],
  };
}

function shuffled(items: readonly string[], random: Random): string[] {
  const keyed = items.map((item) => ({ item, at: random.next() }));
  return keyed.sort((a, b) => a.at - b.at).map(({ item }) => item);
}

/** A line for each failure and runtime. */
function notesOf(outcomes: readonly Outcome[]): string[] {
  const groups = Map.groupBy(outcomes, ({ failure, runtimeId }) => `${failure}: ${runtimeId}`);
  return [...groups].sort().map(([name, group]) => {
    const seconds = group.map(({ silenceMs }) => silenceMs / 1_000);
    const [least, most] = [Math.min(...seconds), Math.max(...seconds)].map((each) => each.toFixed(1));
    const acknowledged = group.reduce((total, each) => total + each.acknowledged, 0);
    const rejected = new Map<string, number>();
    for (const [code, count] of group.flatMap(({ errors }) => [...errors])) {
      rejected.set(code, (rejected.get(code) ?? 0) + count);
    }
    const ends = group.flatMap((each) => each.ends);
    return `${name}: ${least} to ${most} s of silence, ${acknowledged} acknowledged, rejected: ${
      [...rejected].map(([code, count]) => `${count} ${code}`).join(", ") || "none"
    }, ended ${ends.length} times${ends.length > 0 ? `: ${[...new Set(ends)].join("; ")}` : ""}`;
  });
}
