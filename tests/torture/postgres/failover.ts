/**
 * Failovers: the primary is killed under load, and its standby is promoted.
 *
 * @module
 */
import type { Server } from "../../postgres/server.ts";
import type { Case } from "./case.ts";
import { killServer, suspend } from "./processes.ts";
import { Proxy } from "./proxy.ts";
import type { Figures } from "./verdict.ts";

const LEASE_MS = 10_000;
/** Acknowledged inputs that an asynchronous standby does not receive. */
const UNDONE = 200;

/** The standby is synchronous: nothing acknowledged is lost, and the owner goes on or ends with a final error. */
export async function synchronousFailovers(one: Case, rounds: number): Promise<Figures> {
  let primary = await one.database();
  const proxy = startHosts(one, primary);
  for (let round = 0; round < rounds; round++) {
    const standby = await followed(one, primary, true);
    await one.owner();
    await one.progress();
    await killServer(primary);
    one.faults++;
    primary = await promoted(one, standby, proxy);
    await one.progress();
  }
  return await one.finish(primary);
}

/** The standby is behind: the owner receives `store_rolled_back`, and the runtime goes on from there. */
export async function asynchronousFailovers(one: Case, rounds: number): Promise<Figures> {
  let primary = await one.database();
  const proxy = startHosts(one, primary);
  for (let round = 0; round < rounds; round++) {
    const standby = await followed(one, primary, false);
    const owner = await one.owner();
    const senders = await one.rows(primary, "SELECT pid FROM pg_stat_replication");
    await suspend(senders.map(({ pid }) => Number(pid)));
    const { lines } = one.journal;
    const from = lines.length;
    await one.journal.eventually("further inputs", () => one.acknowledged(owner.session, from) >= UNDONE);
    await killServer(primary);
    one.faults++;
    primary = await promoted(one, standby, proxy);
    const { code, details } = await one.ending(owner);
    if (code !== "store_rolled_back") {
      throw one.broken("I1", `${owner.session} ended with ${code} ${JSON.stringify(details)}`);
    }
    await one.progress();
  }
  return await one.finish(primary);
}

function startHosts(one: Case, primary: Server): Proxy {
  const proxy = one.use(new Proxy(primary.port));
  const plan = { port: proxy.port, leaseMs: LEASE_MS, callers: 6, again: true };
  one.start({ ...plan, name: "a" }, { ...plan, name: "b" });
  return proxy;
}

/** Starts a standby of a server, and waits until it follows. */
async function followed(one: Case, primary: Server, isSynchronous: boolean): Promise<Server> {
  const standby = await one.server([], { primary });
  if (isSynchronous) await one.rows(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'");
  await one.rows(primary, "SELECT pg_reload_conf()");
  await one.journal.eventually("a standby", async () => {
    const [row] = await one.rows(primary, "SELECT state, sync_state FROM pg_stat_replication");
    return row?.state === "streaming" && row.sync_state === (isSynchronous ? "sync" : "async");
  });
  return standby;
}

async function promoted(one: Case, standby: Server, proxy: Proxy): Promise<Server> {
  await standby.control("promote");
  proxy.target = standby.port;
  one.journal.mark("promoted");
  return standby;
}
