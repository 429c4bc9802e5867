/**
 * Blobs that a runtime was asked to keep, compared with the files of its workers.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Image, SimulatedDisk } from "../../disk/mod.ts";
import { HOME } from "../../kit/opened.ts";
import { transcriptsOf } from "../kit/fold.ts";
import { Finding, type History } from "./history.ts";
import { encoded } from "./projections.ts";

/** A worker that exists, and its blobs. */
interface ExpectedBlobs {
  readonly createdEventId: number;
  /** Blobs that were promised, or that an event refers to. */
  readonly required: Set<string>;
  /** Blobs whose bytes were written completely. */
  readonly allowed: Set<string>;
  /** The index of the base of a fork. */
  readonly base?: string | undefined;
}

/** The blobs of the workers that exist after the events of a history. */
export function expectedBlobs(history: History): ReadonlyMap<string, ExpectedBlobs> {
  const workers = new Map<string, ExpectedBlobs>();
  for (const text of history.texts) {
    if (!/^\{"id":\d+,"at":"[^"]*","type":"worker\.(?:created|purged)"/.test(text)) continue;
    const { id, type, workerId, fork } = JSON.parse(text);
    const base: string | undefined = fork?.base?.sha256;
    if (type === "worker.purged") workers.delete(workerId);
    else workers.set(workerId, { createdEventId: id, required: new Set(), allowed: new Set(), base });
  }
  for (const { kind, workerId, createdEventId, sha256 } of history.blobSteps) {
    const worker = workers.get(workerId);
    if (kind === "removed") worker?.required.delete(sha256);
    if (worker === undefined || worker.createdEventId !== createdEventId) continue;
    worker.allowed.add(sha256);
    if (kind === "kept") worker.required.add(sha256);
  }
  if (history.blobSteps.length === 0) return workers;
  for (const [workerId, entries] of transcriptsOf(history.texts)) {
    const worker = workers.get(workerId);
    for (const { blobs = [], contentBlob } of entries) {
      for (const { sha256 } of [...blobs, ...(contentBlob === undefined ? [] : [contentBlob])]) {
        worker?.required.add(sha256);
        worker?.allowed.add(sha256);
      }
    }
  }
  return workers;
}

/**
 * Throws unless every promised blob, and every blob that an event refers to, has its
 * bytes (I1), no other bytes have the name of a blob (I2), and no blob belongs to an
 * earlier life of a worker (I3).
 */
export function checkBlobs(disk: SimulatedDisk, history: History): void {
  for (const [workerId, { required, allowed, base }] of expectedBlobs(history)) {
    const directory = disk.intruder.view(`${HOME}/workers/${encoded(workerId)}/blobs`);
    const found = directory?.kind === "directory" ? directory.entries : new Map<string, Image>();
    for (const sha256 of base === undefined ? [] : [base, ...chunksOf(found.get(base))]) {
      required.add(sha256);
      allowed.add(sha256);
    }
    for (const sha256 of required) {
      if (!found.has(sha256) && !history.isSpoiled(sha256)) {
        throw new Finding("I1", `blob ${sha256} of ${workerId} is missing`);
      }
    }
    for (const [name, file] of found) {
      if (!/^[0-9a-f]{64}$/.test(name) || history.isSpoiled(name)) continue;
      if (hashOf(file) !== name) throw new Finding("I2", `blob ${name} of ${workerId} has other bytes`);
      if (!allowed.has(name)) throw new Finding("I3", `blob ${name} was not put for this worker ${workerId}`);
    }
  }
}

/** The blobs with the entries of a base, by its index. */
function chunksOf(index: Image | undefined): string[] {
  if (index?.kind !== "file") return [];
  const { chunks } = JSON.parse(new TextDecoder().decode(index.bytes()));
  return chunks.map(({ sha256 }: { sha256: string }) => sha256);
}

/** Throws if an interrupted write has left a temporary file. */
export function checkNoTemporaries(disk: SimulatedDisk): void {
  const incoming = disk.intruder.view(`${HOME}/incoming`);
  if (incoming?.kind !== "directory") return;
  const names = [...incoming.entries].filter(([, { kind }]) => kind === "file").map(([name]) => name);
  if (names.length > 0) throw new Finding("I4", `an opening leaves ${names} in incoming`);
}

/** Blobs that were promised while another process moved files. */
export interface Promised {
  /** The number of steps of blobs before. */
  readonly from: number;
  /** True if a blob must exist. */
  readonly isChecked: (sha256: string) => boolean;
  /** A path at which a blob may be besides its name. */
  readonly moved: string;
}

/** Throws unless the blobs that were promised are anywhere on the disk. */
export function checkPromisedBlobs(
  disk: SimulatedDisk,
  history: History,
  { from, isChecked, moved }: Promised,
): void {
  const expected = expectedBlobs(history);
  const promised = history.blobSteps.slice(from).filter(({ kind, sha256 }) =>
    kind === "kept" && isChecked(sha256)
  );
  if (promised.length === 0) return;
  const files = [...disk.dump()];
  for (const { workerId, createdEventId, sha256 } of promised) {
    const worker = expected.get(workerId);
    if (worker === undefined || worker.createdEventId !== createdEventId) continue;
    if (!worker.required.has(sha256)) continue;
    const isThere = files.some(([path, bytes]) =>
      (path === moved || path.endsWith(`/${sha256}`)) && hashOfBytes(bytes) === sha256
    );
    if (!isThere) throw new Finding("I11", `blob ${sha256} of ${workerId} was promised, and is nowhere`);
  }
}

/** Hashes of images, which states of a disk share. */
const hashes = new WeakMap<Image, string>();

function hashOf(file: Image): string | undefined {
  if (file.kind !== "file") return undefined;
  let hash = hashes.get(file);
  if (hash === undefined) hashes.set(file, hash = hashOfBytes(file.bytes()));
  return hash;
}

/** SHA-256 of bytes. */
export function hashOfBytes(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
