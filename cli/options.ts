/**
 * Options of the commands, as they are parsed. Each command takes some of them.
 *
 * @module
 */
import type { WorkerStatus } from "../mod.ts";

/** Options of the commands. */
export interface Options {
  /** Print JSON. */
  readonly json?: boolean | undefined;
  /** Only this worker. */
  readonly worker?: string | undefined;
  /** Only workers of this status. */
  readonly status?: WorkerStatus | undefined;
  /** Items to show; for lists of workers 0 means all. */
  readonly limit: number;
  /** Begin after this number. */
  readonly after?: number | undefined;
  /** End before this number. */
  readonly before?: number | undefined;
  /** Show all entries. */
  readonly all?: boolean | undefined;
  /** Show long entries in full. */
  readonly full?: boolean | undefined;
  /** Go on with new events. */
  readonly follow?: boolean | undefined;
  /** Only this table. */
  readonly by?: "worker" | "model" | "day" | undefined;
  /** Entries of each transcript. */
  readonly entries: number;
  /** Workers with their transcripts. */
  readonly workers: number;
  /** File to write; the standard output if absent or `-`. */
  readonly output?: string | undefined;
  /** Replace an existing file. */
  readonly force?: boolean | undefined;
  /** Change the store, rather than only report what would change. */
  readonly apply?: boolean | undefined;
  /** Accept the loss of damaged events and all later ones. */
  readonly salvage?: boolean | undefined;
  /** Only check the stream. */
  readonly dryRun?: boolean | undefined;
  /** Verify the copy. */
  readonly verify: boolean;
  /** Last event to prune. */
  readonly through?: number | undefined;
  /** Only events older than this. */
  readonly olderThan?: string | undefined;
}
