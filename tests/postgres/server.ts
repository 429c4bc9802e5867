// A PostgreSQL server on loopback for the tests of a file.

import { join } from "@std/path";

const BINARIES = ["/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin"];

/** Directory of the server's programs; `undefined` on a machine without them. */
export const binaries: string | undefined = BINARIES.find((path) => {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
});

/** A running server. */
export interface Server extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Directory of its files, for the server's user; removed when it is disposed. */
  readonly directory: string;
  /** Directory of its data. */
  readonly data: string;
  /** Runs a program of the server's. */
  run(program: string, ...args: string[]): Promise<void>;
  /** Runs `pg_ctl` on its data, such as `restart -m fast`, and waits until it is done. */
  control(...args: string[]): Promise<void>;
}

/** Options of {@linkcode startServer}. */
export interface ServerOptions {
  /** Parent of its directory. @default that of temporary files */
  readonly within?: string;
  /** Copies the data of this server, which the new one then follows, instead of creating a new database. */
  readonly primary?: Server;
}

/** Starts a server in a new directory. PostgreSQL refuses to run as root, so root becomes `postgres`. */
export async function startServer(
  settings: readonly string[] = [],
  { within, primary }: ServerOptions = {},
): Promise<Server> {
  const directory = await Deno.makeTempDir({
    prefix: "worker-runtime-postgres-",
    ...within === undefined ? {} : { dir: within },
  });
  try {
    return await start(directory, settings, primary);
  } catch (error) {
    await Deno.remove(directory, { recursive: true });
    throw error;
  }
}

async function start(
  directory: string,
  settings: readonly string[],
  primary: Server | undefined,
): Promise<Server> {
  if (binaries === undefined) throw new Error("PostgreSQL is not installed");
  const { uid } = await Deno.stat(directory);
  const asUser = uid === 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] : [];
  if (uid === 0) await execute("chown", "postgres:postgres", directory);
  const port = freePort();
  const data = join(directory, "data");
  const run = (program: string, ...args: string[]) =>
    execute(...asUser, join(binaries ?? "", program), ...args);
  if (primary === undefined) {
    await run("initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C");
  } else {
    await run(
      "pg_basebackup",
      "-d",
      primary.url,
      "-D",
      data,
      "-R",
      "-X",
      "stream",
      "-c",
      "fast",
      "--no-sync",
    );
  }
  const options = [
    `-p ${port}`,
    "-c listen_addresses=127.0.0.1",
    `-c unix_socket_directories=${directory}`,
    ...settings.map((setting) => `-c ${setting}`),
  ];
  const log = join(directory, "log");
  const control = (...args: string[]) =>
    run("pg_ctl", "-D", data, "-w", "-l", log, "-o", options.join(" "), ...args);
  await control("start");
  return {
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    directory,
    data,
    run,
    control,
    [Symbol.asyncDispose]: async () => {
      await control("-m", "immediate", "stop").catch(() => {});
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** A port that is free now, and that no system gives to outgoing connections. */
export function freePort(): number {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

async function execute(...command: string[]): Promise<void> {
  const [program = "", ...args] = command;
  const { success, stderr } = await new Deno.Command(program, { args, stdout: "null", stderr: "piped" })
    .output();
  if (!success) throw new Error(`${command.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
