// verify() and repair() of blobs: every kind of damage is reported with worker and file, and nothing is lost.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Finding, repair, storeSizes, verify, workerSizes } from "../../operate.ts";
import { isRuntimeError } from "../../mod.ts";
import type { SimulatedDisk } from "../disk/mod.ts";
import { openRuntime } from "../cli/stores.ts";
import {
  diskWith,
  fileOf,
  large,
  local,
  prunedBlobStore,
  say,
  small,
  SOURCE,
  spilledBytes,
} from "./blobs.ts";

const source = local("/source");
const at = (name: string): string => `${SOURCE}/${name}`;

/** Findings without those of temporary files and quarantine. */
async function found(
  fileSystem: SimulatedDisk,
  quick = false,
): Promise<{ verdict: string; findings: Pick<Finding, "code" | "severity" | "file" | "workerId">[] }> {
  const { verdict, findings } = await verify(source, { fileSystem, quick });
  return {
    verdict,
    findings: findings.map(({ code, severity, file, workerId }) => ({
      code,
      severity,
      ...(file === undefined ? {} : { file }),
      ...(workerId === undefined ? {} : { workerId }),
    })),
  };
}

const reversed = large.toReversed();

for (const [name, make] of [["whole", undefined], ["pruned", prunedBlobStore]] as const) {
  Deno.test(`verify() finds nothing wrong with the blobs of a ${name} log`, async () => {
    const disk = await diskWith(make);
    assertEquals(await found(disk), { verdict: "clean", findings: [] });
    const all = await verify(source, { fileSystem: disk });
    const quick = await verify(source, { fileSystem: disk, quick: true });
    const read = large.length + spilledBytes.length + 2 * small.length + (make === undefined ? 0 : 3);
    assertEquals([quick.verdict, all.fileBytes - quick.fileBytes], ["clean", read]);
  });

  for (
    const [what, harm, code, isQuick] of [
      ["missing", (disk: SimulatedDisk, path: string) => disk.plant.nothing(path), "blob_missing", true],
      [
        "truncated",
        (disk: SimulatedDisk, path: string) => disk.plant.file(path, large.slice(0, -1)),
        "blob_damaged",
        true,
      ],
      [
        "extended",
        (disk: SimulatedDisk, path: string) => disk.plant.file(path, new Uint8Array([...large, 0])),
        "blob_damaged",
        true,
      ],
      [
        "replaced",
        (disk: SimulatedDisk, path: string) => disk.plant.file(path, reversed),
        "blob_damaged",
        false,
      ],
      [
        "replaced by a directory",
        (disk: SimulatedDisk, path: string) => {
          disk.plant.nothing(path);
          disk.plant.directory(path);
        },
        "blob_damaged",
        true,
      ],
    ] as const
  ) {
    Deno.test(`verify() names worker and file of a blob of a ${name} log that is ${what}`, async () => {
      const disk = await diskWith(make);
      const file = fileOf("a", large);
      harm(disk, at(file));
      const finding = { code, severity: "damaged", file, workerId: "a" } as const;
      assertEquals(await found(disk), { verdict: "damaged", findings: [finding] });
      assertEquals((await found(disk, true)).verdict, isQuick ? "damaged" : "clean");
    });
  }
}

Deno.test("verify() finds damage of a blob that only the event of its spilled content names", async () => {
  const disk = await diskWith();
  const file = fileOf("a", spilledBytes);
  disk.plant.file(at(file), spilledBytes.toReversed());
  const finding = { code: "blob_damaged", severity: "damaged", file, workerId: "a" } as const;
  assertEquals(await found(disk), { verdict: "damaged", findings: [finding] });
});

Deno.test("verify() reports unreferenced blobs, unfinished ones and foreign files as information", async () => {
  const disk = await diskWith();
  const runtime = await openRuntime({ root: "/source", fileSystem: disk });
  await runtime.worker("a").putBlob(new TextEncoder().encode("nobody's"));
  await runtime.worker("b").putBlob(large);
  await runtime.close();
  disk.plant.file(at("incoming/7"), small);
  disk.plant.file(at("incoming/mine"), small);
  disk.plant.file(at("workers/a/blobs/notes.txt"), small);
  const { verdict, findings } = await verify(source, { fileSystem: disk });
  const facts = findings.map(({ code, severity, file, message }) => [code, severity, file, message]);
  assertEquals([verdict, facts], ["clean", [
    ["foreign_entry", "info", "workers/a/blobs/notes.txt", '"notes.txt" is not a file of the store'],
    ["blob_unreferenced", "info", "workers/a/blobs", "no entry refers to 1 blob with 8 bytes"],
    ["blob_unreferenced", "info", "workers/b/blobs", "no entry refers to 1 blob with 100001 bytes"],
    ["temporary_left", "info", "incoming/7", "a blob that was never finished"],
    ["foreign_entry", "info", "incoming/mine", '"mine" is not a file of the store'],
  ]]);
  assertEquals((await repair(source, { fileSystem: disk })).steps, []);
});

Deno.test("verify() reports no blob as unreferenced that an unreadable part of the transcript may name", async () => {
  const disk = await diskWith(prunedBlobStore);
  disk.plant.nothing(at("workers/a/transcript.jsonl"));
  const { findings } = await verify(source, { fileSystem: disk });
  assertEquals(findings.map(({ code }) => code), ["transcript_missing"]);
});

for (const path of ["workers/a/blobs", "incoming"]) {
  Deno.test(`repair() moves a file at the path of the directory ${path} aside, and blobs are put again`, async () => {
    const disk = await diskWith();
    for (const [name] of disk.dump()) if (name.startsWith(`${at(path)}/`)) disk.plant.nothing(name);
    disk.plant.nothing(at(path));
    disk.plant.file(at(path), small);
    const { verdict, findings } = await found(disk);
    const expected = path === "incoming" ? "healable" : "damaged";
    assertEquals([verdict, findings.map(({ code, file }) => [code, file])], [expected, [[
      "wrong_kind",
      path,
    ]]]);
    await repair(source, { fileSystem: disk, apply: true });
    const runtime = await openRuntime({ root: "/source", fileSystem: disk });
    for (const bytes of [large, small, spilledBytes, new Uint8Array()]) {
      await runtime.worker("a").putBlob(bytes);
    }
    await runtime.close();
    assertEquals((await found(disk)).verdict, "clean");
    assert([...disk.dump()].some(([name, bytes]) => name.startsWith(at("salvage/")) && bytes.length === 3));
  });
}

Deno.test("verify() reports the blobs of a worker whose directory is a file", async () => {
  const disk = await diskWith();
  for (const [name] of disk.dump()) if (name.startsWith(at("workers/b/"))) disk.plant.nothing(name);
  disk.plant.nothing(at("workers/b/blobs"));
  disk.plant.nothing(at("workers/b"));
  disk.plant.file(at("workers/b"), small);
  const { verdict, findings } = await found(disk);
  const damage = findings.filter(({ severity }) => severity === "damaged");
  assertEquals([verdict, damage], ["damaged", [
    { code: "wrong_kind", severity: "damaged", file: "workers/b", workerId: "b" },
  ]]);
});

Deno.test("verify() reports nothing of the blobs of a worker that is purged meanwhile", async () => {
  const disk = await diskWith();
  const runtime = await openRuntime({ root: "/source", fileSystem: disk });
  await runtime.worker("a").retire();
  await runtime.flush();
  const reader = disk.fork();
  await runtime.worker("a").purge();
  await runtime.flush();
  const after = disk.dump();
  let isPlayed = false;
  reader.onCall = ({ operation, path }) => {
    if (isPlayed || operation !== "stat" || !path.includes("/blobs/")) return undefined;
    isPlayed = true;
    for (const [name] of reader.dump()) {
      if (!after.has(name) && !name.endsWith("/")) reader.plant.nothing(name);
    }
    for (const [name, bytes] of after) if (!name.endsWith("/")) reader.plant.file(name, bytes);
    return undefined;
  };
  const { verdict, findings } = await verify(source, { fileSystem: reader });
  const damage = findings.filter(({ severity }) => severity === "damaged");
  assertEquals([isPlayed, verdict, damage], [true, "clean", []]);
  await runtime.close();
});

Deno.test("verify() ends while it reads a blob once its signal aborts", async () => {
  const disk = await diskWith();
  const stop = new AbortController();
  disk.onCall = ({ operation, path }) => {
    if (operation === "read" && path.endsWith(fileOf("a", large))) stop.abort("enough");
    return undefined;
  };
  const reason = await verify(source, { fileSystem: disk, signal: stop.signal }).catch((reason) => reason);
  assertEquals(reason, "enough");
});

Deno.test("repair() moves a damaged blob aside with salvage only, and putting the bytes again restores it", async () => {
  const disk = await diskWith();
  const file = fileOf("a", large);
  disk.plant.file(at(file), reversed);
  disk.plant.nothing(at(fileOf("b", small)));
  const planned = await repair(source, { fileSystem: disk });
  assertEquals(planned.steps.map(({ action, file = "" }) => [action, file]), [
    ["set_blob_aside", file],
    ["restore_blobs", ""],
  ]);
  const before = disk.fingerprint();
  const refusal = await repair(source, { fileSystem: disk, apply: true }).catch((reason) => reason);
  assert(isRuntimeError(refusal) && refusal.code === "store_corrupt", String(refusal));
  assertStringIncludes(refusal.message, "--salvage");
  assertEquals(disk.fingerprint(), before);

  const { applied, after } = await repair(source, { fileSystem: disk, apply: true, salvage: true });
  assertEquals([applied, after?.verdict, after?.counts], [true, "damaged", { blob_missing: 2 }]);
  assertEquals(disk.peek(at(`salvage/000001-${file.split("/").at(-1)}`)), reversed);
  const again = await repair(source, { fileSystem: disk, apply: true, salvage: true });
  assertEquals([again.applied, again.steps.map(({ action }) => action)], [false, ["restore_blobs"]]);

  const runtime = await openRuntime({ root: "/source", fileSystem: disk });
  await runtime.worker("a").putBlob(large);
  await runtime.worker("b").putBlob(small);
  await runtime.close();
  assertEquals((await found(disk)).verdict, "clean");
});

Deno.test("repair() leaves a blob that was put again since it was found damaged", async () => {
  const disk = await diskWith();
  const path = at(fileOf("a", large));
  disk.plant.file(path, reversed);
  let locks = 0;
  disk.onCall = ({ operation, path: name }) => {
    if (operation === "lock" && name === at("lock") && locks++ === 0) disk.plant.file(path, large);
    return undefined;
  };
  const { after } = await repair(source, { fileSystem: disk, apply: true, salvage: true });
  assertEquals([after?.verdict, disk.peek(path)], ["clean", large]);
});

Deno.test("repair() heals everything else beside a lost blob", async () => {
  const disk = await diskWith();
  disk.plant.nothing(at(fileOf("b", small)));
  disk.plant.nothing(at("workers/a/transcript.jsonl"));
  const { after } = await repair(source, { fileSystem: disk, apply: true });
  assertEquals(after?.findings.map(({ code }) => code), ["blob_missing"]);
});

Deno.test("storeSizes() and workerSizes() count blobs as a number of their own", async () => {
  const disk = await diskWith();
  disk.plant.file(at("incoming/7"), large);
  const before = storeSizes(source, ["a", "b"], { fileSystem: disk });
  const kept = large.length + small.length + spilledBytes.length;
  assertEquals(workerSizes(source, "a", { fileSystem: disk }).blobs, kept);
  assertEquals(workerSizes(source, "b", { fileSystem: disk }).blobs, small.length);
  assertEquals(before.blobs, kept + small.length);
  const { log, transcripts, blobs, checkpoints, other, quarantine, total } = before;
  assertEquals(total, log + transcripts + blobs + checkpoints + other + quarantine);
  assert(other > large.length);
  const runtime = await openRuntime({ root: "/source", fileSystem: disk });
  await say(runtime.worker("b"), "more", large);
  await runtime.close();
  const after = storeSizes(source, ["a", "b"], { fileSystem: disk });
  assertEquals(after.blobs, before.blobs + large.length);
  assert(after.other < large.length, "unfinished blobs are removed by an opening");
});
