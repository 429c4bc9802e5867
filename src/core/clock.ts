/**
 * The clock: the host's, with every value checked before it is written.
 *
 * @module
 */
import { invalidRequest } from "./errors.ts";
import { callHost } from "./injected.ts";

/** The range of years that ISO 8601 writes with four digits and that other languages can represent. */
const FIRST_MS = Date.parse("0001-01-01T00:00:00.000Z");
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");

/** Reads a clock as text. */
export class Clock {
  readonly #now: () => number;
  /** Caches the text of the current millisecond: formatting is slower than most work done within it. */
  #printed = { ms: NaN, text: "" };

  /** Creates a clock from a function that returns milliseconds since 1970. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Returns the time as ISO 8601. Throws `invalid_request` if the clock throws or its time is outside the years 1 to 9999. */
  now(): string {
    const ms: unknown = callHost("read clock", "now", this.#now);
    if (typeof ms !== "number" || !(ms >= FIRST_MS && ms <= LAST_MS)) {
      const given = typeof ms === "number" ? ms : typeof ms;
      throw invalidRequest("read clock", `now: milliseconds of the years 1 to 9999 are needed, not ${given}`);
    }
    if (ms !== this.#printed.ms) this.#printed = { ms, text: new Date(ms).toISOString() };
    return this.#printed.text;
  }

  /** Returns the time as ISO 8601, from the system clock if this one fails. */
  nowOrSystem(): string {
    try {
      return this.now();
    } catch {
      return new Date(Math.min(Math.max(Date.now(), FIRST_MS), LAST_MS)).toISOString();
    }
  }
}
