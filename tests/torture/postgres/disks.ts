/**
 * Disks that are full: that of the tables, and that of the whole server.
 *
 * @module
 */
import { mountDisk } from "../../kit/small_disk.ts";
import type { Server } from "../../postgres/server.ts";
import { type Case, pause } from "./case.ts";
import type { Figures } from "./verdict.ts";

const MEBIBYTE = 1_048_576;
/** Characters of an input, so that a disk is soon full. */
const PADDING = 3_000;
const LEASE_MS = 15_000;

/** Removes a disk. */
async function unmountDisk(path: string): Promise<void> {
  await new Deno.Command("umount", { args: ["--lazy", path] }).output();
  await Deno.remove(path);
}

/** The reason why no disk can be mounted here, if there is one. */
export async function diskObstacle(): Promise<string | undefined> {
  const mounted = await mountDisk(MEBIBYTE);
  if ("why" in mounted) return mounted.why;
  await unmountDisk(mounted.path);
  return undefined;
}

/** The disk of the tables is full: inputs are rejected with `no_space`, and accepted again once there is space. */
export async function fullTables(one: Case, rounds: number): Promise<Figures> {
  const path = await disk(one, 96 * MEBIBYTE);
  const server = await one.database();
  // A directory of the server's user.
  await one.rows(server, `COPY (SELECT 1) TO PROGRAM 'mkdir ${path}/tables'`);
  await one.rows(server, `CREATE TABLESPACE small LOCATION '${path}/tables'`);
  await one.rows(server, "ALTER TABLE worker_runtime.events SET TABLESPACE small");
  start(one, server);
  for (let round = 0; round < rounds; round++) {
    const owner = await one.owner();
    const full = await fill(path);
    one.faults++;
    let count = 0;
    await one.journal.until(
      "rejected inputs",
      one.journal.lines.length,
      ({ word, args }) => word === "rejected" && args[1] === "no_space" && ++count > 10,
    );
    await Deno.remove(full);
    one.journal.mark("space");
    one.journal.read();
    const from = one.journal.lines.length;
    await one.progress();
    if (one.acknowledged(owner.session, from) === 0) {
      throw one.broken("I7", `${owner.session} does not go on`);
    }
  }
  return await one.finish(server);
}

/** The disk of the whole server is full, its write-ahead log included; if it crashes, it is started once there is space. */
export async function fullDisks(one: Case, rounds: number): Promise<Figures> {
  const path = await disk(one, 256 * MEBIBYTE);
  const server = await one.database(["max_wal_size=32MB"], { within: path });
  start(one, server);
  for (let round = 0; round < rounds; round++) {
    await one.owner();
    const full = await fill(path);
    one.faults++;
    await one.journal.eventually("a server without space", async () => {
      one.journal.read();
      const before = one.journal.lines.length;
      await pause(1_000);
      one.journal.read();
      return !one.journal.lines.slice(before).some(({ word }) => word === "ack");
    });
    await Deno.remove(full);
    one.journal.mark("space");
    await one.revive(server);
    await one.progress();
  }
  return await one.finish(server);
}

function start(one: Case, { port }: Server): void {
  const plan = { port, leaseMs: LEASE_MS, callers: 6, again: true, padding: PADDING };
  one.start({ ...plan, name: "a" }, { ...plan, name: "b" });
}

/** A disk that is removed with the case. */
async function disk(one: Case, bytes: number): Promise<string> {
  const mounted = await mountDisk(bytes);
  if ("why" in mounted) throw new Error(mounted.why);
  one.use({ [Symbol.asyncDispose]: () => unmountDisk(mounted.path) });
  return mounted.path;
}

/** Writes a file that uses all space that is left. Returns its path. */
async function fill(path: string): Promise<string> {
  const ballast = `${path}/ballast`;
  using file = await Deno.open(ballast, { create: true, write: true });
  for (const bytes of [new Uint8Array(MEBIBYTE), new Uint8Array(4_096)]) {
    try {
      while (await file.write(bytes) > 0);
    } catch {
      // There is no space for this many.
    }
  }
  return ballast;
}
