/**
 * A minimal reference implementation of a runtime. It decides one command after the
 * other, and shares no code with the library.
 *
 * @module
 */

/** A command with all its relevant arguments. */
export interface Command {
  /** Kind of command. */
  readonly kind:
    | "create"
    | "say"
    | "input"
    | "patch"
    | "begin"
    | "finish"
    | "usage"
    | "note"
    | "hostNote"
    | "stop"
    | "cancel"
    | "purge"
    | "stopRuntime";
  /** Worker; empty for the runtime. */
  readonly workerId: string;
  /** Number that determines the arguments. */
  readonly number: number;
  /** Idempotency key. */
  readonly key: string | undefined;
  /** Optimistic concurrency. */
  readonly expect: number | undefined;
  /** The run to begin or to finish. */
  readonly runId: string;
}

/** Expected result of a command. */
export type Verdict =
  | { readonly code: string }
  | { readonly eventId: number; readonly duplicate: boolean; readonly firstSeq: number };

/** A worker. */
export interface ReferenceWorker {
  /** The event that created it. */
  readonly createdEventId: number;
  /** `running`, `stopped` or `cancelled`. */
  status: string;
  /** The open run. */
  run: string | null;
  /** Outcome of the last run. */
  outcome: string | undefined;
  /** Data, one level deep. */
  readonly data: Map<string, number>;
  /** Contents of the transcript, oldest first. */
  readonly contents: string[];
  /** Input tokens by model. */
  readonly tokens: Map<string, number>;
  /** Its last event. */
  lastEventId: number;
}

type Keys = Map<string, { readonly request: string; readonly verdict: Verdict }>;

/** The reference. */
export class Reference {
  /** The last event. */
  lastEventId = 0;
  /** Number of openings. */
  epoch = 0;
  /** True if it was stopped permanently. */
  stopped = false;
  /** Input tokens of all workers by model, including purged ones. */
  readonly tokens: Map<string, number> = new Map();
  /** Workers in the order of their creation. */
  readonly workers: Map<string, ReferenceWorker> = new Map();
  readonly #runtimeKeys: Keys = new Map();
  readonly #workerKeys = new Map<string, Keys>();
  /** Keys of commands that ended a worker. They outlive it. */
  readonly #endings: Keys = new Map();

  /** Adds the events of an opening. Returns their types. */
  open(): string[] {
    const types = this.lastEventId === 0 ? ["runtime.created", "runtime.opened"] : ["runtime.opened"];
    this.lastEventId += types.length;
    this.epoch++;
    for (const worker of this.workers.values()) {
      if (worker.run === null) continue;
      worker.lastEventId = ++this.lastEventId;
      [worker.run, worker.outcome] = [null, "interrupted"];
      types.push("worker.run_interrupted");
    }
    return types;
  }

  /** Adds an event that changes nothing else: a close, or a note of the library's own. */
  pass(): void {
    this.lastEventId++;
  }

  /** Returns the expected result of a command without applying it. */
  preview(command: Command): Verdict {
    const worker = this.workers.get(command.workerId);
    const ofWorker = isOfWorker(command);
    if (command.key !== undefined) {
      const earlier = this.#keys(command).get(command.key) ??
        (isEnd(command) ? this.#endings.get(endingOf(command)) : undefined);
      if (earlier !== undefined && earlier.request !== requestOf(command)) return { code: "key_reused" };
      if (earlier !== undefined && "eventId" in earlier.verdict) {
        return { ...earlier.verdict, duplicate: true };
      }
    }
    if (ofWorker && worker === undefined) return { code: "worker_not_found" };
    if (this.stopped) return { code: "runtime_stopped" };
    const last = ofWorker && worker !== undefined ? worker.lastEventId : this.lastEventId;
    if (command.expect !== undefined && command.expect !== last) return { code: "conflict" };
    const code = refusal(worker, command);
    if (code !== undefined) return { code };
    const firstSeq = saidBy(command).length > 0 ? (worker?.contents.length ?? 0) + 1 : 0;
    return { eventId: this.lastEventId + 1, duplicate: false, firstSeq };
  }

  /** Applies a command, and returns its expected result. */
  take(command: Command): Verdict {
    const verdict = this.preview(command);
    if ("code" in verdict || verdict.duplicate) return verdict;
    this.lastEventId++;
    this.#change(command);
    const worker = this.workers.get(command.workerId);
    if (worker !== undefined) worker.lastEventId = this.lastEventId;
    if (command.key === undefined) return verdict;
    const kept = { request: requestOf(command), verdict };
    if (command.kind !== "purge") this.#keys(command).set(command.key, kept);
    if (isEnd(command)) this.#endings.set(endingOf(command), kept);
    return verdict;
  }

  #keys(command: Command): Keys {
    if (!isOfWorker(command)) return this.#runtimeKeys;
    const keys = this.#workerKeys.get(command.workerId) ?? new Map();
    this.#workerKeys.set(command.workerId, keys);
    return keys;
  }

  #change(command: Command): void {
    const { kind, workerId, number, runId } = command;
    if (kind === "create") return this.#create(workerId);
    if (kind === "stopRuntime") return this.#stop();
    const worker = this.workers.get(workerId);
    if (worker === undefined) return;
    worker.contents.push(...saidBy(command));
    if (kind === "patch" && number % 3 === 0) worker.data.delete(`m${number % 5}`);
    else if (kind === "patch") worker.data.set(`m${number % 5}`, number);
    if (kind === "begin") worker.run = runId;
    if (kind === "finish") [worker.run, worker.outcome] = [null, "completed"];
    if (kind === "usage") {
      for (const sums of [worker.tokens, this.tokens]) {
        sums.set(`m-${number % 3}`, (sums.get(`m-${number % 3}`) ?? 0) + number);
      }
    }
    if (kind === "stop" || kind === "cancel") end(worker, kind === "stop" ? "stopped" : "cancelled");
    if (kind === "purge") {
      this.workers.delete(workerId);
      this.#workerKeys.delete(workerId);
    }
  }

  #create(workerId: string): void {
    this.workers.set(workerId, {
      createdEventId: this.lastEventId,
      status: "running",
      run: null,
      outcome: undefined,
      data: new Map(),
      contents: [],
      tokens: new Map(),
      lastEventId: this.lastEventId,
    });
  }

  #stop(): void {
    this.stopped = true;
    for (const worker of this.workers.values()) {
      if (worker.status !== "running") continue;
      end(worker, "stopped");
      worker.lastEventId = this.lastEventId;
    }
  }
}

/** Returns true if a command is rejected when the worker does not exist. */
export function isOfWorker({ kind }: Command): boolean {
  return kind !== "create" && kind !== "hostNote" && kind !== "stopRuntime";
}

function isEnd({ kind }: Command): boolean {
  return kind === "stop" || kind === "cancel" || kind === "purge";
}

function endingOf({ workerId, key }: Command): string {
  return `${workerId} ${key}`;
}

function requestOf({ kind, workerId, number }: Command): string {
  if (kind === "purge") return "purge";
  if (kind === "create") return `create ${workerId}`;
  return kind === "patch" && number % 3 === 0 ? `patch: drop m${number % 5}` : `${kind} ${number}`;
}

/** The contents that a command adds to a transcript. */
export function saidBy({ kind, number }: Command): string[] {
  if (kind === "input") return [`in ${number}`];
  if (kind !== "say") return [];
  return Array.from({ length: 1 + number % 4 }, (_, index) => `${number}.${index} ${"y".repeat(number)}`);
}

function end(worker: ReferenceWorker, status: string): void {
  if (worker.run !== null) worker.outcome = "cancelled";
  [worker.status, worker.run] = [status, null];
}

function refusal(worker: ReferenceWorker | undefined, { kind, runId }: Command): string | undefined {
  if (kind === "create") return worker === undefined ? undefined : "worker_exists";
  if (worker === undefined || kind === "usage" || kind === "note") return undefined;
  if (kind === "hostNote" || kind === "stopRuntime") return undefined;
  if (kind === "purge") return worker.status === "running" ? "invalid_request" : undefined;
  if (kind === "finish") return worker.run === runId ? undefined : "worker_not_running";
  if (worker.status !== "running") return "worker_not_running";
  return worker.run !== null && (kind === "begin" || kind === "stop") ? "worker_busy" : undefined;
}
