// The PostgreSQL store passes the conformance suite with each client.

import { createSchema, PostgresRuntimeStore } from "../../postgres_store.ts";
import { testRuntimeStore } from "../../testing/mod.ts";
import { type OpenClient, pgClient, pgliteClient, postgresJsClient } from "./clients.ts";
import { binaries, type Server, startServer } from "./server.ts";

/** Which tests run with a client: everything with one, the parts that depend on the driver with the others. */
const CLIENTS: Readonly<
  Record<string, { open: (server: Server) => Promise<OpenClient>; needsServer: boolean; concerns: RegExp }>
> = {
  pg: { open: (server) => pgClient(server), needsServer: true, concerns: /./ },
  "postgres.js": {
    open: postgresJsClient,
    needsServer: true,
    concerns: /store|append|Blob|prune|snapshot|purge/,
  },
  PGlite: { open: pgliteClient, needsServer: false, concerns: /store|append|Blob|prune|snapshot|purge/ },
};

let server: Promise<Server> | undefined;
let spaces = 0;

for (const [name, { open, needsServer, concerns }] of Object.entries(CLIENTS)) {
  const ignore = needsServer && binaries === undefined;
  let opened: Promise<OpenClient> | undefined;
  const options = { ignore, sanitizeOps: false, sanitizeResources: false };
  const start = async (): Promise<OpenClient> => {
    // The suite is about the contract, not about durability.
    if (needsServer) server ??= startServer(["fsync=off"]);
    const client = await open(await server as Server);
    await createSchema(client.client);
    return client;
  };
  testRuntimeStore({
    name,
    histories: 10,
    test: (title, fn) => {
      if (concerns.test(title)) Deno.test({ name: title, fn, ...options });
    },
    open: async (runtimeId) => {
      const { client } = await (opened ??= start());
      const space = `${++spaces}`;
      return {
        store: () => new PostgresRuntimeStore({ client, runtimeId, space }),
        remove: () => Promise.resolve(),
      };
    },
  });
  Deno.test({
    name: `${name}: the client ends`,
    fn: async () => await (await opened)?.[Symbol.asyncDispose](),
    ...options,
  });
}

Deno.test({
  name: "the server of the conformance suite stops",
  ignore: binaries === undefined,
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => await (await server)?.[Symbol.asyncDispose](),
});
