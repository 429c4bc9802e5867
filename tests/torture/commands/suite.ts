/**
 * Kills every command that writes at each of its calls to the disk, and repeats it:
 * the source is unchanged, the result is absent, whole or resumable, and the
 * repeated command leads to the same result as one that was not killed.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { killAt } from "../../disk/mod.ts";
import { Finding } from "../script/history.ts";
import { count, isChosen, type Job, type JobSuite, type Tally, tryCase } from "../script/parallel.ts";
import { settled, Unhandled } from "../script/stage.ts";
import type { Budget, SuiteReport } from "../suite.ts";
import { type Command, commands } from "./commands.ts";

/** Jobs that a command is divided into; one for a small share, since each one creates the base again. */
const PARTS = 8;
const PARTS_FROM_SHARE = 0.1;
/** Slightly fewer than the calls of all commands together. */
const TARGET = 5_000;

/** Kills at each call on the simulated disk. */
export const commandKills: JobSuite = {
  name: "commands",
  title: "commands killed at each call do not change their source, and have the same result when repeated",
  jobs: (budget) => Promise.resolve(jobsOf(budget)),
  work,
  report,
};

function jobsOf({ share, seed, only = "" }: Budget): Job[] {
  const parts = only === "" && share >= PARTS_FROM_SHARE ? PARTS : 1;
  const wanted = commands.filter(({ name }) => only === "" || only.split("/")[0] === name);
  return wanted.flatMap(({ name }) =>
    Array.from({ length: parts }, (_, part) => ({ command: name, part, parts, share, seed, only }))
  );
}

async function work(job: Job, tally: Tally): Promise<void> {
  using unhandled = new Unhandled();
  const command = commands.find(({ name }) => name === job.command);
  if (command === undefined) throw new Error(`Cannot kill: there is no command ${job.command}`);
  const only = String(job.only);
  const base = await command.base();
  const whole = base.fork();
  await command.run(whole);
  const calls = whole.calls.count();
  const wanted = await command.result(whole);
  for (let call = 1; call <= calls; call++) {
    const name = `${command.name}/${call}`;
    const chosen = only === ""
      ? call % Number(job.parts) === job.part && isChosen(name, Number(job.share), Number(job.seed))
      : only === name;
    if (!chosen) continue;
    if (!await tryCase(tally, name, () => settled(killed(command, base, call, wanted)))) return;
    count(tally, "kills");
    unhandled.check();
  }
}

async function killed(
  command: Command,
  base: Awaited<ReturnType<Command["base"]>>,
  call: number,
  wanted: unknown,
): Promise<void> {
  const disk = base.fork();
  disk.onCall = killAt(call);
  await command.run(disk).catch(() => {});
  const left = disk.kill();
  await command.check?.(left, base);
  try {
    await command.run(left);
  } catch (error) {
    throw new Finding(
      "I4",
      `the command cannot be repeated: ${error instanceof Error ? error.stack : error}`,
    );
  }
  const result = await command.result(left);
  try {
    assertEquals(result, wanted);
  } catch (error) {
    throw new Finding("I4", `the repeated command gives something else: ${error}`);
  }
}

function report(tally: Tally, { share, only }: Budget): SuiteReport {
  // A sample is not exact.
  const target = only === undefined ? Math.floor(TARGET * (share >= 1 ? 1 : share * 0.5)) : 1;
  return {
    counts: [{ what: "commands killed at a call", count: tally.counts.kills ?? 0, target }],
    notes: [],
  };
}
