/**
 * The operator's command: inspect, verify, repair, move and shrink a store.
 *
 * ```sh
 * deno run --allow-read=DIR jsr:@yoi/worker-runtime/cli inspect DIR
 * ```
 *
 * DIR is the root directory of a host, or the directory of one runtime. Reading
 * commands, `export` and `import` also take a PostgreSQL database,
 * `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with `--space`; then they need
 * `--allow-net=HOST:PORT` in place of the permissions for DIR or TO. The driver is
 * loaded from npm when it is needed.
 *
 * | command                                            | permissions besides `--allow-read=DIR` |
 * | -------------------------------------------------- | -------------------------------------- |
 * | `inspect`, `show`, `transcript`, `events`, `usage` |                                        |
 * | `search`, `verify`, `export`, `blobs`, `blob`      |                                        |
 * | `report`, `export` and `blob` with `-o OUT/FILE`   | `--allow-read=OUT --allow-write=OUT`   |
 * | `backup DIR TO`                                    | `--allow-read=TO --allow-write=TO`     |
 * | `import FILE TO`                                   | `--allow-read=TO --allow-write=TO`     |
 * | `repair`, `prune`, `purge`, `blobs` with `--apply` | `--allow-write=DIR`                    |
 *
 * Reading commands take no lock, work while a program has the store open, and
 * never change a byte. Commands that change a store only report what would
 * change, unless `--apply` is given. Every command has `--json`.
 *
 * Exit codes: 0 success, 1 failure, or nothing found by `search`, 2 the store can be repaired without loss, 3
 * acknowledged data is damaged or the store cannot be opened.
 *
 * {@linkcode main} runs the command inside another program. Runs in Deno.
 *
 * @example Usage
 * ```ts
 * import { Runtime } from "@yoi/worker-runtime";
 * import { main } from "@yoi/worker-runtime/cli";
 * import { FsRuntimeStore } from "@yoi/worker-runtime/fs-store";
 * import { assertEquals } from "@std/assert";
 *
 * const root = await Deno.makeTempDir();
 * const runtime = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "local" }) });
 * await runtime.close();
 * assertEquals(await main(["verify", root]), 0);
 * ```
 *
 * @module
 */
import { type Io, processIo } from "./io.ts";
import { runProgram } from "./program.ts";

export type { Io } from "./io.ts";

/**
 * Runs the command; resolves to its exit code. It writes to the output of the
 * process unless `io` says otherwise, and needs the permissions in the table
 * above.
 */
export async function main(args: readonly string[], io: Io = processIo()): Promise<number> {
  return await runProgram(args, io);
}

if (import.meta.main) {
  const ending = new AbortController();
  Deno.addSignalListener("SIGINT", () => ending.abort());
  Deno.exit(await main(Deno.args, processIo(ending.signal)));
}
