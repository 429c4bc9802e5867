/**
 * The file system store: a runtime on disk that survives a restart, a kill, a
 * full disk and a power cut. Requires `--allow-read` and `--allow-write` for
 * its root directory, and nothing else.
 *
 * It runs in Deno. Other runtimes can import it, and get a `TypeError` that
 * says so at the first use; the core and the memory store run everywhere.
 *
 * ## Format, version 1
 *
 * ```text
 * <root>/runtimes/<runtime>/
 *   runtime.json              identity, format version, snapshot of the config
 *   config.jsonc              optional, the operator's; JSON with comments
 *   lock, owner.json          held while a writer is open, and by whom
 *   checkpoint.json           all state through one event; checkpoint.previous.json the one before
 *   events/0000000000000001.jsonl   the log, in segments named by their first event
 *   overview.json             counts, totals and a row for each worker
 *   workers/<worker>/         worker.json, transcript.jsonl, blobs/<sha256>
 *   quarantine/               bytes that were truncated or replaced, bounded
 *   incoming/                 blobs that are being written; emptied at opening
 * ```
 *
 * The log and the blobs are the only truth; every other file is a projection of
 * the log that says through which event it is current. A line of the log is one JSON object,
 * `id` first, that ends in `,"durable":D,"crc":"hhhhhhhh"}`: `crc` is the
 * CRC-32 of the bytes before `,"crc"`, `durable` the highest event that had
 * been synced when the line was written. The first line of a segment is a
 * header. A transcript holds the lines of the log that add to it, as they are.
 * File names keep `[a-z0-9_-]` of an id; every other byte is `~xx`.
 * `docs/format.md` has all of it, enough for a reader in another language.
 *
 * ## Life cycle
 *
 * Opening takes the lock, reads the newest checkpoint and the log after it,
 * and decides by a table whether a bad end is a write that was never
 * acknowledged (copied to quarantine, truncated) or damage (`store_corrupt`,
 * nothing is changed). Appending writes all waiting commands together and syncs them
 * once. After a failed write the file is truncated; after a failed sync the
 * store accepts nothing more until it is reopened. A blob is written and synced
 * before an event can refer to it. Closing writes a checkpoint.
 *
 * ## Reading
 *
 * A page is found by the average size of lines, and read at once; every line
 * is checked before it is returned. The newest pages of some 700 transcripts
 * are kept in 12 MiB of memory: damage on disk of what one of them holds is
 * found by the next read from there, as with the page cache. Up to 1,024
 * transcripts are open, or as few as the system allows. A blob is read in
 * chunks, and verified by its hash.
 *
 * ## What is assumed of the disk
 *
 * 1. When fdatasync says so, the data is on the device.
 * 2. Overwriting one 512-byte sector with the bytes it holds already does not
 *    destroy it.
 * 3. Locks work (this is tested at every opening).
 * 4. Files have numbers that identify them; where they have none, as on Windows, the diagnostic
 *    `path_identity_unavailable` says so, and only links and sizes are checked.
 *
 * While a store is open its paths must name the files it opened. They are
 * checked before each write, and after the sync of each commit: a store that
 * was moved, replaced or restored under a running host answers
 * `store_vanished`, and writes nothing more.
 *
 * ## Reading without the lock
 *
 * {@linkcode FsRuntimeSource} is the source of a `RuntimeReader`, for a runtime
 * that another program may own. The operator's tools (verify, repair, backup, export and others) are in
 * `./operate`, and as a command in `./cli`.
 *
 * @example Usage
 * ```ts
 * import { Runtime } from "@yoi/worker-runtime";
 * import { FsRuntimeStore } from "@yoi/worker-runtime/fs-store";
 * import { assertEquals } from "@std/assert";
 *
 * const root = await Deno.makeTempDir();
 * {
 *   await using runtime = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "local" }) });
 *   const worker = await runtime.ensureWorker({ workerId: "reviewer", intent: { kind: "assistant" } });
 *   await worker.sendInput({ role: "user", content: "Please review PR 42" });
 * }
 * await using runtime = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "local" }) });
 * const page = await runtime.worker("reviewer").transcript();
 * assertEquals(page.items[0]?.content, "Please review PR 42");
 * ```
 *
 * @module
 */
export { FsRuntimeStore, type FsStoreEnvironment, type FsStoreOptions } from "./src/fs/store.ts";
export type { StoreLimits, StoreSettings } from "./src/fs/place/config.ts";
export type {
  DirectoryEntry,
  FileIdentity,
  FileLock,
  FileStat,
  FileSystem,
  Handle,
  OpenFile,
  OpenMode,
} from "./src/fs/disk/file_system.ts";
export type { PendingTail } from "./src/fs/reading/follower.ts";
export type { StoreLocation } from "./src/fs/place/find.ts";
export { FsRuntimeSource, type FsSourceEnvironment } from "./src/fs/reading/source.ts";
