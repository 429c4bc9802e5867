/**
 * The client of a PostgreSQL database, as the host hands it in, and its errors
 * as typed ones.
 *
 * @module
 */
import { isRuntimeError, RuntimeError } from "../core/errors.ts";

/** A row: values by column. */
export type PostgresRow = Readonly<Record<string, unknown>>;

/**
 * A client or a pool of clients: whatever runs one statement with parameters
 * `$1`, `$2` ... `pg` and PGlite fit as they are; for `postgres`, pass
 * `{ query: (text, params) => sql.unsafe(text, params) }`. Parameters are strings,
 * numbers and null; no statement depends on the session of another one, so that
 * poolers in transaction mode work.
 */
export interface PostgresClient {
  /** Runs a statement. */
  query(
    text: string,
    params: (string | number | null)[],
  ): PromiseLike<{ readonly rows: readonly PostgresRow[] } | readonly PostgresRow[]>;
}

/** A parameter of a statement. */
export type Parameter = string | number | null;

/** Runs statements, each within a bounded time. */
export class Database {
  readonly #client: PostgresClient;
  readonly #limitMs: number;

  /** Statements of a client; none is waited for longer than `limitMs`. */
  constructor(client: PostgresClient, limitMs: number) {
    this.#client = client;
    this.#limitMs = limitMs;
  }

  /** The rows of a statement. Throws `store_io`, `no_space`, `store_permission`. */
  async rows(operation: string, text: string, ...params: Parameter[]): Promise<readonly PostgresRow[]> {
    try {
      const result = await within(this.#limitMs, () => this.#client.query(text, params));
      return "rows" in result ? result.rows : result;
    } catch (error) {
      throw databaseFault(error, operation);
    }
  }

  /** The first row of a statement. */
  async row(operation: string, text: string, ...params: Parameter[]): Promise<PostgresRow | undefined> {
    return (await this.rows(operation, text, ...params))[0];
  }
}

/** Settles like `work`, or rejects after `limitMs`. */
async function within<T>(limitMs: number, work: () => PromiseLike<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
  try {
    return await Promise.race([work(), promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** SQLSTATE of a full disk, and of too little memory. */
const NO_SPACE: ReadonlySet<string> = new Set(["53100", "53200"]);
/** Classes and codes of SQLSTATE for missing rights. */
const DENIED = /^28|^42501$/;

/** Returns the typed error for an error of a client during `operation`. */
export function databaseFault(error: unknown, operation: string): RuntimeError {
  if (isRuntimeError(error)) return error as RuntimeError;
  const code = error instanceof Error ? Reflect.get(error, "code") : undefined;
  const systemCode = typeof code === "string" ? code : "";
  const why = error instanceof Error ? error.message : String(error);
  const details = { operation, path: "PostgreSQL", systemCode };
  const message = `Cannot ${operation} in PostgreSQL: ${why}`;
  const cause = { cause: error };
  if (error instanceof Error && error.name === "NotCapable") {
    const address = /access to "(.+?)"/.exec(why)?.[1];
    const flag = address === undefined ? "--allow-net" : `--allow-net=${address}`;
    const text = `Cannot ${operation} in PostgreSQL: run again with ${flag}`;
    return new RuntimeError("store_permission", text, { operation, path: "PostgreSQL", flag }, cause);
  }
  if (DENIED.test(systemCode)) {
    return new RuntimeError("store_permission", message, { operation, path: "PostgreSQL", flag: "" }, cause);
  }
  return new RuntimeError(NO_SPACE.has(systemCode) ? "no_space" : "store_io", message, details, cause);
}

/** An id as a value of a column: text of one line without NUL, which PostgreSQL does not keep. */
export function column(id: string): string {
  return id.replace(/[%\n\0]/g, (char) => char === "%" ? "%25" : char === "\n" ? "%0A" : "%00");
}

/** The id of a column. */
export function idOfColumn(text: string): string {
  return text.replace(/%(25|0A|00)/g, (code) => decodeURIComponent(code));
}
