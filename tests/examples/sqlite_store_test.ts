// The store of the example passes the conformance suite, and the suite notices when it is not one any more.

import { assert, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { SqliteRuntimeStore } from "../../examples/sqlite_store.ts";
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

/** Gives a page the wrong way round. */
class Reversed extends SqliteRuntimeStore {
  override async readEvents(read: ReadEvents): Promise<StoredEvents> {
    const page = await super.readEvents(read);
    return { ...page, events: page.events.toReversed() };
  }
}

/** Takes events from a writer that does not know of the last ones. */
class Unfenced extends SqliteRuntimeStore {
  override async append(batch: AppendBatch): Promise<AppendResult> {
    return await super.append(batch).catch(() => ({ snapshotDue: false }));
  }
}

/** Answers before anything is kept. */
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
