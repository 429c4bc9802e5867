/**
 * A minimal model of a runtime, to compare the real one with.
 *
 * @module
 */

/** A worker of the model. */
export interface ModelWorker {
  /** `running`, `stopped` or `cancelled`. */
  status: string;
  /** The open run. */
  run: string | null;
  /** Outcome of the last run. */
  lastOutcome: string | undefined;
  /** Data, one level deep. */
  data: Record<string, number>;
  /** Contents of the transcript. */
  contents: string[];
  /** Input tokens. */
  tokens: number;
  /** Results of keys: the content, and the event. */
  keys: Map<string, { content: string; eventId: number }>;
}

/** One random step: its command, its worker, and a number that determines its arguments. */
export interface Step {
  /** Command. */
  readonly command:
    | "create"
    | "say"
    | "input"
    | "patch"
    | "begin"
    | "finish"
    | "usage"
    | "stop"
    | "cancel"
    | "purge";
  /** Worker. */
  readonly workerId: string;
  /** Number that determines the arguments. */
  readonly number: number;
  /** Idempotency key, if any. */
  readonly key: string | undefined;
  /** The run to finish. */
  readonly runId?: string;
}

/** Expected result of a step: an error code, or an event, possibly an earlier one. */
export type Expected = { readonly code: string } | { readonly eventId: number; readonly duplicate: boolean };

/** The model. */
export class Model {
  /** The last event. */
  lastEventId = 0;
  /** Input tokens of all workers, including purged ones. */
  tokens = 0;
  /** Workers in the order of their creation. */
  readonly workers: Map<string, ModelWorker> = new Map();
  /** Keys of commands that ended a worker. They outlive it. */
  readonly #endings: ModelWorker["keys"] = new Map();

  /** Adds the events of an opening; `open` counts the runs that were open. */
  opened(): void {
    this.lastEventId += this.lastEventId === 0 ? 2 : 1;
    for (const worker of this.workers.values()) {
      if (worker.run === null) continue;
      this.lastEventId++;
      worker.run = null;
      worker.lastOutcome = "interrupted";
    }
  }

  /** Adds the event of a normal closing. */
  closed(): void {
    this.lastEventId++;
  }

  /** Applies a step, and returns its expected result. */
  take(step: Step): Expected {
    const worker = this.workers.get(step.workerId);
    if (step.command === "create") return this.#create(step, worker);
    const isEnd = ["stop", "cancel", "purge"].includes(step.command);
    const content = step.command === "purge" ? "purge" : `${step.command} ${step.number}`;
    const ending = `${step.workerId} ${step.key}`;
    const earlier = step.key === undefined
      ? undefined
      : worker?.keys.get(step.key) ?? (isEnd ? this.#endings.get(ending) : undefined);
    if (earlier !== undefined) {
      if (earlier.content !== content) return { code: "key_reused" };
      return { eventId: earlier.eventId, duplicate: true };
    }
    if (worker === undefined) return { code: "worker_not_found" };
    const code = refusal(worker, step);
    if (code !== undefined) return { code };
    const eventId = ++this.lastEventId;
    this.#change(worker, step);
    if (step.key !== undefined) worker.keys.set(step.key, { content, eventId });
    if (step.key !== undefined && isEnd) this.#endings.set(ending, { content, eventId });
    return { eventId, duplicate: false };
  }

  #create(step: Step, worker: ModelWorker | undefined): Expected {
    if (worker !== undefined) return { code: "worker_exists" };
    this.workers.set(step.workerId, {
      status: "running",
      run: null,
      lastOutcome: undefined,
      data: {},
      contents: [],
      tokens: 0,
      keys: new Map(),
    });
    return { eventId: ++this.lastEventId, duplicate: false };
  }

  #change(worker: ModelWorker, { command, workerId, number }: Step): void {
    if (command === "input") worker.contents.push(`in ${number}`);
    if (command === "say") {
      for (let index = 0; index <= number % 4; index++) worker.contents.push(`${number}.${index}`);
    }
    if (command === "patch") {
      if (number % 3 === 0) delete worker.data[`m${number % 5}`];
      else worker.data[`m${number % 5}`] = number;
    }
    if (command === "begin") worker.run = `r${number}`;
    if (command === "finish") [worker.run, worker.lastOutcome] = [null, "completed"];
    if (command === "usage") {
      worker.tokens += number;
      this.tokens += number;
    }
    if (command === "stop") worker.status = "stopped";
    if (command === "cancel") {
      if (worker.run !== null) worker.lastOutcome = "cancelled";
      [worker.status, worker.run] = ["cancelled", null];
    }
    if (command === "purge") this.workers.delete(workerId);
  }
}

function refusal(worker: ModelWorker, { command, runId }: Step): string | undefined {
  if (command === "usage") return undefined;
  if (command === "purge") return worker.status === "running" ? "invalid_request" : undefined;
  if (command === "finish") return worker.run === runId ? undefined : "worker_not_running";
  if (worker.status !== "running") return "worker_not_running";
  return worker.run !== null && (command === "begin" || command === "stop") ? "worker_busy" : undefined;
}
