// search(): exactly the strings that a plain scan of the transcripts finds, from every source.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FsRuntimeSource } from "../../fs_store.ts";
import { MemoryRuntimeStore, Runtime, RuntimeReader } from "../../mod.ts";
import { type Finding, search, type SearchOptions } from "../../operate.ts";
import { SEAL_BYTES, sealedBytes } from "../../src/fs/lines/codec.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { configured, LOCAL_HOME as HOME, open } from "../kit/opened.ts";
import { refused } from "../kit/place.ts";
import { type Random, withSeed } from "../kit/random.ts";
import { assertHits, finder, hitsOf, randomText, say, scan } from "./searching.ts";

const location = { root: "/data", runtimeId: "local" };
const intent = { kind: "assistant" } as const;
const TRANSCRIPT = `${HOME}/workers/w/transcript.jsonl`;

async function reader(fileSystem: SimulatedDisk): Promise<RuntimeReader> {
  return await RuntimeReader.open({ source: new FsRuntimeSource(location, { fileSystem }) });
}

/** Compares searches of random texts with scans. */
async function compare(
  random: Random,
  fileSystem: SimulatedDisk,
  owner: Runtime | undefined,
  times: number,
): Promise<number> {
  const view = await reader(fileSystem);
  let count = 0;
  for (let time = 0; time < times; time++) {
    const needle = randomText(random, random.chance(0.2) ? 2 : 1);
    const ignoreCase = random.chance(0.5);
    const find = finder(needle, ignoreCase);
    const expected = await scan(view, find);
    const pattern = new RegExp(RegExp.escape(needle), ignoreCase ? "giu" : "yu");
    assertHits(await hitsOf(location, needle, { fileSystem, ignoreCase }), expected, find);
    assertHits(await hitsOf(view, needle, { ignoreCase }), expected, find);
    if (owner !== undefined) assertHits(await hitsOf(owner, needle, { ignoreCase }), expected, find);
    if (ignoreCase) assertHits(await hitsOf(location, pattern, { fileSystem }), expected, find);
    count += expected.length;
  }
  await view.close();
  return count;
}

for (const seed of [1, 2, 3]) {
  Deno.test(`search() finds what a plain scan finds, beside a writer and after its end, with seed ${seed}`, async () => {
    await withSeed(seed, async (random) => {
      const disk = configured({ limits: { segmentBytes: 16_384, checkpointBytes: 8_192 } });
      let runtime = await open(disk);
      for (let worker = 0; worker < 4; worker++) {
        await runtime.createWorker({ workerId: `w${worker}`, intent });
      }
      let count = 0;
      for (let turn = 0; turn < 3; turn++) {
        await say(runtime, random, 25);
        count += await compare(random, disk, runtime, 4);
        if (turn === 1) await runtime.prune();
        await runtime.close();
        count += await compare(random, disk, undefined, 4);
        runtime = await open(disk);
      }
      await runtime.close();
      assert(count > 100, `${count} hits`);
    });
  });
}

Deno.test("search() of a runtime in memory finds what a plain scan finds", async () => {
  await withSeed(4, async (random) => {
    const runtime = await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "local" }) });
    for (const workerId of ["w0", "w1"]) await runtime.createWorker({ workerId, intent });
    await say(runtime, random, 60);
    for (let time = 0; time < 10; time++) {
      const needle = randomText(random, 1);
      const find = finder(needle, false);
      assertHits(await hitsOf(runtime, needle), await scan(runtime, find), find);
    }
    await runtime.close();
  });
});

/** A store with one worker whose entries have these contents. */
async function storeOf(
  contents: readonly string[],
  disk: SimulatedDisk = new SimulatedDisk(),
): Promise<SimulatedDisk> {
  const runtime = await open(disk);
  const worker = await runtime.ensureWorker({ workerId: "w", intent });
  for (const content of contents) await worker.append([{ role: "user", content }]);
  await runtime.close();
  return disk;
}

Deno.test("search() gives the worker, the entry, the path of the string and an excerpt in whole code points", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  const worker = await runtime.createWorker({ workerId: "w", intent });
  const at = "2026-01-02T03:04:05.678Z";
  const text = `${"\u{1f600}".repeat(60)} needle ${"\u{1f600}".repeat(200)}`;
  const content = [{ type: "text", text: "no" }, { type: "result", parts: { "a.b": [text, "a needle"] } }];
  const { eventId } = await worker.append([{ role: "x", content: "-" }, {
    role: "tool",
    name: "git",
    at,
    content,
  }]);
  await runtime.close();
  const hits = await hitsOf(location, "needle", { fileSystem: disk });
  const entry = { workerId: "w", seq: 2, eventId, at, role: "tool", name: "git" };
  const excerpt = `${"\u{1f600}".repeat(40)} needle ${"\u{1f600}".repeat(77)}`;
  assertEquals(hits as unknown[], [
    {
      ...entry,
      path: [1, "parts", "a.b", 0],
      index: 121,
      length: 528,
      excerpt: { text: excerpt, start: 81, end: 87 },
    },
    {
      ...entry,
      path: [1, "parts", "a.b", 1],
      index: 2,
      length: 8,
      excerpt: { text: "a needle", start: 2, end: 8 },
    },
  ]);
});

Deno.test("search() shortens the excerpt of a long match", async () => {
  const disk = await storeOf(["x".repeat(10_000)]);
  const [hit] = await hitsOf(location, /x+/, { fileSystem: disk });
  assertEquals(hit?.excerpt, { text: "x".repeat(240), start: 0, end: 240 });
});

Deno.test("search() filters by worker, role and time, and ends at the limit", async () => {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  for (const workerId of ["a", "b"]) {
    const worker = await runtime.createWorker({ workerId, intent });
    for (const day of [1, 2, 3]) {
      const at = `2026-01-0${day}T00:00:00.000Z`;
      await worker.append([{ role: "user", at, content: `day ${day}` }, {
        role: "tool",
        at,
        content: `day ${day}`,
      }]);
    }
  }
  await runtime.close();
  const found = async (options: SearchOptions): Promise<string[]> => {
    const hits = await hitsOf(location, "day", { fileSystem: disk, ...options });
    return hits.map(({ workerId, role, at }) => `${workerId} ${role} ${at.slice(9, 10)}`);
  };
  assertEquals((await found({})).length, 12);
  assertEquals(await found({ workers: ["b"], roles: ["tool"] }), ["b tool 1", "b tool 2", "b tool 3"]);
  const since = "2026-01-02T00:00:00Z";
  assertEquals(await found({ workers: ["a"], roles: ["user"], since }), ["a user 2", "a user 3"]);
  assertEquals(await found({ workers: ["a"], roles: ["user"], until: new Date(since) }), ["a user 1"]);
  assertEquals(await found({ since, until: since }), []);
  assertEquals(await found({ limit: 2 }), ["a user 1", "a tool 1"]);
  await refused("worker_not_found", () => found({ workers: ["a", "c"] }));
  await refused("wrong_runtime", () => found({ workers: [{ runtimeId: "other", workerId: "a" }] }));
});

Deno.test("search() rejects what it cannot search for, before the first step", async () => {
  const wrong: [unknown, SearchOptions][] = [
    ["", {}],
    [7, {}],
    ["x", { limit: 0 }],
    ["x", { limit: 1.5 }],
    ["x", { since: "yesterday" }],
    ["x", { until: new Date(NaN) }],
    ["x", { roles: "user" } as unknown as SearchOptions],
    ["x", { workers: "a" } as unknown as SearchOptions],
    ["x", { ignoreCase: "yes" } as unknown as SearchOptions],
    ["x", { role: ["user"] } as SearchOptions],
  ];
  for (const [searched, options] of wrong) {
    const error = assertThrows(() => search(location, searched as string, options), Error);
    assertEquals(Reflect.get(error, "code"), "invalid_request");
  }
  await refused("store_missing", () => hitsOf(location, "x", { fileSystem: new SimulatedDisk() }));
});

Deno.test("search() throws the reason of an aborted signal, also between hits", async () => {
  const disk = await storeOf(Array.from({ length: 20 }, () => "needle"));
  await assertRejects(() => hitsOf(location, "x", { fileSystem: disk, signal: AbortSignal.abort("early") }));
  const ending = new AbortController();
  const seen: number[] = [];
  const error = await (async () => {
    for await (const { seq } of search(location, "needle", { fileSystem: disk, signal: ending.signal })) {
      seen.push(seq);
      if (seq === 3) ending.abort("late");
    }
  })().catch((reason) => reason);
  assertEquals([error, seen], ["late", [1, 2, 3]]);
});

Deno.test("search() ignores lastIndex and the flags g and y of a RegExp, and leaves it as it is", async () => {
  const disk = await storeOf(["a needle, a needle", "needle"]);
  for (const flags of ["g", "y", "gy", ""]) {
    const pattern = new RegExp("needle", flags);
    pattern.lastIndex = 5;
    const hits = await hitsOf(location, pattern, { fileSystem: disk });
    assertEquals([hits.map(({ index }) => index), pattern.lastIndex], [[2, 0], 5]);
  }
  assertEquals((await hitsOf(location, /^NEEDLE$/i, { fileSystem: disk })).length, 1);
});

Deno.test("search() finds text that another program wrote with other escapes", async () => {
  const disk = await storeOf(["caf\u00e9/\u{1f600}"]);
  const lines = new TextDecoder().decode(disk.peek(TRANSCRIPT)).split("\n").slice(0, -1);
  const changed = lines.map((line) => line.replace("caf\u00e9/\u{1f600}", "caf\\u00e9\\/\\ud83d\\ude00"));
  const sealed = changed.map((line) => sealedBytes(`${line.slice(0, -SEAL_BYTES)}}`));
  disk.plant.file(TRANSCRIPT, new Uint8Array(sealed.flatMap((bytes) => [...bytes])));
  for (const needle of ["caf\u00e9", "/", "\u{1f600}", "F\u00c9"]) {
    const hits = await hitsOf(location, needle, { fileSystem: disk, ignoreCase: true });
    assertEquals(hits.map(({ seq }) => seq), [1], needle);
  }
});

/** Searches, and keeps the findings. */
async function searched(
  fileSystem: SimulatedDisk,
  needle: string | RegExp,
): Promise<{ seqs: number[]; findings: Finding[] }> {
  const findings: Finding[] = [];
  const hits = await hitsOf(location, needle, { fileSystem, onFinding: (finding) => findings.push(finding) });
  return { seqs: hits.map(({ seq }) => seq), findings };
}

/** Flips a bit in a text of a file; returns the offset of its line. */
function damage(disk: SimulatedDisk, path: string, text: string): number {
  const bytes = disk.peek(path)?.slice() ?? new Uint8Array();
  const at = new TextDecoder("latin1").decode(bytes).indexOf(text);
  assert(at > 0, text);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  disk.plant.file(path, bytes);
  return bytes.lastIndexOf(0x0a, at) + 1;
}

const numbered = Array.from({ length: 9 }, (_, index) => `needle ${index + 1}`);
const all = numbered.map((_, index) => index + 1);

Deno.test("search() reads damaged lines of a transcript from the log, and reports them", async () => {
  const disk = await storeOf(numbered);
  const byteOffset = damage(disk, TRANSCRIPT, "needle 4");
  const { seqs, findings } = await searched(disk, "needle");
  assertEquals(seqs.toSorted(), all);
  const [finding] = findings;
  assertEquals(findings.length, 1);
  assertEquals([finding?.code, finding?.severity, finding?.workerId, finding?.file, finding?.byteOffset], [
    "transcript_damaged",
    "healable",
    "w",
    "workers/w/transcript.jsonl",
    byteOffset,
  ]);
  assertEquals((await searched(disk, "needle 4")).seqs, [4]);
  assertEquals((await searched(disk, "nothing")).findings, findings);
  assertEquals((await hitsOf(location, "needle", { fileSystem: disk })).length, 9);
});

Deno.test("search() reads a missing transcript from the log, and reports it", async () => {
  const disk = await storeOf(numbered);
  disk.plant.nothing(TRANSCRIPT);
  const { seqs, findings } = await searched(disk, "needle");
  assertEquals([seqs, findings.map(({ code, severity }) => [code, severity])], [all, [[
    "transcript_missing",
    "healable",
  ]]]);
});

Deno.test("search() reads what the end of a transcript lacks from the log, and reports it", async () => {
  const disk = await storeOf(numbered);
  const lines = new TextDecoder().decode(disk.peek(TRANSCRIPT)).split("\n");
  disk.plant.file(TRANSCRIPT, new TextEncoder().encode(`${lines.slice(0, 5).join("\n")}\n`));
  const { seqs, findings } = await searched(disk, "needle");
  assertEquals([seqs, findings.map(({ code, severity }) => [code, severity])], [all, [[
    "transcript_behind",
    "healable",
  ]]]);
});

Deno.test("search() finds all but the damaged lines when the log was pruned, and reports which are lost", async () => {
  const disk = configured({ limits: { segmentBytes: 4_096, checkpointBytes: 4_096 } });
  await storeOf(numbered.map((text) => `${text} ${"x".repeat(900)}`), disk);
  for (let time = 0; time < 3; time++) await storeOf([], disk);
  const runtime = await open(disk);
  assert((await runtime.prune()).events > 10);
  await runtime.close();
  for (const text of ["needle 2", "needle 3", "needle 7"]) damage(disk, TRANSCRIPT, text);
  for (const needle of ["needle", /needle/]) {
    const { seqs, findings } = await searched(disk, needle);
    assertEquals(seqs, [1, 4, 5, 6, 8, 9]);
    const damaged = findings.filter(({ severity }) => severity === "damaged");
    assertEquals(damaged.map(({ code, workerId }) => [code, workerId]), [
      ["transcript_damaged", "w"],
      ["transcript_damaged", "w"],
    ]);
    assertEquals(damaged.map(({ message }) => /entr(?:y|ies) [\d to]+ (?:is|are)/.exec(message)?.[0]), [
      "entries 2 to 3 are",
      "entry 7 is",
    ]);
  }
  await refused("store_corrupt", () => hitsOf(location, "needle", { fileSystem: disk }));
});

Deno.test("search() searches what precedes the damage of a log, and reports it", async () => {
  const disk = await storeOf(numbered);
  const runtime = await open(disk);
  await runtime.worker("w").append([{ role: "user", content: "needle 10" }]);
  await runtime.worker("w").append([{ role: "user", content: "needle 11" }]);
  const left = new SimulatedDisk({ contents: disk.image() });
  await runtime.close();
  const log = [...left.dump().keys()].filter((path) => path.includes("/events/")).sort().at(-1) ?? "";
  damage(left, log, "needle 10");
  const { seqs, findings } = await searched(left, "needle");
  assertEquals(seqs, all);
  assertEquals(findings.map(({ code, severity }) => [code, severity]), [["log_damaged", "damaged"]]);
  await refused("store_corrupt", () => hitsOf(location, "needle", { fileSystem: left }));
});

for (
  const [what, code, findingCode] of [
    ["missing", "blob_missing", "blob_missing"],
    ["damaged", "blob_corrupt", "blob_damaged"],
  ] as const
) {
  Deno.test(`search() reports content whose blob is ${what}, and finds the rest`, async () => {
    const disk = await storeOf(["needle", `${"long ".repeat(60_000)} needle`, "needle"]);
    assertEquals((await searched(disk, "needle")).seqs, [1, 2, 3]);
    const blob = [...disk.dump().keys()].find((path) => path.includes("/blobs/")) ?? "";
    if (what === "missing") disk.plant.nothing(blob);
    else damage(disk, blob, "long");
    const { seqs, findings } = await searched(disk, "needle");
    assertEquals(seqs, [1, 3]);
    assertEquals(findings.map(({ code, severity, workerId }) => [code, severity, workerId]), [[
      findingCode,
      "damaged",
      "w",
    ]]);
    await refused(code, () => hitsOf(location, "needle", { fileSystem: disk }));
    await refused(code, async () => {
      const view = await reader(disk);
      await hitsOf(view, "needle").finally(() => view.close());
    });
  });
}
