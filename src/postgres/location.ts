/**
 * Locations of runtimes in a database.
 *
 * @module
 */
import type { PostgresClient } from "./client.ts";

/** Space of runtimes in a PostgreSQL database. */
export interface PostgresSpace {
  /** Runs statements: a client or a pool. */
  readonly client: PostgresClient;
  /** Name of the space. @default {"default"} */
  readonly space?: string | undefined;
}

/** A runtime in a PostgreSQL database. */
export interface PostgresLocation extends PostgresSpace {
  /** The runtime. */
  readonly runtimeId: string;
}

/** Space of runtimes for which none is named. */
export const DEFAULT_SPACE = "default";

/** Bounds each statement of a reader. */
export const ANSWER_MS = 30_000;
