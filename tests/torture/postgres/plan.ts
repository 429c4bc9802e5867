/**
 * The argument of a process of the suite, and the inputs that it sends.
 *
 * @module
 */

/** The work of a process. */
export interface Plan {
  /** Its name, in each of its lines and inputs. */
  readonly name: string;
  /** Port of the server, or of a proxy. */
  readonly port: number;
  /** Lease, in milliseconds. */
  readonly leaseMs: number;
  /** Callers, each of which sends one input after the other to a worker of its own. */
  readonly callers: number;
  /** Opens the runtime again when it was lost. */
  readonly again: boolean;
  /** Hosts the runtimes of a space with a `RuntimeHost`, instead of opening `t`. */
  readonly space?: string;
  /** Settings of its sessions in the database. */
  readonly settings?: string;
  /** Characters of each input, besides its key. @default {0} */
  readonly padding?: number;
  /** Longest pause between two inputs of a caller. @default {4} */
  readonly pauseMs?: number;
}

/** Runtime of the processes that compete for one. */
export const RUNTIME = "t";

/** The key at the beginning of an input's content. */
export function keyOf(content: unknown): string {
  return String(content).split(" ")[0] ?? "";
}

/** The name and the session of an input's key. */
export function sessionOf(key: string): string {
  return key.split("/").slice(0, 2).join("/");
}
