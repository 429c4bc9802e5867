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
    | "mixed"
    | "show"
    | "large"
    | "runSay"
    | "compact"
    | "rewind"
    | "stop"
    | "restart"
    | "retire"
    | "purge"
    | "retireRuntime";
  /** Worker; empty for the runtime. */
  readonly workerId: string;
  /** Number that determines the arguments. */
  readonly number: number;
  /** Idempotency key. */
  readonly key: string | undefined;
  /** Optimistic concurrency. */
  readonly expect: number | undefined;
  /** The run to begin, or that writes. */
  readonly runId: string;
  /** The event that began the run that writes; 0 if none writes. */
  readonly runEventId: number;
  /** The event that created the worker, as far as its caller knows. */
  readonly life: number;
}

/** Expected result of a command. */
export type Verdict =
  | { readonly code: string }
  | { readonly eventId: number; readonly duplicate: boolean; readonly firstSeq: number };

/** A worker. */
export interface ReferenceWorker {
  /** The event that created it. */
  readonly createdEventId: number;
  /** `running`, `stopped` or `retired`. */
  status: string;
  /** The open run. */
  run: string | null;
  /** The event that began it. */
  runEventId: number;
  /** Outcome of the last run. */
  outcome: string | undefined;
  /** Data, one level deep. */
  readonly data: Map<string, number>;
  /** Contents of the transcript, oldest first. */
  readonly contents: string[];
  /** Sequences of the context, in its order, its summary, and the event that it is of. */
  readonly context: { seqs: number[]; summary: number; version: number };
  /** The label `phase`. */
  label: string | undefined;
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
  /** True if it was retired. */
  retired = false;
  /** Input tokens of all workers by model, including purged ones. */
  readonly tokens: Map<string, number> = new Map();
  /** Workers in the order of their creation. */
  readonly workers: Map<string, ReferenceWorker> = new Map();
  readonly #runtimeKeys: Keys = new Map();
  readonly #workerKeys = new Map<string, Keys>();
  /** Keys of purges, by life of the worker. */
  readonly #purges: Keys = new Map();

  /** Adds the events of an opening. Returns their types. */
  open(): string[] {
    const types = this.lastEventId === 0 ? ["runtime.created", "runtime.opened"] : ["runtime.opened"];
    this.lastEventId += types.length;
    this.epoch++;
    for (const worker of this.workers.values()) {
      if (worker.run === null) continue;
      worker.lastEventId = ++this.lastEventId;
      [worker.run, worker.outcome] = [null, "interrupted"];
      types.push("worker.committed");
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
    if (ofWorker && command.life === 0) return { code: "worker_not_found" };
    const isOwn = !ofWorker || worker?.createdEventId === command.life;
    if (command.key !== undefined) {
      const purge = command.kind === "purge" ? this.#purges.get(purgeOf(command)) : undefined;
      const earlier = isOwn ? this.#keys(command).get(command.key) : purge;
      if (earlier !== undefined && earlier.request !== requestOf(command)) return { code: "key_reused" };
      if (earlier !== undefined && "eventId" in earlier.verdict) {
        return { ...earlier.verdict, duplicate: true };
      }
    }
    if (!isOwn) return { code: "worker_not_found" };
    if (this.retired) return { code: "runtime_retired" };
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
    else this.#purges.set(purgeOf(command), kept);
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
    if (kind === "retireRuntime") return this.#retire();
    const worker = this.workers.get(workerId);
    if (worker === undefined) return;
    this.#changeContext(worker, command);
    worker.contents.push(...saidBy(command));
    if (kind === "patch" && number % 3 === 0) worker.data.delete(`m${number % 5}`);
    else if (kind === "patch" || kind === "mixed") worker.data.set(`m${number % 5}`, number);
    if (kind === "mixed") worker.label = number % 4 === 0 ? undefined : `${number}`;
    if (kind === "begin") [worker.run, worker.runEventId] = [runId, this.lastEventId];
    if (kind === "finish") [worker.run, worker.outcome] = [null, "completed"];
    if (kind === "rewind") end(worker, worker.status);
    if (kind === "usage" || kind === "mixed") {
      for (const sums of [worker.tokens, this.tokens]) {
        sums.set(`m-${number % 3}`, (sums.get(`m-${number % 3}`) ?? 0) + number);
      }
    }
    if (kind === "stop" || kind === "retire") end(worker, kind === "stop" ? "stopped" : "retired");
    if (kind === "restart") worker.status = "running";
    if (kind === "purge") {
      this.workers.delete(workerId);
      this.#workerKeys.delete(workerId);
    }
  }

  #changeContext({ contents, context }: ReferenceWorker, command: Command): void {
    const { kind, number } = command;
    const next = contents.length + 1;
    if (kind === "compact") {
      context.seqs = [next, ...remainingAfter(context, number)];
      context.summary = next;
    } else if (kind === "rewind") {
      context.seqs = context.seqs.slice(0, context.seqs.indexOf(number) + 1);
      if (number === 0) context.summary = 0;
    } else context.seqs.push(...saidBy(command).map((_, index) => next + index));
    if (kind === "compact" || kind === "rewind") context.version = this.lastEventId;
  }

  #create(workerId: string): void {
    this.workers.set(workerId, {
      createdEventId: this.lastEventId,
      status: "running",
      run: null,
      runEventId: 0,
      label: undefined,
      outcome: undefined,
      data: new Map(),
      contents: [],
      context: { seqs: [], summary: 0, version: this.lastEventId },
      tokens: new Map(),
      lastEventId: this.lastEventId,
    });
  }

  #retire(): void {
    this.retired = true;
    for (const worker of this.workers.values()) {
      if (worker.status === "retired") continue;
      end(worker, "retired");
      worker.lastEventId = this.lastEventId;
    }
  }
}

/** Returns true if a command is rejected when the worker does not exist. */
export function isOfWorker({ kind }: Command): boolean {
  return kind !== "create" && kind !== "hostNote" && kind !== "retireRuntime";
}

function purgeOf({ workerId, life, key }: Command): string {
  return `${workerId} ${life} ${key}`;
}

function requestOf({ kind, workerId, number }: Command): string {
  if (kind === "purge" || kind === "restart") return kind;
  if (kind === "create") return `create ${workerId}`;
  if (kind === "begin") return `begin r${number}`;
  return kind === "patch" && number % 3 === 0 ? `patch: drop m${number % 5}` : `${kind} ${number}`;
}

/** Content just too large for an event. */
export function largeContent(number: number): string {
  return `${number}`.padEnd(262_143, "large ");
}

/** The contents that a command adds to a transcript; JSON other than strings as text. */
export function saidBy({ kind, number }: Command): string[] {
  if (kind === "input") return [`in ${number}`];
  if (kind === "mixed" && number % 2 === 0) return [JSON.stringify([{ text: `${number}` }])];
  if (kind === "runSay" || kind === "show" || kind === "compact") return [`${kind} ${number}`];
  if (kind === "large") return [largeContent(number)];
  if (kind !== "say") return [];
  return Array.from({ length: 1 + number % 4 }, (_, index) => `${number}.${index} ${"y".repeat(number)}`);
}

/** Sequences of a context that a compaction through another one leaves, without its own summary. */
function remainingAfter({ seqs, summary }: ReferenceWorker["context"], through: number): number[] {
  return seqs.filter((seq) => seq > through && seq !== summary);
}

/** Returns the code that rejects a change of the context, or `undefined`. */
function contextRefusal(
  { contents, context }: ReferenceWorker,
  { kind, number }: Command,
): string | undefined {
  const isPossible = kind === "compact"
    ? number <= contents.length && remainingAfter(context, number).length < context.seqs.length
    : number === 0 || context.seqs.includes(number);
  if (!isPossible) return "invalid_request";
  const length = contents.length + Number(kind === "compact");
  const seqs = kind === "compact"
    ? remainingAfter(context, number)
    : context.seqs.slice(0, context.seqs.indexOf(number) + 1).filter((seq) => seq !== context.summary);
  const ends = seqs.filter((seq, index) => seq !== length && seqs[index + 1] !== seq + 1);
  return ends.length < 64 ? undefined : "limit_exceeded";
}

function end(worker: ReferenceWorker, status: string): void {
  if (worker.run !== null) worker.outcome = "cancelled";
  [worker.status, worker.run] = [status, null];
}

/** Commands that cancel the open run if their number is even. */
const ENDING: readonly string[] = ["stop", "retire", "rewind"];

function refusal(worker: ReferenceWorker | undefined, command: Command): string | undefined {
  const { kind, number, runEventId } = command;
  if (kind === "create") return worker === undefined ? undefined : "worker_exists";
  if (worker === undefined || kind === "hostNote" || kind === "retireRuntime") return undefined;
  if (kind === "usage") return undefined;
  if (kind === "purge") return worker.status === "running" ? "invalid_request" : undefined;
  if (runEventId > 0 && (worker.run === null || worker.runEventId !== runEventId)) return "run_ended";
  if (kind === "restart" && worker.status === "running") return "invalid_request";
  if (worker.status === "retired") return "worker_not_running";
  if (worker.status === "stopped") {
    return kind === "restart" || kind === "retire" ? undefined : "worker_not_running";
  }
  const cancels = number % 2 === 0;
  const isBusy = kind === "begin" || ENDING.includes(kind) && !cancels;
  if (worker.run !== null && isBusy) return "worker_busy";
  return kind === "compact" || kind === "rewind" ? contextRefusal(worker, command) : undefined;
}
