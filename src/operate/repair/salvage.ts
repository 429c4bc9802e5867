/**
 * The steps of a repair that an opening does not perform. Whole files are moved
 * to `salvage/`, which needs no space and so works on a full disk; only truncated
 * bytes of a file are copied there first.
 *
 * @module
 */
import { basename, join } from "@std/path";
import type { Clock } from "../../core/clock.ts";
import { isRuntimeError } from "../../core/errors.ts";
import { parseEventHead } from "../../core/events.ts";
import { freeInSalvage, moveAside } from "../../fs/aside.ts";
import { defaultConfig } from "../../fs/place/config.ts";
import { closeQuietly, readBytes, withFileAsync, writeNew } from "../../fs/disk/files.ts";
import { guardedAsync, storeFault } from "../../fs/disk/faults.ts";
import { createIdentity } from "../../fs/place/identity.ts";
import type { OpenFile } from "../../fs/disk/file_system.ts";
import { segmentPath } from "../../fs/layout.ts";
import { eventText } from "../../fs/lines/codec.ts";
import { encodeName } from "../../fs/names.ts";
import { scanSegment } from "../../fs/log/scan.ts";
import { listSegments, openSegment, withSegment } from "../../fs/log/segments.ts";
import { aheadOfLog, workersOnDisk } from "../../fs/recovery/witness.ts";
import type { FoundPlace } from "../../fs/place/find.ts";
import type { RepairStep } from "./plan.ts";

const PART_BYTES = 1_048_576;

/** Performs the steps of a repair. */
export class Salvage {
  readonly #place: FoundPlace;
  readonly #clock: Clock;

  /** Creates a salvage of a store whose lock is held. */
  constructor(place: FoundPlace, clock: Clock) {
    this.#place = place;
    this.#clock = clock;
  }

  /** Performs a step; steps of an opening are skipped. */
  async run(step: RepairStep): Promise<void> {
    const { layout } = this.#place;
    if (step.action === "rebuild_identity") await this.#identity();
    const isAside = step.action === "set_checkpoint_aside" || step.action === "set_aside";
    if (isAside && step.file !== undefined) await moveAside(this.#place, join(layout.directory, step.file));
    if (step.eventId === undefined) return;
    if (step.action === "cut_log") await this.#cut(step.eventId);
    if (step.action === "cut_log" || step.action === "cut_transcripts") {
      await this.#cutTranscripts(step.eventId);
    }
  }

  async #identity(): Promise<void> {
    const { fs, layout: { identity } } = this.#place;
    if (fs.stat(identity) !== undefined) await moveAside(this.#place, identity);
    const config = JSON.parse(JSON.stringify(defaultConfig));
    await createIdentity(this.#place, { createdAt: this.#createdAt(), config });
  }

  /** Time of the first event in the log. */
  #createdAt(): string {
    const [first = 1] = listSegments(this.#place, () => {}).firstEventIds;
    const text = withSegment(this.#place, first, (segment) => {
      const [line] = scanSegment(segment, segment.start, first - 1);
      return line && eventText(line.bytes, line.start, line.end);
    });
    return (text === undefined ? undefined : timeOf(text)) ?? this.#clock.now();
  }

  /**
   * Truncates the log before an event: later segments are moved to `salvage/`, the
   * rest of the event's segment is copied there.
   */
  async #cut(eventId: number): Promise<void> {
    const { fs, layout } = this.#place;
    const odd: number[] = [];
    const { firstEventIds } = listSegments(this.#place, (_error, id) => odd.push(id));
    for (const segment of [...firstEventIds, ...odd].sort((a, b) => b - a)) {
      if (segment >= eventId) await moveAside(this.#place, segmentPath(layout, segment));
    }
    const own = firstEventIds.findLast((segment) => segment < eventId);
    if (own !== undefined) await this.#cutSegment(own, eventId);
    await fs.syncDirectory(layout.events);
  }

  async #cutSegment(first: number, eventId: number): Promise<void> {
    const segment = openSegment(this.#place, first, "update");
    const { file, path } = segment;
    try {
      let offset = segment.start;
      for (const line of scanSegment(segment, offset, first - 1)) {
        if (line.id === eventId) break;
        offset = line.endOffset;
      }
      await this.#cutFile(file, basename(path), offset);
    } catch (error) {
      throw storeFault(error, "truncate", path);
    } finally {
      closeQuietly(file);
    }
  }

  /** Truncates transcripts before the lines of this event and later ones, which would prove that the log lost its end. */
  async #cutTranscripts(eventId: number): Promise<void> {
    const { fs } = this.#place;
    for (const workerId of workersOnDisk(this.#place)) {
      for (const { path, offset } of aheadOfLog(this.#place, workerId, 0, eventId - 1)) {
        const label = `${encodeName(workerId)}-${basename(path)}`;
        const cut = (file: OpenFile) => this.#cutFile(file, label, offset);
        await guardedAsync("cut", path, () => withFileAsync(fs, path, "update", cut));
      }
    }
  }

  /** Copies the end of a file to `salvage/`, then truncates it. */
  async #cutFile(file: OpenFile, label: string, offset: number): Promise<void> {
    const { size } = file.stat();
    if (offset >= size) return;
    await this.#keep(`${label}-${offset}`, function* (): Generator<Uint8Array> {
      for (let at = offset; at < size; at += PART_BYTES) {
        yield readBytes(file, at, Math.min(PART_BYTES, size - at));
      }
    });
    file.truncate(offset);
    await file.syncData();
  }

  /** Writes bytes to a new file in `salvage/`. */
  async #keep(label: string, chunks: () => Iterable<Uint8Array>): Promise<void> {
    const { fs, layout } = this.#place;
    const path = await freeInSalvage(this.#place, label);
    await writeNew(fs, path, chunks(), { durable: true });
    await fs.syncDirectory(layout.salvage);
  }
}

/** The time of an event; `undefined` if the text is not an event. */
function timeOf(text: string): string | undefined {
  try {
    return parseEventHead(text).at;
  } catch (error) {
    if (!isRuntimeError(error)) throw error;
    return undefined;
  }
}
