/**
 * The fence of a runtime: its epoch, which rises with each claim, and which every
 * statement that writes compares. A statement whose answer was lost is settled by
 * raising the epoch: from then on it can no longer happen, and whether it has
 * happened can be read.
 *
 * @module
 */
import { RuntimeError } from "../core/errors.ts";
import type { RuntimeId } from "../core/ids.ts";
import { column, type Database, isRejected, isRepeatable, type Parameter } from "./client.ts";
import { type Clock, pause } from "./clock.ts";
import { ROW_COLUMNS, runtimeMissing, type RuntimeRow, runtimeRow } from "./kept.ts";
import type { Lease } from "./lease.ts";

/** Time between two attempts. */
const POLL_MS = 200;
/** Attempts to name the next owner. */
const NAMING_ATTEMPTS = 3;

/**
 * Condition of every statement that writes: the claim and its epoch are still those of `$2`. The epoch alone
 * would not do: after a failover that undid a claim, another owner has the same one.
 */
export const HOLDS = `no = $1 AND claim || ' ' || epoch = $2`;

/** The runtime's row, if it still has the claim and epoch of the caller. Locked, so that nobody raises it meanwhile. */
export const FENCE: string = `fence AS (
    SELECT no FROM worker_runtime.runtimes WHERE ${HOLDS} FOR SHARE
  )`;

/**
 * Claims a runtime unless its claim or the lease of its owner still runs. The row
 * of an owner that claims at the same moment may be invisible: a claim itself holds
 * for a lease. The owner's row is locked before its lease is read, so that a renewal
 * in progress counts.
 */
const CLAIM = `WITH held AS (
    SELECT no, host FROM worker_runtime.runtimes WHERE space = $1 AND runtime = $2
      AND (claim = $4 OR claimed_until IS NULL OR claimed_until < clock_timestamp()) FOR UPDATE
  ), owner AS (
    SELECT h.lease_until FROM worker_runtime.hosts AS h JOIN held ON h.host = held.host
    WHERE h.host <> $3 FOR UPDATE OF h
  ) UPDATE worker_runtime.runtimes AS r SET epoch = epoch + 1, host = $3, claim = $4,
      claimed_until = clock_timestamp() + $5 * interval '1 millisecond'
    FROM held WHERE r.no = held.no
      AND NOT EXISTS (SELECT FROM owner WHERE lease_until > clock_timestamp())
    RETURNING ${ROW_COLUMNS.split(", ").map((name) => `r.${name}`).join(", ")}`;

/** The present owner of a runtime. */
interface Owner {
  readonly name: string;
  readonly claim: string;
  readonly epoch: number;
  readonly lastId: number;
}

/** Ownership of one runtime. */
export class Fence {
  readonly #database: Database;
  readonly #lease: Lease;
  readonly #space: string;
  readonly #runtimeId: RuntimeId;
  readonly #clock: Clock;
  readonly #onLost: (error: RuntimeError) => void;
  /** Unique name of this claim. */
  readonly #claim: string = crypto.randomUUID();
  readonly #leaseLost = () => this.#expire();
  #no = 0;
  #epoch = 0;
  #settling: Promise<unknown> = Promise.resolve();
  #naming: Promise<void> = Promise.resolve();
  /** The error that ended the ownership. */
  failure: RuntimeError | undefined;
  /** The last event that was acknowledged. */
  acknowledged = 0;

  /** A fence that is yet to be claimed. `onLost` is called again once the next owner is known. */
  constructor(
    { database, lease, space, runtimeId, clock, onLost }: {
      readonly database: Database;
      readonly lease: Lease;
      readonly space: string;
      readonly runtimeId: RuntimeId;
      readonly clock: Clock;
      readonly onLost: (error: RuntimeError) => void;
    },
  ) {
    this.#database = database;
    this.#lease = lease;
    this.#space = space;
    this.#runtimeId = runtimeId;
    this.#clock = clock;
    this.#onLost = onLost;
  }

  /** Claims the runtime, and waits for its present owner for up to `waitMs`. Throws `store_locked`, `store_missing`. */
  async claim(waitMs: number): Promise<RuntimeRow> {
    this.#lease.lost.add(this.#leaseLost);
    const { holder: { host }, leaseMs } = this.#lease;
    const params = [this.#space, column(this.#runtimeId), host, this.#claim, leaseMs];
    for (const until = this.#clock.now() + waitMs;;) {
      this.assertHeld();
      const row = await this.#database.row("claim runtime", CLAIM, ...params);
      if (row !== undefined) {
        const claimed = runtimeRow(row);
        [this.#no, this.#epoch, this.acknowledged] = [claimed.no, claimed.epoch, claimed.lastId];
        return claimed;
      }
      const left = until - this.#clock.now();
      if (left <= 0) throw await this.#lockedError();
      await pause(this.#clock, Math.min(left, POLL_MS));
    }
  }

  /** Throws the error that ended the ownership. A process that was stopped may be past its lease. */
  assertHeld(): void {
    if (this.failure === undefined && !this.#lease.isHeld()) this.#expire();
    if (this.failure !== undefined) throw this.failure;
  }

  /**
   * Runs a statement whose condition is {@linkcode HOLDS}, with parameters from `$3` on, and
   * which returns a row unless the epoch was raised. Resolves once it has happened;
   * if it rejects, it has not and never will, unless the error is final: then that is not known. It is repeated for the time of a
   * lease after errors that may pass. Without `hasHappened`, which is given the last event, it must be idempotent.
   * Throws `store_fenced`, `store_rolled_back`.
   */
  async run(
    operation: string,
    text: string,
    params: readonly Parameter[],
    hasHappened: (lastId: number) => boolean = () => false,
  ): Promise<void> {
    for (const until = this.#clock.now() + this.#lease.leaseMs;;) {
      this.assertHeld();
      const epoch = this.#epoch;
      const answer = await this.#database.rows(
        operation,
        text,
        this.#no,
        `${this.#claim} ${epoch}`,
        ...params,
      )
        .catch((error: RuntimeError) => error);
      if (!(answer instanceof RuntimeError)) {
        if (answer.length > 0) break;
        await this.#settling.catch(() => {});
        // A statement beside this one was settled.
        if (this.#epoch !== epoch) continue;
      }
      const isOpen = !(answer instanceof RuntimeError) || !isRejected(answer);
      if (isOpen && hasHappened(await this.#settle())) break;
      if (!(answer instanceof RuntimeError)) continue;
      if (!isRepeatable(answer) || this.#clock.now() >= until) throw answer;
      await pause(this.#clock, POLL_MS);
    }
    if (this.failure !== undefined || !this.#lease.isHeld()) await this.#throwEnd();
  }

  /** Ends the ownership with an error, which it returns. */
  end(error: RuntimeError): RuntimeError {
    if (this.failure !== undefined) return this.failure;
    this.failure = error;
    this.#onLost(error);
    return error;
  }

  /** Runs a statement that appends the events after the last one that was acknowledged, up to `through`. */
  async append(
    operation: string,
    text: string,
    params: readonly Parameter[],
    through: number,
  ): Promise<void> {
    await this.run(operation, text, params, (lastId) => {
      if (lastId === through || lastId === this.acknowledged) return lastId === through;
      throw this.end(this.#unexpectedEnd(lastId));
    });
    this.acknowledged = through;
  }

  /** Creates the error of a log that does not end as expected. */
  #unexpectedEnd(lastId: number): RuntimeError {
    return lastId < this.acknowledged
      ? rolledBack(lastId, this.acknowledged)
      : fenced(this.#epoch, "another writer");
  }

  /** Lets others claim the runtime at once. */
  async release(): Promise<void> {
    this.#lease.lost.delete(this.#leaseLost);
    const text = `UPDATE worker_runtime.runtimes
      SET host = NULL, claim = NULL, claimed_until = NULL, epoch = epoch + 1
      WHERE space = $1 AND runtime = $2 AND claim = $3`;
    const params = [this.#space, column(this.#runtimeId), this.#claim];
    await this.#database.rows("release runtime", text, ...params);
  }

  /** Makes sure that no earlier statement can happen any more. Returns the last event. */
  #settle(): Promise<number> {
    const settled = this.#settling.catch(() => {}).then(() => this.#raise());
    this.#settling = settled;
    return settled;
  }

  /** Raises the epoch. Ends the ownership if that takes longer than a lease: a session may lock the row for any time. */
  async #raise(): Promise<number> {
    const text = `UPDATE worker_runtime.runtimes SET epoch = greatest(epoch, $3) + 1
      WHERE no = $1 AND claim = $2 RETURNING epoch, last_id`;
    for (const until = this.#clock.now() + this.#lease.leaseMs;;) {
      if (this.failure !== undefined || !this.#lease.isHeld()) await this.#throwEnd();
      const params = [this.#no, this.#claim, this.#epoch];
      const answer = await this.#database.rows("settle statement", text, ...params)
        .catch((error: RuntimeError) => error);
      if (answer instanceof RuntimeError) {
        if (this.#clock.now() >= until) await this.#throwEnd("a statement cannot be settled");
        await pause(this.#clock, POLL_MS);
        continue;
      }
      const [row] = answer;
      if (row === undefined) throw this.end(await this.#fencedError());
      this.#epoch = Number(row.epoch);
      return Number(row.last_id);
    }
  }

  /** Ends the ownership, because the lease has run out or is of no use, and then names the next owner. */
  #expire(reason = "its lease has run out"): void {
    if (this.failure !== undefined) return;
    const id = JSON.stringify(this.#runtimeId);
    const message = `Cannot use store of runtime ${id}: ${reason}`;
    this.end(new RuntimeError("store_fenced", message, { epoch: this.#epoch, owner: "nobody" }));
    this.#naming = this.#nameOwner();
  }

  /** Names the next owner. An attempt may fail: a process that was stopped has connections that are broken. */
  async #nameOwner(): Promise<void> {
    let owner: Owner | undefined;
    for (let attempt = 1; owner === undefined && attempt <= NAMING_ATTEMPTS; attempt++) {
      owner = await this.#owner().catch(() => undefined);
      if (owner === undefined) await pause(this.#clock, POLL_MS);
    }
    if (owner === undefined || owner.claim === "" || owner.claim === this.#claim) return;
    this.failure = fenced(owner.epoch, owner.name);
    this.#onLost(this.failure);
  }

  async #throwEnd(reason?: string): Promise<never> {
    this.#expire(reason);
    await this.#naming;
    throw this.failure;
  }

  async #lockedError(): Promise<RuntimeError> {
    const owner = await this.#owner();
    if (owner === undefined) return runtimeMissing(this.#space, this.#runtimeId);
    const path = `${this.#space}/${this.#runtimeId}`;
    const message = `Cannot open store ${JSON.stringify(path)}: ${owner.name} has it open`;
    return new RuntimeError("store_locked", message, { path, owner: owner.name });
  }

  /** Creates the error of an epoch that is not the own one: of another owner, or of a failover that undid the claim. */
  async #fencedError(): Promise<RuntimeError> {
    const owner = await this.#owner().catch(() => undefined);
    if (owner === undefined) return fenced(0, "unknown");
    return owner.epoch < this.#epoch || owner.lastId < this.acknowledged
      ? rolledBack(owner.lastId, this.acknowledged)
      : fenced(owner.epoch, owner.name);
  }

  async #owner(): Promise<Owner | undefined> {
    const text = `SELECT r.epoch, r.last_id, r.claim, h.owner FROM worker_runtime.runtimes AS r
      LEFT JOIN worker_runtime.hosts AS h ON h.host = r.host WHERE r.space = $1 AND r.runtime = $2`;
    const row = await this.#database.row("read owner", text, this.#space, column(this.#runtimeId));
    if (row === undefined) return undefined;
    return {
      name: String(row.owner ?? "nobody"),
      claim: String(row.claim ?? ""),
      epoch: Number(row.epoch),
      lastId: Number(row.last_id),
    };
  }
}

function fenced(epoch: number, owner: string): RuntimeError<"store_fenced"> {
  const message = `Cannot write events: ${owner} has taken over`;
  return new RuntimeError("store_fenced", message, { epoch, owner });
}

function rolledBack(lastEventId: number, acknowledged: number): RuntimeError<"store_rolled_back"> {
  const message = `Cannot write events: the database ends with event ${lastEventId}, ` +
    `although event ${acknowledged} was acknowledged`;
  return new RuntimeError("store_rolled_back", message, { lastEventId, acknowledged });
}
