/**
 * Many runtimes on a few hosts, one of which is killed or suspended.
 *
 * @module
 */
import { RuntimeDirectory } from "../../../postgres_store.ts";
import type { Case } from "./case.ts";
import type { Line } from "./journal.ts";
import type { Figures } from "./verdict.ts";

const RUNTIMES = 60;
const SPACE = "many";

/** Three hosts share 60 runtimes under load; one is killed or suspended, and the others take over all that it had. */
export async function killedHosts(one: Case, rounds: number): Promise<Figures> {
  const server = await one.database();
  const runtimes = Array.from({ length: RUNTIMES }, (_, index) => `r${index}`);
  await one.query(server, async (client) => {
    const directory = new RuntimeDirectory({ client, space: SPACE });
    for (const runtimeId of runtimes) await directory.add(runtimeId);
  });
  const plan = { port: server.port, leaseMs: 3_000, callers: 1, again: false, space: SPACE, pauseMs: 100 };
  one.start(...["a", "b", "c"].map((name) => ({ ...plan, name })));
  await everyRuntimeWorks(one, 0);
  for (let round = 0; round < rounds; round++) {
    const name = one.random.pick(one.names);
    const isKilled = one.random.chance(0.5);
    if (isKilled) await one.kill(name);
    else one.pause(name);
    one.faults++;
    one.journal.read();
    await everyRuntimeWorks(one, one.journal.lines.length);
    if (!isKilled) {
      one.resume(name);
      await one.journal.eventually("the end of its runs", () => openRuns(one.journal.lines, name) === 0);
      await one.kill(name);
    }
    one.start({ ...plan, name: `d${round}` });
    await everyRuntimeWorks(one, one.journal.lines.length);
  }
  return await one.finish(server, runtimes, SPACE);
}

/** Number of runs of a process that were not aborted. */
function openRuns(lines: readonly Line[], name: string): number {
  const count = (wanted: string): number =>
    lines.filter((line) => line.word === wanted && line.name === name).length;
  return count("running") - count("aborted");
}

/** Waits until each runtime acknowledges an input after a line. */
async function everyRuntimeWorks(one: Case, from: number): Promise<void> {
  const { lines } = one.journal;
  const runtimeOf = new Map<string, string>();
  const working = new Set<string>();
  let at = 0;
  await one.journal.eventually("all runtimes at work", () => {
    for (; at < lines.length; at++) {
      const { word, args: [session = "", runtimeId = ""] } = lines[at] ?? { word: "", args: [] };
      if (word === "opened") runtimeOf.set(session, runtimeId);
      if (word === "ack" && at >= from) working.add(runtimeOf.get(session) ?? "");
    }
    return working.size === RUNTIMES;
  });
}
