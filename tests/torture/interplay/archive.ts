/**
 * The test's own copy of a log, and of what was acknowledged. It is kept in
 * files beside the store, written as soon as something is known: SIGKILL of
 * the host loses none of it.
 *
 * @module
 */
import type { RuntimeEvent } from "../../../mod.ts";
import { isEventOf } from "../model/commands.ts";
import type { Command } from "../model/reference.ts";
import { Finding } from "../script/history.ts";
import { Folding } from "./folding.ts";

/** A command that was acknowledged. */
export interface Acknowledged {
  /** The request. */
  readonly command: Command;
  /** The event named in the receipt. */
  readonly eventId: number;
  /** True if the receipt reported a duplicate. */
  readonly duplicate: boolean;
}

/** The copy of a log. */
export class Archive implements Disposable {
  /** All events, including pruned ones; event 1 is at 0. */
  readonly events: RuntimeEvent[] = [];
  /** The first event that prunings may have kept. */
  prunedTo = 1;
  /** The fold of all events. */
  readonly folding: Folding = new Folding();
  readonly #texts: string[] = [];
  readonly #acknowledged: Acknowledged[];
  readonly #eventsFile: Deno.FsFile;
  readonly #acksFile: Deno.FsFile;
  #claims: (() => string | undefined)[] = [];

  /** Reads what earlier rounds left below a directory. */
  constructor(directory: string) {
    const [events, acks] = [`${directory}/events.jsonl`, `${directory}/acks.jsonl`];
    this.#acknowledged = linesOf(acks).map((line) => JSON.parse(line));
    const expects = new Map(
      this.#acknowledged.map(({ eventId, duplicate, command }) => [duplicate ? 0 : eventId, command.expect]),
    );
    for (const line of linesOf(events)) this.#take(JSON.parse(line), line, expects.get(this.lastEventId + 1));
    const options = { create: true, append: true };
    this.#eventsFile = Deno.openSync(events, options);
    this.#acksFile = Deno.openSync(acks, options);
  }

  /** The last event. */
  get lastEventId(): number {
    return this.events.length;
  }

  /** Adds the next event, or compares one that is known. */
  add(event: RuntimeEvent): void {
    const text = JSON.stringify(event);
    if (event.id <= this.lastEventId) return this.#compare(event.id, text);
    this.#eventsFile.writeSync(new TextEncoder().encode(`${text}\n`));
    this.#take(event, text, undefined);
  }

  /** Notes that a command was acknowledged. */
  acknowledge(acknowledged: Acknowledged): void {
    this.#acksFile.writeSync(new TextEncoder().encode(`${JSON.stringify(acknowledged)}\n`));
    this.#acknowledged.push(acknowledged);
  }

  /** Records a claim about future events; it returns the issue once they are known. */
  claim(claim: () => string | undefined): void {
    this.#claims.push(claim);
  }

  /** Every acknowledged command is its event, and everything claimed so far is right. Throws a {@linkcode Finding}. */
  check(): void {
    const done = new Set<number>();
    for (const { command, eventId, duplicate } of this.#acknowledged) {
      const event = this.events[eventId - 1];
      const text = `${JSON.stringify(command)} was acknowledged as event ${eventId}`;
      if (event === undefined) throw new Finding("I1", `${text}, and the log ends with ${this.lastEventId}`);
      const firstSeq = "seq" in event ? event.seq ?? 0 : 0;
      if (!isEventOf(event, command, firstSeq)) {
        throw new Finding("I1", `${text}, and that is ${JSON.stringify(event)}`);
      }
      if (!duplicate && done.has(eventId)) throw new Finding("I3", `${text}, and so was another`);
      if (!duplicate) done.add(eventId);
    }
    for (const claim of this.#claims) {
      const wrong = claim();
      if (wrong !== undefined) throw new Finding("I1", wrong);
    }
    this.#claims = [];
  }

  /** Describes differences between events that were seen and those of a scope with ids in a range. */
  differenceFrom(
    seen: readonly RuntimeEvent[],
    range: { readonly from: number; readonly to: number },
    workerId: string | undefined,
    isWanted: (event: RuntimeEvent) => boolean = () => true,
  ): string | undefined {
    const wanted = this.events.slice(Math.max(0, range.from - 1), Math.max(0, range.to)).filter((event) =>
      isOf(event, workerId) && isWanted(event)
    );
    const ids = seen.map(({ id }) => id);
    const wantedIds = wanted.map(({ id }) => id);
    const of = workerId === undefined ? "" : ` of ${workerId}`;
    if (`${ids}` !== `${wantedIds}`) {
      return `events${of} ${range.from} to ${range.to}: ${ids}, not ${wantedIds}`;
    }
    const other = seen.find((event) => JSON.stringify(event) !== this.#texts[event.id - 1]);
    return other && `${JSON.stringify(other)} is ${this.#texts[other.id - 1]}`;
  }

  /** Closes its files. */
  [Symbol.dispose](): void {
    this.#eventsFile.close();
    this.#acksFile.close();
  }

  #take(event: RuntimeEvent, text: string, expect: number | undefined): void {
    if (event.id !== this.lastEventId + 1) {
      throw new Finding("I3", `event ${event.id} follows event ${this.lastEventId}`);
    }
    this.#texts.push(text);
    this.events.push(event);
    this.folding.apply(event, expect);
    if (event.type !== "custom" || event.name !== "runtime.pruned") return;
    this.prunedTo = Math.max(this.prunedTo, Number(Reflect.get(Object(event.data), "firstEventId")));
  }

  #compare(id: number, text: string): void {
    const known = this.#texts[id - 1];
    if (known !== text) throw new Finding("I1", `event ${id} was ${known}, and is ${text}`);
  }
}

/** Returns true if an event is of a worker; every event is of the runtime. */
export function isOf(event: RuntimeEvent, workerId: string | undefined): boolean {
  return workerId === undefined || "workerId" in event && event.workerId === workerId;
}

/** Whole lines of a file that may not be there, or end in the middle of one. */
function linesOf(path: string): string[] {
  try {
    return Deno.readTextFileSync(path).split("\n").slice(0, -1);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
