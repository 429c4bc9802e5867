/**
 * Stores and export streams with nonsensical content and valid checksums, given to
 * everything that reads, and nonsensical arguments of calls: only typed errors are
 * thrown, nothing hangs or accesses other paths, and nothing is folded silently.
 *
 * @module
 */
import { Random, SimulatedDisk } from "../../disk/mod.ts";
import { Finding } from "../script/history.ts";
import { count, isChosen, type Job, type JobSuite, type Tally, tryCase } from "../script/parallel.ts";
import { Unhandled } from "../script/stage.ts";
import type { Budget, SuiteReport } from "../suite.ts";
import { CALLS, makeCalls } from "./calls.ts";
import { commandCount, runCommands } from "./command.ts";
import { attempt, imported, opened, operations, verified, viewed } from "./entry_points.ts";
import { type Input, logInput, material, sealedInput, streamInput } from "./inputs.ts";
import { plainFold, textOfState } from "./plain_fold.ts";

/** Inputs in a full run, by kind. */
const INPUTS = {
  log: 6_500,
  checkpoint: 1_500,
  sealed: 500,
  stream: 1_300,
  command: 200,
  call: 2_000,
} as const;
const PARTS = 40;

type Kind = keyof typeof INPUTS;

/** The suite. */
export const nonsense: JobSuite = {
  name: "nonsense",
  title: "reads stores and streams whose checksums are right and whose contents make no sense",
  jobs: ({ share, seed, only = "" }) =>
    Promise.resolve(
      Array.from({ length: only === "" ? PARTS : 1 }, (_, part) => ({ part, share, seed, only })),
    ),
  work,
  report,
};

async function work(job: Job, tally: Tally): Promise<void> {
  using _timers = quickTimers();
  using unhandled = new Unhandled();
  const [only, seed] = [String(job.only), Number(job.seed)];
  for (const kind of Object.keys(INPUTS) as Kind[]) {
    for (let number = 0; number < INPUTS[kind]; number++) {
      const name = `${kind}-${number}`;
      const chosen = only === ""
        ? number % PARTS === job.part && isChosen(name, Number(job.share), seed)
        : only === name;
      if (!chosen) continue;
      count(tally, "inputs");
      const ok = await tryCase(tally, name, () => tryInput(kind, number, seed, tally));
      if (!ok) return;
      unhandled.check();
    }
  }
}

async function tryInput(kind: Kind, number: number, seed: number, tally: Tally): Promise<void> {
  const random = new Random(seed * 1_000_003 + number * 7 + Object.keys(INPUTS).indexOf(kind));
  if (kind === "call") {
    const accepted = await makeCalls(random);
    count(tally, "calls", CALLS);
    count(tally, "calls accepted", accepted);
    return;
  }
  const source = await material();
  if (kind === "stream") {
    const accepted = await imported(new SimulatedDisk(), streamInput(random, source));
    return count(tally, accepted ? "streams accepted" : "streams refused");
  }
  const input = kind === "log" || (kind === "command" && random.chance(0.7))
    ? logInput(random, source)
    : sealedInput(random, source, kind !== "sealed");
  if (kind === "command") {
    count(tally, "commands", commandCount);
    return await runCommands(input.disk.dump());
  }
  await tryStore(kind, number, input, tally);
}

async function tryStore(kind: Kind, number: number, input: Input, tally: Tally): Promise<void> {
  const { disk, texts, isSound } = input;
  const before = await verified(disk.fork());
  const seen = await viewed(disk.fork());
  const writer = disk.fork();
  const came = await opened(writer);
  const names = Object.keys(operations);
  const what = names[number % names.length] ?? "";
  await attempt(what, disk.fork(), async (fork) => void await operations[what]?.(fork));
  const isOpen = "value" in came;
  count(tally, isOpen ? "stores opened" : "stores refused");
  if (isSound && !isOpen) throw new Finding("I1", `a store that is sound was refused: ${came.error}`);
  const verdict = "value" in before ? before.value.verdict : "refused";
  const isGood = kind === "log" ? verdict !== "damaged" && verdict !== "refused" : verdict === "clean";
  if (isSound && !isGood) {
    const findings = "value" in before ? before.value.findings : before.error;
    throw new Finding("I5", `verify calls a store that is sound ${verdict}: ${JSON.stringify(findings)}`);
  }
  // A last line that is not an event is truncated and reported, like the remains of one after a crash.
  const whole = "value" in before ? before.value.events : 0;
  if (isGood && texts !== undefined) mustBeFolded(texts.slice(0, whole), seen, isOpen);
  if (!isOpen) return;
  const after = await verified(writer);
  const [now, findings] = "value" in after ? [after.value.verdict, after.value.findings] : ["refused", []];
  if (isGood && now !== "clean") {
    throw new Finding("I5", `${verdict} before it was opened, ${now} after: ${JSON.stringify(findings)}`);
  }
}

/** A store that verify finds clean opens with the state of its events. */
function mustBeFolded(
  texts: readonly string[],
  seen: Awaited<ReturnType<typeof viewed>>,
  isOpen: boolean,
): void {
  const state = plainFold(texts, "t");
  if (state === undefined) throw new Finding("I5", "verify finds no damage in a log that makes no sense");
  if (!isOpen) throw new Finding("I5", "verify finds no damage, and the store does not open");
  const found = "value" in seen ? seen.value : `refused: ${seen.error}`;
  const expected = textOfState(state);
  if (found !== expected) throw new Finding("I5", `the state is ${found}, and not ${expected}`);
}

/** Lets waits end immediately while the returned object lives: the awaited changes do not happen here. */
function quickTimers(): Disposable {
  const real = globalThis.setTimeout;
  globalThis.setTimeout = ((work: () => void) => real(work, 0)) as typeof setTimeout;
  return {
    [Symbol.dispose](): void {
      globalThis.setTimeout = real;
    },
  };
}

function report(tally: Tally, { share, only }: Budget): SuiteReport {
  const all = only === undefined;
  const total = Object.values(INPUTS).reduce((sum, inputs) => sum + inputs, 0);
  const { inputs = 0, commands = 0, calls = 0 } = tally.counts;
  const expected = (full: number): number => Math.floor(share >= 1 ? full : full * share * 0.5);
  const outcomes = [
    "calls accepted",
    "stores opened",
    "stores refused",
    "streams accepted",
    "streams refused",
  ];
  return {
    counts: [
      { what: "inputs", count: inputs, target: all ? expected(total) : 1 },
      {
        what: "calls with arbitrary arguments",
        count: calls,
        target: all ? expected(INPUTS.call * CALLS) : 0,
      },
      { what: "commands", count: commands, target: all ? expected(INPUTS.command * commandCount) : 0 },
    ],
    notes: outcomes.map((what) => `${what}: ${tally.counts[what] ?? 0}`),
  };
}
