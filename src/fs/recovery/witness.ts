/**
 * Transcripts as witnesses. A line goes into a transcript only once its event
 * is durable. So a transcript that holds an event past the end of the log
 * proves that the log lost its end, be it cut off, torn or an older copy.
 *
 * At an opening behind an unclean end, what a transcript may hold is known by
 * its length, from the checkpoint and the log: one look at the size of each
 * file is enough, and only a file that is longer is read. A file that cannot
 * be looked at proves nothing; what is wrong with it is told when it is read.
 *
 * With durability `written` an answer does not wait for the device, and a
 * power cut may take the end of the log although transcripts were written
 * behind it. Then only the mark `durable` in their lines proves anything;
 * what else lies past the end is kept in quarantine, cut off and told.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import type { Notice } from "../../core/diagnostics.ts";
import { readBytes, withFile, withFileAsync } from "../disk/files.ts";
import { guarded, guardedAsync } from "../disk/faults.ts";
import type { FileSystem, OpenFile } from "../disk/file_system.ts";
import { nameOf, type RuntimeLayout, workerLayout } from "../layout.ts";
import { scanLines } from "../lines/scanner.ts";
import type { LogWitness } from "./recover.ts";
import { isIntact, lineMarks, sealedText, transcriptMarks } from "../lines/codec.ts";
import { decodeName, encodeName } from "../names.ts";
import { removeWorker } from "../workers/purging.ts";
import type { Quarantine } from "../quarantine.ts";
import { TORN_BYTES_MAX } from "../log/tail_table.ts";
import type { TranscriptLength } from "../transcripts/length.ts";

const HEADER_BYTES_MAX = 4_096;

/** What a transcript holds past the end of the log. */
export interface AheadOfLog {
  /** The worker. */
  readonly workerId: string;
  /** The file. */
  readonly path: string;
  /** Where it begins; 0 when all of the file, its worker too, is past the end. */
  readonly offset: number;
  /** The last event that was found in it. */
  readonly lastEventId: number;
  /** The last event that it says was synced. */
  readonly durable: number;
}

/** The transcripts of a runtime as witnesses at an opening. */
export class TranscriptWitness {
  readonly #fs: FileSystem;
  readonly #layout: RuntimeLayout;
  readonly #runtimeId: string;
  readonly #isSynced: boolean;
  #overhangs: readonly AheadOfLog[] = [];

  /** With `isSynced`, answers have always waited for the device. */
  constructor(fs: FileSystem, layout: RuntimeLayout, runtimeId: string, isSynced: boolean) {
    this.#fs = fs;
    this.#layout = layout;
    this.#runtimeId = runtimeId;
    this.#isSynced = isSynced;
  }

  /** The best proof that the log went on behind `lastEventId`; `lengths` says what transcripts may hold. */
  ask(lengths: ReadonlyMap<string, TranscriptLength>, lastEventId: number): LogWitness | undefined {
    this.#overhangs = [...this.#search(lengths, lastEventId)];
    const proofs = this.#overhangs.map(({ path, lastEventId, durable }) => ({
      file: nameOf(this.#layout, path),
      eventId: this.#isSynced ? lastEventId : durable,
    }));
    const best = Math.max(lastEventId, ...proofs.map(({ eventId }) => eventId));
    return best === lastEventId ? undefined : proofs.find(({ eventId }) => eventId === best);
  }

  /** Sets aside what lies past the end of a log that may have lost it. Can be repeated after a crash in the middle. */
  async mend(lastEventId: number, quarantine: Quarantine, notice: (notice: Notice) => void): Promise<void> {
    for (const overhang of this.#overhangs) {
      const { workerId, path, offset, lastEventId: last } = overhang;
      const file = nameOf(this.#layout, path);
      const kept = await quarantine.keep(path, offset);
      await guardedAsync(
        "mend",
        path,
        () => offset > 0 ? this.#cut(overhang) : this.#remove(overhang, quarantine),
      );
      const message =
        `Events ${lastEventId + 1} to ${last} are gone: a power cut took them, as durability "written" ` +
        `lets it; what ${JSON.stringify(file)} held of them is kept as ${
          JSON.stringify(`quarantine/${kept}`)
        }`;
      const eventIds: readonly [number, number] = [lastEventId + 1, last];
      const spot = { workerId, file, byteOffset: offset, eventIds };
      notice({ code: "unsynced_events_lost", severity: "warning", message, ...spot });
    }
  }

  async #cut({ path, offset }: AheadOfLog): Promise<void> {
    await withFileAsync(this.#fs, path, "update", async (file) => {
      file.truncate(offset);
      await file.sync();
    });
  }

  /** The worker itself is gone: none of its files belongs to anybody. The witness goes last, so that a crash leaves it. */
  async #remove({ workerId, path }: AheadOfLog, quarantine: Quarantine): Promise<void> {
    const directory = dirname(path);
    for (const { name, kind } of this.#fs.list(directory)) {
      const other = join(directory, name);
      if (kind !== "file" || other === path) continue;
      await quarantine.keep(other);
      this.#fs.remove(other);
    }
    await this.#fs.syncDirectory(directory);
    removeWorker(this.#fs, this.#layout, workerId);
    await this.#fs.syncDirectory(this.#layout.workers);
  }

  *#search(lengths: ReadonlyMap<string, TranscriptLength>, lastEventId: number): Generator<AheadOfLog> {
    const search = new AheadOfLogSearch(this.#fs, this.#layout, this.#runtimeId, lastEventId);
    for (const workerId of search.workerIds(lengths.keys())) {
      yield* search.inTranscript(workerId, lengths.get(workerId)?.transcriptBytes ?? 0);
    }
  }
}

/** Finds what one transcript holds past the end of the log. */
export class AheadOfLogSearch {
  readonly #fs: FileSystem;
  readonly #layout: RuntimeLayout;
  readonly #runtimeId: string;
  readonly #lastEventId: number;

  /** A search for events past `lastEventId`. */
  constructor(fs: FileSystem, layout: RuntimeLayout, runtimeId: string, lastEventId: number) {
    this.#fs = fs;
    this.#layout = layout;
    this.#runtimeId = runtimeId;
    this.#lastEventId = lastEventId;
  }

  /** The workers that have a directory, also those that the log does not know. Names of known ones need no decoding. */
  workerIds(known: Iterable<string> = []): string[] {
    const { workers } = this.#layout;
    const idsByName = new Map([...known].map((workerId) => [encodeName(workerId), workerId]));
    const entries = guarded("list", workers, () => this.#fs.list(workers));
    return entries.flatMap(({ name, kind }) =>
      kind === "directory" ? idsByName.get(name) ?? decodeName(name) ?? [] : []
    );
  }

  /** What the transcript of a worker holds, if anything; nothing is looked for in its first `bytes` bytes. */
  inTranscript(workerId: string, bytes: number): AheadOfLog[] {
    const path = workerLayout(this.#layout, workerId).transcript;
    try {
      const stat = this.#fs.stat(path);
      if (stat?.kind !== "file" || stat.size <= bytes) return [];
      const overhang = withFile(
        this.#fs,
        path,
        "read",
        (file) => this.#inFile(file, stat.size, workerId, path, bytes),
      );
      return overhang === undefined ? [] : [overhang];
    } catch {
      return [];
    }
  }

  #inFile(
    file: OpenFile,
    size: number,
    workerId: string,
    path: string,
    bytes: number,
  ): AheadOfLog | undefined {
    const createdEventId = this.#createdEventId(file, workerId);
    if (createdEventId === undefined) return undefined;
    const isPast = createdEventId > this.#lastEventId;
    const workerIdJson = JSON.stringify(workerId);
    let [offset, lastEventId] = isPast ? [0, createdEventId] : [size, 0];
    let durable = 0;
    for (const line of scanLines(file, bytes, size, TORN_BYTES_MAX)) {
      if (!line.terminated || !isIntact(line.bytes, line.start, line.end)) continue;
      const marks = lineMarks(line.bytes, line.start, line.end);
      if (marks === undefined || marks.id <= this.#lastEventId) continue;
      const { workerIdJson: found } = transcriptMarks(line.bytes, line.start, line.end) ?? {};
      if (found === undefined || JSON.stringify(JSON.parse(found)) !== workerIdJson) continue;
      offset = Math.min(offset, line.offset);
      lastEventId = Math.max(lastEventId, marks.id);
      durable = Math.max(durable, marks.durable);
    }
    return lastEventId === 0 ? undefined : { workerId, path, offset, lastEventId, durable };
  }

  /** The event that created the worker, by the header of the file; `undefined` when it is not this worker's. */
  #createdEventId(file: OpenFile, workerId: string): number | undefined {
    const head = readBytes(file, 0, HEADER_BYTES_MAX);
    const end = head.indexOf(0x0a);
    if (!isIntact(head, 0, end)) return undefined;
    const header = JSON.parse(sealedText(head, 0, end));
    const isOwn = header.runtimeId === this.#runtimeId && header.workerId === workerId;
    return isOwn && typeof header.createdEventId === "number" ? header.createdEventId : undefined;
  }
}
