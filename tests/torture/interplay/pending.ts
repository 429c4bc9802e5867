/**
 * Calls that have not settled, to detect and name one that never does.
 *
 * @module
 */
import { Finding } from "../script/history.ts";

/**
 * Seconds after which a call hangs that has not settled while no other call has either. Ticks are counted: a machine
 * may stand still.
 */
const QUIET_SECONDS_MAX = 60;
/** Seconds after which a call hangs that has not settled, though others do. */
const SECONDS_MAX = 240;

/** Calls that have not settled. */
export class Pending {
  /** Number of settled calls. */
  settled = 0;
  readonly #calls = new Set<{ readonly name: string; seconds: number }>();
  /** Seconds since a call settled. */
  #quietSeconds = 0;
  readonly #timer: ReturnType<typeof setInterval>;

  /** Checks the calls once a second; the first that hangs is reported. */
  constructor(report: (finding: Finding) => void) {
    this.#timer = setInterval(() => {
      const isQuiet = ++this.#quietSeconds >= QUIET_SECONDS_MAX;
      for (const call of this.#calls) {
        if (++call.seconds < (isQuiet ? QUIET_SECONDS_MAX : SECONDS_MAX)) continue;
        this.end();
        return report(new Finding("I7", `${call.name} does not settle`));
      }
    }, 1_000);
  }

  /** Waits for a call. */
  async wait<T>(name: string, promise: Promise<T>): Promise<T> {
    const call = { name, seconds: 0 };
    this.#calls.add(call);
    try {
      return await promise;
    } finally {
      this.#calls.delete(call);
      this.settled++;
      this.#quietSeconds = 0;
    }
  }

  /** Stops checking. */
  end(): void {
    clearInterval(this.#timer);
  }
}

/** Waits some milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
