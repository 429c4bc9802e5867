/**
 * Work of the processes that own runtimes, as plain data.
 *
 * @module
 */
import type { Access } from "./access.ts";

/** Work on a runtime. */
export interface RuntimePlan {
  readonly runtimeId: string;
  /** Lease of its owner. */
  readonly leaseMs: number;
  /** Callers that send inputs at a time. */
  readonly callers: number;
  /** Longest pause of a caller after an answer. */
  readonly pauseMs: number;
}

/** Work of a process. */
export interface HostPlan {
  /** Its name, the first part of its keys. */
  readonly name: string;
  readonly access: Access;
  readonly runtimes: readonly RuntimePlan[];
}

/** Content of the input of a key. */
export function contentOf(key: string): string {
  return `${key} ${"z".repeat(key.length * 37 % 400)}`;
}
