/**
 * The PostgreSQL store, for runtimes that outgrow one machine.
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
