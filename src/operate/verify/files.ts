/**
 * Verification of the files besides the log: transcripts, blobs, projections, and
 * other entries of the directory.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import { crc32 } from "node:zlib";
import { canonicalText } from "../../core/json.ts";
import { overviewOf, workerRow } from "../../core/overview.ts";
import type { WorkerId } from "../../core/ids.ts";
import type { WorkerState } from "../../core/state.ts";
import { Slices } from "../../core/turn.ts";
import {
  isPresent,
  readBytes,
  readIfThere,
  readScratch,
  readSmallFile,
  TEMPORARY_SUFFIX,
} from "../../fs/disk/files.ts";
import { guarded, ifCorrupt } from "../../fs/disk/faults.ts";
import type { OpenFile } from "../../fs/disk/file_system.ts";
import { creationOf } from "../../fs/blobs/name.ts";
import { nameOf, workerLayout } from "../../fs/layout.ts";
import { decodeName } from "../../fs/names.ts";
import { unseal } from "../../fs/lines/sealed.ts";
import {
  hasTranscriptHeader,
  transcriptHeader,
  transcriptHeaderBytes,
  type TranscriptOwner,
} from "../../fs/transcripts/file.ts";
import { wholeExtent } from "../../fs/transcripts/healing.ts";
import { NOTHING } from "../../fs/transcripts/state.ts";
import {
  OVERVIEW_FORMAT,
  PROJECTION_BYTES_MAX,
  WORKER_FORMAT,
  workerContent,
} from "../../fs/workers/projections.ts";
import { loggedByNow, reportIfAhead } from "./ahead.ts";
import { verifyBlobs } from "./blobs.ts";
import type { Check } from "./check.ts";
import type { ExpectedTranscript } from "./expected.ts";
import type { Finding, FindingCode, FindingSeverity, FindingSpot } from "./finding.ts";
import { purgedSince } from "../read/purged_since.ts";
import { entriesIn, sizesInside, sum } from "../sizes.ts";

const CHUNK_BYTES = 262_144;
const UNFINISHED_BLOB = /^[1-9]\d*$/;
const UNWRITTEN: Problem = { code: "transcript_behind", message: "it is not written yet" };
const MISSING: Problem = { code: "transcript_missing", message: "it is missing" };

/** A problem of a file. Without a severity, an opening repairs it. */
type Problem =
  & Pick<Finding, "code" | "message">
  & Partial<Pick<Finding, "severity">>
  & Pick<FindingSpot, "byteOffset">;

/** Problems that an active writer, or an interrupted one, leaves in files. */
const LATE: ReadonlySet<FindingCode | undefined> = new Set([
  "transcript_behind",
  "projection_behind",
  "projection_missing",
]);

/** A problem that is reported once all files were read. */
interface Deferred {
  /** The transcript, if it or a blob differs from the log: damage, unless its worker was purged meanwhile. */
  readonly owner: TranscriptOwner | undefined;
  readonly severity: FindingSeverity;
  readonly report: (severity: FindingSeverity) => void;
}

/** Verifies the files of every worker, the overview and all other entries. */
export class FilesVerifier {
  readonly #check: Check;
  /** Problem of the overview, which a writer writes last. */
  #overview: Problem | null = null;
  readonly #deferred: Deferred[] = [];
  /** Bytes read. */
  bytes = 0;
  /** True if the last writer closed the store, and none has opened it since. */
  closed = false;

  /** Verifies the files of a store whose log was folded to its end. */
  constructor(check: Check) {
    this.#check = check;
  }

  /** Runs the verification. */
  async run(): Promise<void> {
    const { place: { fs, layout }, expected: { ledger }, meter } = this.#check;
    const overview = { overview: overviewOf(ledger, undefined), rows: [...ledger.workers()].map(workerRow) };
    this.#overview = this.#projection(layout.overview, OVERVIEW_FORMAT, ledger.runtime.lastEventId, overview);
    this.#report(this.#overview, layout.overview);
    const slices = new Slices();
    meter.stage("files", ledger.workerCount, "workers");
    const hasWorkers = guarded("stat", layout.workers, () => fs.stat(layout.workers)?.kind === "directory");
    for (const state of ledger.workers()) {
      this.#worker(state);
      await this.#blobs(state);
      if (hasWorkers) this.#temporary(workerLayout(layout, state.record.workerId).directory);
      meter.add(1);
      await slices.pause();
    }
    await this.#settle();
    this.#strays();
  }

  #worker(state: WorkerState): void {
    const { workerId } = state.record;
    const paths = workerLayout(this.#check.place.layout, workerId);
    const transcript = this.#check.expected.transcripts.get(workerId);
    if (transcript !== undefined && !reportIfAhead(this.#check, workerId, transcript.bytes)) {
      this.#transcript(transcript, paths.transcript);
    }
    const problem = this.#projection(paths.worker, WORKER_FORMAT, state.lastEventId, workerContent(state));
    this.#report(problem, paths.worker, workerId);
  }

  async #blobs({ record: { workerId } }: WorkerState): Promise<void> {
    const transcript = this.#check.expected.transcripts.get(workerId);
    if (transcript === undefined) return;
    const { bytes, reports } = await verifyBlobs(this.#check, transcript);
    this.bytes += bytes;
    for (const report of reports) {
      this.#deferred.push({ owner: transcript.owner, severity: "damaged", report });
    }
  }

  /**
   * Reports the deferred problems, except those of workers purged since the log was read. What a writer that has
   * opened a closed store since can leave behind is pending.
   */
  async #settle(): Promise<void> {
    const { place, expected: { closed, ledger: { runtime: { lastEventId } } } } = this.#check;
    const owners = this.#deferred.flatMap(({ owner }) => owner ?? []);
    const purged = await purgedSince(place, lastEventId, owners);
    const isReopened = closed && loggedByNow(place) > lastEventId;
    for (const { owner, severity, report } of this.#deferred) {
      if (owner !== undefined && purged.has(owner)) continue;
      const isLeftover = severity === "healable" && isReopened && this.#isClosed;
      report(isLeftover ? "pending" : severity);
    }
    this.closed = closed && !isReopened && this.#overview?.code !== "projection_behind";
  }

  #strays(): void {
    const { place: { fs, layout }, expected: { ledger }, findings } = this.#check;
    const incoming = entriesIn(fs, layout.incoming);
    // Blobs may have been moved to workers that are yet to be created.
    const uncreated = new Set(incoming.map(({ name }) => creationOf(name)?.workerId));
    for (const { name, kind } of entriesIn(fs, layout.workers)) {
      const workerId = kind === "directory" ? decodeName(name) : undefined;
      const isKnown = workerId !== undefined &&
        (ledger.worker(workerId as WorkerId) !== undefined || reportIfAhead(this.#check, workerId, 0));
      if (isKnown || uncreated.has(workerId as WorkerId)) continue;
      const message = workerId === undefined
        ? `${JSON.stringify(name)} is not a file of the store`
        : `${JSON.stringify(name)} is the directory of a worker that the log does not have`;
      findings.add("foreign_entry", "info", message, { file: `workers/${name}` });
    }
    for (const directory of [layout.directory, layout.events]) this.#temporary(directory);
    for (const { name, kind } of incoming) {
      const spot = { file: `incoming/${name}` };
      const isOwn = kind === "file" && UNFINISHED_BLOB.test(name);
      const isOfWorker = kind === "directory" && creationOf(name) !== undefined;
      if (isOwn) findings.add("temporary_left", "info", "a blob that was never finished", spot);
      else if (isOfWorker) {
        findings.add("temporary_left", "info", "blobs of a creation that was never finished", spot);
      } else {findings.add(
          "foreign_entry",
          "info",
          `${JSON.stringify(name)} is not a file of the store`,
          spot,
        );}
    }
    const kept = sizesInside(fs, layout.quarantine);
    if (kept.length === 0) return;
    const message = `${kept.length} files with ${sum(kept)} bytes that were truncated or replaced are kept`;
    findings.add("quarantine_kept", "info", message, { file: "quarantine" });
  }

  /** Reports unfinished files in a directory. */
  #temporary(directory: string): void {
    const { place: { fs, layout }, findings } = this.#check;
    for (const { name } of entriesIn(fs, directory)) {
      if (!name.endsWith(TEMPORARY_SUFFIX)) continue;
      const message = `${JSON.stringify(name)} was never finished`;
      findings.add("temporary_left", "info", message, { file: nameOf(layout, join(directory, name)) });
    }
  }

  /**
   * Returns the problem of a file: what `read` returns, `missing` if that is undefined, and one of code `damaged` if
   * it throws `store_corrupt`. A link as the directory above the file is damage.
   */
  #problem(
    path: string,
    damaged: FindingCode,
    missing: Problem | null,
    read: () => Problem | null | undefined,
  ): Problem | null {
    const { fs, layout } = this.#check.place;
    const directory = dirname(path);
    const found = ifCorrupt(() => {
      guarded("stat", path, () => isPresent(fs, directory, "directory", nameOf(layout, directory)));
      return read();
    }, ({ details: { reason, byteOffset } }) => ({ code: damaged, message: reason, byteOffset }));
    return found === undefined ? missing : found;
  }

  /** Verifies a transcript. A damaged one is rebuilt from the log, unless the log was pruned. */
  #transcript(expected: ExpectedTranscript, path: string): void {
    const { place: { fs, layout }, segments } = this.#check;
    const { owner, owner: { createdEventId }, bytes, synced } = expected;
    const absent = this.#isPending(expected) ? UNWRITTEN : MISSING;
    // An empty transcript has no file yet, and the next opening creates one that was never written.
    const missing = bytes === transcriptHeaderBytes(owner) ? null : absent;
    const problem = this.#problem(
      path,
      "transcript_damaged",
      missing,
      () => readIfThere(fs, path, nameOf(layout, path), (file) => this.#transcriptProblem(file, expected)),
    );
    if (problem === null || problem.code === "transcript_behind") {
      return this.#report(problem, path, owner.workerId);
    }
    const canHeal = createdEventId >= (segments[0] ?? 1) || (problem.byteOffset ?? 0) >= synced;
    const message = problem.message +
      (canHeal ? "; it is rebuilt from the log" : ", and the log it could be rebuilt from was pruned");
    const severity = canHeal ? "healable" : "damaged";
    this.#report({ ...problem, message, severity }, path, owner.workerId, owner);
  }

  /** True if a writer may not have written the transcript yet: all of its lines come from the log. */
  #isPending({ owner, base, known }: ExpectedTranscript): boolean {
    return known && base === transcriptHeaderBytes(owner) && !this.#isClosed;
  }

  #transcriptProblem(file: OpenFile, expected: ExpectedTranscript): Problem | null {
    const { owner, base, bytes } = expected;
    const damaged = (message: string, byteOffset: number): Problem => (
      { code: "transcript_damaged", message, byteOffset }
    );
    if (!hasTranscriptHeader(file, owner)) {
      if (bytes === transcriptHeaderBytes(owner)) return null;
      if (this.#isPending(expected) && isUnwritten(file, owner)) return UNWRITTEN;
      return damaged("it is of another worker, or its header is damaged", 0);
    }
    if (!expected.known) return null;
    const { size } = file.stat();
    if (size < base) {
      return this.#isPending(expected)
        ? { ...UNWRITTEN, byteOffset: size }
        : damaged(`it ends at byte ${size} of ${base}`, size);
    }
    this.bytes += Math.min(size, bytes);
    const isWhole = size >= bytes && checksum(file, base, bytes) === expected.crc;
    // The checksum covers the lines of the log; lines before them are verified one by one.
    const end = isWhole ? base : Math.min(size, bytes);
    const whole = wholeExtent(file, owner, NOTHING, end).bytes;
    if (whole < end && (whole < base || size >= bytes)) return damaged("a line of it is damaged", whole);
    const behind = { code: "transcript_behind" } as const;
    if (!isWhole && size >= bytes) return damaged("it does not hold the lines of the log", base);
    if (!isWhole) return { ...behind, message: `it has ${size} of ${bytes} bytes`, byteOffset: size };
    const hasMore = size > bytes && this.#isClosed;
    return hasMore ? { ...behind, message: "bytes follow its end", byteOffset: bytes } : null;
  }

  /** Returns the problem of a projection, which must hold the members of `body`. */
  #projection(path: string, format: string, through: number, body: object): Problem | null {
    const { fs, layout, runtimeId } = this.#check.place;
    const file = nameOf(layout, path);
    // A copy may have no projections, which is not damage: the next opening writes them.
    const missing: Problem = { code: "projection_missing", message: "it is missing" };
    const mismatch = { code: "projection_mismatch" } as const;
    return this.#problem(path, "projection_damaged", missing, () => {
      const bytes = readSmallFile(fs, path, PROJECTION_BYTES_MAX, file);
      if (bytes === undefined) return undefined;
      this.bytes += bytes.length;
      const content = unseal(bytes, { format, runtimeId }, file);
      if (content.through === through) {
        return holdsSame(content, body) ? null : { ...mismatch, message: "it contradicts the log" };
      }
      const isBehind = typeof content.through === "number" && content.through < through;
      if (!isBehind && this.#isClosed) return { ...mismatch, message: "it is ahead of the log" };
      const message = `it is current through event ${content.through}, the log through ${through}`;
      return { code: "projection_behind", message };
    });
  }

  /** True if the store was closed and all files were written; the overview is the last one. */
  get #isClosed(): boolean {
    return this.#check.expected.closed && !LATE.has(this.#overview?.code);
  }

  /** Reports a problem, if there is one: a pending one at once, as there may be many, any other one at the end. */
  #report(problem: Problem | null, path: string, workerId?: string, owner?: TranscriptOwner): void {
    if (problem === null) return;
    const { place: { layout }, findings } = this.#check;
    const lateness = LATE.has(problem.code) && !this.#isClosed ? "pending" : "healable";
    const { code, message, byteOffset, severity = lateness } = problem;
    const spot = { file: nameOf(layout, path), workerId, byteOffset };
    const report = (severity: FindingSeverity): void => findings.add(code, severity, message, spot);
    if (severity === "pending") report(severity);
    else this.#deferred.push({ owner, severity, report });
  }
}

/** Returns true if a projection has the members of the body; it may have more, such as the display name of the runtime. */
function holdsSame(content: Record<string, unknown>, body: object): boolean {
  return Object.entries(JSON.parse(JSON.stringify(body))).every(([name, value]) => {
    const found = content[name];
    const isOverview = name === "overview" && typeof found === "object" && found !== null;
    const { displayName: _, ...rest } = isOverview ? found as Record<string, unknown> : {};
    return canonicalText(isOverview ? rest : found) === canonicalText(value);
  });
}

/**
 * Returns true if the writer has not started the transcript yet: the header is
 * incomplete, or that of an earlier worker, whose files are removed after its purge.
 */
function isUnwritten(file: OpenFile, owner: TranscriptOwner): boolean {
  const decoder = new TextDecoder();
  const text = decoder.decode(readBytes(file, 0, transcriptHeaderBytes(owner)));
  // Also true if the writer has completed it since the last read.
  if (decoder.decode(transcriptHeader(owner)).startsWith(text)) return true;
  const earlier = Number(/"createdEventId":(\d+)/.exec(text)?.[1]);
  const before = Number(/"before":(\d+)/.exec(text)?.[1] ?? 0);
  return earlier < owner.createdEventId &&
    hasTranscriptHeader(file, { ...owner, createdEventId: earlier, before });
}

function checksum(file: OpenFile, from: number, to: number): number {
  let crc = 0;
  for (let at = from; at < to; at += CHUNK_BYTES) {
    crc = crc32(readScratch(file, at, Math.min(CHUNK_BYTES, to - at)), crc);
  }
  return crc;
}
