/**
 * States of workers in memory, for key-value stores: they are read at the
 * opening, so that an input need not read before it writes.
 *
 * @module
 */

/** The state of a worker, as it is stored. */
export interface WorkerRow {
  readonly name: string;
  readonly status: string;
  readonly length: number;
  readonly lastEventId: number;
  readonly updatedAt: number;
}

/** What an input writes. */
export interface InputRows {
  readonly eventId: number;
  readonly at: number;
  readonly worker: number;
  readonly row: WorkerRow;
}

/** The current states, and the last event id. */
export class WorkerTable {
  readonly rows: WorkerRow[] = [];
  lastEventId = 0;

  /** Takes a state that was stored. */
  restore(worker: number, row: WorkerRow): void {
    this.rows[worker] = row;
    this.lastEventId = Math.max(this.lastEventId, row.lastEventId);
  }

  /** New workers, numbered up to `count`. */
  create(count: number): [worker: number, row: WorkerRow][] {
    const created: [number, WorkerRow][] = [];
    for (let worker = this.rows.length; worker < count; worker++) {
      const row = {
        name: `worker-${worker}`,
        status: "running",
        length: 0,
        lastEventId: 0,
        updatedAt: Date.now(),
      };
      this.rows[worker] = row;
      created.push([worker, row]);
    }
    return created;
  }

  /** Counts an input; gives what to write. */
  advance(worker: number): InputRows {
    const at = Date.now();
    const eventId = ++this.lastEventId;
    const before = this.rows[worker];
    if (before === undefined) throw new Error(`Cannot take input: worker ${worker} does not exist`);
    const row = { ...before, length: before.length + 1, lastEventId: eventId, updatedAt: at };
    this.rows[worker] = row;
    return { eventId, at, worker, row };
  }
}
