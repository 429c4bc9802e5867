/**
 * The demo: one worker for each Markdown or source file of a directory, in a process that is killed halfway and
 * followed by another one.
 *
 *     deno task demo [DIRECTORY] [--out DIRECTORY]
 *
 * Nothing leaves the machine: what answers in place of a model is a plain routine.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { join } from "@std/path";
import { type Diagnostic, isRuntimeError, Runtime } from "../mod.ts";
import { FsRuntimeStore } from "../fs_store.ts";
import { makeRoot, readArguments, USAGE, UsageError } from "./demo/arguments.ts";
import { type Job, WorkingProcess } from "./demo/child.ts";
import { findFiles, type FoundFiles } from "./demo/files.ts";
import { printDiagnostics, printOverview, printVerdict, printWorkers } from "./demo/report.ts";
import { bold, dim, print, Progress, yellow } from "./demo/screen.ts";
import { verify } from "./demo/verify.ts";

function printFound(directory: string, { files, skipped }: FoundFiles): void {
  print(`${bold("Worker runtime demo")}: a worker for each of ${files.length} files in ${directory}`);
  for (const [why, count] of skipped) print(dim(`  left out: ${count} ${why}`));
  print();
}

/** Lets the first process work until half of the files are done, then kills it. */
async function workAndKill(job: Omit<Job, "answers">, total: number): Promise<void> {
  const half = Math.floor(total / 2);
  const progress = new Progress(total);
  // Killed at half; silent at three quarters, should this process be slow to kill it.
  await using child = new WorkingProcess({ ...job, answers: Math.min(total - 1, Math.ceil(total * 0.75)) });
  let done = 0;
  for await (const message of child.messages()) {
    if (message.type === "done") progress.show(++done, `process ${child.pid}`);
    if (done >= half) child.kill();
  }
  progress.end();
  const { signal } = await child.status();
  if (signal !== "SIGKILL") throw new Error(`The first process ended by itself (${signal ?? "no signal"})`);
  print(yellow(`  Process ${child.pid} was killed (SIGKILL) with ${done} of ${total} files done\n`));
}

/** Lets a new process do the rest; gives what the store noticed. */
async function workOn(job: Omit<Job, "answers">, total: number): Promise<readonly Diagnostic[]> {
  const progress = new Progress(total);
  await using child = new WorkingProcess({ ...job, answers: Infinity });
  let [done, repeated] = [0, 0];
  let diagnostics: readonly Diagnostic[] | undefined;
  for await (const message of child.messages()) {
    if (message.type === "finished") ({ diagnostics } = message);
    if (message.type !== "done") continue;
    if (!message.isNew) repeated++;
    progress.show(++done, `process ${child.pid}`);
  }
  progress.end();
  const { code } = await child.status();
  if (code !== 0 || diagnostics === undefined) throw new Error(`The second process failed with code ${code}`);
  print(
    `  Process ${child.pid} did the rest; ${repeated} files were done already, and were not done again\n`,
  );
  return diagnostics;
}

async function main(args: readonly string[]): Promise<number> {
  const { directory, out } = readArguments(args);
  const found = await findFiles(directory);
  const { files } = found;
  if (files.length === 0) {
    throw new UsageError(`Cannot work on ${directory}: it has no Markdown or source file`);
  }
  const root = makeRoot(out);
  printFound(directory, found);
  const runtimeId = `demo-${new Date().toISOString().replace(/\D/g, "").slice(0, 14)}`;
  const job = { directory, root, runtimeId };
  const startedAt = performance.now();
  await workAndKill(job, files.length);
  const noticed = await workOn(job, files.length);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);

  const store = new FsRuntimeStore({ root, runtimeId, create: false });
  await using runtime = await Runtime.open({ store });
  const findings = await verify(runtime, files);
  printWorkers(runtime, files, findings);
  printOverview(runtime, findings);
  printDiagnostics([...noticed, ...runtime.diagnostics().items]);
  printVerdict(findings, files.length);
  print(`\nThe work took ${seconds} s. Everything is in ${store.directory}`);
  print(dim(`Have a look: ${join(store.directory, "overview.json")}, events/, workers/`));
  return findings.issues.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  if (Deno.args.some((argument) => argument === "--help" || argument === "-h")) {
    print(USAGE);
    Deno.exit(0);
  }
  try {
    Deno.exitCode = await main(Deno.args);
  } catch (error) {
    if (!(error instanceof UsageError) && !isRuntimeError(error)) console.error(error);
    else console.error(error.message);
    if (error instanceof UsageError) console.error(`\n${USAGE}`);
    Deno.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
