/**
 * Mutation testing: changes the source in many small ways, one at a time, and
 * runs the tests that cover the change. A mutant that no test notices shows
 * what the tests leave open.
 *
 *     deno task mutants [--changed REV] [--files PREFIX,...] [--sample N] [--seed N] [--budget SECONDS]
 *                       [--jobs N] [--retry] [--list]
 *
 * `--changed` takes only lines that differ from a revision, `--files` only
 * files whose path begins so, `--sample` a random choice. Results are kept in
 * `coverage/mutants/`, and a run that was stopped goes on where it was;
 * `--retry` tries survivors again. `--budget` bounds the usual time of the
 * tests that are run on one mutant. Exits with 1 when a mutant survives.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { Random } from "../kit/random.ts";
import { changedLines } from "./changed.ts";
import { type Covered, digestOf, isCurrent, listUnits, measure } from "./coverage.ts";
import { type Mutation, Sources } from "./mutations.ts";
import { diffOf, isKilled, type Result, tableOf } from "./report.ts";
import { KillCounts, nameOf, tryMutant } from "./trial.ts";
import { listFiles, ROOT, Workspace } from "./workspace.ts";

const DIRECTORY = `${ROOT}/coverage/mutants`;
const COVERAGE = `${DIRECTORY}/units.jsonl`;
const RESULTS = `${DIRECTORY}/results.jsonl`;
const BUDGET_SECONDS = 60;

const flags = new Set(["retry", "list"]);
const options = optionsOf(Deno.args);
const seed = Number(options.get("seed") ?? 1);
const jobs = Number(options.get("jobs") ?? navigator.hardwareConcurrency);
const budgetMs = 1_000 * Number(options.get("budget") ?? BUDGET_SECONDS);

Deno.mkdirSync(DIRECTORY, { recursive: true });
const files = await listFiles(".");
const mutations = await chosenMutations();
if (options.has("list")) {
  for (const { file, line, kind, replacement } of mutations) {
    console.log(`${file}:${line} ${kind}: ${replacement}`);
  }
  Deno.exit(0);
}
const coverage = await measureAll();
const results = await tryAll(mutations, coverage);
for (const result of results.filter((one) => !isKilled(one))) console.log(`\n${diffOf(result)}`);
console.log(`\n${tableOf(results)}\nseed ${seed}, ${new Date().toISOString().slice(0, 10)}`);
Deno.exit(results.every(isKilled) ? 0 : 1);

async function chosenMutations(): Promise<Mutation[]> {
  const sources = files.filter((file) => /^(src|cli)\/.*\.ts$/.test(file));
  const prefixes = options.get("files")?.split(",") ?? [""];
  const revision = options.get("changed");
  const changed = revision === undefined ? undefined : await changedLines(revision);
  const parsed = new Sources(ROOT, sources);
  const all = sources.filter((file) => prefixes.some((prefix) => file.startsWith(prefix)))
    .flatMap((file) => parsed.mutationsOf(file))
    .filter(({ file, line }) => changed === undefined || changed.get(file)?.has(line));
  const random = new Random(seed);
  const order = all.map((mutation) => ({ mutation, rank: random.next() })).sort((a, b) => a.rank - b.rank);
  return order.slice(0, Number(options.get("sample") ?? all.length)).map(({ mutation }) => mutation);
}

/** Runs every unit once with coverage, unless that is known already. */
async function measureAll(): Promise<Covered[]> {
  const before = new Map<string, Covered>();
  for (const covered of readLines<Covered>(COVERAGE)) {
    if (await isCurrent(covered)) before.set(nameOf(covered.unit), covered);
  }
  const units = await listUnits();
  const found = units.flatMap((unit) => before.get(nameOf(unit)) ?? []);
  const queue = units.filter((unit) => !before.has(nameOf(unit)));
  let done = 0;
  Deno.writeTextFileSync(COVERAGE, found.map((covered) => `${JSON.stringify(covered)}\n`).join(""));
  await inWorkspaces(queue, async (workspace, unit) => {
    const covered = await measure(workspace, unit, files);
    found.push(covered);
    Deno.writeTextFileSync(COVERAGE, `${JSON.stringify(covered)}\n`, { append: true });
    progress(`coverage ${++done} of ${queue.length}: ${nameOf(unit)}`);
    if (!covered.passed) console.log(`left out, since it fails without a mutant: ${nameOf(unit)}`);
  });
  return found;
}

async function tryAll(mutations: readonly Mutation[], coverage: readonly Covered[]): Promise<Result[]> {
  const known = new Map(readLines<Result>(RESULTS).map((result) => [keyOf(result), result]));
  const counts = new KillCounts();
  for (const { file, by } of known.values()) counts.add(file, by);
  const results: Result[] = [];
  const queue: (Mutation & { readonly digest: string })[] = [];
  for (const mutation of mutations) {
    const wanted = { ...mutation, digest: await digestOf(mutation.file) };
    const result = known.get(keyOf(wanted));
    if (result !== undefined && (isKilled(result) || !options.has("retry"))) results.push(result);
    else queue.push(wanted);
  }
  await inWorkspaces(queue, async (workspace, mutation) => {
    const trial = await tryMutant(workspace, mutation, coverage, counts, budgetMs);
    const result = { ...mutation, ...trial };
    counts.add(result.file, result.by);
    results.push(result);
    Deno.writeTextFileSync(RESULTS, `${JSON.stringify(result)}\n`, { append: true });
    const killed = results.filter(isKilled).length;
    progress(`${results.length} of ${mutations.length}, ${killed} killed: ${mutation.file}:${mutation.line}`);
  });
  return results;
}

/** Identifies a mutant across runs, as long as its file is unchanged. */
function keyOf({ file, digest, start, end, replacement }: Omit<Result, "verdict" | "by">): string {
  return JSON.stringify([file, digest, start, end, replacement]);
}

/** Works on all items, in as many copies of the repository as there are jobs. */
async function inWorkspaces<T>(
  items: readonly T[],
  work: (workspace: Workspace, item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    using workspace = new Workspace(files);
    for (const item of queue) await work(workspace, item);
  };
  await Promise.all(Array.from({ length: Math.min(jobs, items.length) }, worker));
}

function progress(text: string): void {
  if (Deno.stderr.isTerminal()) {
    Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text.slice(0, 100)}`));
  } else console.error(text);
}

function readLines<T>(path: string): T[] {
  try {
    return Deno.readTextFileSync(path).split("\n").filter((line) => line !== "").map((line) =>
      JSON.parse(line)
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function optionsOf(args: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (let index = 0; index < args.length; index++) {
    const name = args[index]?.replace(/^--/, "") ?? "";
    if (flags.has(name)) found.set(name, "");
    else if (/^(changed|files|sample|seed|budget|jobs)$/.test(name)) found.set(name, args[++index] ?? "");
    else throw new TypeError(`Cannot run mutants: there is no option ${JSON.stringify(args[index])}`);
  }
  return found;
}
