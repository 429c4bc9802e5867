/**
 * The contenders by name. Each is loaded when it is asked for, so that one
 * that cannot be had on a machine does not keep the others from running.
 *
 * @module
 */
import type { Contender, ContenderId } from "./contender.ts";

const loaders: Readonly<Record<ContenderId, () => Promise<Contender>>> = {
  "fs": async () => (await import("./fs.ts")).fsContender,
  "fs-written": async () => (await import("./fs.ts")).fsWrittenContender,
  "memory": async () => (await import("./memory.ts")).memoryContender,
  "sqlite": async () => (await import("./sqlite.ts")).sqliteContender,
  "sqlite-batched": async () => (await import("./sqlite.ts")).sqliteBatchedContender,
  "level": async () => (await import("./level.ts")).levelContender,
  "lmdb": async () => (await import("./lmdb.ts")).lmdbContender,
  "kv": async () => (await import("./kv.ts")).kvContender,
  "bare": async () => (await import("./bare.ts")).bareContender,
  "postgres": async () => (await import("./postgres.ts")).postgresContender,
  "insert": async () => (await import("./insert.ts")).insertContender,
  "insert-batched": async () => (await import("./insert.ts")).insertBatchedContender,
};

/** Loads a contender. Throws when its package or its native code cannot be had. */
export async function loadContender(id: ContenderId): Promise<Contender> {
  return await loaders[id]();
}
