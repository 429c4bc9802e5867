/**
 * The lease of a process: while it holds, nobody else claims its runtimes. The
 * database's clock decides when it ends; the process ends it earlier, by its
 * own monotonic clock.
 *
 * @module
 */
import type { Database } from "./client.ts";
import { type Clock, processClock } from "./clock.ts";

/** Owner of a lease. */
export interface LeaseHolder {
  /** Unique name of the holder. */
  readonly host: string;
  /** Space of its runtimes. */
  readonly space: string;
  /** Description for people. */
  readonly owner: string;
  /** Address of the holder, if it has given one. */
  readonly address: string | null;
}

/** Clocks may differ in their rates by one in a hundred; the rest is for timers that fire late. */
const RATE = 0.97;
/** Renewals in the time of a lease. */
const RENEWALS = 3;

/** A lease that is renewed until it is released or lost. */
export class Lease {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #leaseMs: number;
  /** Holder. */
  readonly holder: LeaseHolder;
  /** Each is called once if the lease ends without being released. */
  readonly lost: Set<() => void> = new Set();
  #validUntil = -Infinity;
  #state: "new" | "held" | "released" | "lost" = "new";
  #cancel: () => void = () => {};

  /** A lease that is not held yet. */
  constructor(database: Database, holder: LeaseHolder, leaseMs: number, clock: Clock = processClock) {
    this.#database = database;
    this.holder = holder;
    this.#leaseMs = leaseMs;
    this.#clock = clock;
  }

  /** Duration in milliseconds. */
  get leaseMs(): number {
    return this.#leaseMs;
  }

  /** Takes the lease, and renews it from then on. */
  async acquire(): Promise<void> {
    const { host, space, owner, address } = this.holder;
    const text = `INSERT INTO worker_runtime.hosts AS hosts (host, space, owner, address, lease_until)
      VALUES ($1, $2, $3, $4, clock_timestamp() + $5 * interval '1 millisecond')
      ON CONFLICT (host) DO UPDATE SET lease_until = excluded.lease_until`;
    const sentAt = this.#clock.now();
    await this.#database.rows("take lease", text, host, space, owner, address, this.#leaseMs);
    this.#state = "held";
    this.#extend(sentAt);
    const gone = `DELETE FROM worker_runtime.hosts WHERE lease_until < clock_timestamp() - interval '1 day'`;
    await this.#database.rows("remove expired leases", gone);
  }

  /** Returns true while the lease holds. Ends it if it has run out, for example while the process was stopped. */
  isHeld(): boolean {
    if (this.#state === "held" && this.#clock.now() >= this.#validUntil) this.#lose();
    return this.#state === "held";
  }

  /** Ends the lease at once. */
  async release(): Promise<void> {
    this.#cancel();
    if (this.#state === "new" || this.#state === "released") return;
    this.#state = "released";
    await this.#database.rows(
      "release lease",
      `DELETE FROM worker_runtime.hosts WHERE host = $1`,
      this.holder.host,
    );
  }

  /** Stops renewing; the lease runs out. */
  abandon(): void {
    this.#cancel();
    if (this.#state === "held") this.#state = "lost";
  }

  #extend(sentAt: number): void {
    this.#validUntil = sentAt + this.#leaseMs * RATE;
    this.#schedule(this.#leaseMs / RENEWALS);
  }

  #schedule(ms: number): void {
    this.#cancel();
    const left = Math.max(0, this.#validUntil - this.#clock.now());
    this.#cancel = this.#clock.after(Math.min(ms, left), () => void this.#renew());
  }

  async #renew(): Promise<void> {
    if (!this.isHeld()) return;
    const sentAt = this.#clock.now();
    this.#endInTime();
    const text = `UPDATE worker_runtime.hosts
      SET lease_until = clock_timestamp() + $2 * interval '1 millisecond'
      WHERE host = $1 AND lease_until > clock_timestamp() RETURNING host`;
    try {
      const row = await this.#database.row("renew lease", text, this.holder.host, this.#leaseMs);
      if (!this.isHeld()) return;
      if (row === undefined) return this.#lose();
      this.#extend(sentAt);
    } catch {
      // The database may answer again before the lease runs out.
      if (this.isHeld()) this.#schedule(this.#leaseMs / RENEWALS / 4);
    }
  }

  /** Ends the lease in time even if no answer comes. Timers may fire early. */
  #endInTime(): void {
    const left = Math.max(1, this.#validUntil - this.#clock.now());
    this.#cancel = this.#clock.after(left, () => {
      if (this.isHeld()) this.#endInTime();
    });
  }

  #lose(): void {
    this.#cancel();
    this.#state = "lost";
    for (const lost of this.lost) lost();
  }
}
