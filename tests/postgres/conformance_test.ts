// The PostgreSQL store passes the conformance suite with each client.

import { createSchema, PostgresRuntimeStore } from "../../postgres_store.ts";
import { testRuntimeStore } from "../../testing/mod.ts";
import { privileged } from "../privileged.ts";
import { type OpenClient, pgClient, pgliteClient, postgresJsClient } from "./clients.ts";
import { binaries, type Server, startServer } from "./server.ts";

/** Parts of the suite that depend on the driver. */
const DRIVER = /store|append|Blob|prune|snapshot|purge/;
/** Clients outlive the tests that open them. */
const sanitizers = { sanitizeOps: false, sanitizeResources: false };

let spaces = 0;

/** Registers the tests of the suite whose titles match, on a client that the first of them opens. */
function register(
  { name, titles, open, test }: {
    readonly name: string;
    readonly titles: RegExp;
    readonly open: () => Promise<OpenClient>;
    readonly test: (title: string, fn: () => Promise<void>) => void;
  },
): void {
  let opened: Promise<OpenClient> | undefined;
  const start = async (): Promise<OpenClient> => {
    const client = await open();
    await createSchema(client.client);
    return client;
  };
  testRuntimeStore({
    name,
    histories: 10,
    test: (title, fn) => titles.test(title) && test(title, fn),
    open: async (runtimeId) => {
      const { client } = await (opened ??= start());
      const space = `${++spaces}`;
      return {
        store: () => new PostgresRuntimeStore({ client, runtimeId, space }),
        remove: () => Promise.resolve(),
      };
    },
  });
  test(`${name}: the client ends`, async () => await (await opened)?.[Symbol.asyncDispose]());
}

register({
  name: "PGlite",
  titles: DRIVER,
  open: pgliteClient,
  test: (name, fn) => Deno.test({ name, fn, ...sanitizers }),
});

for (
  const { driver, titles, open } of [
    { driver: "pg", titles: /./, open: (server: Server) => pgClient(server) },
    { driver: "postgres", titles: DRIVER, open: postgresJsClient },
  ]
) {
  Deno.test({
    ...privileged(
      `PostgresRuntimeStore passes the conformance suite through ${driver}`,
      binaries === undefined ? "needs PostgreSQL" : undefined,
    ),
    ...sanitizers,
    fn: async (test) => {
      // The suite is about the contract, not about durability.
      await using server = await startServer(["fsync=off"]);
      const steps: [title: string, fn: () => Promise<void>][] = [];
      register({ name: driver, titles, open: () => open(server), test: (...step) => steps.push(step) });
      for (const [name, fn] of steps) await test.step({ name, fn, ...sanitizers });
    },
  });
}
