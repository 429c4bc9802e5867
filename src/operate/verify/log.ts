/**
 * Verifies the log: every line of every segment, and their fold. Reading continues
 * after damage, so that all of it is reported; a bad end is classified by the same
 * table as at an opening.
 *
 * @module
 */
import { isRuntimeError } from "../../core/errors.ts";
import { Slices } from "../../core/turn.ts";
import type { Checkpoint } from "../../fs/checkpoint/checkpoint.ts";
import { conversionHint } from "../../fs/lines/conversion.ts";
import { guardedAsync } from "../../fs/disk/faults.ts";
import { closeQuietly } from "../../fs/disk/files.ts";
import { nameOf, segmentPath } from "../../fs/layout.ts";
import { LINE_BYTES_MAX } from "../../fs/lines/codec.ts";
import { intactLines, type LogLine, scanSegment } from "../../fs/log/scan.ts";
import type { Segment } from "../../fs/log/segments.ts";
import { judgeTail } from "../../fs/log/tail_table.ts";
import { checkCheckpoint } from "./checkpoints.ts";
import type { Expected } from "./expected.ts";
import type { Findings } from "./finding.ts";
import { sleep } from "../../fs/reading/follower.ts";
import { openKept } from "../../fs/reading/log_lines.ts";
import type { FoundPlace } from "../../fs/place/find.ts";
import type { Meter } from "../options.ts";

/** Pauses before a bad end counts as bad: a writer may be adding to it. */
const SETTLE_PAUSES_MS: readonly number[] = [100, 200];

/** Inputs of the verification of the log. */
export interface LogCheck {
  /** The store. */
  readonly place: FoundPlace;
  /** Its checkpoints, the older first. */
  readonly checkpoints: readonly Checkpoint[];
  /** First event ids of the segments, in order. */
  readonly segments: readonly number[];
  /** Receives the findings. */
  readonly findings: Findings;
  /** Receives the events. */
  readonly expected: Expected;
  /** Reports progress. */
  readonly meter: Meter;
}

/** Result of the verification of the log. */
export interface LogRead {
  /** The last event of the log. */
  readonly lastEventId: number;
  /** Events whose lines are intact. */
  readonly events: number;
  /** Bytes read. */
  readonly bytes: number;
  /** True if the state is that of the last event. */
  readonly folded: boolean;
}

/** Verifies the log. */
export async function verifyLog(check: LogCheck): Promise<LogRead> {
  return await new LogVerifier(check).run();
}

class LogVerifier {
  readonly #check: LogCheck;
  readonly #slices = new Slices();
  #id = 0;
  #events = 0;
  #bytes = 0;
  /** True if the fold is that of event `#id`; false after damage, until a checkpoint replaces it. */
  #folded = true;
  #checkpoints: Checkpoint[];

  constructor(check: LogCheck) {
    this.#check = check;
    this.#checkpoints = [...check.checkpoints];
  }

  async run(): Promise<LogRead> {
    const { segments } = this.#check;
    if (segments.length === 0) this.#damage("log_gap", "events", "the log has no segment");
    for (const [index, segment] of segments.entries()) {
      this.#step(segment);
      await this.#segment(segment, index === segments.length - 1);
    }
    this.#unreached();
    this.#unexplained();
    if (!this.#folded && this.#check.findings.verdict !== "damaged") {
      this.#damage("log_gap", "events", "the log was pruned, and no checkpoint says what it began with");
    }
    return { lastEventId: this.#id, events: this.#events, bytes: this.#bytes, folded: this.#folded };
  }

  /** Advances from one segment to the next, or to the first. */
  #step(segment: number): void {
    const missing = this.#id + 1;
    if (segment === missing) return;
    const file = this.#name(segment);
    if (segment < missing) {
      this.#folded = false;
      return this.#damage(
        "log_inconsistent",
        file,
        `it begins with event ${segment}, which is there already`,
      );
    }
    this.#id = segment - 1;
    this.#folded = false;
    const reached = this.#checkpoints.find(({ snapshot }) => snapshot.through === segment - 1);
    // Missing events at the front are reported after the log was read.
    if (missing === 1) return reached && this.#reach(reached);
    const message = `events ${missing} to ${segment - 1} are missing`;
    this.#check.findings.add({
      code: "log_gap",
      severity: "damaged",
      message,
      file,
      eventIds: [missing, segment - 1],
    });
    if (reached !== undefined) this.#reach(reached);
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
    try {
      for (const pauseMs of isLast ? [...SETTLE_PAUSES_MS, -1] : [-1]) {
        if (segment.hasHeader()) return true;
        if (pauseMs > 0) await sleep(pauseMs);
      }
    } catch (error) {
      if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
      this.#damage("log_damaged", name, error.details.reason, 0);
      return true;
    }
    if (isLast && segment.end <= start) {
      const message = "a segment was begun and never finished; nothing in it was acknowledged";
      this.#check.findings.add({ code: "unfinished_segment", severity: "healable", message, file: name });
      return false;
    }
    this.#damage("log_damaged", name, `its header is damaged${conversionHint(file)}`, 0);
    return true;
  }

  /** Reads good lines; returns the offset of the first bad one, or the end. */
  async #lines(segment: Segment, from: number): Promise<number> {
    const { meter } = this.#check;
    let offset = from;
    let counted = from;
    for (const line of scanSegment(segment, from, this.#id)) {
      offset = line.endOffset;
      this.#id = line.id;
      this.#events++;
      this.#bytes += line.endOffset - line.offset;
      this.#take(line);
      const next = this.#checkpoints[0];
      if (next !== undefined && next.snapshot.through <= line.id) this.#reach(next);
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
    try {
      if (this.#folded) expected.apply(bytes, start, end);
      else expected.skip(bytes, start, end);
    } catch (error) {
      if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
      this.#folded = false;
      const { message } = error;
      findings.add({
        code: "log_inconsistent",
        severity: "damaged",
        message,
        eventIds: [this.#id, this.#id],
      });
    }
  }

  /** Compares a checkpoint with the fold at the event that it covers; after damage, it replaces the fold. */
  #reach(checkpoint: Checkpoint): void {
    const { expected, findings } = this.#check;
    this.#checkpoints = this.#checkpoints.filter((other) => other !== checkpoint);
    if (checkpoint.snapshot.through !== this.#id) return;
    if (this.#folded) return checkCheckpoint(checkpoint, expected, findings);
    try {
      expected.restore(checkpoint);
      this.#folded = true;
    } catch (error) {
      if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
      findings.add({ code: "checkpoint_damaged", severity: "healable", message: error.message });
    }
  }

  /** Judges a bad part of a segment; returns the offset at which to continue. */
  async #bad(segment: Segment, offset: number, isLast: boolean): Promise<number> {
    const { file, first, end, name } = segment;
    const k = this.#id + 1;
    if (isLast && await this.#isWritten(segment, offset)) return end;
    const next = this.#nextGood(segment, offset);
    const later = this.#check.segments.filter((other) => other > first);
    const row = judgeTail({
      k,
      checkpointThrough: Math.max(0, ...this.#check.checkpoints.map(({ snapshot }) => snapshot.through)),
      durableAfter: Math.max(next.durable, ...later.map((first) => first - 1)),
      // Events that only transcripts have are searched for once the end is known.
      witnessedThrough: 0,
      nextSegment: later[0] ?? 0,
      bytesAfter: end - offset,
      headerBytes: 0,
    });
    if (row.losesNothing) {
      const spot = { file: name, byteOffset: offset, eventIds: [k, k] } as const;
      this.#check.findings.add({ code: "log_damaged", severity: "damaged", message: row.reason, ...spot });
      return end;
    }
    if (row.verdict !== "corrupt") {
      const message = `${end - offset} bytes at the end of the log are no whole event; ${row.reason}`;
      const spot = { file: name, byteOffset: offset, eventIds: [k, k] } as const;
      this.#check.findings.add({ code: "torn_tail", severity: "healable", message, ...spot });
      return end;
    }
    const lastLost = Math.max(k, next.id - 1);
    this.#damage("log_damaged", name, `${row.reason}${conversionHint(file)}`, offset, [k, lastLost]);
    this.#id = next.id === 0 ? lastLost : next.id - 1;
    const passed = this.#checkpoints.findLast(({ snapshot }) => snapshot.through <= this.#id);
    if (passed !== undefined) this.#reach(passed);
    this.#check.meter.add(next.offset - offset);
    return next.offset;
  }

  /** Returns true if the bad line at the end was a write in progress, and is intact by now. */
  async #isWritten({ file }: Segment, byteOffset: number): Promise<boolean> {
    for (const pauseMs of SETTLE_PAUSES_MS) {
      await sleep(pauseMs);
      const [line] = intactLines(file, byteOffset, file.stat().size);
      if (line?.offset !== byteOffset || line.id !== this.#id + 1) continue;
      const message = "a writer is at the end of the log; what it adds now was not verified";
      this.#check.findings.add({ code: "tail_pending", severity: "pending", message, byteOffset });
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
      if (found.id === 0 && id > this.#id) {
        found.id = id;
        found.offset = offset;
      }
      found.durable = Math.max(found.durable, durable);
      if (found.id > 0 && (found.durable > this.#id || offset > witnessEnd)) break;
    }
    return found;
  }

  /** Reports a log that does not begin with event 1, unless an event records that it was pruned. */
  #unexplained(): void {
    const [first = 1] = this.#check.segments;
    if (first <= Math.max(1, this.#check.expected.prunedTo)) return;
    const message = `events 1 to ${first - 1} are missing, and no event tells that they were pruned`;
    const eventIds: readonly [number, number] = [1, first - 1];
    this.#check.findings.add({
      code: "log_gap",
      severity: "damaged",
      message,
      file: this.#name(first),
      eventIds,
    });
  }

  #unreached(): void {
    for (const { snapshot } of this.#checkpoints) {
      if (snapshot.through <= this.#id) continue;
      const message =
        `the log ends with event ${this.#id}, but a checkpoint covers event ${snapshot.through}: is it an older copy, or one taken while the store was in use?`;
      const eventIds: readonly [number, number] = [this.#id + 1, snapshot.through];
      this.#check.findings.add({ code: "log_behind_checkpoint", severity: "damaged", message, eventIds });
    }
  }

  #damage(
    code: "log_damaged" | "log_gap" | "log_inconsistent",
    file: string,
    reason: string,
    byteOffset?: number,
    eventIds?: readonly [number, number],
  ): void {
    if (eventIds !== undefined) this.#folded = false;
    const what = eventIds === undefined
      ? ""
      : eventIds[0] === eventIds[1]
      ? `event ${eventIds[0]} is damaged: `
      : `events ${eventIds[0]} to ${eventIds[1]} are damaged: `;
    this.#check.findings.add({
      code,
      severity: "damaged",
      message: `${what}${reason}`,
      file,
      ...(byteOffset === undefined ? {} : { byteOffset }),
      ...(eventIds === undefined ? {} : { eventIds }),
    });
  }

  #name(segment: number): string {
    const { layout } = this.#check.place;
    return nameOf(layout, segmentPath(layout, segment));
  }
}
