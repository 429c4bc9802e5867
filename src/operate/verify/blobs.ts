/**
 * Verification of the blobs of a worker: each that its entries refer to exists
 * and holds its bytes.
 *
 * @module
 */
import { join } from "@std/path";
import { isRuntimeError } from "../../core/errors.ts";
import { blobsOfBase } from "../../core/fork_base.ts";
import type { WorkerId } from "../../core/ids.ts";
import type { BlobFacts } from "../../core/store.ts";
import { hasBlobDirectory, readBlob } from "../../fs/blobs/blobs.ts";
import { isBlobName } from "../../fs/blobs/name.ts";
import { readIfThere, sizeOf } from "../../fs/disk/files.ts";
import { corrupt, guarded, ifCorrupt } from "../../fs/disk/faults.ts";
import { type Files, nameOf, workerLayout } from "../../fs/layout.ts";
import { transcriptHeaderBytes } from "../../fs/transcripts/file.ts";
import { assertBlob, blobBytes } from "../read/blob_bytes.ts";
import { findBlobs } from "../read/blob_refs.ts";
import { entriesIn, sum } from "../sizes.ts";
import type { Check } from "./check.ts";
import type { ExpectedTranscript } from "./expected.ts";
import type { Finding } from "./finding.ts";

/** Damage of a blob. */
type BlobProblem = Pick<Finding, "message"> & { readonly code: "blob_missing" | "blob_damaged" };

/** Result of the verification of a worker's blobs. */
export interface VerifiedBlobs {
  /** Bytes read. */
  readonly bytes: number;
  /** Reports of damage, to be made unless the worker was purged meanwhile. */
  readonly reports: readonly (() => void)[];
}

/** Verifies the blobs of a worker. A quick check compares sizes only. */
export async function verifyBlobs(check: Check, transcript: ExpectedTranscript): Promise<VerifiedBlobs> {
  const { place, findings, isQuick, meter } = check;
  const { workerId } = transcript.owner;
  const base = await baseOf(check, transcript);
  const { references: own, isComplete: isOwnComplete } = referencesOf(place, transcript);
  const references = new Map([...base.references, ...own]);
  const isComplete = base.isComplete && isOwnComplete;
  const { blobs: path } = workerLayout(place.layout, workerId);
  const reports: (() => void)[] = [];
  // Anything else in the place of the directory of workers is reported once, not for each of them.
  const parent = guarded("stat", place.layout.workers, () => place.fs.stat(place.layout.workers)?.kind);
  if (parent !== undefined && parent !== "directory") return { bytes: 0, reports };
  const odd = ifCorrupt(() => void hasBlobDirectory(place, workerId, corrupt), ({ details }) => details);
  if (odd !== undefined) {
    // Without blobs, an opening recreates the directory of the worker.
    if (references.size > 0 || odd.file === nameOf(place.layout, path)) {
      reports.push(() => findings.add("wrong_kind", "damaged", odd.reason, { file: odd.file, workerId }));
    }
    return { bytes: 0, reports };
  }
  let bytes = 0;
  const onBytes = (count: number): void => {
    bytes += count;
    // Ends a long verification once its signal aborts.
    meter.add(0);
  };
  for (const [sha256, size] of references) {
    const problem = await blobProblem(
      place,
      workerId,
      { sha256, bytes: size },
      isQuick ? undefined : onBytes,
    );
    if (problem === undefined) continue;
    const file = nameOf(place.layout, join(path, sha256));
    reports.push(() => findings.add(problem.code, "damaged", problem.message, { file, workerId }));
  }
  reportOthers(check, workerId, isComplete ? references : undefined);
  return { bytes, reports };
}

/** Returns the problem of a blob, if it has one; without `onBytes`, its bytes are not read. */
export async function blobProblem(
  place: Files,
  workerId: string,
  blob: BlobFacts,
  onBytes: ((count: number) => void) | undefined,
): Promise<BlobProblem | undefined> {
  try {
    if (onBytes === undefined) await assertBlob(place, workerId, blob);
    else for await (const { length } of blobBytes(place, workerId, blob)) onBytes(length);
    return undefined;
  } catch (error) {
    if (!isRuntimeError(error)) throw error;
    if (error.code === "blob_missing") return { code: "blob_missing", message: "it is missing" };
    if (error.code === "blob_corrupt") return { code: "blob_damaged", message: error.details.reason };
    throw error;
  }
}

/** Sizes of the blobs of a fork's base; the index alone, and incomplete, if that is damaged. */
async function baseOf(
  { place, expected: { ledger } }: Check,
  { owner: { workerId } }: ExpectedTranscript,
): Promise<{ readonly references: ReadonlyMap<string, number>; readonly isComplete: boolean }> {
  const base = ledger.worker(workerId as WorkerId)?.fork?.base;
  if (base === undefined) return { references: new Map(), isComplete: true };
  const sizes = (blobs: readonly BlobFacts[]) => new Map(blobs.map(({ sha256, bytes }) => [sha256, bytes]));
  try {
    const reads = { readBlob: (id: WorkerId, blob: BlobFacts) => Promise.resolve(readBlob(place, id, blob)) };
    return { references: sizes(await blobsOfBase(reads, workerId as WorkerId, base)), isComplete: true };
  } catch (error) {
    if (!isRuntimeError(error) || !error.code.startsWith("blob_")) throw error;
    return { references: sizes([base]), isComplete: false };
  }
}

/** Sizes of the blobs that the entries of a worker refer to; incomplete if a part of the transcript is unreadable. */
function referencesOf(
  { fs, layout }: Files,
  { owner, base, known, blobs }: ExpectedTranscript,
): { readonly references: ReadonlyMap<string, number>; readonly isComplete: boolean } {
  if (base === transcriptHeaderBytes(owner)) return { references: blobs, isComplete: known };
  const references = new Map(blobs);
  const path = workerLayout(layout, owner.workerId).transcript;
  const isComplete = ifCorrupt(() =>
    readIfThere(fs, path, nameOf(layout, path), (file) => {
      if (file.stat().size < base) return false;
      return findBlobs(file, owner, base, ({ sha256, bytes }) => references.set(sha256, bytes));
    }) ?? false, () => false);
  return { references, isComplete };
}

/** Reports blobs that no entry refers to, if `references` is known, and entries that are not blobs. */
function reportOthers(
  { place: { fs, layout }, findings }: Check,
  workerId: string,
  references: ReadonlyMap<string, number> | undefined,
): void {
  const { blobs: directory } = workerLayout(layout, workerId);
  const sizes: number[] = [];
  for (const { name, kind } of entriesIn(fs, directory)) {
    const path = join(directory, name);
    const isBlob = isBlobName(name);
    if (isBlob && (references?.has(name) ?? true)) continue;
    if (isBlob && kind === "file") {
      sizes.push(sizeOf(fs, path));
      continue;
    }
    const message = `${JSON.stringify(name)} is not a file of the store`;
    findings.add("foreign_entry", "info", message, { file: nameOf(layout, path), workerId });
  }
  if (sizes.length === 0) return;
  const what = sizes.length === 1 ? "1 blob" : `${sizes.length} blobs`;
  const message = `no entry refers to ${what} with ${sum(sizes)} bytes`;
  findings.add("blob_unreferenced", "info", message, { file: nameOf(layout, directory), workerId });
}
