/**
 * The commands, their arguments and options.
 *
 * @module
 */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { locateStore } from "../operate.ts";
import { invalidRequest } from "../store.ts";
import { blobCommand, blobsCommand } from "./commands/blobs.ts";
import { repairCommand, verifyCommand } from "./commands/checking.ts";
import { eventsCommand } from "./commands/events.ts";
import { pruneCommand, purgeCommand } from "./commands/freeing.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { backupCommand, exportCommand, importCommand } from "./commands/moving.ts";
import { reportCommand } from "./commands/report.ts";
import { showCommand } from "./commands/show.ts";
import { transcriptCommand } from "./commands/transcript.ts";
import { usageCommand } from "./commands/usage.ts";
import { withStore, withView } from "./commands/view.ts";
import { isDatabase } from "./database.ts";
import { exitCodes, reportFailure } from "./failure.ts";
import { type Io, OutputClosed } from "./io.ts";
import type { Options } from "./options.ts";

/** Runs the command; resolves to its exit code. */
export async function runProgram(args: readonly string[], io: Io): Promise<number> {
  let code: number = exitCodes.ok;
  const program = makeProgram(io, (run) => async (...values: unknown[]) => {
    // Arguments, options, and the command itself.
    code = await run(io, values.at(-2) as Options, ...values.slice(0, -2)) ?? exitCodes.ok;
  });
  try {
    await program.parseAsync(args.length === 0 ? ["--help"] : args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof OutputClosed) return exitCodes.ok;
    // Help and version end here, too, and are printed by now.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.failed;
    if (io.signal.aborted) return exitCodes.failed;
    return reportFailure(io, error, args.includes("--json"));
  }
}

// deno-lint-ignore no-explicit-any -- commander passes arguments as they come
type Run = (io: Io, options: Options, ...args: any[]) => Promise<number | void>;
type Action = (run: Run) => (...values: unknown[]) => Promise<void>;

/** Runs a command on the directory of the store that its first argument names. */
function onDisk(run: Run): Run {
  return (io, options, place, ...rest) => {
    if (isDatabase(place)) {
      const issue = "it works on a store on disk; an export moves a runtime there";
      throw invalidRequest("run the command in a database", issue);
    }
    return run(io, options, locateStore(place, options.runtime), ...rest);
  };
}

/** Runs a command on the store that its first argument names, on disk or in a database. */
function onStore(run: Run): Run {
  return (io, options, place, ...rest) =>
    withStore(place, options, async (located) => await run(io, options, located, ...rest));
}

/** Runs a command on the store that its first argument names, opened for reading. */
function onView(run: (...values: [...Parameters<Run>]) => void | Promise<number | void>): Run {
  return onStore((io, options, located, ...rest) =>
    withView(io, options, located, (opened) => run(io, options, opened, ...rest))
  );
}

function makeProgram(io: Io, action: Action): Command {
  const program = new Command("worker-runtime");
  // Without these, commander would read the environment, which requires a permission.
  program.configureOutput({
    writeOut: (text) => io.out(text),
    writeErr: (text) => io.err(text),
    getOutHasColors: () => io.color,
    getErrHasColors: () => io.color,
    getOutHelpWidth: () => Math.min(100, io.columns),
    getErrHelpWidth: () => Math.min(100, io.columns),
  });
  program.exitOverride()
    .showHelpAfterError("  try: --help")
    .description("Inspect, verify, repair, move and shrink a worker-runtime store.")
    .helpCommand(false)
    .addHelpText(
      "after",
      "\nDIR is the root directory of a host, or the directory of one runtime. The commands that have --space" +
        "\ntake a PostgreSQL database instead: postgres://USER:PASSWORD@HOST:PORT/DATABASE, with ?sslmode=require" +
        "\nor verify-full for an encrypted connection." +
        "\nExit codes: 0 ok, 1 failed, 2 can be repaired without loss, 3 damaged.",
    );
  addReading(program, action);
  addChecking(program, action);
  addMoving(program, action);
  addFreeing(program, action);
  return program;
}

/** A command with the options that every command on a store on disk has. */
function command(program: Command, name: string, description: string): Command {
  return program.command(name)
    .description(description)
    .option("-r, --runtime <id>", "the runtime, if DIR holds several")
    .option("--json", "print JSON");
}

/** A command that works in a database as well. */
function anywhere(program: Command, name: string, description: string): Command {
  return space(command(program, name, description));
}

function space(command: Command): Command {
  return command.option("--space <name>", 'the space in a database (default: "default")');
}

function addReading(program: Command, action: Action): void {
  anywhere(program, "inspect <dir>", "overview of runtimes, workers and sizes")
    .addOption(new Option("--status <status>", "only workers of this status")
      .choices(["running", "stopped", "retired"]))
    .option("-n, --limit <count>", "workers to list, the last active first; 0 for all", count, 30)
    .action(action(inspectCommand));
  anywhere(program, "show <dir> <worker>", "record, state and usage of one worker")
    .action(action(onView(showCommand)));
  paged(anywhere(program, "transcript <dir> <worker>", "the transcript of a worker"), "entries")
    .option("--all", "all entries")
    .option("--full", "long parts in full")
    .addOption(
      new Option("--context", "what the model sees: the summary and the entries of the context")
        .conflicts(["all", "limit", "after", "before"]),
    )
    .action(action(onView(transcriptCommand)));
  paged(anywhere(program, "events <dir>", "the log of events"), "events")
    .option("-w, --worker <id>", "only events of this worker")
    .option("-f, --follow", "continue with new events")
    .action(action(onView(eventsCommand)));
  output(anywhere(program, "blob <dir> <worker> <sha256>", "write a blob of a worker"))
    .action(action(onView(blobCommand)));
  anywhere(program, "usage <dir>", "usage of models")
    .addOption(new Option("--by <what>", "only this table").choices(["worker", "model", "day"]))
    .option("-w, --worker <id>", "only of this worker")
    .option("-n, --limit <count>", "workers to list, the costliest first; 0 for all", count, 20)
    .action(action(onView(usageCommand)));
  output(anywhere(program, "report <dir>", "a page for a browser, in one file"))
    .option("--entries <count>", "entries of each transcript, the newest", count, 100)
    .option("--workers <count>", "workers with their transcripts, the last active", count, 200)
    .action(action(onView(reportCommand)));
}

function addChecking(program: Command, action: Action): void {
  command(program, "verify <dir>", "check every line of the log, and every other file against it")
    .option("--quick", "do not read blobs, and compare only their sizes")
    .action(action(onDisk(verifyCommand)));
  command(program, "repair <dir>", "list the steps of a repair; --apply performs them")
    .option("--apply", "repair")
    .option(
      "--salvage",
      "with --apply: also delete damaged events and all later ones; move damaged blobs aside",
    )
    .action(action(onDisk(repairCommand)));
}

function addMoving(program: Command, action: Action): void {
  output(anywhere(program, "export <dir>", "write the runtime as JSON lines"))
    .option("-w, --worker <id>", "only this worker, as a runtime of its own")
    .action(action(onStore(exportCommand)));
  space(program.command("import <file> <to>"))
    .description(
      "create a store below the root directory TO, or in a database, from an export (- is the standard input)",
    )
    .option("--dry-run", "only check the stream")
    .option("--json", "print JSON")
    .action(action(importCommand));
  command(
    program,
    "backup <dir> <to>",
    "copy the store below the root directory TO, or update an earlier copy",
  )
    .option("--no-verify", "do not verify the copy")
    .action(action(onDisk(backupCommand)));
}

function addFreeing(program: Command, action: Action): void {
  command(program, "prune <dir>", "list the oldest events that can be deleted; --apply deletes them")
    .option("--through <id>", "none after this event", count)
    .option("--older-than <age>", "only events older than this: 30d, 12h, 90m")
    .option("--apply", "delete them")
    .action(action(onDisk(pruneCommand)));
  anywhere(
    program,
    "blobs <dir> <worker>",
    "list the blobs of a worker; --apply removes those that no entry refers to",
  )
    .option("--apply", "remove them")
    .action(action(onStore(blobsCommand)));
  command(
    program,
    "purge <dir> <workers...>",
    "list stopped and retired workers to delete; --apply deletes them",
  )
    .option("--apply", "delete them")
    .action(action(onDisk(purgeCommand)));
}

function paged(command: Command, what: string): Command {
  return command
    .option("-n, --limit <count>", `${what} to show, the newest by default`, count, 20)
    .option("--after <number>", "begin after this number", count)
    .option("--before <number>", "end before this number", count);
}

function output(command: Command): Command {
  return command
    .option("-o, --output <file>", "file to write; the standard output by default")
    .option("--force", "replace an existing file");
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0 && text.trim() !== "") return value;
  throw new InvalidArgumentError("a count from 0 is needed");
}
