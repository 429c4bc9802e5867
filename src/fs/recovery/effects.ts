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

/**
 * Effects of replayed events, in order. They are applied only once their
 * events are known to be on the device: until then a power cut may undo an
 * event, and files written or removed for it would contradict the log.
 */
export class ReplayedEffects {
  readonly #transcripts: Transcripts;
  readonly #memory = new LineBuffer();
  readonly #waiting: ReplayedEffect[] = [];
  readonly #purge: (workerId: WorkerId, purgedEventId: number) => void;
  readonly #purged: ReplayedEffect[] = [];

  /** Effects on transcripts; `purge` removes the files of a worker. */
  constructor(transcripts: Transcripts, purge: (workerId: WorkerId, purgedEventId: number) => void) {
    this.#transcripts = transcripts;
    this.#purge = purge;
  }

  /** Adds the effect of a line. Returns the event's text for the runtime, without entries. */
  add({ bytes, start, end, id }: LogLine): string {
    const span = transcriptSpan(bytes, start, end);
    if (span !== undefined) {
      const workerId = parsed(textOf(bytes, span.workerFrom, span.workerEnd)) as WorkerId;
      const line = this.#memory.copy(bytes, start, end + 1);
      if (typeof workerId === "string") {
        // The event that creates a worker may hold its first entries.
        const creates = isOfType(bytes, start, TYPES.creates) || undefined;
        this.#waiting.push({ id, workerId, creates, line, count: span.count });
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
    for (const { workerId, id } of this.#purged.splice(0)) this.#purge(workerId, id);
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
