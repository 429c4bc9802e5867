// Hosts on several machines that share runtimes in one PostgreSQL database. Start two of them:
//
//     URL=postgres://postgres:secret@127.0.0.1:5432/postgres
//     deno run --ignore-env --allow-net=127.0.0.1:5432 examples/hosts.ts $URL a
//     deno run --ignore-env --allow-net=127.0.0.1:5432 examples/hosts.ts $URL b
//
// Kill one, and the other takes over its runtimes once the lease has run out; stop it with Ctrl-C, and the other does
// so at once. Without a name, the program lists the runtimes, their owners and their progress.

// deno-lint-ignore-file no-console
import { type Runtime, RuntimeReader } from "@yoi/worker-runtime";
import {
  createSchema,
  PostgresRuntimeSource,
  RuntimeDirectory,
  RuntimeHost,
} from "@yoi/worker-runtime/postgres-store";
import pg from "pg";

const RUNTIMES = ["east", "north", "south", "west"];
/** Time after which others take over from a host that is silent. */
const LEASE_MS = 5_000;
/** The store waits no longer for an answer. */
const ANSWER_MS = LEASE_MS / 3;
const STEP_MS = 100;
const [url = "postgres://postgres:secret@127.0.0.1:5432/postgres", name] = Deno.args;

const client = new pg.Pool({
  connectionString: url,
  keepAlive: true,
  connectionTimeoutMillis: ANSWER_MS,
  query_timeout: ANSWER_MS,
  statement_timeout: ANSWER_MS,
});
// Idle connections report their end here. The pool opens others.
client.on("error", () => {});

/** Works until the run is aborted: the host is stopped, or it has lost the runtime. */
async function work(runtime: Runtime): Promise<void> {
  const worker = await runtime.ensureWorker({
    workerId: "counter",
    intent: { kind: "task", objective: "Count" },
  });
  await worker.run(async (run) => {
    while (!run.signal.aborted) {
      // The transcript is the progress, whoever made it.
      const step = worker.state().transcriptLength + 1;
      await run.append([{ role: "tool", name, content: step }], { key: `${step}` });
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
  });
}

/** Hosts a share of the runtimes until Ctrl-C. */
async function host(): Promise<void> {
  await createSchema(client);
  const directory = new RuntimeDirectory({ client });
  for (const runtimeId of RUNTIMES) await directory.add(runtimeId);
  const stopped = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGINT", stopped.resolve);
  await using own = await RuntimeHost.start({
    client,
    owner: name,
    leaseMs: LEASE_MS,
    opened: (runtime) => {
      console.log(`${name} hosts ${runtime.runtimeId}`);
      // Not awaited: the work goes on while the runtime is hosted. `closed` reports its end.
      work(runtime).catch(() => {});
    },
    closed: (runtimeId, error) => {
      console.log(`${name} no longer hosts ${runtimeId}`);
      if (error !== undefined) console.error(error);
    },
  });
  // The host also ends if it has lost its lease.
  await Promise.race([stopped.promise, own.ended]);
}

/** Lists the runtimes. Readers run anywhere, beside the owners. */
async function list(): Promise<void> {
  const { items } = await new RuntimeDirectory({ client }).list({ limit: RUNTIMES.length });
  for (const { runtimeId, owner } of items) {
    await using reader = await RuntimeReader.open({
      source: new PostgresRuntimeSource({ client, runtimeId }),
    });
    const steps = reader.workers().items[0]?.transcriptLength ?? 0;
    console.log(`${runtimeId}: owner ${owner ?? "none"}, ${steps} steps`);
  }
}

await (name === undefined ? list() : host());
await client.end();
