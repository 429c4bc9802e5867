/**
 * Operations on a store that run concurrently with commits: closing waits for them.
 *
 * @module
 */
import { RuntimeError } from "./errors.ts";
import { isFinal } from "./group_commit.ts";
import type { RuntimeId } from "./ids.ts";

/** The operations of a runtime. */
export class Operations {
  readonly #runtimeId: RuntimeId;
  readonly #lost: (error: RuntimeError) => void;
  readonly #pending = new Set<Promise<unknown>>();
  /** Set when the runtime closes: no operation begins after that. */
  isClosed = false;

  /** Creates an empty set; `lost` receives every final error of an operation. */
  constructor(runtimeId: RuntimeId, lost: (error: RuntimeError) => void) {
    this.#runtimeId = runtimeId;
    this.#lost = lost;
  }

  /** Throws `runtime_closed` after closing. */
  assertOpen(): void {
    if (!this.isClosed) return;
    const runtimeId = this.#runtimeId;
    const message = `Cannot use runtime ${JSON.stringify(runtimeId)}: it is closed`;
    throw new RuntimeError("runtime_closed", message, { runtimeId });
  }

  /** Runs an operation. */
  async run<T>(operation: Promise<T>): Promise<T> {
    this.#pending.add(operation);
    try {
      return await operation;
    } catch (error) {
      if (isFinal(error)) this.#lost(error);
      throw error;
    } finally {
      this.#pending.delete(operation);
    }
  }

  /** Waits until all operations have settled. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }
}
