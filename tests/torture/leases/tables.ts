/**
 * The database in memory: the statements of the protocol, each of which happens at
 * once. Statements are recognized by a part of their text.
 *
 * @module
 */

type Params = readonly (string | number | null)[];
type Row = Readonly<Record<string, unknown>>;

interface Host {
  readonly owner: string;
  leaseUntil: number;
}

/** Executes the statements of the protocol at the time `now`. */
export class Tables {
  readonly #hosts = new Map<string, Host>();
  readonly #snapshots = new Map<string, string>();
  /** Uploads, and the upload of each blob. */
  readonly #uploads = new Set<string>();
  readonly #blobs = new Map<string, string>();
  #isThere = false;
  #epoch = 0;
  #host: string | null = null;
  #claim: string | null = null;
  #claimedUntil = -Infinity;
  #snapshotThrough = 0;
  /** The log. */
  readonly events: string[] = [];

  /** The epoch. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Executes a statement. */
  execute(text: string, params: Params, now: number): Row[] {
    const found = statements.find(([part]) => text.includes(part));
    if (found === undefined) throw new Error(`Cannot execute statement: it is not known: ${text}`);
    return found[1](this, params, now);
  }

  /** Takes a lease. */
  take([host, , owner, , ms]: Params, now: number): Row[] {
    this.#hosts.set(String(host), { owner: String(owner), leaseUntil: now + Number(ms) });
    return [];
  }

  /** Renews a lease. */
  renew([host, ms]: Params, now: number): Row[] {
    const found = this.#hosts.get(String(host));
    if (found === undefined || found.leaseUntil <= now) return [];
    found.leaseUntil = now + Number(ms);
    return [{ host }];
  }

  /** Ends a lease. */
  leave([host]: Params): Row[] {
    this.#hosts.delete(String(host));
    return [];
  }

  /** Adds the runtime. */
  add(): Row[] {
    this.#isThere = true;
    return [];
  }

  /** Claims the runtime. */
  claim([, , host, claim, ms]: Params, now: number): Row[] {
    if (!this.#isThere || this.#claim !== claim && this.#claimedUntil >= now) return [];
    const owner = this.#hosts.get(this.#host ?? "");
    if (this.#host !== host && owner !== undefined && owner.leaseUntil > now) return [];
    this.#epoch++;
    [this.#host, this.#claim, this.#claimedUntil] = [String(host), String(claim), now + Number(ms)];
    return [this.#row()];
  }

  /** Raises the epoch of a claim. */
  raise([, claim, epoch]: Params): Row[] {
    if (this.#claim !== claim) return [];
    this.#epoch = Math.max(this.#epoch, Number(epoch)) + 1;
    return [{ epoch: this.#epoch, last_id: this.events.length }];
  }

  /** Ends a claim. */
  release([, , claim]: Params): Row[] {
    if (this.#claim !== claim) return [];
    [this.#host, this.#claim, this.#claimedUntil] = [null, null, -Infinity];
    this.#epoch++;
    return [];
  }

  /** The owner. */
  owner(): Row[] {
    const owner = this.#hosts.get(this.#host ?? "")?.owner ?? null;
    return [{ epoch: this.#epoch, last_id: this.events.length, claim: this.#claim, owner }];
  }

  /** Appends events. */
  append([, claim, before, through, json]: Params): Row[] {
    if (!this.#holds(claim) || this.events.length !== before) return [];
    this.events.push(...String(json).split("\n"));
    if (this.events.length !== through) throw new Error("Cannot append events: their number is wrong");
    return [{ no: 1 }];
  }

  /** Saves a part of a snapshot. */
  save([, claim, through, part, body]: Params): Row[] {
    if (!this.#holds(claim)) return [];
    this.#snapshots.set(`${through}/${part}`, String(body));
    return [{ rt: 1 }];
  }

  /** Puts a snapshot into effect. */
  use([, claim, through]: Params): Row[] {
    if (!this.#holds(claim)) return [];
    this.#snapshotThrough = Math.max(this.#snapshotThrough, Number(through));
    return [{ no: 1 }];
  }

  /** Removes snapshots. */
  remove(isGone: (through: number) => boolean): Row[] {
    for (const key of [...this.#snapshots.keys()]) {
      if (isGone(Number(key.split("/")[0]))) this.#snapshots.delete(key);
    }
    return [];
  }

  /** A part of a snapshot. */
  part([, through, part]: Params): Row[] {
    const body = this.#snapshots.get(`${through}/${part}`);
    return body === undefined ? [] : [{ body }];
  }

  /** A range of events. */
  range([, from, to]: Params): Row[] {
    const first = Number(from);
    return this.events.slice(first - 1, Number(to)).map((json, index) => ({ id: first + index, json }));
  }

  /** Removes snapshots without effect. */
  removeUnused([, fence]: Params): Row[] {
    if (!this.#holds(fence)) return [];
    this.remove((through) => through !== this.#snapshotThrough);
    return [{ no: 1 }];
  }

  /** Hashes of the blobs whose bytes are there. */
  blobs(): string[] {
    return [...this.#blobs].flatMap(([sha256, upload]) => this.#uploads.has(upload) ? [sha256] : []);
  }

  /** Writes the chunk of an upload. */
  upload([, fence, upload]: Params): Row[] {
    if (!this.#holds(fence)) return [];
    this.#uploads.add(String(upload));
    return [{ rt: 1 }];
  }

  /** Gives an upload the name of a blob. */
  name([, fence, , sha256, , upload]: Params): Row[] {
    if (!this.#holds(fence)) return [];
    const before = this.#blobs.get(String(sha256));
    if (before !== undefined && before !== upload) this.#uploads.delete(before);
    this.#blobs.set(String(sha256), String(upload));
    return [{ rt: 1 }];
  }

  /** Removes uploads without a name: all, or this one. */
  removeUploads([, fence, upload]: Params): Row[] {
    if (!this.#holds(fence)) return [];
    const named = new Set(this.#blobs.values());
    for (const other of [...this.#uploads]) {
      if (!named.has(other) && (upload === undefined || upload === other)) this.#uploads.delete(other);
    }
    return [{ no: 1 }];
  }

  /** Removes nothing: no worker is purged. */
  removeBlobs([, fence]: Params): Row[] {
    return this.#holds(fence) ? [{ no: 1 }] : [];
  }

  #holds(claim: Params[number] | undefined): boolean {
    return claim === `${this.#claim} ${this.#epoch}`;
  }

  #row(): Row {
    return {
      no: 1,
      epoch: this.#epoch,
      first_id: 1,
      last_id: this.events.length,
      snapshot_through: this.#snapshotThrough,
    };
  }
}

const nothing = (): Row[] => [];

/** The statements, by a part of the text of each that no earlier one has. */
const statements: readonly (readonly [string, (tables: Tables, params: Params, now: number) => Row[]])[] = [
  ["SELECT version FROM", () => [{ version: 1 }]],
  ["INSERT INTO worker_runtime.hosts", (tables, params, now) => tables.take(params, now)],
  ["DELETE FROM worker_runtime.hosts WHERE lease_until", nothing],
  ["DELETE FROM worker_runtime.hosts WHERE host", (tables, params) => tables.leave(params)],
  ["UPDATE worker_runtime.hosts", (tables, params, now) => tables.renew(params, now)],
  ["INSERT INTO worker_runtime.runtimes", (tables) => tables.add()],
  ["WITH held AS", (tables, params, now) => tables.claim(params, now)],
  ["SET epoch = greatest", (tables, params) => tables.raise(params)],
  ["SET host = NULL", (tables, params) => tables.release(params)],
  ["SELECT r.epoch, r.last_id, r.claim", (tables) => tables.owner()],
  ["worker_runtime.append", (tables, params) => tables.append(params)],
  ["INSERT INTO worker_runtime.snapshots", (tables, params) => tables.save(params)],
  ["SET snapshot_through", (tables, params) => tables.use(params)],
  ["DELETE FROM worker_runtime.snapshots AS s", (tables, params) => tables.removeUnused(params)],
  ["DELETE FROM worker_runtime.snapshots", (tables, [, than]) => tables.remove((id) => id < Number(than))],
  ["SELECT body FROM worker_runtime.snapshots", (tables, params) => tables.part(params)],
  ["FROM worker_runtime.events", (tables, params) => tables.range(params)],
  ["INSERT INTO worker_runtime.blob_chunks", (tables, params) => tables.upload(params)],
  ["INSERT INTO worker_runtime.blobs", (tables, params) => tables.name(params)],
  ["DELETE FROM worker_runtime.blob_chunks", (tables, params) => tables.removeUploads(params)],
  ["DELETE FROM worker_runtime.blobs", (tables, params) => tables.removeBlobs(params)],
];
