// The store of the example passes the conformance suite, and the suite notices when it is not one any more.

import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { SqliteRuntimeStore } from "../../examples/sqlite_store.ts";
import { isRuntimeError, Runtime, type Worker } from "../../mod.ts";
import type { AppendBatch, AppendResult, ReadEvents, RuntimeStore, StoredEvents } from "../../store.ts";
import { testRuntimeStore } from "../../testing/mod.ts";
import { onFiles } from "../kit/place.ts";

/** The suite is about the contract, not about durability: a disk in memory, where there is one, saves the syncs. */
function directory(): string {
  const prefix = "worker-runtime-test-";
  try {
    return Deno.makeTempDirSync({ dir: "/dev/shm", prefix });
  } catch {
    return Deno.makeTempDirSync({ prefix });
  }
}

function placeOf(
  Store: new (options: { path: string; runtimeId: string }) => RuntimeStore,
): Parameters<typeof testRuntimeStore>[0]["open"] {
  return (runtimeId) => {
    const root = directory();
    const options = { path: join(root, "runtime.db"), runtimeId };
    return {
      store: () => new Store(options),
      remove: () => Deno.remove(root, { recursive: true }),
    };
  };
}

testRuntimeStore({
  name: "sqlite",
  test: (name, fn) => Deno.test({ name, fn, permissions: "inherit", ignore: onFiles.ignore === true }),
  open: placeOf(SqliteRuntimeStore),
});

function sqliteTest(name: string, fn: (path: string) => Promise<void>): void {
  Deno.test({
    name,
    permissions: "inherit",
    ignore: onFiles.ignore === true,
    fn: async () => {
      const root = directory();
      try {
        await fn(join(root, "runtime.db"));
      } finally {
        Deno.removeSync(root, { recursive: true });
      }
    },
  });
}

/** Opens the runtime "local" with its worker "a". */
async function opened(path: string): Promise<{ runtime: Runtime; a: Worker }> {
  const runtime = await Runtime.open({ store: new SqliteRuntimeStore({ path, runtimeId: "local" }) });
  return { runtime, a: await runtime.ensureWorker({ workerId: "a", intent: { kind: "assistant" } }) };
}

/** Executes SQL on a database that no store has open. */
function execute(path: string, sql: string): unknown {
  const db = new DatabaseSync(path);
  try {
    return db.prepare(sql).get();
  } finally {
    db.close();
  }
}

sqliteTest("readBlob() of a blob with a changed, missing or added byte is blob_corrupt", async (path) => {
  for (const change of ["bytes = X'00'", "bytes = X''", "bytes = X'0100'"]) {
    const first = await opened(path);
    const ref = await first.a.putBlob(new Uint8Array([1]));
    await first.runtime.close();
    execute(path, `UPDATE pieces SET ${change}`);
    const { runtime, a } = await opened(path);
    const read = async () => await new Response(await a.blob(ref)).bytes();
    const error = await assertRejects(read);
    assert(isRuntimeError(error) && error.code === "blob_corrupt", change);
    assertEquals([error.details.workerId, error.details.sha256], ["a", ref.sha256]);
    await a.putBlob(new Uint8Array([1]));
    assertEquals(await read(), new Uint8Array([1]), "a put repairs it");
    await runtime.close();
  }
});

sqliteTest("a put that a crash interrupted leaves nothing", async (path) => {
  const store = new SqliteRuntimeStore({ path, runtimeId: "local" });
  const runtime = await Runtime.open({ store });
  const a = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  const half = async function* (): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(600_000);
    await store.close();
    yield new Uint8Array(600_000);
  };
  await assertRejects(() => a.putBlob(half()));
  assertEquals({ ...execute(path, "SELECT count(*) AS n FROM pieces") as object }, { n: 2 });
  await (await opened(path)).runtime.close();
  assertEquals({ ...execute(path, "SELECT count(*) AS n FROM pieces") as object }, { n: 0 });
});

/** Returns a page in reverse order. */
class Reversed extends SqliteRuntimeStore {
  override async readEvents(read: ReadEvents): Promise<StoredEvents> {
    const page = await super.readEvents(read);
    return { ...page, events: page.events.toReversed() };
  }
}

/** Accepts events of a writer that does not know the last ones. */
class Unfenced extends SqliteRuntimeStore {
  override async append(batch: AppendBatch): Promise<AppendResult> {
    return await super.append(batch).catch(() => ({ snapshotDue: false }));
  }
}

/** Resolves before anything is kept. */
class Forgetful extends SqliteRuntimeStore {
  override append(_batch: AppendBatch): Promise<AppendResult> {
    return Promise.resolve({ snapshotDue: false });
  }
}

const wrong = [
  [Reversed, "append() keeps a batch in order"],
  [Unfenced, "append() rejects a batch that the previous store would have written"],
  [Forgetful, "append() keeps batch after batch"],
] as const;

for (const [Store, title] of wrong) {
  Deno.test({
    name: `testRuntimeStore() fails a store that is ${Store.name.toLowerCase()}`,
    permissions: "inherit",
    ignore: onFiles.ignore === true,
    fn: async () => {
      const tests = new Map<string, () => Promise<void>>();
      testRuntimeStore({ name: "wrong", test: (name, fn) => void tests.set(name, fn), open: placeOf(Store) });
      const test = tests.get(`wrong: ${title}`);
      assert(test !== undefined, title);
      await assertRejects(test, Error, "expected");
    },
  });
}
