/**
 * A network that delivers nothing: every connection of the owner hangs.
 *
 * @module
 */
import { type Case, pause } from "./case.ts";
import { type Direction, Proxy } from "./proxy.ts";
import type { Figures } from "./verdict.ts";

const DIRECTIONS: readonly (readonly Direction[])[] = [["toServer"], ["toClient"], ["toServer", "toClient"]];

/**
 * The traffic of the owner stalls in one or both directions. Its run ends before another process
 * owns the runtime; what was stalled is delivered or lost afterwards.
 */
export async function stalledNetworks(one: Case, rounds: number): Promise<Figures> {
  const server = await one.database();
  const proxies = new Map<string, Proxy>();
  for (const name of ["a", "b"]) {
    const proxy = one.use(new Proxy(server.port));
    proxies.set(name, proxy);
    one.start({ name, port: proxy.port, leaseMs: 2_000, callers: 6, again: true });
  }
  for (let round = 0; round < rounds; round++) {
    const owner = await one.owner();
    const proxy = proxies.get(owner.name) as Proxy;
    proxy.stall(...one.random.pick(DIRECTIONS));
    one.faults++;
    if (one.random.chance(0.2)) {
      // Shorter than the lease: the owner goes on, or not.
      await pause(one.random.below(1_500));
      proxy.resume();
      await one.progress();
      continue;
    }
    const next = await one.successor(owner);
    if (next.name === owner.name) throw one.broken("I10", `${owner.name} opened without a network`);
    await pause(one.random.below(500));
    // Statements that were stalled reach the database after the takeover.
    if (one.random.chance(0.3)) proxy.cut();
    proxy.resume();
    const { code } = await one.ending(owner);
    if (code !== "store_fenced") throw one.broken("I10", `${owner.session} ended with ${code}`);
  }
  await one.progress();
  return await one.finish(server);
}
