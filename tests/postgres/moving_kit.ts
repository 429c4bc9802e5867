/**
 * Runtimes on simulated disks that the tests move to a database and back.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { Runtime } from "../../mod.ts";
import { exportRuntime } from "../../operate.ts";
import { createSchema, type PostgresClient } from "../../postgres_store.ts";
import { textOf } from "../cli/kit.ts";
import { everyEventStore, openRuntime } from "../cli/stores.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { blobStore, prunedBlobStore, say, small, SOURCE } from "../operate/blobs.ts";
import { forkStore, prunedForkStore } from "../operate/forks.ts";
import { pgliteClient } from "./clients.ts";

const root = "/source";
const intent = { kind: "assistant" } as const;

async function opened(fileSystem: SimulatedDisk, work: (runtime: Runtime) => Promise<void>): Promise<void> {
  const runtime = await openRuntime({ root, fileSystem });
  await work(runtime);
  await runtime.close();
}

/** Texts that a database might not keep. */
async function strangeStore(fileSystem: SimulatedDisk): Promise<void> {
  await opened(fileSystem, async (runtime) => {
    const worker = await runtime.createWorker({
      workerId: "100% \u00e9\u{1f600}\u2028,\\'\"",
      displayName: "50%0A",
      intent,
      labels: { "a%00b": "\\n" },
    }, { key: "k\u2029%25" });
    const content = {
      text: "\0\ud800\udfff\n\r\t\\u0000\u2028",
      "\0\udc00": ["%00%0A\\N", "\\.", null, 1e-7],
    };
    await worker.append([{ role: "user\u00a0", content, metadata: { "\ud800": "\0" } }]);
    await worker.commit({ data: { "\0": "\ud800", "%": "\n" }, events: [{ name: "x", data: { t: "\0" } }] });
    await worker.sendInput({ role: "user", content: "\0".repeat(300_000) });
    await worker.run(async (run) => {
      await run.commit({ usage: { model: "m\\%", inputTokens: 3, outputTokens: 1 } });
      await run.append([{ role: "assistant", content: "" }]);
    });
    await runtime.record("\\note", { text: "\ud800" });
  });
}

/** Workers whose ids are used again, in one batch or in several. */
async function recreatedStore(fileSystem: SimulatedDisk): Promise<void> {
  await opened(fileSystem, async (runtime) => {
    for (let life = 0; life < 3; life++) {
      // The content is kept as a blob, which precedes the creation in a stream.
      const commit = { entries: [{ role: "system", content: `${life}`.repeat(300_000) }] };
      const worker = await runtime.createWorker({ workerId: "again", intent }, { commit });
      await say(worker, "x".repeat(200), small, new TextEncoder().encode(`${life}`));
      const other = await runtime.ensureWorker({ workerId: "other", intent });
      await other.append([{ role: "user", content: `beside ${life}` }]);
      if (life === 2) continue;
      await worker.stop();
      await worker.purge();
    }
  });
}

/** A pruned log in which a worker of the snapshot has a context, and another is purged and created again. */
async function prunedRecreatedStore(fileSystem: SimulatedDisk): Promise<void> {
  const config = new TextEncoder().encode('{ "limits": { "segmentBytes": 4096 } }');
  fileSystem.plant.file(`${SOURCE}/config.jsonc`, config);
  await opened(fileSystem, async (runtime) => {
    for (const workerId of ["kept", "again", "gone"]) {
      const worker = await runtime.createWorker({ workerId, intent });
      for (let line = 0; line < 4; line++) await say(worker, `${line} ${"x".repeat(900)}`, small);
    }
    const kept = runtime.worker("kept");
    await kept.rewind({ toSeq: 3 });
    await kept.compact({ through: 1, summary: { role: "user", content: "so far ".repeat(50_000) } });
  });
  for (let turn = 0; turn < 2; turn++) {
    await opened(fileSystem, async (runtime) => {
      for (let line = 0; line < 5; line++) await say(runtime.worker("kept"), "y".repeat(900));
      if (turn === 0) return;
      assert((await runtime.prune()).events > 10);
      await runtime.worker("again").append([{ role: "user", content: "of the first life, after pruning" }]);
      for (const workerId of ["again", "gone"]) {
        await runtime.worker(workerId).stop();
        await runtime.worker(workerId).purge();
      }
      const again = await runtime.createWorker({ workerId: "again", intent });
      await say(again, "of the second life", small);
      const brief = await runtime.createWorker({ workerId: "brief", intent });
      await brief.append([{ role: "user", content: "soon gone" }]);
      await brief.stop();
      await brief.purge();
    });
  }
}

/** A store with an operator's config. */
async function configuredStore(fileSystem: SimulatedDisk): Promise<void> {
  const config = '// é\n{ "displayName": "Name %00", /* \u2028 */ "durability": "written" }\n';
  fileSystem.plant.file(`${SOURCE}/config.jsonc`, new TextEncoder().encode(config));
  await blobStore(fileSystem);
}

/** Fills a disk with a runtime, by its description. */
export const stores: Readonly<Record<string, (disk: SimulatedDisk) => Promise<void>>> = {
  "every type of event": (fileSystem) => everyEventStore({ root, fileSystem }),
  "blobs, spilled content and a purged worker": blobStore,
  "texts that a database might not keep": strangeStore,
  "workers that were purged and created again": recreatedStore,
  "a pruned log with blobs": prunedBlobStore,
  "a pruned log and purged workers": prunedRecreatedStore,
  "forks": forkStore,
  "forks in a pruned log": prunedForkStore,
  "a config of the operator": configuredStore,
  "nothing in it": (fileSystem) => opened(fileSystem, () => Promise.resolve()),
};

/** The location of a runtime on a simulated disk. */
export const location = (root: string): { root: string; runtimeId: string } => ({ root, runtimeId: "local" });

const streams = new Map<string, Promise<string>>();

/** The export of a runtime. */
export function streamOfStore(name: string): Promise<string> {
  const found = streams.get(name) ?? makeStream(name);
  streams.set(name, found);
  return found;
}

async function makeStream(name: string): Promise<string> {
  const fileSystem = new SimulatedDisk();
  await stores[name]?.(fileSystem);
  return await textOf(exportRuntime(location(root), { fileSystem }));
}

let database: Promise<PostgresClient> | undefined;
let spaces = 0;

/** The database of all tests of a file. */
async function openDatabase(): Promise<PostgresClient> {
  const { client } = await pgliteClient();
  await createSchema(client);
  return client;
}

/** Registers a test with a space of its own in that database. */
export function databaseTest(
  name: string,
  work: (client: PostgresClient, space: string) => Promise<void>,
): void {
  const fn = async (): Promise<void> => await work(await (database ??= openDatabase()), `space ${++spaces}`);
  Deno.test({ name, fn, sanitizeOps: false, sanitizeResources: false });
}
