/**
 * A minimal model of a runtime, to compare the real one with.
 *
 * @module
 */

/** A worker of the model. */
export interface ModelWorker {
  /** `running`, `stopped` or `retired`. */
  status: string;
  /** The event that began the open run. */
  run: number | null;
  /** Outcome of the last run. */
  lastOutcome: string | undefined;
  /** Draft of the open run, or of the last one if it was interrupted and none has begun since. */
  draft: string | null;
  /** Data, one level deep. */
  data: Record<string, number>;
  /** Contents of the transcript. */
  contents: string[];
  /** Input tokens. */
  tokens: number;
  /** Results of keys: the content, and the event. */
  keys: Map<string, { content: string; eventId: number }>;
  /** Its purge, and the key of that. */
  purged?: { key: string | undefined; eventId: number };
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
    | "draft"
    | "usage"
    | "stop"
    | "restart"
    | "retire"
    | "purge";
  /** Worker. */
  readonly workerId: string;
  /** Number that determines the arguments. */
  readonly number: number;
  /** Idempotency key, if any. */
  readonly key: string | undefined;
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

  /** Applies a step through a handle of a worker, and returns its expected result; `run` is the run to finish. */
  take(step: Step, handle: ModelWorker | undefined, run?: number): Expected {
    const { command, key } = step;
    const worker = this.workers.get(step.workerId);
    if (command === "create") return this.#create(step, worker);
    if (handle === undefined || handle !== worker) return repeatedPurge(step, handle);
    const content = command === "purge" ? command : `${command} ${step.number}`;
    const earlier = key === undefined ? undefined : worker.keys.get(key);
    if (earlier !== undefined) {
      if (earlier.content !== content) return { code: "key_reused" };
      return { eventId: earlier.eventId, duplicate: true };
    }
    const code = refusal(worker, step, run);
    if (code !== undefined) return { code };
    const eventId = ++this.lastEventId;
    this.#change(worker, step);
    if (key !== undefined) worker.keys.set(key, { content, eventId });
    return { eventId, duplicate: false };
  }

  #create(step: Step, worker: ModelWorker | undefined): Expected {
    if (worker !== undefined) return { code: "worker_exists" };
    this.workers.set(step.workerId, {
      status: "running",
      run: null,
      lastOutcome: undefined,
      draft: null,
      data: {},
      contents: [],
      tokens: 0,
      keys: new Map(),
    });
    return { eventId: ++this.lastEventId, duplicate: false };
  }

  #change(worker: ModelWorker, { command, workerId, number, key }: Step): void {
    if (command === "input") worker.contents.push(`in ${number}`);
    if (command === "say") {
      for (let index = 0; index <= number % 4; index++) worker.contents.push(`${number}.${index}`);
    }
    if (command === "patch") {
      if (number % 3 === 0) delete worker.data[`m${number % 5}`];
      else worker.data[`m${number % 5}`] = number;
    }
    if (command === "begin") [worker.run, worker.draft] = [this.lastEventId, firstDraft(number)];
    if (command === "draft") worker.draft = drafted(worker.draft, number);
    if (command === "finish") [worker.run, worker.lastOutcome] = [null, "completed"];
    if (command === "finish" || command === "stop" || command === "retire") worker.draft = null;
    if (command === "usage") {
      worker.tokens += number;
      this.tokens += number;
    }
    if (command === "stop") worker.status = "stopped";
    if (command === "restart") worker.status = "running";
    if (command === "retire") {
      if (worker.run !== null) worker.lastOutcome = "cancelled";
      [worker.status, worker.run] = ["retired", null];
    }
    if (command !== "purge") return;
    worker.purged = { key, eventId: this.lastEventId };
    this.workers.delete(workerId);
  }
}

/** The text with which the draft of a run begins. */
export function firstDraft(number: number): string | null {
  return number % 3 === 0 ? `begun ${number} ` : null;
}

/** The texts that a step adds to a draft at once; none if it drops the draft. */
export function draftTexts(number: number): string[] {
  return number % 4 === 0 ? [] : Array.from({ length: number }, (_, index) => `${number}.${index} `);
}

function drafted(draft: string | null, number: number): string | null {
  const texts = draftTexts(number);
  return texts.length === 0 ? null : (draft ?? "") + texts.join("");
}

/** Result of a step through a handle of a worker that is gone. */
function repeatedPurge({ command, key }: Step, handle: ModelWorker | undefined): Expected {
  const purged = command === "purge" && key !== undefined ? handle?.purged : undefined;
  if (purged === undefined || purged.key !== key) return { code: "worker_not_found" };
  return { eventId: purged.eventId, duplicate: true };
}

function refusal({ status, run }: ModelWorker, { command }: Step, toFinish?: number): string | undefined {
  if (command === "usage") return undefined;
  if (command === "purge") return status === "running" ? "invalid_request" : undefined;
  if (command === "finish" || command === "draft") return run === toFinish ? undefined : "run_ended";
  if (command === "restart" && status === "running") return "invalid_request";
  const from = command === "restart" || command === "retire" ? ["running", "stopped"] : ["running"];
  if (!from.includes(status)) return "worker_not_running";
  return run !== null && (command === "begin" || command === "stop") ? "worker_busy" : undefined;
}
