/**
 * Transcripts as witnesses. A line is appended to a transcript only after its event
 * is durable. A transcript that holds an event after the end of the log therefore
 * proves that the log lost its end: it was truncated, torn, or replaced by an older
 * copy.
 *
 * At an opening after an unclean end, the expected length of each file is known
 * from the checkpoint and the log. Only a file that is longer is read. A file that
 * cannot be read proves nothing; its first use reports the fault.
 *
 * With durability `written`, answers do not wait for the device, and a power cut
 * may take the end of the log although transcripts were written after it. Then only
 * the mark `durable` in their lines proves anything; other lines after the end of
 * the log are quarantined, truncated and reported.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import type { Notice } from "../../core/diagnostics.ts";
import { readBytes, withFile, withFileAsync } from "../disk/files.ts";
import { guarded, guardedAsync } from "../disk/faults.ts";
import type { FileSystem, OpenFile } from "../disk/file_system.ts";
import { nameOf, type RuntimeLayout, workerLayout } from "../layout.ts";
import type { LogWitness } from "./recover.ts";
import { isIntact, NEWLINE, sealedText, transcriptMarks } from "../lines/codec.ts";
import { decodeName, encodeName } from "../names.ts";
import { removeWorker } from "../workers/purging.ts";
import type { Quarantine } from "../quarantine.ts";
import { intactLines } from "../log/scan.ts";
import type { TranscriptLength } from "../transcripts/length.ts";

const HEADER_BYTES_MAX = 4_096;

/** The part of a transcript that is ahead of the log. */
export interface AheadOfLog {
  /** The worker. */
  readonly workerId: string;
  /** The file. */
  readonly path: string;
  /** Byte offset of the part; 0 if even the creation of the worker is ahead of the log. */
  readonly offset: number;
  /** The last event in it. */
  readonly lastEventId: number;
  /** The last event that it records as synced. */
  readonly durable: number;
}

/** The transcripts of a runtime as witnesses at an opening. */
export class TranscriptWitness {
  readonly #fs: FileSystem;
  readonly #layout: RuntimeLayout;
  readonly #runtimeId: string;
  readonly #isSynced: boolean;
  #ahead: readonly AheadOfLog[] = [];

  /** Creates the witness. With `isSynced`, every answer waited for the device. */
  constructor(fs: FileSystem, layout: RuntimeLayout, runtimeId: string, isSynced: boolean) {
    this.#fs = fs;
    this.#layout = layout;
    this.#runtimeId = runtimeId;
    this.#isSynced = isSynced;
  }

  /**
   * Returns the best proof that the log continued after `lastEventId`; `lengths`
   * are the expected lengths of the files.
   */
  ask(lengths: ReadonlyMap<string, TranscriptLength>, lastEventId: number): LogWitness | undefined {
    const search = new AheadOfLogSearch(this.#fs, this.#layout, this.#runtimeId, lastEventId);
    this.#ahead = search.workerIds(lengths.keys()).flatMap((workerId) =>
      search.inTranscript(workerId, lengths.get(workerId)?.transcriptBytes ?? 0)
    );
    let best: LogWitness | undefined;
    for (const { path, lastEventId: last, durable } of this.#ahead) {
      const eventId = this.#isSynced ? last : durable;
      if (eventId > (best?.eventId ?? lastEventId)) best = { file: nameOf(this.#layout, path), eventId };
    }
    return best;
  }

  /**
   * Quarantines the transcript lines after the end of a log that may have lost its
   * own. Idempotent, also after a crash.
   */
  async removeAhead(
    lastEventId: number,
    quarantine: Quarantine,
    notice: (notice: Notice) => void,
  ): Promise<void> {
    for (const ahead of this.#ahead) {
      const { workerId, path, offset, lastEventId: last } = ahead;
      const file = nameOf(this.#layout, path);
      const kept = `quarantine/${await quarantine.keep(path, offset)}`;
      const work = () => offset > 0 ? this.#truncate(ahead) : this.#remove(ahead, quarantine);
      await guardedAsync("truncate", path, work);
      const eventIds: readonly [number, number] = [lastEventId + 1, last];
      const message =
        `Events ${eventIds.join(" to ")} are lost: a power cut took them, as durability "written" ` +
        `allows; the part of them in ${JSON.stringify(file)} is kept as ${JSON.stringify(kept)}`;
      const spot = { workerId, file, byteOffset: offset, eventIds };
      notice({ code: "unsynced_events_lost", severity: "warning", message, ...spot });
    }
  }

  async #truncate({ path, offset }: AheadOfLog): Promise<void> {
    await withFileAsync(this.#fs, path, "update", async (file) => {
      file.truncate(offset);
      await file.sync();
    });
  }

  /** Removes the files of a worker whose creation is lost. The transcript comes last, so that a crash leaves it. */
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
}

/** Search for transcripts that are ahead of the log. */
export class AheadOfLogSearch {
  readonly #fs: FileSystem;
  readonly #layout: RuntimeLayout;
  readonly #runtimeId: string;
  readonly #lastEventId: number;

  /** Creates a search for events after `lastEventId`. */
  constructor(fs: FileSystem, layout: RuntimeLayout, runtimeId: string, lastEventId: number) {
    this.#fs = fs;
    this.#layout = layout;
    this.#runtimeId = runtimeId;
    this.#lastEventId = lastEventId;
  }

  /** Workers that have a directory, including those unknown to the log. Names of known ones are not decoded. */
  workerIds(known: Iterable<string> = []): string[] {
    const { workers } = this.#layout;
    const idsByName = new Map([...known].map((workerId) => [encodeName(workerId), workerId]));
    const entries = guarded("list", workers, () => this.#fs.list(workers));
    return entries.flatMap(({ name, kind }) =>
      kind === "directory" ? idsByName.get(name) ?? decodeName(name) ?? [] : []
    );
  }

  /** The part of a worker's transcript that is ahead of the log, if any; its first `bytes` bytes are not searched. */
  inTranscript(workerId: string, bytes: number): AheadOfLog[] {
    const path = workerLayout(this.#layout, workerId).transcript;
    try {
      const stat = this.#fs.stat(path);
      if (stat?.kind !== "file" || stat.size <= bytes) return [];
      const search = (file: OpenFile) => this.#inFile(file, stat.size, workerId, path, bytes);
      return [withFile(this.#fs, path, "read", search) ?? []].flat();
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
    for (const line of intactLines(file, bytes, size)) {
      if (line.id <= this.#lastEventId) continue;
      const { workerIdJson: found } = transcriptMarks(line.bytes, line.start, line.end) ?? {};
      if (found === undefined || JSON.stringify(JSON.parse(found)) !== workerIdJson) continue;
      offset = Math.min(offset, line.offset);
      lastEventId = Math.max(lastEventId, line.id);
      durable = Math.max(durable, line.durable);
    }
    return lastEventId === 0 ? undefined : { workerId, path, offset, lastEventId, durable };
  }

  /** The event that created the worker, according to the file's header; `undefined` if it is not this worker's. */
  #createdEventId(file: OpenFile, workerId: string): number | undefined {
    const head = readBytes(file, 0, HEADER_BYTES_MAX);
    const end = head.indexOf(NEWLINE);
    if (!isIntact(head, 0, end)) return undefined;
    const header = JSON.parse(sealedText(head, 0, end));
    const isOwn = header.runtimeId === this.#runtimeId && header.workerId === workerId;
    return isOwn && typeof header.createdEventId === "number" ? header.createdEventId : undefined;
  }
}
