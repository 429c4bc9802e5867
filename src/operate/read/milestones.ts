/**
 * Milestones of conversations, from a scan of the log: runs, rewinds and changes
 * of status.
 *
 * @module
 */
import type { EventHead, RunOutcome, WorkerChange, WorkerStatus } from "../../core/event_types.ts";
import { isWorkerChange } from "../../core/events.ts";
import type { WorkerId } from "../../core/ids.ts";
import { byteLength } from "../../core/text.ts";

/** The beginning of a draft. */
export interface DraftBeginning {
  /** Its first characters. */
  readonly text: string;
  /** Sum of the UTF-8 bytes of the whole draft. */
  readonly bytes: number;
}

/** An event of a conversation besides its entries. */
export interface Milestone {
  /** The event. */
  readonly eventId: number;
  /** Its time, ISO 8601. */
  readonly at: string;
  /** The run that began or ended, or that made the change. */
  readonly runId?: string;
  /** The run began. */
  readonly began?: true;
  /** The run ended. */
  readonly ended?: RunOutcome;
  /** Time of the start of the run that ended, if the log still holds it; ISO 8601. */
  readonly startedAt?: string;
  /** The partial answer of the run that was interrupted. */
  readonly draft?: DraftBeginning;
  /** The context was rewound to this entry; 0 is the beginning. */
  readonly rewound?: number;
  /** The worker was stopped, restarted (`running`) or retired. */
  readonly status?: WorkerStatus;
  /** Beginning of the reason. */
  readonly reason?: string;
}

/** Milestones of one worker, the newest. */
const MILESTONES_MAX = 500;
/** Characters of a draft. */
const DRAFT_CHARS_MAX = 4_000;
/** Characters of a reason. */
const REASON_CHARS_MAX = 500;

/** Collects the milestones of workers: of each, those from a first entry on. */
export class MilestoneReader {
  readonly #workers = new Map<WorkerId, WorkerReader>();

  /** Takes the sequence of the first entry of each worker. */
  constructor(workers: ReadonlyMap<WorkerId, number>) {
    for (const [workerId, firstSeq] of workers) this.#workers.set(workerId, new WorkerReader(firstSeq));
  }

  /** Reads the next event. */
  read(event: EventHead): void {
    if (event.type === "runtime.retired") {
      for (const worker of this.#workers.values()) worker.retire(event.id, event.at, event.reason);
      return;
    }
    if (!isWorkerChange(event)) return;
    const { type, workerId } = event;
    const worker = this.#workers.get(workerId);
    if (worker !== undefined && type === "worker.created") {
      this.#workers.set(workerId, new WorkerReader(worker.firstSeq, 0));
    }
    this.#workers.get(workerId)?.read(event);
  }

  /** The milestones of each worker, in order. */
  get items(): ReadonlyMap<WorkerId, readonly Milestone[]> {
    return new Map([...this.#workers].map(([workerId, { items }]) => [workerId, items]));
  }
}

class WorkerReader {
  readonly firstSeq: number;
  readonly items: Milestone[] = [];
  /** The newest entry; Infinity as long as the log does not say. */
  #length: number;
  #status: WorkerStatus = "running";
  /** The beginning of the open run. */
  #run: Milestone | undefined;
  #draft: DraftBeginning | undefined;

  constructor(firstSeq: number, length = Infinity) {
    [this.firstSeq, this.#length] = [firstSeq, length];
  }

  read(event: Omit<WorkerChange, "entries">): void {
    const { id: eventId, at, runId, run, context, status, reason, seq, count = 0 } = event;
    if (seq !== undefined) this.#length = seq + count - 1;
    const of = runId === undefined ? { eventId, at } : { eventId, at, runId };
    if (run?.began === true) this.#begin({ ...of, began: true });
    this.#addDraft(event.draft);
    if (run?.ended !== undefined) this.#end({ ...of, ended: run.ended, ...beginning(run.reason) });
    if (context?.rewound !== undefined) this.#add({ ...of, rewound: context.rewound });
    if (status === undefined) return;
    this.#status = status;
    this.#add({ eventId, at, status, ...beginning(reason) });
  }

  /** The runtime was retired, and the worker with it. */
  retire(eventId: number, at: string, reason: string | undefined): void {
    if (this.#status === "retired") return;
    const runId = this.#run?.runId ?? "";
    if (this.#run !== undefined) this.#end({ eventId, at, runId, ended: "cancelled", ...beginning(reason) });
    this.#add({ eventId, at, status: "retired", ...beginning(reason) });
  }

  #begin(run: Milestone): void {
    this.#run = run;
    this.#draft = undefined;
    if (this.#isWanted) this.#add(run);
  }

  #end(end: Milestone): void {
    const draft = end.ended === "interrupted" && this.#draft !== undefined ? { draft: this.#draft } : {};
    this.#add({ ...end, ...this.#run === undefined ? {} : { startedAt: this.#run.at }, ...draft });
    [this.#run, this.#draft] = [undefined, undefined];
  }

  #addDraft(added: string | null | undefined): void {
    if (typeof added !== "string") {
      if (added === null) this.#draft = undefined;
      return;
    }
    const { text, bytes } = this.#draft ?? { text: "", bytes: 0 };
    // Longer than what is shown, so that whoever shows it can say that it was cut.
    const missing = DRAFT_CHARS_MAX + 1 - text.length;
    this.#draft = { text: text + added.slice(0, missing), bytes: bytes + byteLength(added) };
  }

  get #isWanted(): boolean {
    return this.#length >= this.firstSeq - 1;
  }

  #add(milestone: Milestone): void {
    if (!this.#isWanted) return;
    // A run that is open at the first entry began before it.
    if (this.items.length === 0 && this.#run !== undefined && milestone !== this.#run) {
      this.items.push(this.#run);
    }
    this.items.push(milestone);
    if (this.items.length > MILESTONES_MAX) this.items.shift();
  }
}

function beginning(reason: string | undefined): { reason?: string } {
  if (reason === undefined) return {};
  return { reason: reason.length > REASON_CHARS_MAX ? `${reason.slice(0, REASON_CHARS_MAX)} ...` : reason };
}
