/**
 * Verification of the files besides the log: transcripts, projections, and other
 * entries of the directory.
 *
 * @module
 */
import { dirname, join } from "@std/path";
import { crc32 } from "node:zlib";
import { isRuntimeError } from "../../core/errors.ts";
import { canonicalText } from "../../core/json.ts";
import { overviewOf, workerRow } from "../../core/overview.ts";
import type { WorkerState } from "../../core/state.ts";
import { Slices } from "../../core/turn.ts";
import {
  isPresent,
  readBytes,
  readFull,
  readSmallFile,
  TEMPORARY_SUFFIX,
  withFile,
} from "../../fs/disk/files.ts";
import { guarded, ifCorrupt, isNotFound } from "../../fs/disk/faults.ts";
import type { OpenFile } from "../../fs/disk/file_system.ts";
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
import { PROJECTION_BYTES_MAX, WORKER_FORMAT, workerContent } from "../../fs/workers/projections.ts";
import { AheadOfLogCheck } from "./ahead.ts";
import type { FilesCheck } from "./check.ts";
import type { ExpectedTranscript } from "./expected.ts";
import type { FindingCode, FindingSeverity } from "./finding.ts";
import { purgedSince } from "../read/purged_since.ts";

const CHUNK_BYTES = 1_048_576;

/** Result of the verification of the files. */
export interface FilesRead {
  /** Bytes read. */
  readonly bytes: number;
  /** The last writer closed the store, and none has opened it since. */
  readonly closed: boolean;
}

/** Verifies the files of every worker and the overview. */
export async function verifyFiles(check: FilesCheck): Promise<FilesRead> {
  const { expected: { ledger }, meter } = check;
  const files = new FilesVerifier(check);
  const slices = new Slices();
  meter.stage("files", ledger.workerCount, "workers");
  for (const state of ledger.workers()) {
    files.worker(state);
    meter.add(1);
    await slices.pause();
  }
  files.overview();
  const closed = await files.settle();
  files.strays();
  return { bytes: files.bytes, closed };
}

class FilesVerifier {
  readonly #check: FilesCheck;
  readonly #ahead: AheadOfLogCheck;
  readonly #overview: "current" | "behind" | "missing";
  #projected: boolean | undefined;
  /** Transcripts that differ from the log: damaged, unless their workers were purged meanwhile. */
  readonly #suspects: { readonly owner: TranscriptOwner; readonly report: () => void }[] = [];
  /** Reports that are healable if the store was closed all the time, and pending if a writer has opened it. */
  readonly #healable: ((severity: FindingSeverity) => void)[] = [];
  #workers: boolean | undefined;
  /** Bytes read. */
  bytes = 0;

  constructor(check: FilesCheck) {
    this.#check = check;
    this.#ahead = new AheadOfLogCheck(check);
    this.#overview = this.#readOverview();
  }

  worker(state: WorkerState): void {
    const { workerId } = state.record;
    const paths = workerLayout(this.#check.place.layout, workerId);
    const transcript = this.#check.expected.transcripts.get(workerId);
    if (transcript !== undefined && !this.#ahead.reportIfAhead(workerId, transcript.bytes)) {
      this.#transcript(transcript, paths.transcript);
    }
    this.#projection(paths.worker, WORKER_FORMAT, state.lastEventId, workerContent(state), workerId);
    if (this.#hasWorkers) this.#temporary(paths.directory);
  }

  /**
   * Reports broken transcripts, except those of workers purged since the log was read, and leftovers of a writer
   * in a closed store. Returns true if it is closed.
   */
  async settle(): Promise<boolean> {
    const { place, expected, lastEventId } = this.#check;
    const purged = await purgedSince(place, lastEventId, this.#suspects.map(({ owner }) => owner));
    for (const { owner, report } of this.#suspects) if (!purged.has(owner)) report();
    const isReopened = expected.closed && this.#ahead.loggedByNow() > lastEventId;
    for (const report of this.#healable) report(isReopened ? "pending" : "healable");
    return expected.closed && !isReopened && this.#overview !== "behind";
  }

  overview(): void {
    const { place: { layout }, expected: { ledger } } = this.#check;
    const rows = [...ledger.workers()].map(workerRow);
    const overview = overviewOf(ledger, undefined);
    const { lastEventId } = ledger.runtime;
    this.#projection(layout.overview, "worker-runtime/overview", lastEventId, { overview, rows }, undefined);
  }

  strays(): void {
    const { place: { fs, layout }, expected: { ledger }, findings } = this.#check;
    const known = new Set([...ledger.workers()].map(({ record }) => record.workerId as string));
    for (const { name, kind } of this.#names(layout.workers)) {
      const workerId = kind === "directory" ? decodeName(name) : undefined;
      if (workerId !== undefined && (known.has(workerId) || this.#ahead.reportIfAhead(workerId, 0))) continue;
      const message = workerId === undefined
        ? `${JSON.stringify(name)} is not a file of the store`
        : `${JSON.stringify(name)} is the directory of a worker that the log does not have`;
      findings.add("foreign_entry", "info", message, { file: `workers/${name}` });
    }
    for (const directory of [layout.directory, layout.events]) this.#temporary(directory);
    const kept = this.#names(layout.quarantine);
    if (kept.length === 0) return;
    const sizes = kept.map(({ name }) => fs.stat(join(layout.quarantine, name))?.size ?? 0);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    const message = `${kept.length} files with ${bytes} bytes that were truncated or replaced are kept`;
    findings.add("quarantine_kept", "info", message, { file: "quarantine" });
  }

  /** Reports unfinished files in a directory. */
  #temporary(directory: string): void {
    for (const { name } of this.#names(directory)) {
      if (!name.endsWith(TEMPORARY_SUFFIX)) continue;
      const message = `${JSON.stringify(name)} was never finished`;
      const file = nameOf(this.#check.place.layout, join(directory, name));
      this.#check.findings.add("temporary_left", "info", message, { file });
    }
  }

  #names(path: string): readonly { readonly name: string; readonly kind: string }[] {
    const { fs } = this.#check.place;
    return guarded("list", path, () => fs.stat(path)?.kind === "directory" ? fs.list(path) : []);
  }

  #transcript(expected: ExpectedTranscript, path: string): void {
    const { fs } = this.#check.place;
    const read = (file: OpenFile): void => this.#transcriptFile(file, expected, path);
    this.#read(
      path,
      () => guarded("read", path, () => withFile(fs, path, "read", read)),
      () => this.#transcriptMissing(expected, path),
      (reason) => this.#transcriptBroken("transcript_damaged", reason, expected, path),
    );
  }

  /** An empty transcript has no file yet, and the next opening creates one that was never written. */
  #transcriptMissing(expected: ExpectedTranscript, path: string): void {
    if (expected.bytes === transcriptHeaderBytes(expected.owner)) return;
    if (this.#isPending(expected)) this.#pending(path, expected);
    else this.#transcriptBroken("transcript_missing", "it is missing", expected, path);
  }

  /** True if a writer may not have written the transcript yet: all of its lines come from the log. */
  #isPending({ owner, base, known }: ExpectedTranscript): boolean {
    return known && base === transcriptHeaderBytes(owner) && !this.#isClosed;
  }

  #pending(path: string, { owner }: ExpectedTranscript, byteOffset?: number): void {
    this.#report("transcript_behind", "pending", "it is not written yet", path, owner.workerId, byteOffset);
  }

  /** Reads a file, and reports one that is missing or damaged. A link as the directory above it is damage. */
  #read(path: string, read: () => void, missing: () => void, damaged: (reason: string) => void): void {
    const { fs, layout } = this.#check.place;
    const directory = dirname(path);
    try {
      guarded("stat", path, () => isPresent(fs, directory, "directory", nameOf(layout, directory)));
      if (guarded("stat", path, () => fs.stat(path)) === undefined) return missing();
      read();
    } catch (error) {
      if (!isRuntimeError(error)) throw error;
      if (isNotFound(error.cause)) return missing();
      if (error.code !== "store_corrupt") throw error;
      damaged(error.details.reason);
    }
  }

  #transcriptFile(file: OpenFile, expected: ExpectedTranscript, path: string): void {
    const { owner, base, bytes } = expected;
    const damaged = (why: string, byteOffset: number): void =>
      this.#transcriptBroken("transcript_damaged", why, expected, path, byteOffset);
    const behind = (severity: FindingSeverity, message: string, byteOffset: number): void =>
      this.#report("transcript_behind", severity, message, path, owner.workerId, byteOffset);
    const headerBytes = transcriptHeaderBytes(owner);
    if (!hasTranscriptHeader(file, owner)) {
      if (bytes === headerBytes) return;
      if (this.#isPending(expected) && isUnwritten(file, owner)) return this.#pending(path, expected);
      return damaged("it is of another worker, or its header is damaged", 0);
    }
    if (!expected.known) return;
    const { size } = file.stat();
    if (size < base && this.#isPending(expected)) return this.#pending(path, expected, size);
    if (size < base) return damaged(`it ends at byte ${size} of ${base}`, size);
    this.bytes += Math.min(size, bytes);
    const isWhole = size >= bytes && checksum(file, base, bytes) === expected.crc;
    // The checksum covers the lines of the log; lines before them are verified one by one.
    const end = isWhole ? base : Math.min(size, bytes);
    const whole = wholeExtent(file, owner, NOTHING, end).bytes;
    if (whole < end && (whole < base || size >= bytes)) return damaged("a line of it is damaged", whole);
    if (isWhole && size > bytes && this.#isClosed) return behind("healable", "bytes follow its end", bytes);
    if (isWhole) return;
    if (size >= bytes) return damaged("it does not hold the lines of the log", base);
    behind(this.#isClosed ? "healable" : "pending", `it has ${size} of ${bytes} bytes`, size);
  }

  #transcriptBroken(
    code: FindingCode,
    why: string,
    expected: ExpectedTranscript,
    path: string,
    byteOffset?: number,
  ): void {
    const { owner: { createdEventId, workerId }, synced } = expected;
    const canHeal = createdEventId >= (this.#check.segments[0] ?? 1) || (byteOffset ?? 0) >= synced;
    const message = canHeal
      ? `${why}; it is rebuilt from the log`
      : `${why}, and the log it could be rebuilt from was pruned`;
    const report = () =>
      this.#report(code, canHeal ? "healable" : "damaged", message, path, workerId, byteOffset);
    this.#suspects.push({ owner: expected.owner, report });
  }

  #projection(
    path: string,
    format: string,
    through: number,
    body: object,
    workerId: string | undefined,
  ): void {
    const { fs, layout, runtimeId } = this.#check.place;
    const file = nameOf(layout, path);
    const report = (code: FindingCode, severity: FindingSeverity, why: string, byteOffset?: number): void =>
      this.#report(code, severity, why, path, workerId, byteOffset);
    // A copy may have no projections, which is not damage: the next opening writes them.
    const missing = (): void => {
      const severity = this.#isClosed && this.#isProjected ? "healable" : "pending";
      report("projection_missing", severity, "it is missing");
    };
    const read = (): void => {
      const bytes = readSmallFile(fs, path, PROJECTION_BYTES_MAX, file);
      if (bytes === undefined) return missing();
      this.bytes += bytes.length;
      const content = unseal(bytes, { format, runtimeId }, file);
      const isAhead = typeof content.through === "number" && content.through > through;
      if (isAhead && this.#isClosed) {
        report("projection_mismatch", "healable", "it is ahead of the log");
      } else if (content.through !== through) {
        const message = `it is current through event ${content.through}, the log through ${through}`;
        report("projection_behind", this.#isClosed ? "healable" : "pending", message);
      } else if (!holdsSame(content, body)) {
        report("projection_mismatch", "healable", "it contradicts the log");
      }
    };
    this.#read(path, read, missing, (reason) => report("projection_damaged", "healable", reason, 0));
  }

  /** True if the path of all workers is a directory. */
  get #hasWorkers(): boolean {
    const { fs, layout } = this.#check.place;
    return this.#workers ??= guarded(
      "stat",
      layout.workers,
      () => fs.stat(layout.workers)?.kind === "directory",
    );
  }

  /** True if projections were ever written here. */
  get #isProjected(): boolean {
    const { fs, layout } = this.#check.place;
    return this.#projected ??= fs.stat(layout.overview) !== undefined;
  }

  /** True if the store was closed and all files were written; the overview is the last one. */
  get #isClosed(): boolean {
    return this.#check.expected.closed && this.#overview === "current";
  }

  /** Compares the overview with the end of the log; a damaged one counts as current. */
  #readOverview(): "current" | "behind" | "missing" {
    const { place: { fs, layout: { overview: path }, runtimeId }, lastEventId } = this.#check;
    return ifCorrupt<"current" | "behind" | "missing">(() => {
      const bytes = readSmallFile(fs, path, PROJECTION_BYTES_MAX);
      if (bytes === undefined) return "missing";
      const { through } = unseal(bytes, { format: "worker-runtime/overview", runtimeId }, path);
      return typeof through === "number" && through < lastEventId ? "behind" : "current";
    }, () => "current");
  }

  #report(
    code: FindingCode,
    severity: FindingSeverity,
    message: string,
    path: string,
    workerId: string | undefined,
    byteOffset?: number,
  ): void {
    const { place: { layout }, findings } = this.#check;
    const spot = { file: nameOf(layout, path), workerId, byteOffset };
    const report = (severity: FindingSeverity): void => findings.add(code, severity, message, spot);
    if (severity === "healable" && this.#isClosed) this.#healable.push(report);
    else report(severity);
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
  return earlier < owner.createdEventId && hasTranscriptHeader(file, { ...owner, createdEventId: earlier });
}

function checksum(file: OpenFile, from: number, to: number): number {
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(1, to - from)));
  let crc = 0;
  for (let at = from; at < to;) {
    const length = readFull(file, buffer.subarray(0, Math.min(buffer.length, to - at)), at);
    if (length === 0) return -1;
    crc = crc32(buffer.subarray(0, length), crc);
    at += length;
  }
  return crc;
}
