// One writer: the second is refused, and told who the first is.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DenoFileSystem } from "../../../src/fs/disk/deno_file_system.ts";
import type { FileLock } from "../../../src/fs/disk/file_system.ts";
import { diskTest, refused } from "../../kit/place.ts";
import { acquire } from "../../kit/acquire.ts";
import { privileged } from "../../privileged.ts";
import { Child } from "../children/child.ts";

diskTest(
  "FsRuntimeStore.acquire() throws store_locked with the owner while the store is open",
  async (place) => {
    const now = (): number => Date.UTC(2026, 0, 2);
    const store = await acquire(place.store({}, { now }));
    const error = await refused("store_locked", () => place.openStore());
    assertEquals(error.details, {
      path: place.layout.directory,
      owner: `process ${Deno.pid} (since 2026-01-02T00:00:00.000Z)`,
    });
    assertStringIncludes(error.message, `process ${Deno.pid}`);
    await store.close();
    await place.openStore();
  },
);

diskTest("FsRuntimeStore.acquire() throws store_locked though owner.json cannot be read", async (place) => {
  await place.openStore();
  const { owner } = place.layout;
  for (const text of ["", "{", "null", "x".repeat(5_000)]) {
    Deno.writeTextFileSync(owner, text);
    const { details } = await refused("store_locked", () => place.openStore());
    assertEquals([text.slice(0, 9), details.owner], [text.slice(0, 9), "another process"]);
  }
  Deno.removeSync(owner);
  assertEquals((await refused("store_locked", () => place.openStore())).details.owner, "another process");
});

diskTest("FsRuntimeStore.acquire() leaves the lock free when opening fails", async (place) => {
  place.configure({ wrong: true });
  await refused("invalid_request", () => place.openStore());
  const lock = new DenoFileSystem().lock(place.layout.lock);
  assert(lock !== undefined);
  lock.release();
  lock.release();
});

diskTest("close() releases the lock, keeps its file, and is harmless when repeated", async (place) => {
  const store = await place.openStore();
  await Promise.all([store.close(), store.close()]);
  await store.close();
  assert(Deno.statSync(place.layout.lock).isFile);
  await place.openStore();
});

diskTest("FsRuntimeStore.acquire() throws store_io where the disk grants one lock twice", async (place) => {
  class Lax extends DenoFileSystem {
    released = 0;
    override lock(): FileLock {
      return {
        identity: () => ({ kind: "file", device: 0, inode: 0, modifiedMs: NaN, changedMs: 0 }),
        release: () => void this.released++,
      };
    }
  }
  const fileSystem = new Lax();
  const error = await refused("store_io", () => place.open({}, { fileSystem }));
  assertEquals(error.details.operation, "lock");
  assertMatch(error.message, /grants one lock twice/);
  assertEquals(fileSystem.released, 2);
});

diskTest("FsRuntimeStore.acquire() waits for a lock that is released a moment later", async (place) => {
  const first = await place.openStore();
  const second = place.openStore();
  setTimeout(() => first.close(), 40);
  assertEquals((await second).runtimeId as string, "local");
});

diskTest(
  "FsRuntimeStore.acquire() throws store_locked while another process has the store open",
  async (place) => {
    const child = new Child("holder.ts", place.root);
    try {
      assertEquals(await child.line(), "open");
      const error = await refused("store_locked", () => place.openStore());
      assertMatch(error.details.owner, new RegExp(`^process ${child.pid} \\(since 20`));
      child.kill();
      await child.ended();
      // Gone with its process: never stale.
      const store = await place.openStore();
      await store.close();
    } finally {
      await child.end();
    }
  },
  privileged,
);

diskTest(
  "FsRuntimeStore.acquire() in another process throws store_locked while this one has the store open",
  async (place) => {
    await place.openStore();
    const child = new Child("holder.ts", place.root);
    assertEquals(await child.line(), `store_locked process ${Deno.pid}`);
    await child.end();
  },
  privileged,
);

diskTest(
  "FsRuntimeStore.acquire() creates nothing through a link in the place of its files",
  async (place) => {
    const elsewhere = `${place.root}/elsewhere`;
    Deno.mkdirSync(place.layout.directory, { recursive: true });
    Deno.writeTextFileSync(`${place.root}/precious`, "mine");
    for (const name of ["owner.json", "owner.json.tmp", "runtime.json.tmp", "overview.json"]) {
      Deno.symlinkSync(`${place.root}/precious`, place.path(name));
    }
    Deno.symlinkSync(elsewhere, place.layout.lock);
    const { details } = await refused("store_corrupt", () => place.openStore());
    assertEquals([details.file, details.reason], ["lock", "it is a symbolic link, not a file"]);
    Deno.removeSync(place.layout.lock);
    await (await place.open()).close();
    assertEquals(Deno.readTextFileSync(`${place.root}/precious`), "mine");
    assertEquals([...Deno.readDirSync(place.root)].map(({ name }) => name).sort(), ["precious", "runtimes"]);
  },
);

/** A disk whose lock is free at the `free`-th attempt. */
class BusyDisk extends DenoFileSystem {
  attempts = 0;
  readonly #free: number;

  constructor(free: number) {
    super();
    this.#free = free;
  }

  override lock(path: string): FileLock | undefined {
    this.attempts++;
    // The attempt after the one that succeeded tests whether locks work.
    return this.attempts === this.#free ? super.lock(path) : undefined;
  }
}

diskTest("FsRuntimeStore.acquire() with lockWaitMs waits until the lock is free", async (place) => {
  const fileSystem = new BusyDisk(8);
  const store = await acquire(place.store({ lockWaitMs: 60_000 }, { fileSystem }));
  assertEquals(fileSystem.attempts, 9);
  await store.close();
});

diskTest(
  "FsRuntimeStore.acquire() with lockWaitMs throws store_locked once the time is over",
  async (place) => {
    for (const lockWaitMs of [undefined, 0, 1, 350]) {
      const fileSystem = new BusyDisk(Infinity);
      await refused("store_locked", () => acquire(place.store({ lockWaitMs }, { fileSystem })));
      // Five attempts in 200 ms; the last one is made when the time is over.
      if ((lockWaitMs ?? 0) < 200) assertEquals(fileSystem.attempts, 5);
      else assert(fileSystem.attempts > 5, `${fileSystem.attempts} attempts`);
    }
  },
);

diskTest(
  "FsRuntimeStore.acquire() with lockWaitMs opens what another store in this process closes",
  async (place) => {
    const first = await place.openStore();
    const opening = place.openStore({ lockWaitMs: 60_000 });
    await first.close();
    const second = await opening;
    assertEquals(second.directory, place.layout.directory);
    await refused("store_locked", () => place.openStore());
  },
);

diskTest("close() of a store that waits for the lock waits, and closes it", async (place) => {
  const first = await place.openStore();
  const second = place.store({ lockWaitMs: 60_000 });
  const opening = acquire(second);
  const closing = second.close();
  await first.close();
  await opening;
  await closing;
  await place.openStore();
});
