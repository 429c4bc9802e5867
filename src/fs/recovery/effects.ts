/**
 * Effects of the log's lines on transcripts and workers' files, read from
 * their texts while the log is replayed.
 *
 * @module
 */
import type { RuntimeError } from "../../core/errors.ts";
import type { WorkerId } from "../../core/ids.ts";
import { isJsonObject } from "../../core/json.ts";
import { corrupt } from "../disk/faults.ts";
import type { LogLine } from "../log/scan.ts";
import { LineBuffer, type PlacedLine } from "../lines/buffer.ts";
import { eventHeadText, eventText, isOfType, textOf, transcriptSpan } from "../lines/codec.ts";
import type { AppliedEvent, Transcripts } from "../transcripts/transcripts.ts";

/** Types of the events that create and purge workers. */
const TYPES = { creates: "worker.created", purges: "worker.purged" } as const;

/** An event with an effect on the files besides the log. */
type ReplayedEffect = AppliedEvent & { readonly workerId: WorkerId; readonly line?: PlacedLine };

/** Removes the files of a worker, except for its blobs with `keepsBlobs`. */
export type Purge = (workerId: WorkerId, purgedEventId: number, keepsBlobs: boolean) => void;

/** The value of a JSON text; `undefined` if it is invalid, which the runtime reports. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Effects of replayed events, in order. They are applied only once their
 * events are known to be on the device: until then a power cut may undo an
 * event, and files written or removed for it would contradict the log.
 */
export class ReplayedEffects {
  readonly #transcripts: Transcripts;
  readonly #memory = new LineBuffer();
  readonly #waiting: ReplayedEffect[] = [];
  readonly #purge: Purge;
  readonly #purged: ReplayedEffect[] = [];
  /** Purged workers, and the last events that purged them. */
  readonly #lastPurges = new Map<WorkerId, number>();

  /** Effects on transcripts; `purge` removes the files of a worker. */
  constructor(transcripts: Transcripts, purge: Purge) {
    this.#transcripts = transcripts;
    this.#purge = purge;
  }

  /** Adds the effect of a line. Returns the event's text for the runtime, without entries. */
  add({ bytes, start, end, id }: LogLine): string {
    const span = transcriptSpan(bytes, start, end);
    if (span !== undefined) {
      const { count } = span;
      const workerId = parsed(textOf(bytes, span.workerFrom, span.workerEnd)) as WorkerId;
      const line = this.#memory.copy(bytes, start, end + 1);
      if (typeof workerId === "string") {
        // The event that creates a worker may hold its first entries.
        const creates = isOfType(bytes, start, TYPES.creates) || undefined;
        this.#waiting.push({ id, workerId, creates, line, count });
      }
      return eventHeadText(bytes, start, end, span);
    }
    const text = eventText(bytes, start, end);
    const kind = (["creates", "purges"] as const).find((kind) => isOfType(bytes, start, TYPES[kind]));
    const event = kind === undefined ? undefined : parsed(text);
    const workerId = isJsonObject(event) ? event.workerId : undefined;
    if (kind !== undefined && typeof workerId === "string") {
      this.#waiting.push({ id, workerId: workerId as WorkerId, [kind]: true });
    }
    return text;
  }

  /** Applies the effects of events through one that is on the device. */
  settle(through: number): void {
    this.apply(through);
    for (const { workerId, id } of this.#purged.splice(0)) {
      this.#lastPurges.set(workerId, id);
      this.#purge(workerId, id, true);
    }
  }

  /**
   * Applies the effects of all events. Removes the blobs of purged workers whose
   * ids were not used again. Where one was, the blobs are those of the later
   * worker: its creation was written once the removal of the earlier ones was
   * durable. They cannot be restored from the log.
   */
  finish(): void {
    this.settle(Infinity);
    for (const [workerId, id] of this.#lastPurges) {
      if (!this.#transcripts.has(workerId)) this.#purge(workerId, id, false);
    }
  }

  /** Applies the effects in memory. Files are unchanged until {@linkcode settle}. */
  apply(through: number): void {
    for (
      let [effect] = this.#waiting;
      effect !== undefined && effect.id <= through;
      [effect] = this.#waiting
    ) {
      this.#waiting.shift();
      const { line, workerId, id } = effect;
      if (line !== undefined && !effect.creates && !this.#transcripts.has(workerId)) {
        throw unknownWorker(id, workerId);
      }
      this.#transcripts.apply(effect, line);
      if (effect.purges) this.#purged.push(effect);
    }
  }
}

function unknownWorker(id: number, workerId: WorkerId): RuntimeError<"store_corrupt"> {
  const reason = `event ${id} is of worker ${JSON.stringify(workerId)}, which does not exist`;
  return corrupt("", reason, { eventIds: [id, id] });
}
