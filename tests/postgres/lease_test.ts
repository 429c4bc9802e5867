// Lease and fence: takeover, lost answers, failover, and hosts that share runtimes.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Runtime, RuntimeError, RuntimeReader } from "../../mod.ts";
import {
  createSchema,
  type PostgresClient,
  PostgresRuntimeSource,
  PostgresRuntimeStore,
  RuntimeDirectory,
  RuntimeHost,
} from "../../postgres_store.ts";
import { pgliteClient } from "./clients.ts";

const intent = { kind: "assistant" } as const;
const LEASE_MS = 1_200;

/** A client whose statements a test can hold back, fail, or let happen without an answer. */
class Faulty implements PostgresClient {
  /** Applied to each statement. */
  fault: (text: string, run: () => Promise<unknown>) => Promise<unknown> = (_text, run) => run();
  readonly #client: PostgresClient;

  constructor(client: PostgresClient) {
    this.#client = client;
  }

  query(text: string, params: (string | number | null)[]): ReturnType<PostgresClient["query"]> {
    const run = async (): Promise<unknown> => await this.#client.query(text, params);
    return this.fault(text, run) as ReturnType<PostgresClient["query"]>;
  }
}

const isAppend = (text: string): boolean => text.includes("worker_runtime.append");
const never = (): Promise<never> => new Promise(() => {});
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function withDatabase(work: (client: PostgresClient) => Promise<void>): Promise<void> {
  await using opened = await pgliteClient();
  await createSchema(opened.client);
  await createSchema(opened.client);
  await work(opened.client);
}

function test(name: string, work: (client: PostgresClient) => Promise<void>): void {
  Deno.test({ name, fn: () => withDatabase(work), sanitizeOps: false, sanitizeResources: false });
}

function store(client: PostgresClient, owner: string, leaseMs = LEASE_MS): PostgresRuntimeStore {
  return new PostgresRuntimeStore({ client, runtimeId: "local", owner, leaseMs });
}

async function coded(work: () => Promise<unknown>): Promise<RuntimeError> {
  return await assertRejects(work, RuntimeError);
}

test("a store whose database does not answer ends its runs before another can take over", async (client) => {
  const faulty = new Faulty(client);
  const first = await Runtime.open({ store: store(faulty, "first") });
  const worker = await first.createWorker({ workerId: "a", intent });
  const run = await worker.beginRun();
  const locked = await coded(() => Runtime.open({ store: store(client, "second") }));
  assertEquals([locked.code, Reflect.get(locked.details, "owner")], ["store_locked", "first"]);
  faulty.fault = never;
  let abortedAt = 0;
  run.signal.addEventListener("abort", () => abortedAt = performance.now());
  const waiting = new PostgresRuntimeStore({
    client,
    runtimeId: "local",
    owner: "second",
    leaseMs: LEASE_MS,
    lockWaitMs: 60_000,
  });
  const second = await Runtime.open({ store: waiting });
  assert(abortedAt > 0 && abortedAt < performance.now());
  assertEquals(second.worker("a").state().lastRun?.outcome, "interrupted");
  await second.worker("a").sendInput({ role: "user", content: "taken over" });
  // The first one wakes.
  faulty.fault = (_text, run) => run();
  assertEquals((await coded(() => worker.sendInput({ role: "user", content: "late" }))).code, "store_fenced");
  assertEquals(first.health.status, "failed");
  await first.close();
  const contents = (await second.worker("a").transcript()).items.map(({ content }) => content);
  assertEquals(contents, ["taken over"]);
  await second.close();
});

test("an append whose answer is lost resolves if it has happened", async (client) => {
  const faulty = new Faulty(client);
  await using runtime = await Runtime.open({ store: store(faulty, "first") });
  const worker = await runtime.createWorker({ workerId: "a", intent });
  faulty.fault = async (text, run) => {
    const result = await run();
    if (isAppend(text)) throw new Error("connection lost");
    return result;
  };
  assertEquals((await worker.sendInput({ role: "user", content: "x" })).firstSeq, 1);
  faulty.fault = (_text, run) => run();
  assertEquals((await worker.sendInput({ role: "user", content: "y" })).firstSeq, 2);
  // A server that says that it does not know, as CockroachDB does.
  faulty.fault = async (text, run) => {
    const result = await run();
    if (isAppend(text)) throw Object.assign(new Error("result is ambiguous"), { code: "40003" });
    return result;
  };
  assertEquals((await worker.sendInput({ role: "user", content: "z" })).firstSeq, 3);
  faulty.fault = (_text, run) => run();
});

test("an append that never reached the database is rejected, and can be repeated", async (client) => {
  const faulty = new Faulty(client);
  await using runtime = await Runtime.open({ store: store(faulty, "first") });
  const worker = await runtime.createWorker({ workerId: "a", intent });
  faulty.fault = (text, run) => isAppend(text) ? Promise.reject(new Error("connection lost")) : run();
  assertEquals((await coded(() => worker.sendInput({ role: "user", content: "x" }))).code, "store_io");
  faulty.fault = (_text, run) => run();
  assertEquals((await worker.sendInput({ role: "user", content: "x" })).firstSeq, 1);
});

test("a statement that arrives after its answer was given up has no effect", async (client) => {
  const faulty = new Faulty(client);
  await using runtime = await Runtime.open({ store: store(faulty, "first") });
  const worker = await runtime.createWorker({ workerId: "a", intent });
  let late: () => Promise<unknown> = never;
  faulty.fault = (text, run) => {
    if (!isAppend(text)) return run();
    late = run;
    return never();
  };
  assertEquals((await coded(() => worker.sendInput({ role: "user", content: "x" }))).code, "store_io");
  faulty.fault = (_text, run) => run();
  await late();
  assertEquals((await worker.sendInput({ role: "user", content: "y" })).firstSeq, 1);
  assertEquals((await worker.transcript()).items.map(({ content }) => content), ["y"]);
});

test("an append whose row another session locks ends in bounded time, though the lease is renewed", async (client) => {
  const faulty = new Faulty(client);
  const runtime = await Runtime.open({ store: store(faulty, "first") });
  const worker = await runtime.createWorker({ workerId: "a", intent });
  const run = await worker.beginRun();
  faulty.fault = (text, run) => text.includes("worker_runtime.hosts") ? run() : never();
  let isLate = false;
  const timer = setTimeout(() => isLate = true, 60_000);
  const outcome = coded(() => worker.sendInput({ role: "user", content: "x" }));
  let error: RuntimeError | undefined;
  void outcome.then((thrown) => error = thrown);
  while (error === undefined && !isLate) await pause(20);
  clearTimeout(timer);
  assertEquals([error?.code, run.signal.aborted, runtime.health.status], ["store_fenced", true, "failed"]);
  faulty.fault = (_text, run) => run();
  await runtime.close();
});

test("a failover that lost acknowledged events is store_rolled_back, for owner and reader", async (client) => {
  const runtime = await Runtime.open({ store: store(client, "first") });
  const worker = await runtime.createWorker({ workerId: "a", intent });
  await worker.sendInput({ role: "user", content: "x" });
  const source = new PostgresRuntimeSource({ client, runtimeId: "local" });
  await using reader = await RuntimeReader.open({ source });
  await client.query("DELETE FROM worker_runtime.events WHERE id = 4", []);
  await client.query("UPDATE worker_runtime.runtimes SET last_id = 3", []);
  assertEquals((await coded(() => worker.sendInput({ role: "user", content: "y" }))).details, {
    lastEventId: 3,
    acknowledged: 4,
  });
  assertEquals((await coded(() => reader.refresh())).code, "store_rolled_back");
  assertEquals(runtime.health.status, "failed");
  await runtime.close();
});

test("an owner whose claim a failover undid writes nothing beside the next one, which has the same epoch", async (client) => {
  const before = await Runtime.open({ store: store(client, "before") });
  await before.createWorker({ workerId: "a", intent });
  await before.close();
  const { rows: [row] } = await client.query("SELECT epoch, last_id FROM worker_runtime.runtimes", []) as {
    rows: Record<string, number>[];
  };
  const first = await Runtime.open({ store: store(client, "first", 60_000) });
  await first.worker("a").sendInput({ role: "user", content: "undone" });
  await client.query("DELETE FROM worker_runtime.events WHERE id > $1", [row?.last_id ?? 0]);
  await client.query("DELETE FROM worker_runtime.hosts", []);
  const undo = `UPDATE worker_runtime.runtimes
    SET epoch = $1, last_id = $2, host = NULL, claim = NULL, claimed_until = NULL`;
  await client.query(undo, [row?.epoch ?? 0, row?.last_id ?? 0]);
  const second = await Runtime.open({ store: store(client, "second") });
  await second.worker("a").sendInput({ role: "user", content: "x" });
  const error = await coded(() => first.worker("a").sendInput({ role: "user", content: "late" }));
  assertEquals([error.code, Reflect.get(error.details, "owner")], ["store_fenced", "second"]);
  await second.worker("a").sendInput({ role: "user", content: "y" });
  const contents = (await second.worker("a").transcript()).items.map(({ content }) => content);
  assertEquals(contents, ["x", "y"]);
  await first.close();
  await second.close();
});

test("close() hands the runtime over at once", async (client) => {
  const first = await Runtime.open({ store: store(client, "first", 60_000) });
  await first.close();
  const second = await Runtime.open({ store: store(client, "second", 60_000) });
  await second.close();
});

test("a reader follows the events of another process", async (client) => {
  await using runtime = await Runtime.open({ store: store(client, "first") });
  const worker = await runtime.createWorker({ workerId: "a", intent });
  const source = new PostgresRuntimeSource({ client, runtimeId: "local", pollMs: 10 });
  await using reader = await RuntimeReader.open({ source });
  const watch = reader.watch();
  const next = watch.next();
  await worker.sendInput({ role: "user", content: "x" });
  const { value } = await next;
  assertEquals(value?.type, "worker.committed");
  assertEquals((await reader.transcript("a")).items[0]?.content, "x");
  await watch.return();
});

test("a reader applies each event once when reads for new events overlap", async (client) => {
  await using runtime = await Runtime.open({ store: store(client, "first") });
  const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  await using reader = await RuntimeReader.open({
    source: new PostgresRuntimeSource({ client, runtimeId: "local" }),
  });
  await worker.sendInput({ role: "user", content: "x" });
  await Promise.all([reader.refresh(), reader.refresh(), reader.refresh()]);
  assertEquals(reader.overview().lastEventId, runtime.overview().lastEventId);
});

test("hosts share the runtimes of a space, and take over those of a host that is gone", async (client) => {
  const directory = new RuntimeDirectory({ client, space: "s" });
  for (let index = 0; index < 12; index++) await directory.add(`r${index}`);
  const start = (owner: string, client: PostgresClient) =>
    RuntimeHost.start({
      client,
      space: "s",
      owner,
      address: `${owner}:80`,
      leaseMs: 3_000,
      opened: () => {},
    });
  const faulty = new Faulty(client);
  const hosts = [await start("a", client), await start("b", client), await start("c", faulty)];
  const counts = (): number[] => hosts.map(({ runtimes }) => runtimes.size);
  const until = async (isDone: () => boolean): Promise<void> => {
    for (const end = performance.now() + 60_000; !isDone();) {
      assert(performance.now() < end, `${counts()}`);
      await pause(20);
    }
  };
  await until(() => counts().every((count) => count === 4));
  const page = await directory.list({ limit: 5 });
  assertEquals([page.items.length, page.next, page.items.every(({ address }) => address?.endsWith(":80"))], [
    5,
    page.items[4]?.runtimeId ?? null,
    true,
  ]);
  faulty.fault = never;
  await until(() => counts()[0] === 6 && counts()[1] === 6);
  assertEquals(hosts[2]?.runtimes.size, 0);
  await hosts[0]?.stop();
  await until(() => counts()[1] === 12);
  for (const host of hosts) await host.stop();
  assertEquals((await directory.get("r0"))?.owner, null);
});

Deno.test("options outside their bounds are invalid_request", () => {
  const client: PostgresClient = { query: () => Promise.resolve([]) };
  const invalid = [{ leaseMs: 999 }, { lockWaitMs: -1 }, { leaseMs: NaN }, { space: "" }, { space: "a\nb" }];
  for (const options of invalid) {
    const error = assertThrows(
      () => new PostgresRuntimeStore({ client, runtimeId: "a", ...options }),
      RuntimeError,
    );
    assertEquals(error.code, "invalid_request");
  }
  assertThrows(() => new PostgresRuntimeSource({ client, runtimeId: "a", pollMs: 0 }), RuntimeError);
});

test("a watch outlasts failures of the database that pass", async (client) => {
  await using runtime = await Runtime.open({ store: store(client, "first") });
  const worker = await runtime.createWorker({ workerId: "a", intent });
  const faulty = new Faulty(client);
  const source = new PostgresRuntimeSource({ client: faulty, runtimeId: "local", pollMs: 5 });
  await using reader = await RuntimeReader.open({ source });
  const watch = reader.watch();
  const next = watch.next();
  const failed = Promise.withResolvers<void>();
  faulty.fault = () => {
    failed.resolve();
    return Promise.reject(new Error("connection lost"));
  };
  await failed.promise;
  assertEquals((await coded(() => reader.refresh())).code, "store_io");
  faulty.fault = (_text, run) => run();
  await worker.sendInput({ role: "user", content: "x" });
  assertEquals((await next).value?.type, "worker.committed");
  await watch.return();
});
