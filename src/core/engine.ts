/**
 * The engine of a runtime: commits commands, follows what they change, saves
 * snapshots, and opens and closes the store. Runtime and worker handles share it.
 *
 * @module
 */
import { type Life, RuntimeBlobs } from "./blobs.ts";
import { command, type CommandOptions, type Requested } from "./commands.ts";
import { sameRequest } from "./decide.ts";
import type { DiagnosticCode } from "./diagnostics.ts";
import type { EntryTexts } from "./entries.ts";
import type { RuntimeError } from "./errors.ts";
import type { EventHead } from "./event_types.ts";
import { Committer, isFinal, type Outcome } from "./group_commit.ts";
import type { WorkerId } from "./ids.ts";
import { callHost } from "./injected.ts";
import { keyScopeOf } from "./keys.ts";
import { interruption, opening } from "./opening.ts";
import { Reads } from "./reads.ts";
import { ended, OpenRuns } from "./open_runs.ts";
import { Session, type SessionOptions } from "./session.ts";
import { takeSnapshot } from "./snapshots.ts";
import type { AppendResult, NewWorker, RuntimeStore, UnrecordedEvent } from "./store.ts";
import { usageNotice } from "./usage.ts";

/** Options of `Runtime.open`. */
export interface RuntimeOptions extends SessionOptions {
  /** Keeps the runtime. Opened here, once per instance, and closed with the runtime or if opening fails. */
  readonly store: RuntimeStore;
  /** Generates worker and run ids. @default {crypto.randomUUID} */
  readonly newId?: (() => string) | undefined;
}

/** The store, the state and the commits of one runtime. */
export class Engine extends Session<RuntimeStore> {
  /** Reads. */
  readonly reads: Reads = new Reads(this);
  /** Signals of open runs. */
  readonly runs: OpenRuns = new OpenRuns();
  /** Blobs. */
  readonly blobs: RuntimeBlobs;
  /** Workers whose newest command is yet to be queued, because its blobs are not ready. */
  readonly #preparing = new Map<WorkerId, Promise<void>>();
  /** Ends operations that wait for a caller's stream. */
  readonly #ending = new AbortController();
  readonly #newId: () => string;
  readonly #committer: Committer;
  readonly #usageReported = new Set<string>();
  #creations = 0;
  #saving: Promise<void> | undefined;

  /** An engine that is yet to be opened. */
  constructor(options: RuntimeOptions) {
    super(options.store, options);
    this.blobs = new RuntimeBlobs(options.store, this.#ending.signal);
    this.#newId = options.newId ?? (() => crypto.randomUUID());
    this.#committer = new Committer(this.view, options.store, options.now ?? Date.now, {
      committed: (heads, result) => this.#committed(heads, result),
      failed: (error) => this.#failed(error, "append_failed"),
    });
  }

  /** Generates an id. */
  newId(): string {
    return callHost("make id", "newId", this.#newId);
  }

  /** Number of a new creation of a worker. */
  newCreation(): number {
    return ++this.#creations;
  }

  /** Acquires the store, and appends the events of the opening. */
  async open(): Promise<void> {
    const { unrecorded = [] } = await this.load(() => this.store.acquire(this));
    const { lastEventId } = this.view.runtime;
    const isKnown = ({ key }: UnrecordedEvent) => this.view.keys(undefined)?.get(key) !== undefined;
    // `runtime.created` precedes even the events that are due in an empty log.
    const isDue = (event: UnrecordedEvent) => lastEventId < Math.max(event.endsBefore, 2);
    const due = unrecorded.filter((event) => isKnown(event) || isDue(event));
    const missing = due.filter((event) => !isKnown(event));
    for (const head of await this.#committer.commitOwn((view, at) => opening(view, at, missing))) {
      const notice = interruption(head);
      if (notice !== undefined) this.notice(notice);
    }
    for (const event of due) await event.recorded();
  }

  /** The outcome of an earlier command with the same key, if there is one. Throws `key_reused` if it had other content. */
  repeated(requested: Requested, options: CommandOptions, content: unknown): Outcome | undefined {
    const { key } = command(requested, options, content);
    const earlier = key === undefined ? undefined : this.view.keys(keyScopeOf(requested))?.get(key.key);
    return key && earlier && { ...sameRequest(earlier, key), duplicate: true };
  }

  /**
   * Commits a command; its key stands for `content`. Resolves with the answer to its outcome. `copy` puts blobs of
   * a worker that is to be created.
   */
  submit<Answer>(
    requested: Requested,
    options: CommandOptions,
    answer: (outcome: Outcome) => Answer,
    content: unknown,
    copy?: (owner: NewWorker) => Promise<void>,
  ): Promise<Answer> {
    const asked = command(requested, options, content);
    this.assertOpen();
    const { signal } = options;
    const { workerId, life, creation, entries } = requested;
    if (workerId === undefined) return this.#committer.submit(asked, signal, answer);
    const owner: Life | NewWorker = creation === undefined ? { workerId, life } : { workerId, creation };
    const isReady = copy === undefined && !this.#preparing.has(workerId) &&
      (entries === undefined || this.blobs.isReady(owner, entries));
    if (isReady) return this.#committer.submit(asked, signal, answer);
    const prepared = (answer: (outcome: Outcome) => Answer): Promise<Answer> =>
      this.#committer.submitWhen(() => this.#prepare(owner, entries, copy), asked, signal, answer);
    return "creation" in owner ? this.#create(owner, prepared, answer) : prepared(answer);
  }

  /** Commits a creation. Its blobs are discarded if no worker was created: it was rejected, or repeated. */
  async #create<Answer>(
    owner: NewWorker,
    prepared: (answer: (outcome: Outcome) => Answer) => Promise<Answer>,
    answer: (outcome: Outcome) => Answer,
  ): Promise<Answer> {
    let isAdopted = false;
    const created = prepared((outcome) => {
      isAdopted = !outcome.duplicate;
      return answer(outcome);
    });
    const discard = async (): Promise<void> => {
      if (!isAdopted && this.failure === undefined) await this.store.discardBlobs(owner);
    };
    // Left to the next opening if that fails.
    const discarded = created.then(discard, discard).catch(() => {});
    // Closing waits for it.
    await this.run(discarded);
    return await created;
  }

  /**
   * Prepares the blobs of a command, after those of the worker's earlier ones,
   * so that the order of calls is the order of events.
   */
  #prepare(
    owner: Life | NewWorker,
    entries: EntryTexts | undefined,
    copy: ((owner: NewWorker) => Promise<void>) | undefined,
  ): Promise<void> {
    const { workerId } = owner;
    const before = this.#preparing.get(workerId) ?? Promise.resolve();
    const put = async (): Promise<void> => {
      if ("creation" in owner) await copy?.(owner);
      if (entries !== undefined) await this.blobs.prepare(owner, entries);
    };
    const ready = before.then(() => this.run(put()));
    const settled = ready.catch(() => {}).then(() => {
      if (this.#preparing.get(workerId) === settled) this.#preparing.delete(workerId);
    });
    this.#preparing.set(workerId, settled);
    return ready;
  }

  /** Throws the error that ended the runtime, or `runtime_closed`. */
  assertUsable(): void {
    this.assertOpen();
    if (this.failure !== undefined) throw this.failure;
  }

  /** Waits until the store has written everything that is buffered besides the log. */
  async flush(): Promise<void> {
    await this.#saving;
    if (this.failure !== undefined) throw this.failure;
    await this.store.flush();
  }

  /** Waits for operations in flight, ends watches and runs, and closes the store. At once: without waiting commands and a snapshot. */
  async close({ isAtOnce }: { readonly isAtOnce: boolean }): Promise<void> {
    this.isClosed = true;
    if (isAtOnce) this.#ending.abort(this.closedError());
    while (this.#preparing.size > 0) await Promise.all(this.#preparing.values());
    this.#ending.abort(this.closedError());
    if (isAtOnce) this.#committer.clear(this.closedError());
    await this.#committer.idle();
    this.runs.endAll(ended("ended: the runtime was closed"));
    this.news.wake();
    await this.settled();
    await this.#saving;
    try {
      await this.#closeInOrder(isAtOnce);
    } catch (error) {
      this.report(error, "close_incomplete", "warning");
    }
    try {
      await this.store.close();
    } catch (error) {
      // Nothing is left to do for a lost store.
      if (this.failure === undefined) throw error;
      this.report(error, "close_incomplete", "warning");
    }
  }

  protected override stop(error: RuntimeError): void {
    this.#ending.abort(error);
    this.#committer.fail(error);
    this.runs.endAll(error);
  }

  #committed(heads: readonly EventHead[], result: AppendResult): void {
    for (const head of heads) {
      this.runs.apply(head);
      if (head.type === "worker.purged") this.blobs.forget(head.workerId);
      if (!("usage" in head)) continue;
      for (const { model } of head.usage ?? []) this.#reportUsage(model, head.workerId);
    }
    this.news.wake();
    if (!result.snapshotDue || this.failure !== undefined) return;
    // Concurrently with commits, one at a time. A failure is reported; the next attempt comes later.
    this.#saving ??= this.#saveSnapshot()
      .catch((error) => this.#failed(error, "checkpoint_failed"))
      .finally(() => this.#saving = undefined);
  }

  /** Reports an error that a caller received, or that would otherwise be lost. */
  #failed(error: unknown, code: DiagnosticCode): void {
    if (isFinal(error)) this.lose(error, code);
    else this.report(error, code, code === "append_failed" ? "error" : "warning");
  }

  /** Reports each bound once: usage may arrive many times a second. The runtime's sums reach it before a worker's. */
  #reportUsage(model: string, workerId: WorkerId): void {
    const { usage, usageByModel } = this.view.runtime;
    const notice = usageNotice(usage, usageByModel, model, workerId);
    if (notice === undefined || this.#usageReported.has(notice.message)) return;
    this.#usageReported.add(notice.message);
    this.notice(notice);
  }

  async #saveSnapshot(): Promise<void> {
    const snapshot = takeSnapshot(this.view);
    try {
      await this.store.saveSnapshot(snapshot);
    } catch (error) {
      this.view.addChanged(snapshot.changed);
      throw error;
    }
  }

  /** Closes in order: stops early if the store is lost. */
  async #closeInOrder(isAtOnce: boolean): Promise<void> {
    if (this.failure !== undefined) return;
    await this.#committer.commitOwn((view, at) => [
      { id: view.runtime.lastEventId + 1, at, type: "runtime.closed" },
    ]);
    await this.#saving;
    if (this.failure === undefined && !isAtOnce) await this.#saveSnapshot();
  }
}
