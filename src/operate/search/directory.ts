/**
 * Search in a directory: the files of the transcripts, and what they lack from the
 * log. Every line is checked.
 *
 * @module
 */
import { isRuntimeError } from "../../core/errors.ts";
import type { WorkerId } from "../../core/ids.ts";
import { plainLines } from "../../core/json.ts";
import type { Ledger } from "../../core/ledger.ts";
import type { BlobFacts } from "../../core/store.ts";
import { readBlob } from "../../fs/blobs/blobs.ts";
import { corrupt, isNotFound } from "../../fs/disk/faults.ts";
import { nameOf, workerLayout } from "../../fs/layout.ts";
import { eventText } from "../../fs/lines/codec.ts";
import { logTranscriptLines } from "../../fs/log/scan.ts";
import type { FoundPlace } from "../../fs/place/find.ts";
import { foldLog, type LogFollower } from "../../fs/reading/follower.ts";
import { baseCandidates } from "./base.ts";
import type { Conduct } from "./conduct.ts";
import { Missing } from "./missing.ts";
import type { Needle } from "./needle.ts";
import { Prefilter } from "./prefilter.ts";
import { type Candidates, candidatesIn, type SearchedWorker, type SearchSource } from "./source.ts";
import { type TranscriptLine, TranscriptScan } from "./transcript_scan.ts";

/** A search fails only if a writer prunes the log this many times during it. */
const ROUNDS_MAX = 8;

/** A transcript, and the entries of it that were not read yet. */
interface Progress {
  readonly worker: SearchedWorker;
  readonly missing: Missing;
}

/** The runtime in a directory. */
export class SearchedDirectory implements SearchSource {
  readonly #place: FoundPlace;
  readonly #follower: LogFollower;
  readonly #ledger: Ledger;
  readonly #workers: readonly SearchedWorker[];
  readonly #through: number;
  readonly #prefilter: Prefilter;
  readonly #conduct: Conduct;

  private constructor(
    place: FoundPlace,
    { follower, ledger }: Awaited<ReturnType<typeof foldLog>>,
    workers: readonly SearchedWorker[],
    needle: Needle,
    conduct: Conduct,
  ) {
    this.#place = place;
    this.#follower = follower;
    this.#ledger = ledger;
    this.#workers = workers;
    this.#through = ledger.runtime.lastEventId;
    this.#prefilter = new Prefilter(needle);
    this.#conduct = conduct;
  }

  /** Reads the log, and chooses workers. A damaged log is reported; what precedes the damage is searched. */
  static async open(
    place: FoundPlace,
    choose: (ledger: Ledger) => readonly SearchedWorker[],
    needle: Needle,
    conduct: Conduct,
  ): Promise<SearchedDirectory> {
    const folded = await foldLog(place);
    const { follower: { damage }, ledger } = folded;
    if (damage !== undefined) conduct.damage(damage, "log_damaged");
    return new SearchedDirectory(place, folded, choose(ledger), needle, conduct);
  }

  async *candidates(): AsyncGenerator<Candidates, void, void> {
    for (const worker of this.#workers) yield* baseCandidates(this, worker, this.#conduct);
    let left = this.#workers.map((worker): Progress => ({
      worker,
      missing: new Missing(worker),
    }));
    for (let round = 1;; round++) {
      for (const progress of left) yield* this.#fromFile(progress, round === 1);
      left = left.filter(({ missing }) => missing.ranges.length > 0);
      if (left.length === 0) return;
      try {
        yield* this.#fromLog(left);
        break;
      } catch (error) {
        const isOvertaken = isNotFound(error) || isRuntimeError(error) && error.code === "cursor_expired";
        if (!isOvertaken || round === ROUNDS_MAX) throw error;
      }
      // A writer pruned the log meanwhile: by now the files have what was in it.
      await this.#follower.advance();
    }
    for (const progress of left) await this.#reportLost(progress);
  }

  /** Reads the file of a transcript. Lines that are damaged or missing are left to the log. */
  async *#fromFile(progress: Progress, isFirst: boolean): AsyncGenerator<Candidates, void, void> {
    const { worker, missing } = progress;
    if (missing.ranges.length === 0) return;
    const scan = new TranscriptScan(this.#place, {
      runtimeId: this.#place.runtimeId,
      before: worker.fork?.seq ?? 0,
      ...worker,
    });
    for (const line of scan) {
      if (line.start === 0) await this.#conduct.pause();
      const found = this.#take(progress, line);
      if (found !== undefined) yield found;
    }
    await this.#conduct.pause();
    const { through, entries } = this.#follower.base;
    const covered = entries.get(worker.createdEventId) ?? 0;
    const isDamaged = missing.ranges.some(({ from }) => from <= covered);
    if (isDamaged && isFirst && !await this.isGone(worker)) this.#noteDamage(worker, scan);
    if (isDamaged) return;
    // Entries that no checkpoint covers are in the log after it.
    missing.ranges = missing.ranges.map((range) => ({ ...range, after: Math.max(range.after, through) }));
  }

  /** Reads the log from the first event on that may be missing. */
  async *#fromLog(left: readonly Progress[]): AsyncGenerator<Candidates, void, void> {
    const byId = new Map(left.map((each) => [plainLines(JSON.stringify(each.worker.workerId)), each]));
    const after = left.flatMap(({ missing }) => missing.ranges)
      .reduce((least, range) => Math.min(least, range.after), this.#through);
    const log = { segments: this.#follower.segments, lastEventId: this.#through };
    try {
      for await (const line of logTranscriptLines(this.#place, log, after)) {
        await this.#conduct.pause();
        const progress = byId.get(line.workerIdJson);
        if (progress === undefined || line.id < progress.worker.createdEventId) continue;
        const found = this.#take(progress, line);
        if (found !== undefined) yield found;
      }
    } catch (error) {
      if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
      this.#conduct.damage(error, "log_damaged");
    }
  }

  /** The entries of a line, if they are missing so far and may hold a match. */
  #take({ worker, missing }: Progress, line: TranscriptLine): Candidates | undefined {
    const { bytes, start, end, id, seq, count } = line;
    if (!missing.take(seq, count, id) || !this.#prefilter.mayMatch(line)) return undefined;
    return candidatesIn(worker, eventText(bytes, start, end), this.#conduct);
  }

  #noteDamage(
    { workerId }: SearchedWorker,
    { file, isMissing, damagedAt: byteOffset }: TranscriptScan,
  ): void {
    const [code, what] = isMissing
      ? ["transcript_missing", "is missing"] as const
      : byteOffset === undefined
      ? ["transcript_behind", "lacks entries"] as const
      : ["transcript_damaged", "is damaged"] as const;
    const message = `Transcript of ${JSON.stringify(workerId)} ${what}; it is read from the log`;
    this.#conduct.note({
      code,
      message,
      workerId,
      file,
      ...(byteOffset === undefined ? {} : { byteOffset }),
    });
  }

  async #reportLost({ worker, missing }: Progress): Promise<void> {
    if (missing.ranges.length === 0 || await this.isGone(worker)) return;
    const { workerId } = worker;
    const file = nameOf(this.#place.layout, workerLayout(this.#place.layout, workerId).transcript);
    for (const { from, to } of missing.ranges) {
      const entries = from === to ? `entry ${from} is` : `entries ${from} to ${to} are`;
      const error = corrupt(file, `${entries} damaged or missing, and the log does not have them`);
      this.#conduct.damage(error, "transcript_damaged", workerId);
    }
  }

  async readBlob(workerId: WorkerId, blob: BlobFacts): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    return await Promise.resolve(readBlob(this.#place, workerId, blob));
  }

  async isGone({ workerId, createdEventId }: SearchedWorker): Promise<boolean> {
    await this.#follower.advance();
    return this.#ledger.worker(workerId)?.createdEventId !== createdEventId;
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}
