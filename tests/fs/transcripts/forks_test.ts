// The file of a fork's transcript, which begins after the entries of the base: damaged, lost, pruned, cut.

import { assert, assertEquals } from "@std/assert";
import { type Runtime, RuntimeReader } from "../../../mod.ts";
import { FsRuntimeSource } from "../../../fs_store.ts";
import { verify } from "../../../operate.ts";
import { failAt, loseAll, SimulatedDisk } from "../../disk/mod.ts";
import { configured, LOCAL_HOME as HOME, open } from "../../kit/opened.ts";
import { codesOf, refused } from "../../kit/place.ts";

const FILE = `${HOME}/workers/f/transcript.jsonl`;
const source = { root: "/data", runtimeId: "local" };
const small = { limits: { segmentBytes: 4_096, checkpointBytes: 4_096, checkpointEvents: 16 } };

/** A worker with 20 entries, and a fork with 12 of them and `own` entries. */
async function forked(disk: SimulatedDisk, own = 8): Promise<Runtime> {
  const runtime = await open(disk);
  const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  await speak(worker, 20);
  const fork = await runtime.forkWorker("a", { workerId: "f", atSeq: 12 });
  await speak(fork, own);
  return runtime;
}

async function speak(worker: ReturnType<Runtime["worker"]>, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await worker.append([{ role: "user", content: `${index} ${"x".repeat(300)}` }]);
  }
}

/** Sequences and contents of the fork, read in pages. */
async function read(runtime: Runtime): Promise<unknown[]> {
  return await Array.fromAsync(runtime.worker("f").entries(), ({ seq, content }) => [seq, content]);
}

/** Those that it must have. */
function expected(own = 8): unknown[] {
  const contents = [...Array(12).keys(), ...Array(own).keys()].map((index) => `${index} ${"x".repeat(300)}`);
  return contents.map((content, index) => [index + 1, content]);
}

async function findingsOf(disk: SimulatedDisk): Promise<string[]> {
  const { findings } = await verify(source, { fileSystem: disk });
  return findings.map(({ code, severity }) => `${severity} ${code}`);
}

const damages: Readonly<Record<string, (disk: SimulatedDisk) => void>> = {
  "is missing": (disk) => disk.plant.nothing(FILE),
  "is empty": (disk) => disk.plant.file(FILE, new Uint8Array()),
  "has a flipped bit in its header": (disk) => flip(disk, 20),
  "has a flipped bit in a line": (disk) => flip(disk, 1_000),
  "lost its end": (disk) => disk.plant.file(FILE, disk.peek(FILE)?.slice(0, 1_500) ?? new Uint8Array()),
  "is that of a worker that is no fork": (disk) => {
    const text = new TextDecoder().decode(disk.peek(FILE)).replace(',"before":12', "");
    disk.plant.file(FILE, new TextEncoder().encode(text));
  },
};

function flip(disk: SimulatedDisk, at: number): void {
  const bytes = disk.peek(FILE)?.slice() ?? new Uint8Array();
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  disk.plant.file(FILE, bytes);
}

for (const [what, damage] of Object.entries(damages)) {
  Deno.test(`the transcript of a fork that ${what} is rebuilt from the log`, async () => {
    const disk = new SimulatedDisk();
    await (await forked(disk)).close();
    assertEquals(await findingsOf(disk), []);
    damage(disk);
    assert((await findingsOf(disk)).every((finding) => finding.startsWith("healable transcript_")));
    assert((await findingsOf(disk)).length > 0);
    const runtime = await open(disk);
    assertEquals(await read(runtime), expected());
    await speak(runtime.worker("f"), 1);
    assertEquals((await read(runtime)).length, 21);
    await runtime.close();
    assertEquals(
      (await findingsOf(disk)).filter((finding) => !finding.includes("quarantine")),
      [],
    );
    const again = await open(disk);
    assertEquals((await read(again)).slice(0, 20), expected());
    assertEquals(codesOf(again), []);
    await again.close();
  });
}

for (const own of [0, 1, 8, 40]) {
  Deno.test(`a fork with ${own} entries of its own stays whole over checkpoints, kills, power cuts and prunings`, async () => {
    const disk = configured(small);
    const runtime = await forked(disk, own);
    assertEquals(await read(runtime), expected(own));
    for (const next of [disk.fork(), disk.crash(loseAll), disk.crash()]) {
      const opened = await open(next);
      assertEquals(await read(opened), expected(own));
      await opened.close();
      assertEquals((await findingsOf(next)).filter((finding) => finding.startsWith("damaged")), []);
    }
    await runtime.close();
    let opened = await open(disk);
    await speak(opened.worker("a"), 30);
    await opened.close();
    opened = await open(disk);
    assert((await opened.prune()).events > 0);
    assertEquals(await read(opened), expected(own));
    await speak(opened.worker("f"), 2);
    await opened.close();
    const pruned = await open(disk.crash());
    assertEquals((await read(pruned)).slice(0, 12 + own), expected(own));
    assertEquals(pruned.worker("f").state().transcriptLength, 14 + own);
    await pruned.close();
    assertEquals((await findingsOf(disk)).filter((finding) => !finding.startsWith("info")), []);
  });
}

Deno.test("a reader of another process reads a fork, also as it goes on", async () => {
  const disk = configured(small);
  const runtime = await forked(disk);
  const fileSystem = disk.attach();
  await using reader = await RuntimeReader.open({ source: new FsRuntimeSource(source, { fileSystem }) });
  for (const own of [8, 9, 29]) {
    await speak(runtime.worker("f"), own - runtime.worker("f").state().transcriptLength + 12);
    await reader.refresh();
    const length = 12 + own;
    for (const after of [0, 11, 12, 13, length - 1]) {
      const { items } = await reader.transcript("f", { after, limit: 100 });
      assertEquals(items, (await runtime.worker("f").transcript({ after, limit: 100 })).items);
      assertEquals([items[0]?.seq, items.length], [after + 1, length - after]);
    }
    assertEquals((await reader.context("f")).entries.length, length);
  }
  await runtime.close();
});

Deno.test("a missing or damaged blob of a base is damage of the fork alone", async () => {
  const disk = new SimulatedDisk();
  const runtime = await forked(disk);
  const { base } = runtime.worker("f").state().fork ?? {};
  await runtime.close();
  const names = disk.list(`${HOME}/workers/f/blobs`).map(({ name }) => name);
  assertEquals(names.length, 2);
  for (const name of names) {
    for (const isMissing of [true, false]) {
      const next = disk.fork();
      const path = `${HOME}/workers/f/blobs/${name}`;
      const bytes = next.peek(path)?.slice() ?? new Uint8Array();
      bytes[3] = (bytes[3] ?? 0) ^ 1;
      if (isMissing) next.plant.nothing(path);
      else next.plant.file(path, bytes);
      const damaged = (await findingsOf(next)).filter((finding) => finding.startsWith("damaged"));
      assertEquals(damaged, [isMissing ? "damaged blob_missing" : "damaged blob_damaged"], name);
      const opened = await open(next);
      await refused(
        isMissing ? "blob_missing" : "blob_corrupt",
        () => opened.worker("f").transcript({ after: 0 }),
      );
      assertEquals((await opened.worker("f").transcript({ limit: 8 })).items.length, 8);
      assertEquals((await opened.worker("a").transcript({ after: 0 })).items.length, 20);
      await speak(opened.worker("f"), 1);
      await opened.close();
    }
  }
  assert(names.includes(base?.sha256 ?? ""));
});

Deno.test("forkWorker() leaves nothing when its blobs or its event cannot be written", async () => {
  let failures = 0;
  for (let n = 1;; n++) {
    const disk = new SimulatedDisk();
    const runtime = await open(disk);
    const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    await speak(worker, 20);
    await runtime.flush();
    const hook = failAt(
      n,
      "ENOSPC",
      "once",
      ({ operation, path }) =>
        /\/(?:incoming|workers|events)\b/.test(path) &&
        ["write", "rename", "makeDirectory", "syncDirectory"].includes(operation),
    );
    disk.onCall = hook;
    const outcome = await runtime.forkWorker("a", { workerId: "f", atSeq: 12 }).then(
      () => "forked",
      (error) => error.code,
    );
    disk.onCall = undefined;
    if (outcome !== "forked") {
      failures++;
      assertEquals(outcome, "no_space", `call ${n}`);
      assertEquals(disk.list(`${HOME}/workers`).map(({ name }) => name), ["a"], `call ${n}`);
      const isThere = disk.stat(`${HOME}/incoming`) !== undefined;
      assertEquals(isThere ? disk.list(`${HOME}/incoming`) : [], [], `call ${n}`);
      await runtime.forkWorker("a", { workerId: "f", atSeq: 12 });
    }
    assertEquals(await read(runtime), expected(0), `call ${n}`);
    await runtime.close();
    if (outcome === "forked") break;
  }
  assert(failures > 8, `${failures} calls failed`);
});
