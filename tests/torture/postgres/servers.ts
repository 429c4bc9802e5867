/**
 * Servers that are restarted or blocked.
 *
 * @module
 */
import { type Case, pause } from "./case.ts";
import type { Server } from "../../postgres/server.ts";
import type { Line } from "./journal.ts";
import type { Figures } from "./verdict.ts";
import { killServer } from "./processes.ts";

/** The server is restarted, or crashes and is started again, under load: the same owner goes on. */
export async function restarts(one: Case, rounds: number): Promise<Figures> {
  const server = await one.database();
  const plan = { port: server.port, leaseMs: 15_000, callers: 6, again: true };
  one.start({ ...plan, name: "a" }, { ...plan, name: "b" });
  for (let round = 0; round < rounds; round++) {
    const owner = await one.owner();
    const how = one.random.pick(["fast", "immediate", "crash"] as const);
    one.journal.mark("restart", how);
    if (how === "crash") {
      await killServer(server);
      await one.revive(server);
    } else await server.control("-m", how, "restart");
    one.faults++;
    one.journal.read();
    const from = one.journal.lines.length;
    await one.progress();
    // It may be replaced if the machine is so slow that its lease has run out.
    if (one.acknowledged(owner.session, from) === 0) await one.ending(owner);
    await pause(one.random.below(500));
  }
  return await one.finish(server);
}

const LOCK_LEASE_MS = 3_000;
/** Time-outs of the database that processes set, or not. */
const SETTINGS = { a: "-c lock_timeout=200", b: "-c statement_timeout=300", c: "" };

/**
 * Another session locks rows of the store for longer than statements may wait: inputs wait, are rejected, or
 * their owner ends with a final error, in bounded time. Work goes on once the rows are free.
 */
export async function heldLocks(one: Case, rounds: number): Promise<Figures> {
  const server = await one.database();
  const plan = { port: server.port, leaseMs: LOCK_LEASE_MS, callers: 6, again: true };
  one.start(...Object.entries(SETTINGS).map(([name, settings]) => ({ ...plan, name, settings })));
  for (let round = 0; round < rounds; round++) {
    const { session } = await one.owner();
    const table = one.random.pick(["runtimes", "hosts"]);
    one.faults++;
    await withLocks(one, server, table, async () => {
      if (one.random.chance(0.6)) return await pause(one.random.below(LOCK_LEASE_MS));
      const isSettled = ({ word, args: [first = ""] }: Line): boolean =>
        /^(ended|rejected)$/.test(word) && (first === session || first.startsWith(`${session}/`));
      await one.journal.until("an outcome of each input", one.journal.lines.length, isSettled);
    });
    await one.progress();
  }
  return await one.finish(server);
}

/** Does something while a session holds the rows of a table. */
async function withLocks(
  one: Case,
  server: Server,
  table: string,
  work: () => Promise<unknown>,
): Promise<void> {
  await one.query(server, async (pool) => {
    const session = await pool.connect();
    try {
      await session.query("BEGIN");
      await session.query(`SELECT 1 FROM worker_runtime.${table} FOR UPDATE`);
      one.journal.mark("locked", table);
      await work();
      await session.query("ROLLBACK");
      one.journal.mark("unlocked");
    } finally {
      session.release();
    }
  });
}
