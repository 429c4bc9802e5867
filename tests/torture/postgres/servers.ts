/**
 * Servers that are restarted or blocked.
 *
 * @module
 */
import { type Case, pause } from "./case.ts";
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

/**
 * Another session locks rows of the store for longer than the statements may wait: inputs wait or are rejected,
 * and work goes on once it ends, or another process owns the runtime.
 */
export async function heldLocks(one: Case, rounds: number): Promise<Figures> {
  const server = await one.database();
  const plan = { port: server.port, leaseMs: 3_000, callers: 6, again: true };
  const settings = ["-c lock_timeout=200", "-c statement_timeout=300"];
  one.start({ ...plan, name: "a", settings: settings[0] ?? "" }, {
    ...plan,
    name: "b",
    settings: settings[1] ?? "",
  });
  for (let round = 0; round < rounds; round++) {
    await one.owner();
    const table = one.random.pick(["runtimes", "hosts"]);
    const ms = one.random.pick([400, 1_500, 5_000]);
    await one.query(server, async (pool) => {
      const session = await pool.connect();
      try {
        await session.query("BEGIN");
        await session.query(`SELECT 1 FROM worker_runtime.${table} FOR UPDATE`);
        one.journal.mark("locked", table, ms);
        one.faults++;
        await pause(ms);
        await session.query("ROLLBACK");
        one.journal.mark("unlocked");
      } finally {
        session.release();
      }
    });
    await one.progress();
  }
  return await one.finish(server);
}
