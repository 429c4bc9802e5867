/**
 * The host of the store, in a process that may be killed. Each line it reads
 * requests one session; it answers `ready` once the store is open and its content
 * was compared, then `closed CALLS`, or `broken` with the finding.
 *
 * @module
 */
import { Random } from "../../disk/mod.ts";
import { answerLines, type Request, say, sayBroken } from "./lines.ts";
import { Pending } from "./pending.ts";
import { scenarioOf } from "./scenario.ts";
import { work } from "./session.ts";

async function host({ seed, round, directory }: Request): Promise<void> {
  const scenario = scenarioOf(seed);
  const pending = new Pending(sayBroken);
  try {
    await work({
      directory,
      scenario,
      random: new Random(seed * 64 + round),
      wasClosed: round > 0 && scenario.endings[round - 1] !== "kill",
      works: round < scenario.endings.length,
      underLoad: scenario.endings[round] === "closeUnderLoad",
      pending,
      fail: sayBroken,
      ready: () => say("ready"),
    });
    say("closed", pending.settled);
  } catch (error) {
    sayBroken(error);
  } finally {
    pending.end();
  }
}

await answerLines((line) => void host(JSON.parse(line)));
