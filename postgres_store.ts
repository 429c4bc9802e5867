/**
 * The PostgreSQL store: runtimes that many machines share. Each runtime has one
 * owner at a time; if the owner fails, another process takes over, with all that
 * was acknowledged.
 *
 * The library imports no driver: it runs its statements through a
 * {@linkcode PostgresClient}, which is a pool of `pg`, `postgres` in an adapter of
 * one line, PGlite, or anything else with `query(text, params)`. Needs PostgreSQL 12
 * or later, and the permission `--allow-net=HOST:PORT` for the client; without it,
 * opening throws `store_permission`, whose `flag` names it.
 *
 * - {@linkcode createSchema} creates the tables, once for each database.
 * - {@linkcode PostgresRuntimeStore} is the store of one runtime, for `Runtime.open`.
 * - {@linkcode RuntimeHost} hosts this process's share of all runtimes of a space,
 *   and takes over those of hosts that fail.
 * - {@linkcode RuntimeDirectory} lists the runtimes of a space, with owner and address.
 * - {@linkcode PostgresRuntimeSource} is the source of a `RuntimeReader` on any machine.
 *
 * ## Guarantees
 *
 * A command resolves when the database has committed it, and survives what the
 * server's `synchronous_commit` says. At most one process writes: every statement
 * that writes carries a fence, the runtime's epoch, which each claim raises. A
 * process owns runtimes by a lease of 15 seconds, which it renews. If it cannot, it
 * ends its runs before the lease can pass to another process, and its commands fail
 * with `store_fenced`. If an answer of the database is lost, the store finds out
 * whether the command has happened before it answers the caller. If a failover has
 * lost acknowledged events, the store ends with `store_rolled_back`.
 *
 * `docs/postgres.md` has the tables, the guarantees for each setting, and how to
 * configure clients, poolers and standby servers.
 *
 * @example Usage
 * ```ts
 * import { Runtime, RuntimeReader } from "@yoi/worker-runtime";
 * import {
 *   createSchema,
 *   PostgresRuntimeSource,
 *   PostgresRuntimeStore,
 * } from "@yoi/worker-runtime/postgres-store";
 * import { PGlite } from "@electric-sql/pglite"; // with a server: a pool of pg, or postgres
 * import { assertEquals } from "@std/assert";
 *
 * const client = await PGlite.create();
 * await createSchema(client);
 * {
 *   const store = new PostgresRuntimeStore({ client, runtimeId: "local" });
 *   await using runtime = await Runtime.open({ store });
 *   const worker = await runtime.ensureWorker({ workerId: "reviewer", intent: { kind: "assistant" } });
 *   await worker.sendInput({ role: "user", content: "Please review PR 42" });
 * }
 * // On any machine, beside the owner:
 * {
 *   const source = new PostgresRuntimeSource({ client, runtimeId: "local" });
 *   await using reader = await RuntimeReader.open({ source });
 *   const page = await reader.transcript("reviewer");
 *   assertEquals(page.items[0]?.content, "Please review PR 42");
 * }
 * await client.close();
 * ```
 *
 * @example Hosts that share runtimes
 * ```ts
 * import { createSchema, RuntimeDirectory, RuntimeHost } from "@yoi/worker-runtime/postgres-store";
 * import { PGlite } from "@electric-sql/pglite";
 * import { assertEquals } from "@std/assert";
 *
 * const client = await PGlite.create();
 * await createSchema(client);
 * const directory = new RuntimeDirectory({ client });
 * await directory.add("team-a");
 * const opened = Promise.withResolvers<string>();
 * {
 *   await using _host = await RuntimeHost.start({
 *     client,
 *     owner: "host-1",
 *     address: "http://10.0.0.1:8000",
 *     opened: (runtime) => opened.resolve(runtime.runtimeId), // begin the work of its workers here
 *   });
 *   assertEquals(await opened.promise, "team-a");
 *   assertEquals((await directory.get("team-a"))?.address, "http://10.0.0.1:8000");
 * }
 * assertEquals((await directory.get("team-a"))?.owner, null);
 * await client.close();
 * ```
 *
 * @module
 */
export type { PostgresClient, PostgresRow } from "./src/postgres/client.ts";
export {
  type DirectoryEntry,
  type DirectoryOptions,
  type DirectoryPage,
  RuntimeDirectory,
} from "./src/postgres/directory.ts";
export { RuntimeHost, type RuntimeHostOptions } from "./src/postgres/host.ts";
export { createSchema } from "./src/postgres/schema.ts";
export { PostgresRuntimeStore, type PostgresStoreOptions } from "./src/postgres/store.ts";
export { PostgresRuntimeSource, type PostgresSourceOptions } from "./src/postgres/source.ts";
