/**
 * Checks what the store holds in the end against the files: everything is there, exactly once.
 *
 * @module
 */
import type { Json, Runtime, RuntimeEvent } from "../../mod.ts";
import { digestOf, type SourceFile } from "./files.ts";
import { MODEL, piecesOf, tokensOf, workerIdOf } from "./job.ts";
import { outlineOf } from "./outline.ts";

/** How many runs of a worker there were. */
export interface RunCounts {
  readonly completed: number;
  readonly interrupted: number;
}

/** What was found. */
export interface Findings {
  /** What is wrong; nothing, as a rule. */
  readonly issues: readonly string[];
  /** Events read. */
  readonly events: number;
  /** Transcript entries read. */
  readonly entries: number;
  /** Runs by worker. */
  readonly runs: ReadonlyMap<string, RunCounts>;
}

/** Reads all of it and compares. */
export async function verify(runtime: Runtime, files: readonly SourceFile[]): Promise<Findings> {
  const issues: string[] = [];
  const runs = new Map<string, RunCounts>();
  let events = 0;
  for await (const event of allEvents(runtime)) {
    if (event.id !== ++events) issues.push(`Event ${event.id} stands where event ${events} should`);
    countRun(runs, event);
  }
  let entries = 0;
  for (const file of files) {
    const found = await contentsOf(runtime, workerIdOf(file));
    entries += found.length;
    issues.push(...await issuesOf(runtime, file, found, runs.get(workerIdOf(file))));
  }
  issues.push(...totalIssues(runtime, files));
  return { issues, events, entries, runs };
}

async function* allEvents(runtime: Runtime): AsyncGenerator<RuntimeEvent> {
  let after = 0;
  for (;;) {
    const page = await runtime.events({ after, limit: 500 });
    yield* page.items;
    if (page.next === null) return;
    after = page.next;
  }
}

function countRun(runs: Map<string, RunCounts>, event: RuntimeEvent): void {
  const outcome = event.type === "worker.committed" ? event.run?.ended : undefined;
  if (event.type !== "worker.committed" || outcome === undefined) return;
  const { completed, interrupted } = runs.get(event.workerId) ?? { completed: 0, interrupted: 0 };
  runs.set(event.workerId, {
    completed: completed + Number(outcome === "completed"),
    interrupted: interrupted + Number(outcome === "interrupted"),
  });
}

async function contentsOf(runtime: Runtime, workerId: string): Promise<Json[]> {
  const worker = runtime.worker(workerId);
  return await Array.fromAsync(worker.entries(), (entry) => worker.content(entry));
}

async function issuesOf(
  runtime: Runtime,
  file: SourceFile,
  contents: readonly Json[],
  runs: RunCounts | undefined,
): Promise<string[]> {
  const { path, digest, text } = file;
  const issues: string[] = [];
  const expected = piecesOf(text).length + 1;
  if (contents.length !== expected) issues.push(`${path}: ${contents.length} entries, not ${expected}`);
  const kept = contents.slice(0, -1).join("");
  if (await digestOf(`${path}\0${kept}`) !== digest) issues.push(`${path}: the text is not the file's`);
  const answer = outlineOf(path, text);
  const [last] = contents.slice(-1);
  const isAnswer = JSON.stringify(last) === JSON.stringify([{ type: "text", text: answer }]);
  if (!isAnswer) issues.push(`${path}: the answer is not the file's outline`);
  if (runs?.completed !== 1) issues.push(`${path}: ${runs?.completed ?? 0} runs were completed, not 1`);
  const { inputTokens, outputTokens, requests } = runtime.worker(workerIdOf(file)).state().usage;
  const used = [inputTokens, outputTokens, requests].join("/");
  const right = [tokensOf(text), tokensOf(answer), 1].join("/");
  if (used !== right) issues.push(`${path}: usage is ${used}, not ${right}`);
  return issues;
}

function totalIssues(runtime: Runtime, files: readonly SourceFile[]): string[] {
  const { workers, usageByModel } = runtime.overview();
  const issues: string[] = [];
  if (workers.total !== files.length) issues.push(`${workers.total} workers, not ${files.length}`);
  if (workers.busy !== 0) issues.push(`${workers.busy} workers are busy still`);
  const tokens = files.reduce((sum, { text }) => sum + tokensOf(text), 0);
  const recorded = usageByModel[MODEL]?.inputTokens ?? 0;
  if (recorded !== tokens) issues.push(`${recorded} input tokens in all, not ${tokens}`);
  return issues;
}
