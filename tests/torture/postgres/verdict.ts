/**
 * Compares what the processes of a case have written into its journal with what
 * the database has at the end.
 *
 * @module
 */
import { type RuntimeEvent, RuntimeReader } from "../../../mod.ts";
import { type PostgresClient, PostgresRuntimeSource } from "../../../postgres_store.ts";
import { BrokenOracle } from "../suite.ts";
import type { Line } from "./journal.ts";
import { keyOf, sessionOf } from "./plan.ts";

/** Counts of cases. */
export interface Figures {
  /** Faults that were injected. */
  faults: number;
  /** Inputs acknowledged. */
  acknowledged: number;
  /** Acknowledged inputs that failovers to asynchronous standbys have undone, each reported by `store_rolled_back`. */
  undone: number;
  /** Inputs rejected as not done. */
  rejected: number;
  /** Inputs with an unknown outcome, because their owner lost the runtime or was killed. */
  unknown: number;
  /** Openings after the first one of each runtime. */
  takeovers: number;
  /** Those before which a running owner, which the machine gave time, has aborted its run. */
  ordered: number;
}

/** Figures of no case. */
export function noFigures(): Figures {
  return { faults: 0, acknowledged: 0, undone: 0, rejected: 0, unknown: 0, takeovers: 0, ordered: 0 };
}

/** An input in the log. */
interface Input {
  readonly eventId: number;
  readonly runtimeId: string;
}

/** A session of an owner, from its opening on. */
interface Session {
  readonly name: string;
  readonly session: string;
  /** Index of its line. */
  readonly openedAt: number;
}

/** Checks runtimes of a space against a journal. */
export class Verdict {
  readonly #caseName: string;
  readonly #lines: readonly Line[];
  readonly #inputs = new Map<string, Input>();
  /** Sessions of each runtime, in the order of their openings. */
  readonly #sessions = new Map<string, Session[]>();

  /** A verdict on these lines. */
  constructor(caseName: string, lines: readonly Line[]) {
    this.#caseName = caseName;
    this.#lines = lines;
    for (const [index, { name, word, args: [session = "", runtimeId = ""] }] of lines.entries()) {
      if (word === "finish") break;
      if (word !== "opened") continue;
      const sessions = this.#sessions.get(runtimeId) ?? [];
      this.#sessions.set(runtimeId, [...sessions, { name, session, openedAt: index }]);
    }
  }

  /** Reads a runtime: ids without a gap, no input twice, one owner after the other, transcripts in the order of the log. */
  async read(client: PostgresClient, runtimeId: string, space = "default"): Promise<void> {
    const source = new PostgresRuntimeSource({ client, runtimeId, space });
    await using reader = await RuntimeReader.open({ source });
    const transcripts = new Map<string, string[]>();
    const owners: string[] = [];
    const counts = new Map<string, number>();
    let last = 0;
    for await (const event of eventsOf(reader)) {
      if (event.id !== ++last) {
        throw this.#broken("I1", `event ${event.id} of ${runtimeId} follows ${last - 1}`);
      }
      if (event.type !== "worker.committed" || event.entries === undefined) continue;
      for (const { content } of event.entries) {
        const key = keyOf(content);
        if (this.#inputs.has(key)) throw this.#broken("I3", `${key} is there twice`);
        this.#inputs.set(key, { eventId: event.id, runtimeId });
        if (!transcripts.has(event.workerId)) transcripts.set(event.workerId, []);
        transcripts.get(event.workerId)?.push(key);
        const session = sessionOf(key);
        if (owners.at(-1) !== session) {
          if (owners.includes(session)) throw this.#broken("I10", `${session} wrote after ${owners.at(-1)}`);
          owners.push(session);
        }
        const caller = key.slice(0, key.lastIndexOf("/"));
        const count = Number(key.slice(caller.length + 1));
        if (count <= (counts.get(caller) ?? 0)) throw this.#broken("I3", `${key} is out of order`);
        counts.set(caller, count);
      }
    }
    for (const [workerId, keys] of transcripts) await this.#checkTranscript(reader, workerId, keys);
  }

  /** Compares the inputs that were read with the journal, and counts them. */
  check(): Figures {
    const figures = noFigures();
    this.#checkAborts(figures);
    const undone = this.#undone();
    const acknowledged = new Set<string>();
    const [lost, wrong]: [string[], string[]] = [[], []];
    for (const { word, args: [first = "", key = "", eventId] } of this.#lines) {
      if (word === "rejected") {
        figures.rejected++;
        if (this.#inputs.has(first)) wrong.push(first);
      }
      if (word === "unknown") figures.unknown++;
      if (word !== "ack") continue;
      if (acknowledged.has(key)) throw this.#broken("I3", `${key} was acknowledged twice`);
      acknowledged.add(key);
      const input = this.#inputs.get(key);
      if (input?.eventId === Number(eventId)) continue;
      if (input === undefined && Number(eventId) > (undone.get(first) ?? Infinity)) figures.undone++;
      else lost.push(`${key} as event ${eventId}`);
    }
    figures.acknowledged = acknowledged.size;
    if (lost.length > 0) {
      throw this.#broken(
        "I1",
        `${lost.length} of ${acknowledged.size} acknowledged are lost: ${lost.slice(0, 5)}`,
      );
    }
    if (wrong.length > 0) throw this.#broken("I3", `rejected, but done: ${wrong.slice(0, 5)}`);
    for (const sessions of this.#sessions.values()) figures.takeovers += sessions.length - 1;
    return figures;
  }

  /** The last event of the database for each session that ended with `store_rolled_back`. */
  #undone(): Map<string, number> {
    const ended = this.#lines.filter(({ word, args }) => word === "ended" && args[1] === "store_rolled_back");
    return new Map(
      ended.map(({ args: [session = "", , ...json] }) =>
        [session, JSON.parse(json.join(" ")).lastEventId] as const
      ),
    );
  }

  /** No owner acknowledges anything after its run was aborted; an owner whose process runs aborts it before another owns the runtime. */
  #checkAborts(figures: Figures): void {
    const aborted = new Map<string, number>();
    const exempt = new Set<string>();
    for (const [index, { word, args: [session = "", rest] }] of this.#lines.entries()) {
      if (word === "aborted") aborted.set(session, index);
      if (word === "aborted" && rest === "starved") exempt.add(session);
      if (word === "ack" && aborted.has(session)) {
        throw this.#broken("I10", `${rest} was acknowledged after the run of its owner was aborted`);
      }
    }
    for (const sessions of this.#sessions.values()) {
      for (const [index, next] of sessions.entries()) {
        const before = sessions[index - 1];
        if (before === undefined || exempt.has(before.session)) continue;
        const between = this.#lines.slice(before.openedAt, next.openedAt);
        const paused = between.some(({ word, args }) =>
          /^(stop|kill)$/.test(word) && args[0] === before.name
        );
        const isRunning = between.some(({ word, args }) => word === "running" && args[0] === before.session);
        if (!isRunning || paused) continue;
        if ((aborted.get(before.session) ?? Infinity) > next.openedAt) {
          throw this.#broken("I10", `${next.session} opened while a run of ${before.session} was open`);
        }
        figures.ordered++;
      }
    }
  }

  async #checkTranscript(reader: RuntimeReader, workerId: string, keys: readonly string[]): Promise<void> {
    let after = 0;
    for (let at = 0; at < keys.length;) {
      const { items } = await reader.transcript(workerId, { after, limit: 1_000 });
      if (items.length === 0) {
        throw this.#broken("I1", `the transcript of ${workerId} ends after ${at} entries`);
      }
      for (const { content, seq } of items) {
        if (keyOf(content) !== keys[at++]) {
          throw this.#broken("I1", `entry ${seq} of ${workerId} is not ${keys[at - 1]}`);
        }
        after = seq;
      }
    }
  }

  #broken(oracle: string, why: string): BrokenOracle {
    return new BrokenOracle(oracle, this.#caseName, why);
  }
}

async function* eventsOf(reader: RuntimeReader): AsyncGenerator<RuntimeEvent> {
  for (let after: number | null = 0; after !== null;) {
    const page: Awaited<ReturnType<RuntimeReader["events"]>> = await reader.events({ after, limit: 1_000 });
    yield* page.items;
    after = page.next;
  }
}
