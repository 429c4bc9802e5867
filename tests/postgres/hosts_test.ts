// A thousand runtimes on three hosts.

import { assert, assertEquals } from "@std/assert";
import { createSchema, RuntimeDirectory, RuntimeHost } from "../../postgres_store.ts";
import { pgClient } from "./clients.ts";
import { binaries, startServer } from "./server.ts";
import { privileged } from "../privileged.ts";

const RUNTIMES = 1_000;
const LEASE_MS = 15_000;

/** Waits until a condition holds, within a generous limit. */
async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 120_000; !holds();) {
    assert(performance.now() < end, what);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test({
  ...privileged(
    "RuntimeHost shares a thousand runtimes among three hosts, and the others take over those of one that stops",
    binaries === undefined ? "PostgreSQL is not installed" : undefined,
  ),
  fn: async () => {
    // The test is about sharing, not about durability.
    await using server = await startServer(["fsync=off"]);
    await using opened = new AsyncDisposableStack();
    const pools = await Promise.all([1, 2, 3, 4].map(() => pgClient(server)));
    for (const pool of pools) opened.use(pool);
    const [admin, ...clients] = pools.map(({ client }) => client);
    if (admin === undefined) throw new Error("there is no client");
    await createSchema(admin);
    const directory = new RuntimeDirectory({ client: admin });
    const ids = Array.from({ length: RUNTIMES }, (_, index) => `r${index}`);
    await Promise.all(ids.map((id) => directory.add(id)));

    /** Hosts of each runtime that are between `opened` and `closed`. */
    const owners = new Map<string, Set<string>>(ids.map((id) => [id, new Set()]));
    const errors: unknown[] = [];
    const start = async (client: (typeof clients)[number], index: number): Promise<RuntimeHost> => {
      const owner = `host ${index}`;
      return opened.use(
        await RuntimeHost.start({
          client,
          owner,
          leaseMs: LEASE_MS,
          opened: async (runtime) => {
            owners.get(runtime.runtimeId)?.add(owner);
            const worker = await runtime.ensureWorker({ workerId: "w", intent: { kind: "assistant" } });
            await worker.sendInput({ role: "user", content: owner });
          },
          closed: (runtimeId, error) => {
            owners.get(runtimeId)?.delete(owner);
            if (error !== undefined) errors.push(error);
          },
        }),
      );
    };
    const hosts = await Promise.all(clients.map(start));
    const counts = (): number[] => hosts.map(({ runtimes }) => runtimes.size);
    const isHostedOnce = (): boolean => owners.values().every(({ size }) => size === 1);

    await until(
      "a third of the runtimes on each host",
      () => counts().every((count) => count >= 332 && count <= 334) && isHostedOnce(),
    );
    await hosts[0]?.stop();
    await until(
      "half of the runtimes on each host that is left",
      () => counts().join() === "0,500,500" && isHostedOnce(),
    );
    assertEquals(errors, []);

    const { items, next } = await directory.list({ limit: RUNTIMES });
    assertEquals(next, null);
    const listed = new Map(items.map(({ runtimeId, owner }) => [String(runtimeId), owner]));
    assertEquals(listed, new Map(ids.map((id) => [id, [...owners.get(id) ?? []][0] ?? null])));
  },
});
