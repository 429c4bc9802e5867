// importWorker() into PostgreSQL, also after its process was gone in the middle.

import { assert, assertEquals } from "@std/assert";
import { Runtime } from "../../mod.ts";
import { importingLabel, importWorker } from "../../operate.ts";
import { type PostgresClient, PostgresRuntimeStore } from "../../postgres_store.ts";
import { streamOf } from "../cli/kit.ts";
import { exports, facts } from "../operate/importing.ts";
import { databaseTest } from "./moving_kit.ts";

const runtimeId = "target";

async function open(client: PostgresClient, space: string): Promise<Runtime> {
  return await Runtime.open({ store: new PostgresRuntimeStore({ client, space, runtimeId }) });
}

/** A client whose statements never arrive after the first `count`, as those of a process that is gone. */
function ending(client: PostgresClient, count: number): PostgresClient & { readonly isEnded: boolean } {
  let left = count;
  return {
    get isEnded() {
      return left < 0;
    },
    query: async (text, params) => {
      if (--left < 0) throw new Error("connection lost");
      return await client.query(text, params);
    },
  };
}

/** Ends all leases and claims: the time after which others may take over has passed. */
async function expireLeases(client: PostgresClient): Promise<void> {
  await client.query(`UPDATE worker_runtime.hosts SET lease_until = now() - interval '1 second'`, []);
  await client.query(`UPDATE worker_runtime.runtimes SET claimed_until = NULL`, []);
}

databaseTest("importWorker() keeps all facts of the worker in a database", async (client, space) => {
  for (const [what, { stream, expected }] of Object.entries(await exports())) {
    const runtime = await open(client, `${space} ${what}`);
    await importWorker(runtime, () => streamOf(stream), { workerId: "w", as: "x" });
    await runtime.close();
    const again = await open(client, `${space} ${what}`);
    assertEquals(await facts(again.worker("x")), expected, what);
    const { duplicate } = await importWorker(again, () => streamOf(stream), { workerId: "w", as: "x" });
    assertEquals(duplicate, true);
    await again.close();
  }
});

databaseTest("importWorker() whose process is gone in the middle can be repeated", async (client, space) => {
  const { stream = "", expected } = (await exports())["of one stopped worker"] ?? {};
  let [cuts, marked] = [0, 0];
  for (let count = 12;; count += 14) {
    const place = `${space} ${count}`;
    await (await open(client, place)).close();
    const gone = ending(client, count);
    const first = await open(gone, place).catch(() => undefined);
    const error = first === undefined
      ? "not opened"
      : await importWorker(first, () => streamOf(stream), { workerId: "w" }).then(() => undefined, (error) =>
        error);
    await first?.release().catch(() => {});
    if (error === undefined) break;
    assert(gone.isEnded, `${error}`);
    cuts++;
    await expireLeases(client);
    const runtime = await open(client, place);
    const left = runtime.allWorkers().next().value;
    if (left !== undefined && importingLabel in left.labels) marked++;
    await importWorker(runtime, () => streamOf(stream), { workerId: "w" });
    assertEquals(await facts(runtime.worker("w")), expected, `${count} statements`);
    await runtime.close();
  }
  assert(cuts > 1 && marked > 0, `${cuts} cuts, ${marked} marked`);
});
