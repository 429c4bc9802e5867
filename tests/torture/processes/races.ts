/**
 * Real processes that race to open one store: one gets it, the others receive its
 * owner; a killed holder loses it, a stopped one does not.
 *
 * @module
 */
import { Random } from "../../disk/mod.ts";
import { BrokenOracle } from "../suite.ts";
import { Child } from "./child_process.ts";

/** Counts. */
export interface RaceFigures {
  /** Rounds with exactly one winner. */
  rounds: number;
  /** Losers that received the error. */
  losers: number;
  /** Losers that received the winner's process id. */
  named: number;
  /** Holders that were killed. */
  killed: number;
  /** Holders that were stopped and kept it. */
  stopped: number;
}

const CONTENDER = new URL("./contender.ts", import.meta.url);
const CONTENDERS = 8;
/** Rounds at a time, each on a store of its own. */
const ABREAST = 10;

/** Lets processes race. */
export async function raceMany(rounds: number, seed: number, told: () => void): Promise<RaceFigures> {
  const root = await Deno.makeTempDir({ prefix: "worker-runtime-races-" });
  const race = new Race(root, new Random(seed));
  try {
    await race.begin();
    while (race.figures.rounds < rounds) {
      await race.wave(Math.min(ABREAST, rounds - race.figures.rounds));
      told();
    }
    return race.figures;
  } finally {
    await race.end();
    await Deno.remove(root, { recursive: true });
  }
}

class Race {
  readonly figures: RaceFigures = { rounds: 0, losers: 0, named: 0, killed: 0, stopped: 0 };
  readonly #root: string;
  readonly #random: Random;
  #children: Child[] = [];

  constructor(root: string, random: Random) {
    this.#root = root;
    this.#random = random;
  }

  async begin(): Promise<void> {
    this.#children = Array.from({ length: CONTENDERS }, () => new Child(CONTENDER, []));
    await Promise.all(this.#children.map((child) => child.hear("ready")));
  }

  async end(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.kill()));
  }

  /** Several rounds at a time, on new stores and on ones that were used before. */
  async wave(count: number): Promise<void> {
    const places = Array.from({ length: count }, (_, index) => {
      const fresh = this.#random.chance(0.5) || this.figures.rounds === 0;
      return `${this.#root}/${fresh ? "new" : "used"}-${fresh ? this.figures.rounds + index : index}`;
    });
    const winners = await Promise.all(places.map((place) => this.#round(place)));
    this.figures.rounds += count;
    const victim = this.#random.pick(winners);
    if (this.#random.chance(0.3)) await this.#stop(victim.child, victim.place);
    const killed = this.#random.chance(0.4) ? victim.child : undefined;
    for (const { child, place } of winners) {
      if (child !== killed) await this.#close(child, place);
    }
    if (killed !== undefined) await this.#replace(killed);
  }

  async #round(place: string): Promise<{ readonly child: Child; readonly place: string }> {
    const answers = await Promise.all(this.#children.map((child) => this.#open(child, place)));
    const winners = answers.filter(({ line }) => line.startsWith("won"));
    const [winner] = winners;
    if (winners.length !== 1 || winner === undefined) {
      throw this.#broken(
        "I10",
        place,
        `${winners.length} winners: ${answers.map(({ line }) => line).join("; ")}`,
      );
    }
    for (const { child, line } of answers) {
      if (child !== winner.child) this.#checkLoser(line, winner.child.pid, place);
    }
    return { child: winner.child, place };
  }

  async #open(child: Child, place: string): Promise<{ readonly child: Child; readonly line: string }> {
    await child.tell(`open ${place}`);
    const line = await child.hear(`won ${place}`, `lost ${place} `);
    return { child, line: line ?? "gone" };
  }

  #checkLoser(line: string, pid: number, place: string): void {
    if (!line.includes(" store_locked ")) {
      throw this.#broken("I10", place, `not refused with store_locked: ${line}`);
    }
    this.figures.losers++;
    // A loser may be faster than the winner is to record itself as the owner.
    if (line.includes(`process ${pid} `)) this.figures.named++;
  }

  async #close(child: Child, place: string): Promise<void> {
    await child.tell(`close ${place}`);
    await child.hear(`closed ${place}`);
  }

  /** A process that does not run still holds its lock. */
  async #stop(holder: Child, place: string): Promise<void> {
    holder.signal("SIGSTOP");
    try {
      const other = this.#random.pick(this.#children.filter((child) => child !== holder));
      const { line } = await this.#open(other, place);
      if (!line.includes(" store_locked ") || !line.includes(`process ${holder.pid} `)) {
        throw this.#broken("I10", place, `the lock of a stopped process: ${line}`);
      }
      this.figures.stopped++;
    } finally {
      holder.signal("SIGCONT");
    }
  }

  /** Asserts that the lock of a killed process is free immediately. */
  async #replace(child: Child): Promise<void> {
    await child.kill();
    const fresh = new Child(CONTENDER, []);
    await fresh.hear("ready");
    this.#children = this.#children.map((one) => one === child ? fresh : one);
    this.figures.killed++;
  }

  #broken(oracle: string, place: string, why: string): BrokenOracle {
    return new BrokenOracle(oracle, place.split("/").at(-1) ?? place, why);
  }
}
