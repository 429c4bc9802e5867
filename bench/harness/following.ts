/**
 * Lag of a reader in another process: the time from the acknowledgement of an event
 * in one process to its delivery in the other.
 *
 * @module
 */
import { RuntimeReader } from "../../mod.ts";
import { PostgresRuntimeSource } from "../../postgres_store.ts";
import type { Store } from "../contenders/contender.ts";
import { RUNTIME_ID } from "../contenders/postgres.ts";
import { connect } from "../contenders/postgres_client.ts";
import { textsOf } from "./callers.ts";
import { random } from "./random.ts";

/** An event, and when it was acknowledged or delivered: milliseconds since 1970. */
export type Timed = [id: number, at: number];

/** Longest time between two inputs. */
const PAUSE_MS = 50;

function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Sends inputs at random times, one after another. Returns when each was acknowledged. */
export async function sendSlowly(store: Store, workers: number, inputs: number): Promise<Timed[]> {
  const next = random(inputs);
  const contents = textsOf("200 B");
  const times: Timed[] = [];
  for (let index = 0; index < inputs; index++) {
    await new Promise((resolve) => setTimeout(resolve, next(PAUSE_MS)));
    const id = await store.input(next(workers), contents[index % contents.length] ?? "");
    times.push([id, now()]);
  }
  return times;
}

/** A reader that follows the runtime of a database. */
export class Follower {
  readonly #times: Timed[] = [];
  readonly #end: () => Promise<void>;
  readonly #done: Promise<void>;

  private constructor(reader: RuntimeReader, end: () => Promise<void>) {
    this.#end = end;
    this.#done = this.#follow(reader);
  }

  /** Opens the reader. */
  static async open(url: string, pollMs: number): Promise<Follower> {
    const { client, end } = await connect(url);
    const source = new PostgresRuntimeSource({ client, runtimeId: RUNTIME_ID, pollMs });
    const reader = await RuntimeReader.open({ source });
    return new Follower(reader, async () => {
      await reader.close();
      await end();
    });
  }

  /** Waits for an event, and ends. Returns when each was delivered. */
  async through(id: number): Promise<Timed[]> {
    while ((this.#times.at(-1)?.[0] ?? 0) < id) await new Promise((resolve) => setTimeout(resolve, 5));
    await this.#end();
    await this.#done;
    return this.#times;
  }

  async #follow(reader: RuntimeReader): Promise<void> {
    for await (const { id } of reader.watch()) this.#times.push([id, now()]);
  }
}
