// A runtime moves from disk to PostgreSQL and back: the same stream each time.

import { assertEquals } from "@std/assert";
import { exportRuntime, importRuntime, verify } from "../../operate.ts";
import { createSchema, type PostgresClient } from "../../postgres_store.ts";
import { streamOf, textOf } from "../cli/kit.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { pgliteClient } from "./clients.ts";
import { location, stores, streamOfStore } from "./moving_kit.ts";

const options = { sanitizeOps: false, sanitizeResources: false };
let opened: Promise<PostgresClient> | undefined;
let spaces = 0;

/** The database of all tests. */
async function database(): Promise<PostgresClient> {
  return await (opened ??= pgliteClient().then(async ({ client }) => {
    await createSchema(client);
    return client;
  }));
}

function test(name: string, work: (client: PostgresClient, space: string) => Promise<void>): void {
  Deno.test({ name, ...options, fn: async () => await work(await database(), `space ${++spaces}`) });
}

for (const name of Object.keys(stores)) {
  test(
    `a runtime with ${name} is the same stream on disk, in PostgreSQL, and on disk again`,
    async (client, space) => {
      const stream = await streamOfStore(name);
      const report = await importRuntime({ client, space }, streamOf(stream));
      assertEquals([report.runtimeId, report.space, report.directory], ["local", space, undefined]);
      const place = { client, space, runtimeId: "local" };
      assertEquals(await textOf(exportRuntime(place)), stream);
      const fileSystem = new SimulatedDisk();
      await importRuntime("/back", exportRuntime(place), { fileSystem });
      assertEquals(await textOf(exportRuntime(location("/back"), { fileSystem })), stream);
      assertEquals((await verify(location("/back"), { fileSystem })).verdict, "clean");
    },
  );
}
