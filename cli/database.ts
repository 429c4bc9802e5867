/**
 * Connections to PostgreSQL databases. The driver is loaded when the first one is
 * made. It gets every setting from the URL, and reads nothing from the environment.
 *
 * @module
 */
import type { PostgresClient } from "../postgres_store.ts";
import { invalidRequest } from "../store.ts";

/** A connection to a database. */
export interface Database extends AsyncDisposable {
  /** Runs statements. */
  readonly client: PostgresClient;
  /** The address without the password. */
  readonly name: string;
}

/** Settings of a connection. */
interface Settings {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password: () => string;
  readonly ssl: false | { readonly rejectUnauthorized: boolean };
}

const PORT = 5432;
/** Time for a connection, and for the answer to a statement. */
const CONNECT_MS = 10_000;
const ANSWER_MS = 30_000;
/** Time for the end of the connections. */
const END_MS = 2_000;

/** Returns true if a place is that of a database. */
export function isDatabase(place: string): boolean {
  return /^postgres(?:ql)?:\/\//.test(place);
}

/** Connects to a database: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=MODE`. Throws `invalid_request`. */
export async function connect(url: string): Promise<Database> {
  const { settings, name } = parseUrl(url);
  const { default: pg } = await import("pg");
  // Without these values the driver would look for some in the environment; they are taken back below.
  const unset = { binary: true, options: "-", replication: "-" };
  class Client extends pg.Client {
    constructor() {
      super({
        ...settings,
        ...unset,
        client_encoding: "UTF8",
        sslnegotiation: "postgres",
        application_name: "worker-runtime",
        connectionTimeoutMillis: CONNECT_MS,
        query_timeout: ANSWER_MS,
      });
      Object.assign(this, { binary: false });
      Object.assign(Reflect.get(this, "connectionParameters"), {
        options: undefined,
        replication: undefined,
      });
    }
  }
  const pool = new pg.Pool({ Client, max: 4, connectionTimeoutMillis: CONNECT_MS });
  // A connection that is lost while it is idle; the next statement opens another one.
  pool.on("error", () => {});
  const { host, port } = settings;
  const client: PostgresClient = {
    query: (text, params) =>
      pool.query(text, params).catch((error: unknown) => {
        // The name of the host cannot be looked up without the permission.
        const isDenied = Reflect.get(Object(error), "code") === "EPERM";
        throw isDenied ? new Deno.errors.NotCapable(`Requires net access to "${host}:${port}"`) : error;
      }),
  };
  return { client, name, [Symbol.asyncDispose]: () => ended(pool.end()) };
}

/** Settles once the connections are closed, or after a while. */
async function ended(ending: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, END_MS);
  await Promise.race([ending, promise]).finally(() => clearTimeout(timer));
}

function parseUrl(text: string): { readonly settings: Settings; readonly name: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === "") {
    throw invalidRequest("use the address", "postgres://USER:PASSWORD@HOST:PORT/DATABASE is needed");
  }
  const { hostname, port, searchParams } = url;
  const [user, password, database] = [url.username, url.password, url.pathname.slice(1)].map(decoded);
  const settings = {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? PORT : Number(port),
    user: user || "postgres",
    database: database || "postgres",
    password: () => password ?? "",
    ssl: sslOf(searchParams),
  };
  return { settings, name: `postgres://${hostname}:${settings.port}/${settings.database}` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidRequest("use the address", "a % in it is not followed by two hexadecimal digits");
  }
}

/** The encryption that the parameter `sslmode` asks for. */
function sslOf(params: URLSearchParams): Settings["ssl"] {
  const unknown = [...params.keys()].find((name) => name !== "sslmode");
  if (unknown !== undefined) throw invalidRequest("use the address", `${unknown}: only sslmode is allowed`);
  const mode = params.get("sslmode") ?? "disable";
  if (mode === "disable") return false;
  if (mode === "require") return { rejectUnauthorized: false };
  if (mode === "verify-full") return { rejectUnauthorized: true };
  throw invalidRequest("use the address", `sslmode: disable, require or verify-full is needed, not ${mode}`);
}
