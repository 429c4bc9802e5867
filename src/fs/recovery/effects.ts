/**
 * Effects of the log's lines on transcripts and workers' files, read from
 * their texts while the log is replayed.
 *
 * @module
 */
import type { WorkerId } from "../../core/ids.ts";
import { isJsonObject } from "../../core/json.ts";
import { corrupt } from "../disk/faults.ts";
import type { LogLine } from "../log/scan.ts";
import { LineBuffer, type PlacedLine } from "../lines/buffer.ts";
import { eventHeadText, eventText, isOfType, textOf, transcriptSpan } from "../lines/codec.ts";
import type { AppliedEvent, Transcripts } from "../transcripts/transcripts.ts";
import type { Recovery } from "./recovery.ts";

/** Types of the events that create and purge workers. */
const TYPES = { creates: "worker.created", purges: "worker.purged" } as const;

/** An event with an effect on the files besides the log. */
type ReplayedEffect = AppliedEvent & { readonly workerId: WorkerId; readonly line?: PlacedLine };

/** The value of a JSON text; `undefined` if it is invalid, which the runtime reports. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Entries of a new worker's transcript that are in the base of a fork. */
function beforeOf(event: unknown): number | undefined {
  const fork = isJsonObject(event) ? event.fork : undefined;
  const seq = isJsonObject(fork) ? fork.seq : undefined;
  return typeof seq === "number" && seq > 0 ? seq : undefined;
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
  readonly #purge: Recovery["purge"];
  readonly #purged: ReplayedEffect[] = [];
  /** Workers whose blobs are left, and the events that purged them. */
  readonly #withBlobs = new Map<WorkerId, number>();

  /** Effects on transcripts; `purge` removes the files of a worker. */
  constructor(transcripts: Transcripts, purge: Recovery["purge"]) {
    this.#transcripts = transcripts;
    this.#purge = purge;
  }

  /** Adds the effect of a line. Returns the event's text for the runtime, without entries. */
  add({ bytes, start, end, id }: LogLine): string {
    const span = transcriptSpan(bytes, start, end);
    if (span !== undefined) {
      const head = eventHeadText(bytes, start, end, span);
      const workerId = parsed(textOf(bytes, span.workerFrom, span.workerEnd)) as WorkerId;
      const line = this.#memory.copy(bytes, start, end + 1);
      if (typeof workerId === "string") {
        // The event that creates a worker may hold its first entries.
        const creates = isOfType(bytes, start, TYPES.creates) || undefined;
        const before = creates ? beforeOf(parsed(head)) : undefined;
        this.#waiting.push({ id, workerId, creates, before, line, count: span.count });
      }
      return head;
    }
    const text = eventText(bytes, start, end);
    const kind = (["creates", "purges"] as const).find((kind) => isOfType(bytes, start, TYPES[kind]));
    const event = kind === undefined ? undefined : parsed(text);
    const workerId = isJsonObject(event) ? event.workerId : undefined;
    if (kind !== undefined && typeof workerId === "string") {
      const before = kind === "creates" ? beforeOf(event) : undefined;
      this.#waiting.push({ id, workerId: workerId as WorkerId, before, [kind]: true });
    }
    return text;
  }

  /**
   * Applies the effects of events through one that is on the device. Blobs are
   * left: those of a later worker with the id are not in the log.
   */
  settle(through: number): void {
    this.apply(through);
    for (const { workerId, id } of this.#purged.splice(0)) {
      this.#purge(workerId, id, true);
      this.#withBlobs.set(workerId, id);
    }
  }

  /**
   * Applies the effects of all events, and removes the blobs of workers that do
   * not exist at their end. Those of others are their own: the creation of a
   * worker is written once the removal of earlier blobs is durable.
   */
  finish(): void {
    this.settle(Infinity);
    for (const [workerId, id] of this.#withBlobs) {
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
        const reason = `event ${id} is of worker ${JSON.stringify(workerId)}, which does not exist`;
        throw corrupt("", reason, { eventIds: [id, id] });
      }
      this.#transcripts.apply(effect, line);
      if (effect.purges) this.#purged.push(effect);
    }
  }
}
