/**
 * Kills of a real process under load: everything it acknowledged exists exactly
 * once.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { FsRuntimeStore } from "../../../fs_store.ts";
import { Runtime, type RuntimeEvent } from "../../../mod.ts";
import { Random } from "../../disk/mod.ts";
import { smallConfig } from "../../kit/opened.ts";
import { BrokenOracle } from "../suite.ts";
import { largeContentOf, refOf } from "./blobs.ts";
import { Child } from "./child_process.ts";

/** Counts. */
export interface KillFigures {
  /** Processes killed. */
  kills: number;
  /** Commands acknowledged before that. */
  acknowledged: number;
  /** Blobs acknowledged before that. */
  blobs: number;
  /** Contents that were too large for an event. */
  spilled: number;
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
  readonly figures: KillFigures = { kills: 0, acknowledged: 0, blobs: 0, spilled: 0, checks: 0 };
  readonly #root: string;
  readonly #random: Random;
  /** Keys acknowledged since the last check, with their events. */
  #fresh = new Map<string, number>();
  /** Workers of the blobs acknowledged since the last check, by name. */
  #freshBlobs = new Map<string, string>();
  /** All keys found in the log. */
  readonly #found = new Map<string, number>();
  /** Blobs whose files were hashed. */
  readonly #hashed = new Set<string>();
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
    await new Promise((resolve) => setTimeout(resolve, this.#random.below(this.#random.pick([40, 400]))));
    await child.kill();
    this.figures.kills++;
    for (const line of child.lines) {
      const [word, workerId = "", key = "", eventId] = line.split(" ");
      if (word === "failed") throw this.#broken("I7", line);
      if (word === "ack") this.#fresh.set(key, Number(eventId));
      if (word === "blob") this.#freshBlobs.set(key.replaceAll("+", " "), workerId);
    }
    if (this.#random.chance(0.4)) await this.check();
  }

  /** Reads what came since the last check. */
  async check(): Promise<void> {
    const store = new FsRuntimeStore({ root: this.#root, runtimeId: "t" });
    await using runtime = await Runtime.open({ store });
    for await (const event of newEvents(runtime, this.#checkedEventId)) {
      if (event.id !== ++this.#checkedEventId) throw this.#broken("I3", `event ${event.id} is out of order`);
      if (event.type === "unknown") throw this.#broken("I3", `event ${event.id} is unknown`);
      if (event.key === undefined) continue;
      if (this.#found.has(event.key)) throw this.#broken("I3", `${event.key} was done twice`);
      this.#found.set(event.key, event.id);
      await this.#checkEntries(runtime, event);
    }
    for (const [key, eventId] of this.#fresh) {
      if (this.#found.get(key) !== eventId) {
        throw this.#broken("I1", `${key} was acknowledged as ${eventId}, and is ${this.#found.get(key)}`);
      }
    }
    for (const [name, workerId] of this.#freshBlobs) await this.#checkBlob(runtime, workerId, name);
    this.figures.acknowledged += this.#fresh.size;
    this.figures.blobs += this.#freshBlobs.size;
    this.figures.checks++;
    [this.#fresh, this.#freshBlobs] = [new Map(), new Map()];
    await this.#checkFiles();
  }

  /** Content and blobs of an event's entries exist: also those of an event that was not acknowledged. */
  async #checkEntries(runtime: Runtime, event: RuntimeEvent): Promise<void> {
    if (event.type !== "worker.committed") return;
    const { workerId, key = "", entries = [] } = event;
    for (const entry of entries) {
      if (entry.blobs !== undefined) await this.#checkBlob(runtime, workerId, key);
      if (entry.contentBlob === undefined) continue;
      const content = await runtime.worker(workerId).content(entry).catch((error) => error);
      if (content !== largeContentOf(key)) throw this.#broken("I1", `content of ${key} is gone: ${content}`);
      this.figures.spilled++;
    }
  }

  async #checkBlob(runtime: Runtime, workerId: string, name: string): Promise<void> {
    const ref = refOf(name);
    try {
      // Reading verifies size and hash.
      await new Response(await runtime.worker(workerId).blob(ref)).arrayBuffer();
    } catch (error) {
      throw this.#broken("I1", `the blob of ${name} is gone: ${error}`);
    }
  }

  /** Every file of a blob has its hash, and nothing of an interrupted put is left. */
  async #checkFiles(): Promise<void> {
    const home = `${this.#root}/runtimes/t`;
    const left = listIfThere(`${home}/incoming`).map(({ name }) => name);
    if (left.length > 0) throw this.#broken("I5", `left in incoming/: ${left}`);
    for (const { name: worker } of Deno.readDirSync(`${home}/workers`)) {
      const directory = `${home}/workers/${worker}/blobs`;
      for (const { name } of listIfThere(directory)) {
        if (this.#hashed.has(name)) continue;
        const hash = createHash("sha256").update(await Deno.readFile(`${directory}/${name}`)).digest("hex");
        if (hash !== name) throw this.#broken("I1", `blob ${name} of ${worker} has the hash ${hash}`);
        this.#hashed.add(name);
      }
    }
  }

  #broken(oracle: string, why: string): BrokenOracle {
    return new BrokenOracle(oracle, `kill-${this.figures.kills}`, why);
  }
}

function listIfThere(directory: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(directory)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function* newEvents(runtime: Runtime, known: number): AsyncGenerator<RuntimeEvent> {
  for (let after: number | null = known; after !== null;) {
    const page: Awaited<ReturnType<Runtime["events"]>> = await runtime.events({ after, limit: 1_000 });
    yield* page.items;
    after = page.next;
  }
}
