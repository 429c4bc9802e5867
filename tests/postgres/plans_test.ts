// Rows that statements read, by the plans of the server.

import { assert, assertEquals } from "@std/assert";
import { Runtime } from "../../mod.ts";
import { createSchema, type PostgresClient, PostgresRuntimeStore } from "../../postgres_store.ts";
import { privileged } from "../privileged.ts";
import { pgClient } from "./clients.ts";
import { binaries, startServer } from "./server.ts";

const intent = { kind: "assistant" } as const;

interface Plan {
  readonly "Relation Name"?: string;
  readonly "Actual Rows": number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly Plan[];
}

/** Rows of tables that a plan has read. */
function rowsRead(plan: Plan): number {
  const own = plan["Relation Name"] === undefined
    ? 0
    : plan["Actual Rows"] + (plan["Rows Removed by Filter"] ?? 0);
  return (plan.Plans ?? []).reduce((sum, part) => sum + rowsRead(part), own);
}

function test(name: string, work: (client: PostgresClient) => Promise<void>): void {
  const fn = async (): Promise<void> => {
    // The counts do not depend on durability.
    await using server = await startServer(["fsync=off", "autovacuum=off"]);
    await using opened = await pgClient(server, 1);
    await createSchema(opened.client);
    await work(opened.client);
  };
  const obstacle = binaries === undefined ? "PostgreSQL is not installed" : undefined;
  Deno.test({ ...privileged(name, obstacle), fn, sanitizeOps: false, sanitizeResources: false });
}

async function rowsOf(client: PostgresClient, text: string): Promise<readonly Record<string, unknown>[]> {
  const result = await client.query(text, []);
  return "rows" in result ? result.rows : result;
}

test("transcript() reads its page alone, wherever it is", async (client) => {
  const read: number[] = [];
  const explaining: PostgresClient = {
    query: async (text, params) => {
      if (text.includes("first_seq IS NOT NULL")) {
        const result = await client.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, params);
        const [row] = "rows" in result ? result.rows : result;
        const [{ Plan: plan }] = row?.["QUERY PLAN"] as [{ Plan: Plan }];
        read.push(rowsRead(plan));
      }
      return await client.query(text, params);
    },
  };
  await using runtime = await Runtime.open({
    store: new PostgresRuntimeStore({ client: explaining, runtimeId: "local" }),
  });
  const workers = [await runtime.createWorker({ intent }), await runtime.createWorker({ intent })];
  await Promise.all(
    Array.from(
      { length: 2_000 },
      (_, index) => workers[index % 2]?.sendInput({ role: "user", content: `${index}` }),
    ),
  );
  for (const isAnalyzed of [false, true]) {
    if (isAnalyzed) await client.query("ANALYZE", []);
    for (const range of [{ after: 0 }, { after: 500 }, { before: 501 }, { before: 1_001 }, {}]) {
      const { items } = await workers[0]?.transcript({ ...range, limit: 20 }) ?? { items: [] };
      assertEquals(items.length, 20);
    }
  }
  assertEquals(read.length, 10);
  assert(read.every((rows) => rows <= 25), `${read}`);
});

test("an append finds its runtime by the index, though its plan was made when there were few", async (client) => {
  await using runtime = await Runtime.open({
    store: new PostgresRuntimeStore({ client, runtimeId: "local" }),
  });
  const worker = await runtime.createWorker({ intent });
  await client.query("VACUUM ANALYZE worker_runtime.runtimes", []);
  const scans = async (): Promise<number[]> => {
    const text = "SELECT seq_scan, idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'runtimes'";
    const [row] = await rowsOf(client, text);
    return [Number(row?.["seq_scan"]), Number(row?.["idx_scan"])];
  };
  // Counters of the transaction, which the appends join: the pool has one connection.
  await client.query("BEGIN", []);
  const [sequential = 0, indexed = 0] = await scans();
  for (let index = 0; index < 10; index++) await worker.sendInput({ role: "user", content: "x" });
  const after = await scans();
  await client.query("COMMIT", []);
  assertEquals(after, [sequential, indexed + 10]);
});
