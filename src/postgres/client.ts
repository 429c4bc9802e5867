/**
 * The client of a PostgreSQL database, as the host hands it in, and its errors
 * as typed ones.
 *
 * @module
 */
import { isRuntimeError, RuntimeError } from "../core/errors.ts";
import { type Clock, processClock } from "./clock.ts";

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
  /** Runs one statement, as a transaction of its own. Rejects with the driver's error, whose `code` is the SQLSTATE. */
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
  readonly #clock: Clock;

  /** Statements of a client; none is waited for longer than `limitMs`. */
  constructor(client: PostgresClient, limitMs: number, clock: Clock = processClock) {
    this.#client = client;
    this.#limitMs = limitMs;
    this.#clock = clock;
  }

  /** The rows of a statement. Throws `store_io`, `no_space`, `store_permission`, `store_missing` without tables. */
  async rows(operation: string, text: string, ...params: Parameter[]): Promise<readonly PostgresRow[]> {
    try {
      const result = await this.#within(() => this.#client.query(text, params));
      return "rows" in result ? result.rows : result;
    } catch (error) {
      throw databaseFault(error, operation);
    }
  }

  /** The first row of a statement. */
  async row(operation: string, text: string, ...params: Parameter[]): Promise<PostgresRow | undefined> {
    return (await this.rows(operation, text, ...params))[0];
  }

  /** Settles like `work`, or rejects once the limit has passed. */
  async #within<T>(work: () => PromiseLike<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const late = new Error(`Cannot wait for the server: no answer within ${this.#limitMs} ms`);
    const cancel = this.#clock.after(this.#limitMs, () => reject(late));
    try {
      return await Promise.race([work(), promise]);
    } finally {
      cancel();
    }
  }
}

/** SQLSTATE of a full disk, and of too little memory. */
const NO_SPACE: ReadonlySet<string> = new Set(["53100", "53200"]);
/** SQLSTATE of a missing table, and of a missing schema. */
const NO_TABLES: ReadonlySet<string> = new Set(["42P01", "3F000"]);
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
  const flag = missingFlag(error, why, systemCode);
  if (flag !== undefined) {
    const text = `Cannot ${operation} in PostgreSQL: run again with ${flag}`;
    return new RuntimeError("store_permission", text, { operation, path: "PostgreSQL", flag }, cause);
  }
  if (DENIED.test(systemCode)) {
    return new RuntimeError("store_permission", message, { operation, path: "PostgreSQL", flag: "" }, cause);
  }
  if (NO_TABLES.has(systemCode)) {
    const text = `Cannot ${operation} in PostgreSQL: the database has no tables; call createSchema first`;
    return new RuntimeError("store_missing", text, { path: "worker_runtime" }, cause);
  }
  return new RuntimeError(NO_SPACE.has(systemCode) ? "no_space" : "store_io", message, details, cause);
}

/** The flag that names the permission that Deno denied, if it did. */
function missingFlag(error: unknown, why: string, systemCode: string): string | undefined {
  if (!(error instanceof Error)) return undefined;
  // A look-up of a name is denied with the error of a system call, which has the name alone.
  if (systemCode === "EPERM" && Reflect.get(error, "syscall") === "getaddrinfo") {
    return `--allow-net=${Reflect.get(error, "hostname")}`;
  }
  if (error.name !== "NotCapable") return undefined;
  const [, kind, name] = /Requires (\w+) access to "(.+?)"/.exec(why) ?? [];
  return kind === undefined ? "--allow-net" : `--allow-${kind}=${name}`;
}

/** An id as a value of a column: text of one line without NUL, which PostgreSQL does not keep. */
export function column(id: string): string {
  return id.replace(/[%\n\0]/g, (char) => char === "%" ? "%25" : char === "\n" ? "%0A" : "%00");
}

/** The id of a column. */
export function idOfColumn(text: string): string {
  return text.replace(/%(25|0A|00)/g, (code) => decodeURIComponent(code));
}

/**
 * Classes of SQLSTATE with which the server rejects a statement as a whole: it has
 * not happened. After any other error, such as a lost connection, it may have; 40003
 * says so itself.
 */
const REJECTED = /^(22|23|25|28|40(?!003)|42|53|54|55|57014)/;
/** Those after which the same statement may succeed: a standby, a conflict, too many connections, a time-out. */
const REPEATABLE = /^(25006|40|53300|55P03|57014)/;

/** Returns true if a statement that failed has not happened and can no longer happen. */
export function isRejected(error: RuntimeError): boolean {
  return error.code === "store_permission" || error.code === "store_missing" ||
    REJECTED.test(systemCodeOf(error));
}

/** Returns true if a statement that failed may succeed when it is repeated. */
export function isRepeatable(error: RuntimeError): boolean {
  return !isRejected(error) || REPEATABLE.test(systemCodeOf(error));
}

/** The SQLSTATE of an error, if it has one. */
export function systemCodeOf({ details }: RuntimeError): string {
  return "systemCode" in details ? details.systemCode : "";
}
