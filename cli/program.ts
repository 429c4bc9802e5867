/**
 * The commands, their arguments and options.
 *
 * @module
 */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { backupCommand } from "./commands/backup.ts";
import { eventsCommand } from "./commands/events.ts";
import { exportCommand } from "./commands/export.ts";
import { importCommand } from "./commands/import.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { pruneCommand } from "./commands/prune.ts";
import { purgeCommand } from "./commands/purge.ts";
import { repairCommand } from "./commands/repair.ts";
import { reportCommand } from "./commands/report.ts";
import { showCommand } from "./commands/show.ts";
import { transcriptCommand } from "./commands/transcript.ts";
import { usageCommand } from "./commands/usage.ts";
import { verifyCommand } from "./commands/verify.ts";
import { exitCodes, tellFailure } from "./failure.ts";
import { type Io, OutputClosed } from "./io.ts";

/** Runs the command; resolves to its exit code. */
export async function runProgram(args: readonly string[], io: Io): Promise<number> {
  let code: number = exitCodes.ok;
  const program = makeProgram(io, (run) => async (...values: unknown[]) => {
    code = await run(...values);
  });
  try {
    await program.parseAsync(args.length === 0 ? ["--help"] : args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof OutputClosed) return exitCodes.ok;
    // Help and version end here too; what there was to say has been said.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.failed;
    if (io.signal.aborted) return exitCodes.failed;
    return tellFailure(io, error, args.includes("--json"));
  }
}

// deno-lint-ignore no-explicit-any -- commander gives arguments and options as they come
type Run = (...values: any[]) => Promise<number>;
// deno-lint-ignore no-explicit-any -- see above
type Wrap = (run: Run) => (...values: any[]) => Promise<void>;

function makeProgram(io: Io, wrap: Wrap): Command {
  const program = new Command("worker-runtime");
  // Said here, commander need not ask the environment, which would need a permission.
  program.configureOutput({
    writeOut: (text) => io.out(text),
    writeErr: (text) => io.err(text),
    getOutHasColors: () => io.color,
    getErrHasColors: () => io.color,
    getOutHelpWidth: () => Math.min(100, io.columns),
    getErrHelpWidth: () => Math.min(100, io.columns),
  });
  program.exitOverride()
    .description("Look into a worker-runtime store, verify and repair it, take it elsewhere, free space.")
    .helpCommand(false)
    .addHelpText(
      "after",
      "\nDIR is the root directory of a host, or the directory of one runtime." +
        "\nExit codes: 0 well, 1 failed, 2 to be mended without loss, 3 damaged.",
    );
  reading(program, io, wrap);
  checking(program, io, wrap);
  moving(program, io, wrap);
  freeing(program, io, wrap);
  return program;
}

/** A command on a store. */
function onStore(program: Command, name: string, description: string): Command {
  return program.command(name)
    .description(description)
    .option("-r, --runtime <id>", "which runtime, where DIR holds several")
    .option("--json", "print JSON");
}

function reading(program: Command, io: Io, wrap: Wrap): void {
  onStore(program, "inspect <dir>", "runtimes, overview, workers and sizes")
    .addOption(new Option("--status <status>", "only workers of this status")
      .choices(["running", "stopped", "cancelled"]))
    .option("-n, --limit <count>", "workers to list, the last active first; 0 for all", count, 30)
    .action(wrap((dir, options) => inspectCommand(io, dir, options)));
  onStore(program, "show <dir> <worker>", "one worker: record, state, usage")
    .action(wrap((dir, worker, options) => showCommand(io, dir, worker, options)));
  paged(onStore(program, "transcript <dir> <worker>", "what was said to a worker and by it"), "entries")
    .option("--all", "all entries")
    .option("--full", "long entries in full")
    .action(wrap((dir, worker, options) => transcriptCommand(io, dir, worker, options)));
  paged(onStore(program, "events <dir>", "what happened"), "events")
    .option("-w, --worker <id>", "only events of this worker")
    .option("-f, --follow", "go on with new events as they come")
    .action(wrap((dir, options) => eventsCommand(io, dir, options)));
  onStore(program, "usage <dir>", "what work with models took")
    .addOption(new Option("--by <what>", "only this table").choices(["worker", "model", "day"]))
    .option("-w, --worker <id>", "only of this worker")
    .option("-n, --limit <count>", "workers to list, the costliest first; 0 for all", count, 20)
    .action(wrap((dir, options) => usageCommand(io, dir, options)));
  onStore(program, "report <dir>", "a page to read in a browser, all in one file")
    .option("-o, --output <file>", "where to write it; the standard output otherwise")
    .option("--force", "replace the file if it is there")
    .option("--entries <count>", "entries of each transcript, the newest", count, 100)
    .option("--workers <count>", "workers with their transcripts, the last active", count, 200)
    .action(wrap((dir, options) => reportCommand(io, dir, options)));
}

function checking(program: Command, io: Io, wrap: Wrap): void {
  onStore(program, "verify <dir>", "check every line of the log, and every file against it")
    .action(wrap((dir, options) => verifyCommand(io, dir, options)));
  onStore(program, "repair <dir>", "what to do about damage; does it with --apply")
    .option("--apply", "do it")
    .option("--salvage", "with --apply: also give up events that are damaged, and all behind them")
    .action(wrap((dir, options) => repairCommand(io, dir, options)));
}

function moving(program: Command, io: Io, wrap: Wrap): void {
  onStore(program, "export <dir>", "all of a runtime, or one worker, as JSON lines")
    .option("-w, --worker <id>", "only this worker, as a runtime of its own")
    .option("-o, --output <file>", "where to write it; the standard output otherwise")
    .option("--force", "replace the file if it is there")
    .action(wrap((dir, options) => exportCommand(io, dir, options)));
  program.command("import <file> <to>")
    .description("make a new store below the root directory TO from an export (- is the standard input)")
    .option("--dry-run", "only check the stream")
    .option("--json", "print JSON")
    .action(wrap((file, to, options) => importCommand(io, file, to, options)));
  onStore(
    program,
    "backup <dir> <to>",
    "copy the store below the root directory TO, or bring the copy up to date",
  )
    .option("--no-verify", "do not verify the copy")
    .action(wrap((dir, to, options) => backupCommand(io, dir, to, options)));
}

function freeing(program: Command, io: Io, wrap: Wrap): void {
  onStore(program, "prune <dir>", "give up the oldest events; does it with --apply")
    .option("--through <id>", "none after this event", count)
    .option("--older-than <age>", "only events older than this: 30d, 12h, 90m")
    .option("--apply", "do it")
    .action(wrap((dir, options) => pruneCommand(io, dir, options)));
  onStore(program, "purge <dir> <workers...>", "give up workers that have ended; does it with --apply")
    .option("--apply", "do it")
    .action(wrap((dir, workers, options) => purgeCommand(io, dir, workers, options)));
}

function paged(command: Command, what: string): Command {
  return command
    .option("-n, --limit <count>", `${what} to show, the newest by default`, count, 20)
    .option("--after <number>", "begin after this number", count)
    .option("--before <number>", "end before this number", count);
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0 && text.trim() !== "") return value;
  throw new InvalidArgumentError("a count from 0 is needed");
}
