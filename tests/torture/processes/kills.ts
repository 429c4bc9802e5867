/**
 * Kills of a real process under load: everything it acknowledged exists exactly
 * once.
 *
 * @module
 */
import { FsRuntimeStore } from "../../../fs_store.ts";
import { Runtime, type RuntimeEvent } from "../../../mod.ts";
import { Random } from "../../disk/mod.ts";
import { smallConfig } from "../../kit/opened.ts";
import { BrokenOracle } from "../suite.ts";
import { Child } from "./child_process.ts";

/** Counts. */
export interface KillFigures {
  /** Processes killed. */
  kills: number;
  /** Commands acknowledged before that. */
  acknowledged: number;
  /** Times that all of it was read. */
  checks: number;
}

const CHILD = new URL("./child.ts", import.meta.url);

/** Kills so many processes on one store, one after the other. */
export async function killMany(count: number, seed: number, told: () => void): Promise<KillFigures> {
  const root = await Deno.makeTempDir({ prefix: "worker-runtime-kills-" });
  const killing = new Killing(root, seed);
  try {
    await Deno.mkdir(`${root}/runtimes/t`, { recursive: true });
    await Deno.writeFile(`${root}/runtimes/t/config.jsonc`, smallConfig(65_536, 32_768));
    while (killing.figures.kills < count) {
      await killing.once();
      told();
    }
    await killing.check();
    return killing.figures;
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

class Killing {
  readonly figures: KillFigures = { kills: 0, acknowledged: 0, checks: 0 };
  readonly #root: string;
  readonly #random: Random;
  /** Keys acknowledged since the last check, with their events. */
  #fresh = new Map<string, number>();
  /** All keys found in the log. */
  readonly #found = new Map<string, number>();
  #checkedEventId = 0;

  constructor(root: string, seed: number) {
    this.#root = root;
    this.#random = new Random(seed);
  }

  async once(): Promise<void> {
    const child = new Child(CHILD, [this.#root, `p${this.figures.kills}`]);
    const first = await child.hear("ready", "failed");
    if (first !== "ready") {
      await child.kill();
      throw this.#broken("I1", `the store is refused: ${first}`);
    }
    await new Promise((resolve) => setTimeout(resolve, this.#random.below(40)));
    await child.kill();
    this.figures.kills++;
    for (const line of child.lines) {
      const [word, , key = "", eventId] = line.split(" ");
      if (word === "failed") throw this.#broken("I7", line);
      if (word === "ack") this.#fresh.set(key, Number(eventId));
    }
    if (this.#random.chance(0.4)) await this.check();
  }

  /** Reads what came since the last check. */
  async check(): Promise<void> {
    const store = new FsRuntimeStore({ root: this.#root, runtimeId: "t" });
    await using runtime = await Runtime.open({ store });
    for await (const event of newEvents(runtime, this.#checkedEventId)) {
      if (event.id !== ++this.#checkedEventId) throw this.#broken("I3", `event ${event.id} is out of order`);
      if (event.key === undefined) continue;
      if (this.#found.has(event.key)) throw this.#broken("I3", `${event.key} was done twice`);
      this.#found.set(event.key, event.id);
    }
    for (const [key, eventId] of this.#fresh) {
      if (this.#found.get(key) !== eventId) {
        throw this.#broken("I1", `${key} was acknowledged as ${eventId}, and is ${this.#found.get(key)}`);
      }
    }
    this.figures.acknowledged += this.#fresh.size;
    this.figures.checks++;
    this.#fresh = new Map();
  }

  #broken(oracle: string, why: string): BrokenOracle {
    return new BrokenOracle(oracle, `kill-${this.figures.kills}`, why);
  }
}

async function* newEvents(runtime: Runtime, known: number): AsyncGenerator<RuntimeEvent> {
  for (let after: number | null = known; after !== null;) {
    const page: Awaited<ReturnType<Runtime["events"]>> = await runtime.events({ after, limit: 1_000 });
    yield* page.items;
    after = page.next;
  }
}
