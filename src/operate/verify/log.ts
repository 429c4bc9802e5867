/**
 * Verifies the log: every line of every segment, and their fold. Reading continues
 * after damage, so that all of it is reported; a bad end is classified by the same
 * table as at an opening.
 *
 * @module
 */
import type { FileSpot } from "../../core/errors.ts";
import { Slices } from "../../core/turn.ts";
import type { Checkpoint } from "../../fs/checkpoint/checkpoint.ts";
import { conversionHint } from "../../fs/lines/conversion.ts";
import { guardedAsync, ifCorrupt } from "../../fs/disk/faults.ts";
import { closeQuietly } from "../../fs/disk/files.ts";
import { LINE_BYTES_MAX } from "../../fs/lines/codec.ts";
import { intactLines, type LogLine, openKept, scanSegment } from "../../fs/log/scan.ts";
import { type Segment, segmentSpot } from "../../fs/log/segments.ts";
import { judgeTail } from "../../fs/log/tail_table.ts";
import type { Check } from "./check.ts";
import { checkCheckpoint } from "./checkpoints.ts";
import { sleep } from "../../fs/reading/follower.ts";

/** Pauses before a bad end counts as bad: a writer may be adding to it. */
const SETTLE_PAUSES_MS: readonly number[] = [100, 200];

/** Verifies the log. */
export class LogVerifier {
  readonly #check: Check;
  readonly #slices = new Slices();
  /** The last event of the log. */
  lastEventId = 0;
  /** Events whose lines are intact. */
  events = 0;
  /** Bytes read. */
  bytes = 0;
  /** True if the fold is that of the last event; false after damage, until a checkpoint replaces it. */
  folded = true;
  #checkpoints: readonly Checkpoint[];

  /** Verifies the log of a store. */
  constructor(check: Check) {
    this.#check = check;
    this.#checkpoints = check.checkpoints;
  }

  /** Runs the verification. */
  async run(): Promise<void> {
    const { segments, findings } = this.#check;
    if (segments.length === 0) {
      findings.add("log_gap", "damaged", "the log has no segment", { file: "events" });
    }
    for (const [index, segment] of segments.entries()) {
      this.#step(segment);
      await this.#segment(segment, index === segments.length - 1);
    }
    this.#ends();
    if (!this.folded && findings.verdict !== "damaged") {
      const message = "the log was pruned, and no checkpoint says what it began with";
      findings.add("log_gap", "damaged", message, { file: "events" });
    }
  }

  /** Advances from one segment to the next, or to the first. */
  #step(segment: number): void {
    const missing = this.lastEventId + 1;
    if (segment === missing) return;
    this.folded = false;
    const { file } = this.#spot(segment);
    if (segment < missing) {
      const message = `it begins with event ${segment}, which is there already`;
      return this.#check.findings.add("log_inconsistent", "damaged", message, { file });
    }
    this.lastEventId = segment - 1;
    // Missing events at the front are reported after the log was read.
    if (missing > 1) {
      const message = `events ${missing} to ${segment - 1} are missing`;
      this.#check.findings.add("log_gap", "damaged", message, { file, eventIds: [missing, segment - 1] });
    }
    this.#reach();
  }

  async #segment(first: number, isLast: boolean): Promise<void> {
    const segment = openKept(this.#check.place, first);
    const { file, path, start } = segment;
    try {
      await guardedAsync("read", path, async () => {
        if (!await this.#header(segment, isLast)) return;
        for (let offset = start; offset < segment.end;) {
          offset = await this.#lines(segment, offset);
          if (offset < segment.end) offset = await this.#bad(segment, offset, isLast);
        }
      });
    } finally {
      closeQuietly(file);
    }
  }

  /** Returns false if the segment is the last one and unfinished; other damage is reported. */
  async #header(segment: Segment, isLast: boolean): Promise<boolean> {
    const { file, name, start } = segment;
    const { findings } = this.#check;
    const damage = (reason: string): true => {
      findings.add("log_damaged", "damaged", reason, { file: name, byteOffset: 0 });
      return true;
    };
    for (const pauseMs of isLast ? [...SETTLE_PAUSES_MS, 0] : [0]) {
      if (ifCorrupt(() => segment.hasHeader(), ({ details: { reason } }) => damage(reason))) return true;
      if (pauseMs > 0) await sleep(pauseMs);
    }
    if (isLast && segment.end <= start) {
      const message = "a segment was begun and never finished; nothing in it was acknowledged";
      findings.add("unfinished_segment", "healable", message, { file: name });
      return false;
    }
    return damage(`its header is damaged${conversionHint(file)}`);
  }

  /** Reads good lines; returns the offset of the first bad one, or the end. */
  async #lines(segment: Segment, from: number): Promise<number> {
    const { meter } = this.#check;
    let offset = from;
    let counted = from;
    for (const line of scanSegment(segment, from, this.lastEventId)) {
      offset = line.endOffset;
      this.lastEventId = line.id;
      this.events++;
      this.bytes += line.endOffset - line.offset;
      this.#take(line);
      this.#reach();
      if (offset - counted < 131_072) continue;
      meter.add(offset - counted);
      counted = offset;
      await this.#slices.pause();
    }
    meter.add(offset - counted);
    return offset;
  }

  /** Folds an event; after damage, only a pruning or a close matters. */
  #take({ bytes, start, end }: LogLine): void {
    const { expected, findings } = this.#check;
    ifCorrupt(() => {
      if (this.folded) expected.apply(bytes, start, end);
      else expected.skip(bytes, start, end);
    }, ({ message }) => {
      this.folded = false;
      findings.add("log_inconsistent", "damaged", message, {
        eventIds: [this.lastEventId, this.lastEventId],
      });
    });
  }

  /** Compares checkpoints of this event with the fold; after damage, the first replaces it. Drops those passed. */
  #reach(): void {
    const { expected, findings } = this.#check;
    for (const checkpoint of this.#checkpoints) {
      const { through } = checkpoint.snapshot;
      if (through > this.lastEventId) break;
      this.#checkpoints = this.#checkpoints.slice(1);
      if (through < this.lastEventId) continue;
      if (this.folded) {
        checkCheckpoint(checkpoint, expected, findings);
        continue;
      }
      ifCorrupt(() => {
        expected.restore(checkpoint);
        this.folded = true;
      }, ({ message }) => findings.add("checkpoint_damaged", "healable", message));
    }
  }

  /** Judges a bad part of a segment; returns the offset at which to continue. */
  async #bad(segment: Segment, offset: number, isLast: boolean): Promise<number> {
    const { file, first, end, name } = segment;
    const { segments, checkpoints, findings, meter } = this.#check;
    const k = this.lastEventId + 1;
    if (isLast && await this.#isWritten(segment, offset)) return end;
    const next = this.#nextGood(segment, offset);
    const later = segments.filter((other) => other > first);
    const row = judgeTail({
      k,
      checkpointThrough: Math.max(0, ...checkpoints.map(({ snapshot }) => snapshot.through)),
      durableAfter: Math.max(next.durable, ...later.map((first) => first - 1)),
      // Events that only transcripts have are searched for once the end is known.
      witnessedThrough: 0,
      nextSegment: later[0] ?? 0,
      bytesAfter: end - offset,
      headerBytes: 0,
    });
    const spot = { file: name, byteOffset: offset, eventIds: [k, k] } as const;
    if (row.losesNothing) {
      findings.add("log_damaged", "damaged", row.reason, spot);
      return end;
    }
    if (row.verdict !== "corrupt") {
      const message = `${end - offset} bytes at the end of the log are no whole event; ${row.reason}`;
      findings.add("torn_tail", "healable", message, spot);
      return end;
    }
    const lastLost = Math.max(k, next.id - 1);
    const what = lastLost === k ? `event ${k} is damaged` : `events ${k} to ${lastLost} are damaged`;
    const message = `${what}: ${row.reason}${conversionHint(file)}`;
    findings.add("log_damaged", "damaged", message, { ...spot, eventIds: [k, lastLost] });
    this.folded = false;
    this.lastEventId = next.id === 0 ? lastLost : next.id - 1;
    this.#reach();
    meter.add(next.offset - offset);
    return next.offset;
  }

  /** Returns true if the bad line at the end was a write in progress, and is intact by now. */
  async #isWritten({ file }: Segment, byteOffset: number): Promise<boolean> {
    for (const pauseMs of SETTLE_PAUSES_MS) {
      await sleep(pauseMs);
      const [line] = intactLines(file, byteOffset, file.stat().size);
      if (line?.offset !== byteOffset || line.id !== this.lastEventId + 1) continue;
      const message = "a writer is at the end of the log; what it adds now was not verified";
      this.#check.findings.add("tail_pending", "pending", message, { byteOffset });
      return true;
    }
    return false;
  }

  /** The next intact line with a higher id, and the highest `durable` after the bad one. */
  #nextGood({ file, end }: Segment, from: number): { id: number; offset: number; durable: number } {
    const found = { id: 0, offset: end, durable: 0 };
    const witnessEnd = from + 2 * LINE_BYTES_MAX;
    for (const { id, durable, offset } of intactLines(file, from, end)) {
      if (id === 0) continue;
      if (found.id === 0 && id > this.lastEventId) {
        found.id = id;
        found.offset = offset;
      }
      found.durable = Math.max(found.durable, durable);
      if (found.id > 0 && (found.durable > this.lastEventId || offset > witnessEnd)) break;
    }
    return found;
  }

  /** Reports checkpoints after the end, and a log that does not begin with event 1 unless it was pruned. */
  #ends(): void {
    const { segments: [first = 1], expected, findings } = this.#check;
    for (const { snapshot: { through } } of this.#checkpoints) {
      if (through <= this.lastEventId) continue;
      const message =
        `the log ends with event ${this.lastEventId}, but a checkpoint covers event ${through}: is it an older copy, or one taken while the store was in use?`;
      const eventIds = [this.lastEventId + 1, through] as const;
      findings.add("log_behind_checkpoint", "damaged", message, { eventIds });
    }
    if (first <= Math.max(1, expected.prunedTo)) return;
    const message = `events 1 to ${first - 1} are missing, and no event records that they were pruned`;
    findings.add("log_gap", "damaged", message, { ...this.#spot(first), eventIds: [1, first - 1] });
  }

  #spot(segment: number): FileSpot {
    return segmentSpot(this.#check.place.layout, [segment], segment);
  }
}
