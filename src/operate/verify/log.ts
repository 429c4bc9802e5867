/**
 * Verifying the log: every line of every segment, and the fold of them. It
 * reads on behind damage, so that all of it is told; what a bad end means is
 * judged by the same table as at an opening.
 *
 * @module
 */
import { isRuntimeError } from "../../core/errors.ts";
import { Slices } from "../../core/turn.ts";
import type { Checkpoint } from "../../fs/checkpoint/checkpoint.ts";
import { conversionHint } from "../../fs/lines/conversion.ts";
import { guardedAsync } from "../../fs/disk/faults.ts";
import type { OpenFile } from "../../fs/disk/file_system.ts";
import { nameOf, segmentPath } from "../../fs/layout.ts";
import { scanLines } from "../../fs/lines/scanner.ts";
import { isIntact, lineMarks } from "../../fs/lines/codec.ts";
import { contentSize } from "../../fs/log/padding.ts";
import { judgeTail, TORN_BYTES_MAX } from "../../fs/log/tail_table.ts";
import { isSegmentHeader, segmentHeader } from "../../fs/log/segments.ts";
import { checkCheckpoint } from "./checkpoints.ts";
import type { Expected } from "./expected.ts";
import type { Findings } from "./finding.ts";
import { sleep } from "../read/follower.ts";
import { openSegment } from "../read/log_lines.ts";
import type { FoundPlace, Meter } from "../options.ts";

/** Pauses before a bad end is believed: a writer may be at it. */
const SETTLE_PAUSES_MS: readonly number[] = [100, 200];

/** What verification of the log works with. */
export interface LogCheck {
  /** The store. */
  readonly place: FoundPlace;
  /** Its checkpoints, the older first. */
  readonly checkpoints: readonly Checkpoint[];
  /** First event ids of the segments, in order. */
  readonly segments: readonly number[];
  /** What is found goes here. */
  readonly findings: Findings;
  /** The fold goes here. */
  readonly expected: Expected;
  /** Tells progress. */
  readonly meter: Meter;
}

/** What was read. */
export interface LogRead {
  /** The last event of the log. */
  readonly lastEventId: number;
  /** Events whose lines are whole. */
  readonly events: number;
  /** Bytes read. */
  readonly bytes: number;
  /** Whether the state is that of the last event. */
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
  /** Whether the fold is that of event `#id`; false behind damage, until a checkpoint serves. */
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

  /** From one segment to the next, or to the first. */
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
    // What is missing at the front is told once the log was read.
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

  async #segment(segment: number, isLast: boolean): Promise<void> {
    const { place, place: { layout, runtimeId } } = this.#check;
    const path = segmentPath(layout, segment);
    const file = openSegment(place, segment);
    try {
      const size = contentSize(file);
      if (!await this.#header(file, segment, size, isLast)) return;
      let offset = segmentHeader(runtimeId, segment).length;
      while (offset < size) {
        offset = await guardedAsync("read", path, () => this.#lines(file, offset, size));
        if (offset < size) offset = await this.#bad(file, segment, offset, size, isLast);
      }
    } finally {
      file.close();
    }
  }

  async #header(file: OpenFile, segment: number, size: number, isLast: boolean): Promise<boolean> {
    const { runtimeId } = this.#check.place;
    const expected = segmentHeader(runtimeId, segment).length;
    const name = this.#name(segment);
    try {
      for (const pauseMs of isLast ? [...SETTLE_PAUSES_MS, -1] : [-1]) {
        const { value: line } = scanLines(file, 0, file.stat().size, expected * 4).next();
        const isGood = line?.terminated === true &&
          isSegmentHeader(line.bytes.subarray(line.start, line.end), runtimeId, segment, name);
        if (isGood) return true;
        if (pauseMs > 0) await sleep(pauseMs);
      }
    } catch (error) {
      if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
      this.#damage("log_damaged", name, error.details.reason, 0);
      return true;
    }
    if (isLast && size <= expected) {
      const message = "a segment was begun and never finished; nothing in it was acknowledged";
      this.#check.findings.add({ code: "unfinished_segment", severity: "healable", message, file: name });
      return false;
    }
    this.#damage("log_damaged", name, `its header is damaged${conversionHint(file)}`, 0);
    return true;
  }

  /** Takes in good lines; returns where the first bad one starts, or the end. */
  async #lines(file: OpenFile, from: number, size: number): Promise<number> {
    const { meter } = this.#check;
    let told = from;
    for (
      const { bytes, start, end, terminated, offset, endOffset } of scanLines(
        file,
        from,
        size,
        TORN_BYTES_MAX,
      )
    ) {
      const marks = terminated && isIntact(bytes, start, end) ? lineMarks(bytes, start, end) : undefined;
      if (marks === undefined || marks.id !== this.#id + 1 || marks.durable >= marks.id) {
        meter.add(offset - told);
        return offset;
      }
      this.#id = marks.id;
      this.#events++;
      this.#bytes += endOffset - offset;
      this.#take(bytes, start, end);
      const next = this.#checkpoints[0];
      if (next !== undefined && next.snapshot.through <= marks.id) this.#reach(next);
      if (endOffset - told < 131_072) continue;
      meter.add(endOffset - told);
      told = endOffset;
      await this.#slices.pause();
    }
    meter.add(size - told);
    return size;
  }

  /** Folds an event; after damage only prunings and a close matter. */
  #take(bytes: Uint8Array, start: number, end: number): void {
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

  /** At the event that a checkpoint covers: it must say what the fold says; behind damage it serves instead. */
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

  /** Judges a bad stretch; returns where to read on. */
  async #bad(
    file: OpenFile,
    segment: number,
    offset: number,
    size: number,
    isLast: boolean,
  ): Promise<number> {
    const k = this.#id + 1;
    if (isLast && await this.#heals(file, offset)) return size;
    const next = this.#nextGood(file, offset, size);
    const later = this.#check.segments.filter((first) => first > segment);
    const row = judgeTail({
      k,
      checkpointThrough: Math.max(0, ...this.#check.checkpoints.map(({ snapshot }) => snapshot.through)),
      durableBehind: Math.max(next.durable, ...later.map((first) => first - 1)),
      // What transcripts hold past the end is looked at once the end is known.
      witnessedThrough: 0,
      bytesBehind: size - offset,
      headerBytes: 0,
    });
    const name = this.#name(segment);
    if (row.verdict !== "corrupt") {
      const message = `${size - offset} bytes at the end of the log are no whole event; ${row.reason}`;
      const spot = { file: name, byteOffset: offset, eventIds: [k, k] } as const;
      this.#check.findings.add({ code: "torn_tail", severity: "healable", message, ...spot });
      return size;
    }
    const lastLost = Math.max(k, next.id - 1);
    this.#damage("log_damaged", name, `${row.reason}${conversionHint(file)}`, offset, [k, lastLost]);
    this.#id = next.id === 0 ? lastLost : next.id - 1;
    const passed = this.#checkpoints.findLast(({ snapshot }) => snapshot.through <= this.#id);
    if (passed !== undefined) this.#reach(passed);
    this.#check.meter.add(next.offset - offset);
    return next.offset;
  }

  /** Whether the bad line at the end was a write in progress: it is whole now. */
  async #heals(file: OpenFile, offset: number): Promise<boolean> {
    for (const pauseMs of SETTLE_PAUSES_MS) {
      await sleep(pauseMs);
      const { value: line } = scanLines(file, offset, file.stat().size, TORN_BYTES_MAX).next();
      const isWhole = line?.terminated === true && isIntact(line.bytes, line.start, line.end);
      if (!isWhole || lineMarks(line.bytes, line.start, line.end)?.id !== this.#id + 1) continue;
      const message = "a writer is at the end of the log; what it adds now was not verified";
      this.#check.findings.add({ code: "tail_pending", severity: "pending", message, byteOffset: offset });
      return true;
    }
    return false;
  }

  /** The next whole line with a higher id, and the highest `durable` behind the bad one. */
  #nextGood(file: OpenFile, offset: number, size: number): { id: number; offset: number; durable: number } {
    const found = { id: 0, offset: size, durable: 0 };
    const witnessEnd = offset + 2 * TORN_BYTES_MAX;
    for (const line of scanLines(file, offset, size, 2 * TORN_BYTES_MAX)) {
      if (!line.terminated || !isIntact(line.bytes, line.start, line.end)) continue;
      const marks = lineMarks(line.bytes, line.start, line.end);
      if (marks === undefined || marks.id === 0) continue;
      if (found.id === 0 && marks.id > this.#id) {
        found.id = marks.id;
        found.offset = line.offset;
      }
      found.durable = Math.max(found.durable, marks.durable);
      if (found.id > 0 && (found.durable > this.#id || line.offset > witnessEnd)) break;
    }
    return found;
  }

  /** A log that does not begin with event 1 was pruned, and then an event tells of it. */
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
