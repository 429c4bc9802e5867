// importRuntime() into PostgreSQL: all of a stream in its space, or nothing at all.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { crc32 } from "node:zlib";
import { isRuntimeError, Runtime, type RuntimeErrorCode } from "../../mod.ts";
import { exportRuntime, importRuntime } from "../../operate.ts";
import {
  type PostgresClient,
  type PostgresRow,
  PostgresRuntimeStore,
  RuntimeDirectory,
} from "../../postgres_store.ts";
import { streamOf, textOf } from "../cli/kit.ts";
import { databaseTest, streamOfStore } from "./moving_kit.ts";

const runtimeId = "local";
const TABLES = ["runtimes", "events", "purges", "snapshots", "blobs", "blob_chunks", "hosts"];

/** Numbers of rows in all tables. */
async function rows(client: PostgresClient): Promise<number[]> {
  const counts = TABLES.map((table) => `(SELECT count(*) FROM worker_runtime.${table})`);
  const result = await client.query(`SELECT concat_ws(',', ${counts.join(", ")}) AS counts`, []);
  const [row] = "rows" in result ? result.rows : result;
  return String(row?.counts).split(",").map(Number);
}

/** Deletes the runtimes of a space. */
async function removeRuntimes(client: PostgresClient, space: string): Promise<void> {
  const numbers = `SELECT no FROM worker_runtime.runtimes WHERE space = $1`;
  for (const table of ["events", "purges", "snapshots", "blobs", "blob_chunks"]) {
    await client.query(`DELETE FROM worker_runtime.${table} WHERE rt IN (${numbers})`, [space]);
  }
  await client.query(`DELETE FROM worker_runtime.runtimes WHERE space = $1`, [space]);
  await client.query(`DELETE FROM worker_runtime.hosts`, []);
}

/** Ends all leases and claims: the time after which others may take over has passed. */
async function expireLeases(client: PostgresClient): Promise<void> {
  await client.query(`UPDATE worker_runtime.hosts SET lease_until = now() - interval '1 second'`, []);
  await client.query(`UPDATE worker_runtime.runtimes SET claimed_until = NULL`, []);
}

async function codeOf(work: Promise<unknown>): Promise<RuntimeErrorCode> {
  const error = await work.then(() => new Error("it succeeded"), (error) => error);
  assert(isRuntimeError(error), error?.stack);
  return error.code;
}

/** A client that counts statements, and fails at one: before or after it has happened, or by never answering again. */
class Failing implements PostgresClient {
  count = 0;
  readonly #client: PostgresClient;
  readonly #at: number;
  readonly #how: "before" | "after" | "never";
  readonly #reached = Promise.withResolvers<void>();

  constructor(client: PostgresClient, at = Infinity, how: "before" | "after" | "never" = "before") {
    this.#client = client;
    this.#at = at;
    this.#how = how;
  }

  /** Resolves when the statement has arrived. */
  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  async query(text: string, params: (string | number | null)[]): Promise<{ rows: readonly PostgresRow[] }> {
    const index = this.count++;
    if (index === this.#at) this.#reached.resolve();
    if (index >= this.#at && this.#how === "never") return await new Promise(() => {});
    if (index === this.#at && this.#how === "before") throw new Error("connection lost");
    const result = await this.#client.query(text, params);
    if (index === this.#at) throw new Error("connection lost");
    return "rows" in result ? result : { rows: result };
  }
}

/** A client that does something else before the first statement that names a table. */
class Pausing implements PostgresClient {
  readonly #client: PostgresClient;
  readonly #table: string;
  #meanwhile: (() => Promise<void>) | undefined;

  constructor(client: PostgresClient, table: string, meanwhile: () => Promise<void>) {
    this.#client = client;
    this.#table = table;
    this.#meanwhile = meanwhile;
  }

  async query(text: string, params: (string | number | null)[]): Promise<{ rows: readonly PostgresRow[] }> {
    const meanwhile = this.#meanwhile;
    if (meanwhile !== undefined && text.includes(this.#table)) {
      this.#meanwhile = undefined;
      await meanwhile();
    }
    const result = await this.#client.query(text, params);
    return "rows" in result ? result : { rows: result };
  }
}

databaseTest(
  "importRuntime() leaves no row of a stream that breaks off, whatever its line",
  async (client, space) => {
    const before = await rows(client);
    for (const name of ["a pruned log and purged workers", "blobs, spilled content and a purged worker"]) {
      const lines = (await streamOfStore(name)).split("\n").slice(0, -2);
      for (let length = 1; length < lines.length; length += 4) {
        const broken = async function* (): AsyncGenerator<Uint8Array> {
          yield* streamOf(lines.slice(0, length).map((line) => `${line}\n`).join(""));
          throw new Error("broken off");
        };
        const error = await importRuntime({ client, space }, broken()).catch((error) => error);
        assertEquals([error.message, await rows(client)], ["broken off", before], `${name}: ${length} lines`);
      }
    }
  },
);

databaseTest("importRuntime() rejects an invalid stream, and leaves no row of it", async (client, space) => {
  const before = await rows(client);
  const lines = (await streamOfStore("a pruned log with blobs")).split("\n").slice(0, -2);
  for (const left of [1, 2, 3, Math.floor(lines.length / 2), lines.length - 1]) {
    const text = lines.filter((_line, index) => index !== left).map((line) => `${line}\n`).join("");
    const crc = crc32(new TextEncoder().encode(text)).toString(16).padStart(8, "0");
    const stream = `${text}{"end":{"lines":${lines.length - 1},"crc":"${crc}"}}\n`;
    assertEquals(
      await codeOf(importRuntime({ client, space }, streamOf(stream))),
      "store_corrupt",
      `${left}`,
    );
    assertEquals(await rows(client), before);
  }
});

databaseTest("importRuntime() in a dry run sends nothing", async (client, space) => {
  const failing = new Failing(client, 0);
  const stream = await streamOfStore("a pruned log with blobs");
  const report = await importRuntime({ client: failing, space }, streamOf(stream), { dryRun: true });
  assertEquals([report.space, report.workers, failing.count], [space, 2, 0]);
});

databaseTest("importRuntime() never overwrites, and keeps one name in each space", async (client, space) => {
  const stream = await streamOfStore("nothing in it");
  await importRuntime({ client, space }, streamOf(stream));
  const before = await rows(client);
  assertEquals(await codeOf(importRuntime({ client, space }, streamOf(stream))), "invalid_request");
  assertEquals(await rows(client), before);
  await importRuntime({ client, space: `${space} b` }, streamOf(stream));
  assertEquals(await textOf(exportRuntime({ client, space: `${space} b`, runtimeId })), stream);
});

for (const how of ["before", "after"] as const) {
  databaseTest(
    `importRuntime() succeeds, or leaves nothing, when any statement fails ${how} it has happened`,
    async (client, space) => {
      const stream = await streamOfStore("a pruned log and purged workers");
      const counting = new Failing(client);
      await importRuntime({ client: counting, space: `${space} all` }, streamOf(stream));
      let succeeded = 0;
      for (let at = 0; at < counting.count; at++) {
        const place = { client, space: `${space} ${at}` };
        const before = await rows(client);
        const failing = new Failing(client, at, how);
        const error = await importRuntime({ ...place, client: failing }, streamOf(stream)).then(
          () => undefined,
          (error) => error,
        );
        if (error === undefined) succeeded++;
        else {
          assert(isRuntimeError(error) && error.code === "store_io", `${at}: ${error.stack}`);
          assertEquals((await new RuntimeDirectory(place).list()).items, [], `statement ${at}`);
          await importRuntime(place, streamOf(stream));
        }
        assertEquals(await textOf(exportRuntime({ ...place, runtimeId })), stream, `statement ${at}`);
        await removeRuntimes(client, place.space);
        assertEquals(await rows(client), before, `statement ${at}`);
      }
      // Statements that carry the fence are repeated.
      assert(succeeded > counting.count / 2, `${succeeded} of ${counting.count}`);
    },
  );
}

databaseTest(
  "importRuntime() removes what an import has left whose process was killed at any statement",
  async (client, space) => {
    const stream = await streamOfStore("a pruned log with blobs");
    const counting = new Failing(client);
    await importRuntime({ client: counting, space: `${space} all` }, streamOf(stream));
    const directory = new RuntimeDirectory({ client, space });
    const there: boolean[] = [];
    for (let at = 0; at < counting.count; at++) {
      const before = await rows(client);
      const killed = new Failing(client, at, "never");
      void importRuntime({ client: killed, space }, streamOf(stream)).catch(() => {});
      await killed.reached;
      const isThere = (await directory.list()).items.length === 1;
      if (!isThere) {
        await expireLeases(client);
        await importRuntime({ client, space }, streamOf(stream));
      }
      assertEquals(await textOf(exportRuntime({ client, space, runtimeId })), stream, `statement ${at}`);
      there.push(isThere);
      await removeRuntimes(client, space);
      assertEquals(await rows(client), before, `statement ${at}`);
    }
    // One statement completes the import; those after it only release the runtime.
    assertEquals(there.lastIndexOf(false), there.length - 3, there.join());
  },
);

databaseTest(
  "importRuntime() throws store_locked when the runtime is being imported",
  async (client, space) => {
    const stream = await streamOfStore("nothing in it");
    let code: RuntimeErrorCode | undefined;
    const slow = async function* (): AsyncGenerator<Uint8Array> {
      const half = Math.floor(stream.length / 2);
      yield* streamOf(stream.slice(0, half));
      code = await codeOf(importRuntime({ client, space }, streamOf(stream)));
      yield* streamOf(stream.slice(half));
    };
    await importRuntime({ client, space }, slow());
    assertEquals(code, "store_locked");
    assertEquals(await textOf(exportRuntime({ client, space, runtimeId })), stream);
  },
);

databaseTest("importRuntime() of two at once leaves one whole runtime", async (client, space) => {
  const stream = await streamOfStore("a pruned log and purged workers");
  const all = Array.from({ length: 4 }, () => importRuntime({ client, space }, streamOf(stream)));
  const results = await Promise.allSettled(all);
  const codes = results.map((result) => result.status === "fulfilled" ? "ok" : result.reason.code).sort();
  assertEquals(codes.filter((code) => code === "ok").length, 1, codes.join());
  assertEquals(codes.filter((code) => !["ok", "store_locked", "invalid_request"].includes(code)), []);
  assertEquals(await textOf(exportRuntime({ client, space, runtimeId })), stream);
});

databaseTest("an import that was overtaken while it was stopped changes nothing", async (client, space) => {
  const stream = await streamOfStore("blobs, spilled content and a purged worker");
  const stopped = async function* (): AsyncGenerator<Uint8Array> {
    const half = Math.floor(stream.length / 2);
    yield* streamOf(stream.slice(0, half));
    await expireLeases(client);
    await importRuntime({ client, space }, streamOf(stream));
    yield* streamOf(stream.slice(half));
  };
  assertEquals(await codeOf(importRuntime({ client, space }, stopped())), "store_fenced");
  assertEquals(await textOf(exportRuntime({ client, space, runtimeId })), stream);
});

databaseTest(
  "an import ends with invalid_request when the runtime was created meanwhile",
  async (client, space) => {
    const stream = await streamOfStore("a pruned log and purged workers");
    const before = await rows(client);
    const late = async function* (): AsyncGenerator<Uint8Array> {
      yield* streamOf(stream.slice(0, -10));
      await new RuntimeDirectory({ client, space }).add(runtimeId);
      yield* streamOf(stream.slice(-10));
    };
    assertEquals(await codeOf(importRuntime({ client, space }, late())), "invalid_request");
    await removeRuntimes(client, space);
    assertEquals(await rows(client), before);
  },
);

databaseTest("an imported runtime can be opened at once", async (client, space) => {
  await importRuntime({ client, space }, streamOf(await streamOfStore("nothing in it")));
  const store = new PostgresRuntimeStore({ client, space, runtimeId });
  await (await Runtime.open({ store })).close();
});

for (const [what, table] of [["prunes", "created_at"], ["purges", "blob_chunks"]] as const) {
  const name =
    `exportRuntime() throws cursor_expired when the owner ${what} meanwhile what is still to be read`;
  databaseTest(name, async (client, space) => {
    await importRuntime({ client, space }, streamOf(await streamOfStore("a pruned log with blobs")));
    const place = { client, space, runtimeId };
    const runtime = await Runtime.open({ store: new PostgresRuntimeStore(place) });
    const meanwhile = async (): Promise<void> => {
      if (what === "prunes") return void await runtime.prune();
      await runtime.worker("b").stop();
      await runtime.worker("b").purge();
    };
    const overtaken = exportRuntime({ ...place, client: new Pausing(client, table, meanwhile) });
    assertEquals(await codeOf(textOf(overtaken)), "cursor_expired");
    await runtime.close();
    // Another attempt begins with what is kept.
    const text = await textOf(exportRuntime(place));
    await importRuntime({ client, space: `${space} b` }, streamOf(text));
  });
}

databaseTest("importRuntime() takes a stream whose events were all pruned", async (client, space) => {
  await importRuntime({ client, space }, streamOf(await streamOfStore("a pruned log with blobs")));
  // As an owner leaves it that ends before it records the pruning.
  await client.query("UPDATE worker_runtime.runtimes SET first_id = last_id + 1 WHERE space = $1", [space]);
  const text = await textOf(exportRuntime({ client, space, runtimeId }));
  const { firstEventId, lastEventId } = JSON.parse(text.split("\n")[0] ?? "");
  assertEquals(firstEventId, lastEventId + 1);
  await importRuntime({ client, space: `${space} b` }, streamOf(text));
  assertEquals(await textOf(exportRuntime({ client, space: `${space} b`, runtimeId })), text);
  const runtime = await Runtime.open({
    store: new PostgresRuntimeStore({ client, space: `${space} b`, runtimeId }),
  });
  assertEquals((await runtime.worker("b").transcript()).length, 25);
  await runtime.close();
});

databaseTest(
  "exportRuntime() throws store_missing for a runtime that was never opened",
  async (client, space) => {
    assertEquals(await codeOf(textOf(exportRuntime({ client, space, runtimeId }))), "store_missing");
    await new RuntimeDirectory({ client, space }).add(runtimeId);
    const error = await textOf(exportRuntime({ client, space, runtimeId })).catch((error) => error);
    assertEquals(error.code, "store_missing");
    assertStringIncludes(error.message, "never opened");
  },
);

databaseTest(
  "exportRuntime() of a runtime created in PostgreSQL has the time of its first event",
  async (client, space) => {
    const now = () => Date.UTC(2026, 7, 1);
    const store = new PostgresRuntimeStore({ client, space, runtimeId });
    await (await Runtime.open({ store, now })).close();
    const text = await textOf(exportRuntime({ client, space, runtimeId }));
    assertEquals(JSON.parse(text.split("\n")[0] ?? "").createdAt, "2026-08-01T00:00:00.000Z");
    await importRuntime({ client, space: `${space} b` }, streamOf(text));
    assertEquals(await textOf(exportRuntime({ client, space: `${space} b`, runtimeId })), text);
  },
);
