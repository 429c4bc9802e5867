/**
 * Options common to the operations on a store: a signal, the disk, and progress.
 *
 * @module
 */
import { DenoFileSystem } from "../fs/disk/deno_file_system.ts";
import type { FileSystem } from "../fs/disk/file_system.ts";
import { findPlace, type FoundPlace, type StoreLocation } from "../fs/place/find.ts";

/** Options of every function on an existing store. */
export interface FindOptions {
  /** The disk. @default the real one */
  readonly fileSystem?: FileSystem | undefined;
}

/** Returns the disk of an operation. */
export function diskOf({ fileSystem = new DenoFileSystem() }: FindOptions): FileSystem {
  return fileSystem;
}

/** Finds the files of a store. Throws `store_missing`, and `invalid_request` for an unfinished import. */
export function placeOf(location: StoreLocation, options: FindOptions): FoundPlace {
  return findPlace(diskOf(options), location);
}

/** Progress of an operation. */
export interface OperationProgress {
  /** The current stage, such as `log` or `transcripts`. */
  readonly stage: string;
  /** Units done. */
  readonly done: number;
  /** Units in all. */
  readonly total: number;
  /** The unit. */
  readonly unit: "bytes" | "workers" | "events";
}

/** Options of every operation. */
export interface OperationOptions extends FindOptions {
  /** Ends the operation; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Receives progress, about ten times a second. */
  readonly onProgress?: ((progress: OperationProgress) => void) | undefined;
}

/** Milliseconds between two calls of `onProgress`. */
const PROGRESS_MS = 100;

/** Reports progress, and throws if the operation was aborted. */
export class Meter {
  readonly #options: OperationOptions;
  #reportedAt = -Infinity;
  #progress: OperationProgress = { stage: "", done: 0, total: 0, unit: "bytes" };

  /** A meter without a stage. */
  constructor(options: OperationOptions) {
    this.#options = options;
  }

  /** Begins a stage. */
  stage(stage: string, total: number, unit: OperationProgress["unit"]): void {
    this.#progress = { stage, done: 0, total, unit };
    this.#reportedAt = -Infinity;
    this.add(0);
  }

  /** Adds to the units done. Throws the reason of an aborted signal. */
  add(amount: number): void {
    this.#options.signal?.throwIfAborted();
    const progress = { ...this.#progress, done: this.#progress.done + amount };
    this.#progress = progress;
    const { onProgress } = this.#options;
    if (onProgress === undefined) return;
    const now = performance.now();
    if (now - this.#reportedAt < PROGRESS_MS && progress.done < progress.total) return;
    this.#reportedAt = now;
    onProgress(progress);
  }
}
