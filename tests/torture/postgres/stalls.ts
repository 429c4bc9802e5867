/**
 * Owners that are suspended, and processes that compete for one runtime.
 *
 * @module
 */
import { type Case, pause } from "./case.ts";
import type { Plan } from "./plan.ts";
import type { Figures } from "./verdict.ts";

const CALLERS = 6;

/** The owner is suspended under load, another process takes over, and the first one is resumed. */
export async function suspendedOwners(one: Case, rounds: number): Promise<Figures> {
  const server = await one.database();
  const plan = { port: server.port, leaseMs: 1_500, callers: CALLERS, again: true };
  one.start({ ...plan, name: "a" }, { ...plan, name: "b" });
  for (let round = 0; round < rounds; round++) {
    const owner = await one.owner();
    one.pause(owner.name);
    one.faults++;
    const next = await one.successor(owner);
    await pause(one.random.below(500));
    one.resume(owner.name);
    const resumedAt = one.journal.lines.length;
    const { code, details } = await one.ending(owner);
    if (next.name === owner.name) throw one.broken("I10", `${owner.name} opened while it was suspended`);
    if (code !== "store_fenced" || details.owner !== next.name) {
      throw one.broken("I10", `${owner.session} lost to ${next.session}: ${code} ${JSON.stringify(details)}`);
    }
    // Each caller may write the line of an append that was acknowledged before the process was suspended.
    if (one.acknowledged(owner.session, resumedAt) > CALLERS) {
      throw one.broken("I10", `${owner.session} acknowledged inputs after it was resumed`);
    }
  }
  await one.progress();
  return await one.finish(server);
}

/** Three processes want one runtime, with short leases, while they are suspended and their connections are cut. */
export async function competition(one: Case, rounds: number): Promise<Figures> {
  const server = await one.database();
  const plan: Omit<Plan, "name"> = { port: server.port, leaseMs: 1_000, callers: CALLERS, again: true };
  const names = ["a", "b", "c"];
  one.start(...names.map((name) => ({ ...plan, name })));
  await one.owner();
  const { random } = one;
  for (let round = 0; round < rounds; round++) {
    one.faults++;
    if (random.chance(0.3)) {
      const some = random.chance(0.5) ? "" : "AND random() < 0.5";
      await one.rows(
        server,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE application_name = 'worker-runtime' AND pid <> pg_backend_pid() ${some}`,
      );
    } else {
      const owner = await one.owner(0);
      const name = random.chance(0.7) ? owner.name : random.pick(names);
      one.pause(name);
      // Shorter or longer than a lease.
      await pause(random.chance(0.5) ? random.below(900) : 1_000 + random.below(1_000));
      one.resume(name);
    }
    await pause(random.below(random.pick([100, 800])));
  }
  await one.progress();
  return await one.finish(server);
}
