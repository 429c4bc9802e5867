/**
 * The process of the operator. `begin JSON` starts the tasks of a case concurrently
 * with its host, `end` ends them and is answered by `ended CALLS`; `audit JSON`
 * checks a store that no process has open and is answered by `ended CALLS` too.
 * Violations are reported as `broken`.
 *
 * @module
 */
import { Random } from "../../disk/mod.ts";
import { answerLines, type Request, say, sayBroken } from "./lines.ts";
import { Operator } from "./operator.ts";
import { Pending } from "./pending.ts";
import { scenarioOf } from "./scenario.ts";

let tasks: Promise<unknown> = Promise.resolve();
let ending = new AbortController();
let pending = new Pending(sayBroken);

async function begin({ seed, round, directory }: Request): Promise<void> {
  ending = new AbortController();
  const { workerIds, tasks: names } = scenarioOf(seed);
  const operator = new Operator(directory, workerIds, new Random(seed * 64 + round), pending);
  const { signal } = ending;
  tasks = Promise.all(names.map((task) => operator.repeat(task, signal)));
  await tasks;
}

async function end(): Promise<void> {
  ending.abort();
  await tasks;
  tell();
}

async function audit({ seed, round, directory }: Request): Promise<void> {
  const { endings, workerIds } = scenarioOf(seed);
  const operator = new Operator(directory, workerIds, new Random(seed * 64 + round), pending);
  await operator.audit(endings[round] !== "kill");
  tell();
}

function tell(): void {
  say("ended", pending.settled);
  pending.end();
  pending = new Pending(sayBroken);
}

await answerLines((line) => {
  const [word, json = ""] = [line.split(" ", 1)[0], line.slice(line.indexOf(" ") + 1)];
  if (word === "end") end().catch(() => {});
  else (word === "begin" ? begin : audit)(JSON.parse(json)).catch(sayBroken);
});
