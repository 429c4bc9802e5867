// Prints as JSON what the PostgreSQL store does under the flags of this process: its driver is "pg" or "postgres".

// deno-lint-ignore-file no-console
import { isRuntimeError, Runtime, RuntimeReader } from "../../../mod.ts";
import {
  createSchema,
  type PostgresClient,
  PostgresRuntimeSource,
  PostgresRuntimeStore,
  RuntimeDirectory,
  RuntimeHost,
} from "../../../postgres_store.ts";

const [driver = "", host = "", port = ""] = Deno.args;
const address = { host, port: Number(port), user: "postgres", password: "unused", database: "postgres" };

async function open(): Promise<{ client: PostgresClient; end: () => Promise<void> }> {
  if (driver === "pg") {
    const { default: pg } = await import("pg");
    const pool = new pg.Pool(address);
    return { client: pool, end: () => pool.end() };
  }
  const { default: postgres } = await import("postgres");
  const sql = postgres({ ...address, fetch_types: false });
  return { client: { query: (text, params) => sql.unsafe(text, params) }, end: () => sql.end() };
}

/** A bit of everything. */
async function use(client: PostgresClient): Promise<unknown> {
  await createSchema(client);
  await using runtime = await Runtime.open({
    store: new PostgresRuntimeStore({ client, runtimeId: driver }),
  });
  const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  await worker.putBlob(new TextEncoder().encode("bytes"), { mediaType: "text/plain" });
  await worker.sendInput({ role: "user", content: "hello" });
  const source = new PostgresRuntimeSource({ client, runtimeId: driver });
  await using reader = await RuntimeReader.open({ source });
  return (await reader.transcript("a")).items.map(({ content }) => content);
}

/** Code and flag of the error of each way to open something, or the result. */
async function outcome(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return { result: await work() };
  } catch (error) {
    if (!isRuntimeError(error)) throw error;
    return { code: error.code, flag: Reflect.get(error.details, "flag"), message: error.message };
  }
}

const { client, end } = await open();
const store = new PostgresRuntimeStore({ client, runtimeId: "other" });
const source = new PostgresRuntimeSource({ client, runtimeId: "other" });
const ways: Record<string, () => Promise<unknown>> = {
  use: () => use(client),
  "Runtime.open": async () => await (await Runtime.open({ store })).close(),
  "RuntimeReader.open": async () => await (await RuntimeReader.open({ source })).close(),
  "RuntimeHost.start": async () => await (await RuntimeHost.start({ client, opened: () => {} })).stop(),
  "RuntimeDirectory.list": async () => (await new RuntimeDirectory({ client }).list()).items.length,
};
const outcomes: Record<string, unknown> = {};
for (const [name, work] of Object.entries(ways)) outcomes[name] = await outcome(work);
await end();
console.log(JSON.stringify(outcomes));
