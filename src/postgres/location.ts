/**
 * Locations of runtimes in a database.
 *
 * @module
 */
import { invalidRequest } from "../core/errors.ts";
import { fitsBytes } from "../core/text.ts";
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

const SPACE_BYTES_MAX = 256;
const DAY_MS = 86_400_000;

/** Bounds of numbers, in the units of their options. */
const BOUNDS: Readonly<Record<"leaseMs" | "lockWaitMs" | "pollMs" | "max", readonly [number, number]>> = {
  leaseMs: [1_000, DAY_MS],
  lockWaitMs: [0, DAY_MS],
  pollMs: [1, DAY_MS],
  max: [0, Infinity],
};

/** Options to check. */
type CheckedOptions = Readonly<Partial<Record<keyof typeof BOUNDS, number | undefined>>> & {
  readonly space?: string | undefined;
};

/** Throws `invalid_request` for a number outside its bounds, or a space that is not one line of 1 to 256 bytes. */
export function checkOptions(action: string, options: CheckedOptions): void {
  for (const [name, [min, max]] of Object.entries(BOUNDS)) {
    const value: unknown = options[name as keyof typeof BOUNDS];
    if (value === undefined || typeof value === "number" && value >= min && value <= max) continue;
    throw invalidRequest(action, `${name}: ${min} to ${max} is allowed, not ${value}`);
  }
  const { space = DEFAULT_SPACE } = options;
  if (typeof space === "string" && /^[^\0\n\r]+$/.test(space) && fitsBytes(space, SPACE_BYTES_MAX)) return;
  throw invalidRequest(action, `space: one line of 1 to ${SPACE_BYTES_MAX} bytes is needed`);
}
