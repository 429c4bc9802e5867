/**
 * Reads pages of events from the segments of the log.
 *
 * @module
 */
import { cursorExpired } from "../../core/errors.ts";
import { scanEvents } from "../../core/event_scan.ts";
import { limits } from "../../core/limits.ts";
import type { ReadEvents, ReadRange, StoredEvents } from "../../core/store.ts";
import { conversionHint } from "../lines/conversion.ts";
import { corrupt, guarded } from "../disk/faults.ts";
import type { OpenFile } from "../disk/file_system.ts";
import { nameOf, type Place, segmentPath } from "../layout.ts";
import { DamagedLine, type LinePage, readLinePage } from "../lines/pages.ts";
import { idOf } from "../lines/codec.ts";
import { OpenFiles } from "../disk/open_files.ts";
import { Segment } from "./segments.ts";

/** The durable part of the log. */
export interface DurableLog {
  /** First event ids of the segments, in order. */
  readonly segments: readonly number[];
  /** The last durable event. */
  readonly lastEventId: number;
  /** Byte offset after it in the last segment. */
  readonly offset: number;
  /** Throws if a file opened by the path of a segment is not that segment. @default trusts the path */
  readonly check?: (segment: number, file: OpenFile) => void;
}

const OPEN_MAX = 8;

/** Start of the lines of a segment, and their end if no more will be written to it. */
type Bounds = readonly [start: number, end: number | undefined];

/** Reads pages of events. */
export class LogPages {
  readonly #place: Place;
  readonly #files: OpenFiles;
  readonly #bounds = new Map<number, Bounds>();

  /** A reader of the log of a runtime. */
  constructor(place: Place) {
    this.#place = place;
    this.#files = new OpenFiles(place.fs, "read", OPEN_MAX);
  }

  /** A page of events. Throws `cursor_expired`, `store_corrupt`. */
  read(log: DurableLog, read: ReadEvents): StoredEvents {
    const firstEventId = log.segments[0] ?? 1;
    if (read.keep === "first" && read.from < firstEventId) throw cursorExpired(read.from - 1, firstEventId);
    const from = Math.max(read.from, firstEventId);
    const range = { ...read, from, to: Math.min(read.to, log.lastEventId) };
    return { ...scanEvents(range, (part) => this.#events(log, part)), firstEventId };
  }

  /** Closes its files. */
  close(): void {
    this.#files.closeAll();
    this.#bounds.clear();
  }

  /** Events of a page, over as many segments as it takes. */
  #events(log: DurableLog, { from, to, keep }: ReadRange): readonly string[] {
    const pages: (readonly string[])[] = [];
    let [low, high, bytes] = [from, to + 1, 0];
    while (low < high) {
      const page = this.#lines(log, low, high, keep);
      bytes += page.bytes;
      if (pages.length > 0 && bytes > limits.pageBytesMax) break;
      pages.push(page.texts);
      if (page.cut) break;
      if (keep === "first") low += page.texts.length;
      else high -= page.texts.length;
    }
    const [only, ...others] = keep === "first" ? pages : pages.reverse();
    return only === undefined || others.length === 0 ? only ?? [] : only.concat(...others);
  }

  /** Events of the one segment that holds the side where the page begins. */
  #lines(log: DurableLog, from: number, to: number, keep: ReadRange["keep"]): LinePage {
    const edge = keep === "first" ? from : to - 1;
    const index = log.segments.findLastIndex((segment) => segment <= edge);
    const segment = log.segments[index] ?? 1;
    const next = log.segments[index + 1] ?? log.lastEventId + 1;
    const path = segmentPath(this.#place.layout, segment);
    const range = { from: Math.max(from, segment), to: Math.min(to, next), keep };
    return guarded("read", path, () => {
      const file = this.#files.get(path);
      log.check?.(segment, file);
      const [start, end = log.offset] = this.#boundsOf(segment, file, segment === log.segments.at(-1));
      const lines = { file, start, end, first: segment, next, numberOf: idOf, countOf: () => 1 };
      try {
        return readLinePage(lines, range);
      } catch (cause) {
        if (!(cause instanceof DamagedLine)) throw cause;
        const { byteOffset } = cause;
        const reason = `a line of the log is damaged${conversionHint(file)}`;
        const eventIds = [range.from, range.to - 1] as const;
        throw corrupt(nameOf(this.#place.layout, path), reason, { byteOffset, eventIds, cause });
      }
    });
  }

  #boundsOf(segment: number, file: OpenFile, isLast: boolean): Bounds {
    const known = this.#bounds.get(segment);
    if (known !== undefined && (isLast || known[1] !== undefined)) return known;
    const opened = new Segment(this.#place, segment, file);
    const bounds: Bounds = [opened.start, isLast ? undefined : opened.end];
    this.#bounds.set(segment, bounds);
    return bounds;
  }
}
