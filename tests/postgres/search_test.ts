// search() in PostgreSQL: what a plain scan finds, page by page.

import { assert, assertEquals } from "@std/assert";
import { crc32 } from "node:zlib";
import { type Runtime, RuntimeReader } from "../../mod.ts";
import { exportRuntime, importRuntime } from "../../operate.ts";
import { type PostgresClient, PostgresRuntimeSource } from "../../postgres_store.ts";
import { streamOf, textOf } from "../cli/kit.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { open } from "../kit/opened.ts";
import { refused } from "../kit/place.ts";
import { withSeed } from "../kit/random.ts";
import { assertHits, finder, hitsOf, randomText, say, scan } from "../operate/searching.ts";
import { databaseTest } from "./moving_kit.ts";

const runtimeId = "local";
const intent = { kind: "assistant" } as const;

/** Fills a store on a simulated disk; returns its export. */
async function streamWith(fill: (runtime: Runtime) => Promise<void>): Promise<string> {
  const fileSystem = new SimulatedDisk();
  const runtime = await open(fileSystem);
  await fill(runtime);
  await runtime.close();
  return await textOf(exportRuntime({ root: "/data", runtimeId }, { fileSystem }));
}

/** A client that counts the statements that choose events. */
function counting(client: PostgresClient): PostgresClient & { count: number } {
  const counted = {
    count: 0,
    query: (text: string, params: (string | number | null)[]) => {
      if (text.includes("WITH page AS")) counted.count++;
      return client.query(text, params);
    },
  };
  return counted;
}

databaseTest("search() finds what a plain scan finds in a database", async (client, space) => {
  await withSeed(5, async (random) => {
    const stream = await streamWith(async (runtime) => {
      for (const workerId of ["w0", "w1", "w2"]) await runtime.createWorker({ workerId, intent });
      await say(runtime, random, 50);
      const gone = await runtime.createWorker({ workerId: "gone", intent });
      await gone.append([{ role: "user", content: randomText(random, 100) }]);
      await gone.stop();
      await gone.purge();
    });
    await importRuntime({ client, space }, streamOf(stream));
    const location = { client, space, runtimeId };
    const reader = await RuntimeReader.open({ source: new PostgresRuntimeSource(location) });
    let count = 0;
    for (let time = 0; time < 6; time++) {
      const needle = randomText(random, random.chance(0.2) ? 2 : 1);
      const ignoreCase = random.chance(0.5);
      const find = finder(needle, ignoreCase);
      const expected = await scan(reader, find) as { readonly workerId: string }[];
      assertHits(await hitsOf(location, needle, { ignoreCase }), expected, find);
      const pattern = new RegExp(RegExp.escape(needle), ignoreCase ? "iu" : "u");
      assertHits(await hitsOf(location, pattern), expected, find);
      const ofOne = await hitsOf(location, needle, { ignoreCase, workers: ["w1"] });
      assertHits(ofOne, expected.filter(({ workerId }) => workerId === "w1"), find);
      count += expected.length;
    }
    assert(count > 40, `${count} hits`);
    await reader.close();
  });
});

databaseTest(
  "search() reads a database in pages that are bounded by events and by bytes",
  async (client, space) => {
    const stream = await streamWith(async (runtime) => {
      const w = await runtime.createWorker({ workerId: "w", intent });
      const many = Array.from(
        { length: 4_500 },
        (_, n) => w.append([{ role: "user", content: `needle ${n}` }]),
      );
      await Promise.all(many);
      for (let n = 0; n < 30; n++) {
        await w.append([{ role: "user", content: `large needle ${n} ${"x".repeat(240_000)}` }]);
      }
      await runtime.createWorker({ workerId: "empty", intent });
    });
    await importRuntime({ client, space }, streamOf(stream));
    for (const workers of [undefined, ["w"], ["empty"]]) {
      const counted = counting(client);
      const location = { client: counted, space, runtimeId };
      const length = workers?.[0] === "empty" ? 0 : 4_530;
      const seqs = (await hitsOf(location, "needle", { workers })).map(({ seq }) => seq);
      assertEquals(seqs, Array.from({ length }, (_, index) => index + 1));
      // Three pages of events, the last of them in two by its bytes; and what follows the last entry of all.
      if (length > 0) assertEquals(counted.count, workers === undefined ? 5 : 4);
      assertEquals((await hitsOf(location, "large needle 2", { workers })).length, length === 0 ? 0 : 11);
      assertEquals((await hitsOf(location, "absent", { workers })).length, 0);
    }
  },
);

databaseTest("search() finds text that another program wrote with other escapes", async (client, space) => {
  const stream = await streamWith(async (runtime) => {
    const w = await runtime.createWorker({ workerId: "w", intent });
    await w.append([{ role: "user", content: "caf\u00e9/\u{1f600}" }]);
  });
  const text = stream.split("\n").slice(0, -2).map((line) => `${line}\n`).join("")
    .replace("caf\u00e9/\u{1f600}", "caf\\u00e9\\/\\ud83d\\ude00");
  const crc = crc32(new TextEncoder().encode(text)).toString(16).padStart(8, "0");
  const end = `{"end":{"lines":${text.split("\n").length - 1},"crc":"${crc}"}}\n`;
  await importRuntime({ client, space }, streamOf(`${text}${end}`));
  for (const needle of ["caf\u00e9", "/", "\u{1f600}", "caf"]) {
    assertEquals((await hitsOf({ client, space, runtimeId }, needle)).map(({ seq }) => seq), [1], needle);
  }
});

databaseTest("search() in a database throws worker_not_found and store_missing", async (client, space) => {
  await refused("store_missing", () => hitsOf({ client, space, runtimeId }, "x"));
  await importRuntime({ client, space }, streamOf(await streamWith(() => Promise.resolve())));
  assertEquals(await hitsOf({ client, space, runtimeId }, "x"), []);
  await refused("worker_not_found", () => hitsOf({ client, space, runtimeId }, "x", { workers: ["w"] }));
});
