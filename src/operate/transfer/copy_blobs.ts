/**
 * Blobs in a backup. They never change, so one that the copy has with the same
 * size is not copied again, and a damaged one never replaces it.
 *
 * @module
 */
import { join } from "@std/path";
import type { BlobRef } from "../../core/blob_ref.ts";
import { isRuntimeError } from "../../core/errors.ts";
import { blobsOfBase } from "../../core/fork_base.ts";
import type { WorkerId } from "../../core/ids.ts";
import type { BlobFacts } from "../../core/store.ts";
import { listBlobs, readBlob } from "../../fs/blobs/blobs.ts";
import { blobPath, isBlobName } from "../../fs/blobs/name.ts";
import { isPresent, readIfThere, writeNew } from "../../fs/disk/files.ts";
import { guarded, guardedAsync, isNotFound } from "../../fs/disk/faults.ts";
import type { FileStat } from "../../fs/disk/file_system.ts";
import { nameOf, workerLayout } from "../../fs/layout.ts";
import { eventText } from "../../fs/lines/codec.ts";
import { logTranscriptLines } from "../../fs/log/scan.ts";
import type { ReadLog } from "../../fs/reading/transcripts.ts";
import type { FoundPlace } from "../../fs/place/find.ts";
import type { TranscriptOwner } from "../../fs/transcripts/file.ts";
import { makeWorkerDirectory } from "../../fs/workers/directories.ts";
import type { Meter } from "../options.ts";
import { blobBytes } from "../read/blob_bytes.ts";
import { blobsInText, findBlobs } from "../read/blob_refs.ts";
import { clearDirectory } from "../remove_tree.ts";
import { entriesIn } from "../sizes.ts";

/** A worker with blobs. */
export interface BlobsOwner extends TranscriptOwner {
  /** The base of a fork. */
  readonly base: BlobRef | undefined;
}

/** Numbers of blobs in a backup. */
export interface CopiedBlobs {
  /** Written. */
  readonly copied: number;
  /** In the copy before. */
  readonly kept: number;
  /** Damaged in the source, and therefore not copied. */
  readonly damaged: number;
}

type Outcome = keyof CopiedBlobs;

/** Copies blobs from one store to another. */
export class BlobCopy {
  readonly #from: FoundPlace;
  readonly #to: FoundPlace;
  readonly #meter: Meter;
  #temporaries = 0;
  readonly #numbers = { copied: 0, kept: 0 };
  /** Blobs that the copy has. */
  readonly #done = new Set<string>();
  readonly #damaged = new Set<string>();
  /** Bytes written. */
  copiedBytes = 0;
  /** Bytes that the copy had before. */
  keptBytes = 0;

  /** A copy that has not begun. */
  constructor(from: FoundPlace, to: FoundPlace, meter: Meter) {
    this.#from = from;
    this.#to = to;
    this.#meter = meter;
  }

  /** Numbers of blobs so far. */
  get numbers(): CopiedBlobs {
    return { ...this.#numbers, damaged: this.#damaged.size };
  }

  /** Removes what an interrupted copy has left. */
  clear(): void {
    const { fs, layout: { incoming } } = this.#to;
    guarded("clear", incoming, () => {
      if (isPresent(fs, incoming, "directory", "incoming")) clearDirectory(fs, incoming, []);
    });
  }

  /** Copies the blobs of a worker that the copy does not have. */
  async copy(workerId: string): Promise<void> {
    const { fs, layout } = this.#from;
    const { directory, blobs } = workerLayout(layout, workerId);
    const isDirectory = (path: string) => guarded("stat", path, () => fs.stat(path)?.kind === "directory");
    if (!isDirectory(directory) || !isDirectory(blobs)) return;
    let isChanged = false;
    for (const blob of this.#list(workerId)) {
      if (await this.#one(workerId, blob)) isChanged = true;
    }
    if (isChanged) await this.#syncNames(workerId);
  }

  /** The blobs of a worker; none if its directory was removed by a purge. */
  #list(workerId: string): readonly BlobFacts[] {
    try {
      return listBlobs(this.#from, workerId);
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  }

  /** Copies a blob unless the copy has it. Returns true if it was written. */
  async #one(workerId: string, blob: BlobFacts): Promise<boolean> {
    const key = `${blob.sha256} ${workerId}`;
    if (this.#done.has(key)) return false;
    const isKept = statOf(this.#to, workerId, blob.sha256)?.size === blob.bytes;
    const outcome = isKept ? "kept" : await this.#write(workerId, blob);
    if (outcome === undefined) return false;
    if (outcome === "damaged") {
      this.#damaged.add(key);
      return false;
    }
    this.#done.add(key);
    this.#damaged.delete(key);
    if (isKept) this.keptBytes += blob.bytes;
    else this.copiedBytes += blob.bytes;
    this.#numbers[outcome]++;
    return !isKept;
  }

  /** Writes a blob that has the bytes of its name; `undefined` if it was removed meanwhile. */
  async #write(workerId: string, blob: BlobFacts): Promise<Outcome | undefined> {
    const { fs, layout } = this.#to;
    const { blobs } = workerLayout(layout, workerId);
    const temporary = join(layout.incoming, `${++this.#temporaries}`);
    try {
      await guardedAsync("copy", temporary, async () => {
        fs.makeDirectory(layout.incoming);
        makeWorkerDirectory(this.#to, workerId);
        fs.makeDirectory(blobs);
        await writeNew(fs, temporary, this.#chunks(workerId, blob), { durable: true });
        await fs.rename(temporary, join(blobs, blob.sha256));
      });
      return "copied";
    } catch (error) {
      // Throws the reason of an aborted signal.
      this.#meter.add(0);
      if (isRuntimeError(error) && error.code === "blob_corrupt") return "damaged";
      if (isRuntimeError(error) && error.code === "blob_missing") return undefined;
      throw error;
    }
  }

  async *#chunks(workerId: string, blob: BlobFacts): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of blobBytes(this.#from, workerId, blob)) {
      yield chunk;
      // Ends a long copy once its signal aborts.
      this.#meter.add(0);
    }
  }

  async #syncNames(workerId: string): Promise<void> {
    const { layout } = this.#to;
    const { blobs, directory } = workerLayout(layout, workerId);
    for (const path of [blobs, directory, layout.workers]) {
      await guardedAsync("sync", path, () => this.#to.fs.syncDirectory(path));
    }
  }

  /**
   * Removes blobs from the copy that the source does not have and that no entry of a worker refers to: those of
   * an earlier worker with its id, and those that were removed on request. One that the source has lost stays.
   */
  async removeOthers(owners: readonly BlobsOwner[], log: ReadLog): Promise<void> {
    const others = new Map<string, OtherBlobs>();
    for (const owner of owners) {
      const names = this.#namesOfOthers(owner, log);
      if (names.size > 0) others.set(owner.workerId, { owner, names });
    }
    if (others.size === 0) return;
    for (const { owner, names } of others.values()) await this.#keepBase(owner, names);
    const after = (log.segments[0] ?? 1) - 1;
    for await (const { bytes, start, end, id, workerIdJson } of logTranscriptLines(this.#from, log, after)) {
      const found = others.get(JSON.parse(workerIdJson));
      if (found === undefined || id < found.owner.createdEventId) continue;
      for (const { sha256 } of blobsInText(eventText(bytes, start, end))) found.names.delete(sha256);
    }
    const { fs, layout } = this.#to;
    for (const [workerId, { names }] of others) {
      const { blobs } = workerLayout(layout, workerId);
      for (const name of names) guarded("remove", blobs, () => fs.remove(join(blobs, name)));
      await this.#syncNames(workerId);
    }
  }

  /** Leaves out the blobs of a fork's base; all, if its index cannot be read. */
  async #keepBase({ workerId, base }: BlobsOwner, names: Set<string>): Promise<void> {
    if (base === undefined) return;
    try {
      const reads = {
        readBlob: (id: WorkerId, blob: BlobFacts) => Promise.resolve(readBlob(this.#to, id, blob)),
      };
      for (const { sha256 } of await blobsOfBase(reads, workerId as WorkerId, base)) names.delete(sha256);
    } catch {
      names.clear();
    }
  }

  /** Blobs of the copy that the source does not have, and to which no line of the transcript refers. */
  #namesOfOthers(owner: TranscriptOwner, { segments: [oldest = 1] }: ReadLog): Set<string> {
    const { fs, layout } = this.#to;
    const { blobs, transcript } = workerLayout(layout, owner.workerId);
    const names = new Set(
      entriesIn(fs, blobs).map(({ name }) => name).filter((name) =>
        isBlobName(name) && statOf(this.#from, owner.workerId, name) === undefined
      ),
    );
    if (names.size === 0 || owner.createdEventId >= oldest) return names;
    // The log was pruned: only the transcript has the first entries.
    const isRead = readIfThere(
      fs,
      transcript,
      nameOf(layout, transcript),
      (file) => findBlobs(file, owner, file.stat().size, ({ sha256 }) => names.delete(sha256)),
    );
    return isRead ? names : new Set();
  }
}

/** The entry at the path of a blob, whatever it is. */
function statOf({ fs, layout }: FoundPlace, workerId: string, sha256: string): FileStat | undefined {
  const path = blobPath(layout, workerId, sha256);
  return guarded("stat", path, () => fs.stat(path));
}

/** Blobs of a worker that the source does not have. */
interface OtherBlobs {
  readonly owner: BlobsOwner;
  readonly names: Set<string>;
}
