/**
 * Two processes that work through cases, one case after the other: the host
 * of a store and the operator beside it.
 *
 * @module
 */
import { Random } from "../../disk/mod.ts";
import { Child } from "../processes/child_process.ts";
import { BrokenOracle } from "../suite.ts";
import type { Request } from "./lines.ts";
import { pause } from "./pending.ts";
import { type Ending, scenarioOf } from "./scenario.ts";

/** Counts of a run. */
export interface Figures {
  /** Cases. */
  cases: number;
  /** Openings of a store by a host. */
  rounds: number;
  /** Hosts killed. */
  kills: number;
  /** Calls of hosts that were not killed. */
  calls: number;
  /** Calls of operators. */
  operations: number;
}

const HOST = new URL("./host.ts", import.meta.url);
const OPERATOR = new URL("./operator_process.ts", import.meta.url);
/** A process that is silent for this long is blocked; it reports hanging calls itself, much earlier. */
const SILENCE_MS_MAX = 300_000;

/** A host and an operator. */
export class Lane {
  readonly figures: Figures = { cases: 0, rounds: 0, kills: 0, calls: 0, operations: 0 };
  readonly #operator = new Child(OPERATOR, []);
  #host = new Child(HOST, []);

  /** Runs the case of a seed. Throws {@linkcode BrokenOracle}. */
  async run(seed: number): Promise<void> {
    const directory = await Deno.makeTempDir({ prefix: "worker-runtime-interplay-" });
    const { config, endings } = scenarioOf(seed);
    const home = `${directory}/store/runtimes/t`;
    await Deno.mkdir(home, { recursive: true });
    await Deno.writeTextFile(`${home}/config.jsonc`, config);
    const random = new Random(seed + 1);
    try {
      // The last round only reads.
      for (const [round, ending] of [...endings, "close" as const].entries()) {
        await this.#round({ seed, round, directory }, ending, random);
      }
      this.figures.cases++;
    } catch (error) {
      await this.end();
      throw error;
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  }

  /** Ends both processes. */
  async end(): Promise<void> {
    await Promise.all([this.#host.kill(), this.#operator.kill()]);
  }

  async #round(request: Request, ending: Ending, random: Random): Promise<void> {
    const { seed } = request;
    const json = JSON.stringify(request);
    await this.#host.tell(json);
    await this.#hear(seed, this.#host, "ready");
    await this.#operator.tell(`begin ${json}`);
    if (ending === "kill") await this.#kill(seed, random);
    else this.figures.calls += await this.#hear(seed, this.#host, "closed");
    await this.#operator.tell("end");
    this.figures.operations += await this.#hear(seed, this.#operator, "ended");
    await this.#operator.tell(`audit ${json}`);
    this.figures.operations += await this.#hear(seed, this.#operator, "ended");
    this.figures.rounds++;
  }

  /** Kills the host at some moment; its findings until then count. */
  async #kill(seed: number, random: Random): Promise<void> {
    await pause(random.below(random.pick([50, 400])));
    await this.#host.kill();
    const broken = this.#host.lines.find((line) => line.startsWith("broken "));
    if (broken !== undefined) throw brokenOracle(seed, broken);
    this.#host = new Child(HOST, []);
    this.figures.kills++;
  }

  /** Waits for an answer, and gives its number. */
  async #hear(seed: number, child: Child, word: string): Promise<number> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const silence = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(`broken I7 "no ${word} in time"`), SILENCE_MS_MAX);
    });
    try {
      const line = await Promise.race([child.hear(word, "broken "), silence]);
      if (line === undefined) throw new BrokenOracle("I7", `seed-${seed}`, "a process ended by itself");
      if (!line.startsWith(word)) throw brokenOracle(seed, line);
      return Number(line.slice(word.length));
    } finally {
      clearTimeout(timer);
    }
  }
}

function brokenOracle(seed: number, line: string): BrokenOracle {
  const [, oracle = ""] = line.split(" ", 2);
  return new BrokenOracle(oracle, `seed-${seed}`, JSON.parse(line.slice(`broken ${oracle} `.length)));
}
