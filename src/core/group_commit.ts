/**
 * Group commit: the commands of one turn of the event loop, and all that arrive
 * while a commit is in flight, are decided, written and made durable together. One
 * commit is in flight at a time.
 *
 * @module
 */
import { onAbort } from "./abort.ts";
import type { BlobRef } from "./blob_ref.ts";
import { Clock } from "./clock.ts";
import { type Command, draftText, joinedDraft } from "./commands.ts";
import { decide } from "./decide.ts";
import type { EntryTexts } from "./entries.ts";
import { isRuntimeError, limitExceeded, type RuntimeError } from "./errors.ts";
import type { EventHead, EventRecord } from "./event_types.ts";
import { encodeEvent } from "./events.ts";
import { effectOf, type KeyEntry } from "./keys.ts";
import { Draft, type Ledger } from "./ledger.ts";
import type { WorkerId } from "./ids.ts";
import { limits } from "./limits.ts";
import type { StateView } from "./state.ts";
import type { AppendResult, RuntimeStore } from "./store.ts";
import { byteLength, fitsBytes } from "./text.ts";
import { afterThisTurn } from "./turn.ts";

/** Result of a command. */
export interface Outcome extends Omit<KeyEntry, "key" | "request"> {
  /** True if an earlier command with the same key had this result. */
  readonly duplicate: boolean;
}

/**
 * A command in the queue, and its result.
 *
 * Objects that live while commands wait are made by constructors, here and
 * wherever a comment says so. V8 counts surviving objects by the literal that
 * made them, and after one long queue (a thousand workers created at once) it
 * allocates all objects of that literal in the old generation, where dead ones
 * keep alive what they point to: pauses of the garbage collector grow from 1
 * to 8 ms, permanently. Objects made by constructors are not counted.
 */
class QueuedCommand {
  /** Stops listening to the caller's signal. */
  unlisten = nothing;
  gone = false;
  /** The answer, if it only adds to a draft: commands that are joined to it share it. */
  answer: Promise<unknown> | undefined = undefined;
  /** Its result once its batch is durable. */
  outcome: Outcome | undefined = undefined;
  /** The error that rejects it. */
  refusal: unknown = undefined;

  /** Creates a queued command. */
  constructor(
    public command: Command,
    readonly resolve: (outcome: Outcome) => void,
    readonly reject: (error: unknown) => void,
  ) {}
}

/** Result of a command that was not repeated. Made by a constructor. */
class NewOutcome implements Outcome {
  readonly duplicate = false;

  constructor(
    readonly eventId: number,
    readonly at: string,
    readonly seq: number,
    readonly count: number,
    readonly subject: string,
  ) {}
}

/** Receives the results of commits. */
export interface CommitListener {
  /** Events became durable and the ledger holds them. */
  committed(heads: readonly EventHead[], result: AppendResult): void;
  /** An append failed, or a command could not be decided; `error` went to its callers. */
  failed(error: unknown): void;
}

/** Approximate units of JSON that an event adds to those of its command. */
const HEAD_UNITS = 256;

/** Decides commands in order and commits them in groups. */
export class Committer {
  readonly #ledger: Ledger;
  readonly #store: RuntimeStore;
  readonly #clock: Clock;
  readonly #listener: CommitListener;
  #queue: QueuedCommand[] = [];
  #queueUnits = 0;
  /** By worker, its newest waiting command if it only adds to a draft: the next such command joins it. */
  readonly #drafts = new Map<WorkerId | undefined, QueuedCommand>();
  /** Commands that are yet to be queued, and their units. */
  readonly #held = { commands: 0, units: 0 };
  #draining: Promise<void> | undefined;
  #failure: RuntimeError | undefined;

  /** Creates a committer with an empty queue. */
  constructor(ledger: Ledger, store: RuntimeStore, now: () => number, listener: CommitListener) {
    this.#ledger = ledger;
    this.#store = store;
    this.#clock = new Clock(now);
    this.#listener = listener;
  }

  /** Rejects the waiting commands and all later ones. The store settles the batch in flight. */
  fail(error: RuntimeError): void {
    this.#failure = error;
    this.clear(error);
  }

  /** Rejects the waiting commands. */
  clear(error: RuntimeError): void {
    this.#drafts.clear();
    for (const { unlisten, reject } of this.#queue.splice(0)) {
      unlisten();
      reject(error);
    }
  }

  /**
   * Puts a command in the queue once `ready` resolves, which begins its preparation; it counts as waiting from
   * now on.
   */
  async submitWhen<Answer>(
    ready: () => Promise<void>,
    command: Command,
    signal: AbortSignal | undefined,
    answer: (outcome: Outcome) => Answer,
  ): Promise<Answer> {
    signal?.throwIfAborted();
    const refusal = this.#refusal(command.units);
    if (refusal !== undefined) throw refusal;
    this.#hold(1, command.units);
    try {
      await ready();
    } finally {
      this.#hold(-1, -command.units);
    }
    return await this.submit(command, signal, answer);
  }

  #hold(commands: number, units: number): void {
    this.#held.commands += commands;
    this.#held.units += units;
  }

  /** Puts a command in the queue; resolves with the answer when its event is durable. */
  submit<Answer>(
    command: Command,
    signal: AbortSignal | undefined,
    answer: (outcome: Outcome) => Answer,
  ): Promise<Answer> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const refusal = this.#refusal(command.units);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#queueUnits += command.units;
    const isText = signal === undefined && draftText(command) !== undefined;
    const joined = isText ? this.#join(command) : undefined;
    if (joined !== undefined) return joined as Promise<Answer>;
    const { workerId } = command.requested;
    // Nothing joins a draft across another command of its worker, or of the runtime.
    if (workerId === undefined) this.#drafts.clear();
    else this.#drafts.delete(workerId);
    const answered = this.#enqueue(command, signal, answer);
    const waiting = this.#queue.at(-1);
    if (!isText || waiting === undefined) return answered;
    waiting.answer = answered;
    this.#drafts.set(workerId, waiting);
    return answered;
  }

  /** Joins a command to the newest one of its worker, if both add to the same draft. Returns their common answer. */
  #join(command: Command): Promise<unknown> | undefined {
    const waiting = this.#drafts.get(command.requested.workerId);
    const joined = waiting && joinedDraft(waiting.command, command);
    if (waiting === undefined || joined === undefined) return undefined;
    waiting.command = joined;
    return waiting.answer;
  }

  #enqueue<Answer>(
    command: Command,
    signal: AbortSignal | undefined,
    answer: (outcome: Outcome) => Answer,
  ): Promise<Answer> {
    return new Promise((settle, reject) => {
      const resolve = (outcome: Outcome) => settle(answer(outcome));
      const waiting = new QueuedCommand(command, resolve, reject);
      if (signal !== undefined) {
        waiting.unlisten = onAbort(signal, () => {
          waiting.gone = true;
          reject(signal.reason);
        });
      }
      this.#queue.push(waiting);
      this.#draining ??= this.#drain();
    });
  }

  /** Commits the runtime's own events, outside the queue; nothing else may be in flight. Returns them. */
  async commitOwn(heads: (view: StateView, at: string) => EventHead[]): Promise<readonly EventHead[]> {
    const all = heads(this.#ledger, this.#clock.now());
    for (let index = 0; index < all.length; index += limits.batchEventsMax) {
      const batch = all.slice(index, index + limits.batchEventsMax);
      const draft = new Draft(this.#ledger);
      for (const head of batch) draft.apply(head);
      await this.#append(draft, batch, batch.map((head) => encodeEvent(head, "")));
    }
    return all;
  }

  /** Waits until the queue is empty. */
  async idle(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  /** The error of a command of so many units that cannot wait. */
  #refusal(units: number): RuntimeError | undefined {
    if (this.#failure !== undefined) return this.#failure;
    const commands = this.#queue.length + this.#held.commands + 1;
    if (commands > limits.queueCommandsMax) {
      return limitExceeded("take command", "waiting commands", limits.queueCommandsMax, commands);
    }
    const total = this.#queueUnits + this.#held.units + units;
    // A single command always fits: its size is already checked.
    if (total <= limits.queueUnitsMax || commands === 1) return undefined;
    return limitExceeded("take command", "waiting units of JSON", limits.queueUnitsMax, total);
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      await afterThisTurn();
      await this.#commit(this.#take());
    }
    this.#draining = undefined;
  }

  /**
   * The longest run of waiting commands that fits a batch, or a single larger one.
   * It ends before the creation of a worker that it purges: the store removes the
   * files of the earlier worker in between.
   */
  #take(): QueuedCommand[] {
    let units = 0;
    let count = 0;
    let purged: Set<WorkerId | undefined> | undefined;
    for (const { command } of this.#queue) {
      const { type, workerId } = command.requested;
      units += command.units + HEAD_UNITS;
      if (count > 0 && (units > limits.batchUnitsMax || count >= limits.batchEventsMax)) break;
      if (type === "worker.created" && purged?.has(workerId)) break;
      if (type === "worker.purged") (purged ??= new Set()).add(workerId);
      count++;
    }
    this.#drafts.clear();
    const taken = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    for (const waiting of taken) {
      this.#queueUnits -= waiting.command.units;
      waiting.unlisten();
    }
    return taken.filter((waiting) => !waiting.gone);
  }

  async #commit(taken: readonly QueuedCommand[]): Promise<void> {
    if (taken.length === 0) return;
    try {
      await this.#commitAll(taken);
      for (const waiting of taken) settle(waiting);
    } catch (error) {
      // Includes commands that were rejected: the commands before them did not take effect.
      for (const { reject } of taken) reject(error);
      this.#listener.failed(error);
    }
  }

  /** Decides and appends. */
  async #commitAll(taken: readonly QueuedCommand[]): Promise<void> {
    const draft = new Draft(this.#ledger);
    const at = this.#clock.now();
    const heads: EventHead[] = [];
    const records: EventRecord[] = [];
    for (const waiting of taken) this.#decide(draft, waiting, at, heads, records);
    if (records.length > 0) await this.#append(draft, heads, records);
  }

  /** Decides one command into the draft, and records its result for when the batch is durable. */
  #decide(
    draft: Draft,
    waiting: QueuedCommand,
    at: string,
    heads: EventHead[],
    records: EventRecord[],
  ): void {
    try {
      const decision = decide(draft, waiting.command, draft.runtime.lastEventId + 1, at);
      if ("duplicate" in decision) {
        waiting.outcome = { ...decision.duplicate, duplicate: true };
        return;
      }
      const { head } = decision;
      const { entries, creation } = waiting.command.requested;
      const blobs = blobsOf(head, entries);
      const record = encodeEvent(head, entries?.text() ?? "", blobs, blobs && creation);
      if (!fitsBytes(record.json, limits.eventBytesMax)) {
        throw limitExceeded("write event", "event bytes", limits.eventBytesMax, byteLength(record.json));
      }
      draft.apply(head);
      heads.push(head);
      records.push(record);
      const { seq, count, subject } = effectOf(head);
      waiting.outcome = new NewOutcome(head.id, head.at, seq, count, subject);
    } catch (error) {
      waiting.refusal = error;
    }
  }

  async #append(draft: Draft, heads: readonly EventHead[], events: readonly EventRecord[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const expectedLastEventId = this.#ledger.runtime.lastEventId;
    const result = await this.#store.append({ expectedLastEventId, events, touched: draft.touched });
    draft.adopt();
    this.#listener.committed(heads, result);
  }
}

function nothing(): void {}

/** The blobs that an event refers to; undefined if there are none. */
function blobsOf(head: EventHead, entries: EntryTexts | undefined): readonly BlobRef[] | undefined {
  const base = head.type === "worker.created" ? head.fork?.base : undefined;
  const blobs = entries?.blobs ?? [];
  if (base !== undefined) return [base, ...blobs];
  return blobs.length === 0 ? undefined : blobs;
}

function settle({ outcome, refusal, resolve, reject }: QueuedCommand): void {
  if (outcome === undefined) reject(refusal);
  else resolve(outcome);
}

/** Errors after which a store accepts nothing more. */
const FINAL = {
  store_poisoned: true,
  store_vanished: true,
  store_fenced: true,
  store_rolled_back: true,
} as const;

/** Returns whether an error is final: the store accepts nothing more until it is reopened. */
export function isFinal(error: unknown): error is RuntimeError<keyof typeof FINAL> {
  return isRuntimeError(error) && Object.hasOwn(FINAL, error.code);
}
