/**
 * The runtimes of a space: who owns them, and where.
 *
 * @module
 */
import { invalidRequest } from "../core/errors.ts";
import { parseRuntimeId, type RuntimeId } from "../core/ids.ts";
import { column, Database, idOfColumn, type PostgresClient, type PostgresRow } from "./client.ts";
import { ANSWER_MS, DEFAULT_SPACE } from "./location.ts";
import { addRuntime } from "./store.ts";

/** Options of {@linkcode RuntimeDirectory}. */
export interface DirectoryOptions {
  /** Runs statements: a client or a pool. */
  readonly client: PostgresClient;
  /** Space of the runtimes. @default {"default"} */
  readonly space?: string | undefined;
}

/** A runtime in the directory. */
export interface DirectoryEntry {
  /** The runtime. */
  readonly runtimeId: RuntimeId;
  /** The process that owns it; null if none does, or its lease has run out. */
  readonly owner: string | null;
  /** Address of the owner, if it has given one. */
  readonly address: string | null;
  /** The fence, which rises with each claim. */
  readonly epoch: number;
  /** Id of the newest event; 0 if the runtime was never opened. */
  readonly lastEventId: number;
}

/** A page of runtimes. */
export interface DirectoryPage {
  /** Runtimes, in the order of their ids. */
  readonly items: readonly DirectoryEntry[];
  /** Cursor for `after`, or null at the end. */
  readonly next: string | null;
}

const PAGE_MAX = 1_000;
const COLUMNS = `r.runtime, r.epoch, r.last_id, h.owner, h.address
  FROM worker_runtime.runtimes AS r LEFT JOIN worker_runtime.hosts AS h
  ON h.host = r.host AND h.lease_until > clock_timestamp()`;

/**
 * Lists the runtimes of a space, and adds some. Requires `--allow-net=HOST:PORT` for
 * the client, and the tables of `createSchema`. Every method throws `store_permission`
 * and `store_io`.
 */
export class RuntimeDirectory {
  readonly #database: Database;
  readonly #space: string;

  /** Creates a directory, without I/O. */
  constructor({ client, space = DEFAULT_SPACE }: DirectoryOptions) {
    this.#database = new Database(client, ANSWER_MS);
    this.#space = space;
  }

  /** A page of runtimes whose ids follow `after`; `limit` is 1 to 1,000, by default 50. Throws `invalid_request`. */
  async list(
    { after, limit = 50 }: { readonly after?: string | undefined; readonly limit?: number | undefined } = {},
  ): Promise<DirectoryPage> {
    if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_MAX) {
      throw invalidRequest("list runtimes", `limit: 1 to ${PAGE_MAX} is allowed, not ${limit}`);
    }
    const text = `SELECT ${COLUMNS} WHERE r.space = $1 AND r.runtime > $2 ORDER BY r.runtime LIMIT $3`;
    const rows = await this.#database.rows(
      "list runtimes",
      text,
      this.#space,
      after === undefined ? "" : column(after),
      limit + 1,
    );
    const items = rows.slice(0, limit).map(entryOf);
    return { items, next: rows.length > limit ? items.at(-1)?.runtimeId ?? null : null };
  }

  /** A runtime; `undefined` if there is none of this id. Throws `invalid_request`. */
  async get(runtimeId: string): Promise<DirectoryEntry | undefined> {
    const text = `SELECT ${COLUMNS} WHERE r.space = $1 AND r.runtime = $2`;
    const id = column(parseRuntimeId(runtimeId));
    const row = await this.#database.row("read runtime", text, this.#space, id);
    return row === undefined ? undefined : entryOf(row);
  }

  /** Adds a runtime for a host to claim. Idempotent. Throws `invalid_request`, `no_space`. */
  async add(runtimeId: string): Promise<void> {
    await addRuntime(this.#database, this.#space, parseRuntimeId(runtimeId));
  }
}

function entryOf({ runtime, owner, address, epoch, last_id: lastId }: PostgresRow): DirectoryEntry {
  return {
    runtimeId: parseRuntimeId(idOfColumn(String(runtime))),
    owner: owner === null ? null : String(owner),
    address: address === null ? null : String(address),
    epoch: Number(epoch),
    lastEventId: Number(lastId),
  };
}
