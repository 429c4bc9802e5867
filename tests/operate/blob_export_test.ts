// exportRuntime() and importRuntime() with blobs: the same bytes again, or a typed error.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { crc32 } from "node:zlib";
import { exportRuntime, importRuntime, verify } from "../../operate.ts";
import { isRuntimeError, type RuntimeErrorCode } from "../../mod.ts";
import { BLOB_PIECE_BYTES, blobLines } from "../../src/operate/transfer/blob_lines.ts";
import { streamOf, textOf } from "../cli/kit.ts";
import { openRuntime } from "../cli/stores.ts";
import { killAt, SimulatedDisk } from "../disk/mod.ts";
import { refused } from "../kit/place.ts";
import {
  blobStore,
  diskWith,
  fileOf,
  hashOf,
  large,
  local,
  prunedBlobStore,
  say,
  small,
  SOURCE,
  spilled,
  spilledBytes,
} from "./blobs.ts";
import { assertLeavesNothing } from "./failing_calls.ts";

const source = local("/source");
const target = local("/target");
const makers = { "a whole log": blobStore, "a pruned log": prunedBlobStore } as const;

let made: Promise<readonly string[]> | undefined;

/** The streams of both stores. */
function streams(): Promise<readonly string[]> {
  return made ??= Promise.all(
    Object.values(makers).map(async (make) =>
      await textOf(exportRuntime(source, { fileSystem: await diskWith(make) }))
    ),
  );
}

/** The lines of a stream without its last one. */
function linesOf(stream: string): string[] {
  return stream.split("\n").slice(0, -2);
}

/** A stream of these lines with the right sum. */
function sealed(lines: readonly string[]): string {
  const text = lines.map((line) => `${line}\n`).join("");
  const crc = crc32(new TextEncoder().encode(text)).toString(16).padStart(8, "0");
  return `${text}{"end":{"lines":${lines.length},"crc":"${crc}"}}\n`;
}

async function take(stream: string, fileSystem: SimulatedDisk = new SimulatedDisk()): Promise<SimulatedDisk> {
  await importRuntime("/target", streamOf(stream), { fileSystem });
  return fileSystem;
}

function blobFiles(disk: SimulatedDisk, root: string): [string, Uint8Array][] {
  const start = `${root}/runtimes/local/`;
  return [...disk.dump()].filter(([name]) => name.startsWith(start) && /\/blobs\/./.test(name))
    .map(([name, bytes]): [string, Uint8Array] => [name.slice(start.length), bytes]).sort();
}

for (const [name, make] of Object.entries(makers)) {
  Deno.test(`importRuntime() makes the same blobs again from ${name}, and the same stream`, async () => {
    const disk = await diskWith(make);
    const stream = await textOf(exportRuntime(source, { fileSystem: disk }));
    await take(stream, disk);
    assertEquals(blobFiles(disk, "/target"), blobFiles(disk, "/source"));
    assertEquals(await textOf(exportRuntime(target, { fileSystem: disk })), stream);
    const { verdict, findings } = await verify(target, { fileSystem: disk });
    assertEquals([verdict, findings], ["clean", []]);
    const runtime = await openRuntime({ root: "/target", fileSystem: disk });
    const { items } = await runtime.worker("a").transcript({ after: 0 });
    const entry = items.find(({ contentBlob }) => contentBlob !== undefined);
    assert(entry !== undefined);
    assertEquals(await runtime.worker("a").content(entry), spilled);
    assertEquals((await runtime.worker("a").removeUnreferencedBlobs()).length, 0);
    await runtime.close();
  });
}

Deno.test("exportRuntime() writes each blob once, in pieces, before the first event that refers to it", async () => {
  const [stream = ""] = await streams();
  const found = linesOf(stream).flatMap((line, index) => {
    if (line.startsWith('{"blob":')) {
      const { workerId, sha256, bytes, offset, data } = JSON.parse(line).blob;
      return [[workerId, sha256, bytes, offset, atob(data).length, index]];
    }
    const { id, workerId, entries = [] } = JSON.parse(line);
    return entries.length === 0 || workerId === "gone" ? [] : [[workerId, id, index]];
  });
  const piece = BLOB_PIECE_BYTES;
  const hash = hashOf(large);
  const first = found[0]?.[5];
  const expected = [
    ["a", hash, 100_001, 0, piece],
    ["a", hash, 100_001, piece, piece],
    ["a", hash, 100_001, 2 * piece, 100_001 - 2 * piece],
    ["a", hashOf(small), 3, 0, 3],
    ["a", hashOf(new Uint8Array()), 0, 0, 0],
    ["a", 6],
    ["b", hashOf(small), 3, 0, 3],
    ["b", 8],
    ...[0, 1, 2, 3, 4, 5, 6].map((index) => {
      const offset = index * piece;
      const length = Math.min(piece, spilledBytes.length - offset);
      return ["a", hashOf(spilledBytes), spilledBytes.length, offset, length];
    }),
    ["a", 9],
    ["a", 10],
  ];
  assertEquals(found.map((item) => item.slice(0, -1)), expected);
  assert(typeof first === "number" && first > 0);
  for (const line of linesOf(stream)) assert(line.length < 70_000, `${line.length}`);
});

Deno.test("exportRuntime() leaves out unreferenced blobs", async () => {
  const disk = await diskWith();
  const stream = await textOf(exportRuntime(source, { fileSystem: disk }));
  const runtime = await openRuntime({ root: "/source", fileSystem: disk });
  await runtime.worker("b").putBlob(large);
  await runtime.close();
  const later = await textOf(exportRuntime(source, { fileSystem: disk }));
  const blobs = (text: string) => linesOf(text).filter((line) => line.startsWith('{"blob":'));
  assertEquals(blobs(later), blobs(stream));
});

Deno.test("exportRuntime() leaves out the blobs of earlier workers with the same id", async () => {
  for (const make of Object.values(makers)) {
    const disk = await diskWith(make);
    const runtime = await openRuntime({ root: "/source", fileSystem: disk });
    await runtime.worker("b").retire();
    await runtime.worker("b").purge();
    const b = await runtime.createWorker({ workerId: "b", intent: { kind: "assistant" } });
    await say(b, "another life", new TextEncoder().encode("other"), small);
    await runtime.close();
    const stream = await textOf(exportRuntime(source, { fileSystem: disk }));
    await take(stream, disk);
    assertEquals(blobFiles(disk, "/target"), blobFiles(disk, "/source"));
    assertEquals(await textOf(exportRuntime(target, { fileSystem: disk })), stream);
    assertEquals(
      await textOf(exportRuntime(target, { fileSystem: disk, worker: "b" })).then((text) =>
        linesOf(text).filter((line) => line.startsWith('{"blob":')).length
      ),
      2,
    );
  }
});

Deno.test("exportRuntime() of one worker has its blobs, can be imported and exported again", async () => {
  const disk = await diskWith();
  const stream = await textOf(exportRuntime(source, { fileSystem: disk, worker: "a" }));
  await take(stream, disk);
  assertEquals(await textOf(exportRuntime(target, { fileSystem: disk, worker: "a" })), stream);
  const own = blobFiles(disk, "/source").filter(([name]) => name.startsWith("workers/a/"));
  assertEquals(blobFiles(disk, "/target"), own);
});

/** Damage of a blob, and the error of an export. */
const damages: readonly (readonly [string, (disk: SimulatedDisk, path: string) => void, RuntimeErrorCode])[] =
  [
    ["missing", (disk, path) => disk.plant.nothing(path), "blob_missing"],
    ["truncated", (disk, path) => disk.plant.file(path, large.slice(1)), "blob_corrupt"],
    ["replaced", (disk, path) => disk.plant.file(path, large.toReversed()), "blob_corrupt"],
  ];

for (const [name, make] of Object.entries(makers)) {
  for (const [what, harm, code] of damages) {
    Deno.test(`exportRuntime() of ${name} with a blob that is ${what} throws ${code} and names the file`, async () => {
      const fileSystem = await diskWith(make);
      harm(fileSystem, `${SOURCE}/${fileOf("a", large)}`);
      for (const worker of make === blobStore ? [undefined, "a"] : [undefined]) {
        const { details } = await refused(code, () => textOf(exportRuntime(source, { fileSystem, worker })));
        const { workerId, sha256, file } = details as Record<string, unknown>;
        assertEquals([workerId, sha256, file], ["a", hashOf(large), fileOf("a", large)]);
      }
    });
  }
}

Deno.test("exportRuntime() throws cursor_expired when a worker is purged before its blobs are read", async () => {
  const disk = await diskWith();
  const runtime = await openRuntime({ root: "/source", fileSystem: disk });
  await runtime.worker("a").retire();
  const chunks = exportRuntime(source, { fileSystem: disk.attach() });
  assert(!(await chunks.next()).done);
  await runtime.worker("a").purge();
  const { message } = await refused("cursor_expired", () => textOf(chunks));
  assertStringIncludes(message, "it was purged meanwhile; export again");
  await runtime.close();
});

Deno.test("importRuntime() rejects a stream with a line left out, doubled or moved, also with the right sum", async () => {
  for (const stream of await streams()) {
    const lines = linesOf(stream);
    for (const [index, line] of lines.entries()) {
      if (index === 0) continue;
      const without = lines.toSpliced(index, 1);
      const wrong = [without, lines.toSpliced(index, 0, line), without.toSpliced(index - 1, 0, line)];
      for (const [way, changed] of wrong.entries()) {
        const disk = new SimulatedDisk();
        for (const dryRun of [false, true]) {
          const error = await importRuntime("/target", streamOf(sealed(changed)), {
            fileSystem: disk,
            dryRun,
          })
            .catch((reason) => reason);
          assert(isRuntimeError(error), `line ${index}, way ${way}, dry run ${dryRun}: ${line.slice(0, 90)}`);
        }
        assertEquals(disk.stat("/target"), undefined);
      }
    }
  }
});

/** Changes of a line with a piece of a blob: what, instead, and a part of the reason. */
const nonsense: readonly (readonly [RegExp | string, string, string])[] = [
  [/"sha256":"../, '"sha256":"zz', "sha256"],
  [/"sha256":"[0-9a-f]{4}/, '"sha256":"0000', "hash"],
  [/"bytes":\d+/, '"bytes":-1', "bytes"],
  [/"bytes":3/, '"bytes":4', "base64 of 4 bytes"],
  [/"bytes":\d+/, '"bytes":1073741825', "at most 1073741824 bytes"],
  [/"offset":0/, '"offset":3', "next piece"],
  [/"workerId":"a"/, '"workerId":""', "workerId"],
  [/"workerId":"a"/, '"workerId":"b"', "refers to first"],
  ['"data":"YWJj"', '"data":"YWJk"', "hash"],
  ['"data":"YWJj"', '"data":"YW Jj"', "base64"],
  ['"data":"YWJj"', '"data":"YW=="', "base64"],
  ['"data":"YWJj"', '"data":7', "data"],
  ['"data":"YWJj"', '"data":"////"', "hash"],
  ['"data":"YWJj"}}', '"data":"YWJj"}', "no JSON"],
];

Deno.test("importRuntime() rejects nonsense in a blob, names its line, and leaves nothing behind", async () => {
  for (const stream of await streams()) {
    const lines = linesOf(stream);
    const index = lines.findIndex((line) => line.includes('"data":"YWJj"'));
    for (const [from, to, reason] of nonsense) {
      const changed = lines.with(index, (lines[index] ?? "").replace(from, to));
      assert(changed[index] !== lines[index], `${from}`);
      const disk = new SimulatedDisk();
      const { message } = await refused("store_corrupt", () => take(sealed(changed), disk));
      assertStringIncludes(message, reason, to);
      assert(/^Cannot import line \d+: /.test(message), message);
      assertEquals(disk.stat("/target"), undefined);
    }
  }
});

Deno.test("importRuntime() rejects a reference with another size than its blob", async () => {
  const [stream = ""] = await streams();
  const lines = linesOf(stream);
  const index = lines.findLastIndex((line) => line.includes(`${hashOf(small)}","bytes":3,"mediaType"`));
  const changed = lines.with(index, (lines[index] ?? "").replace('"bytes":3,"media', '"bytes":4,"media'));
  const { message } = await refused("store_corrupt", () => take(sealed(changed)));
  assertStringIncludes(message, "does not have 4 bytes");
});

Deno.test("importRuntime() rejects blobs of a worker that the stream purges", async () => {
  const [stream = ""] = await streams();
  const lines = linesOf(stream);
  const index = lines.findIndex((line) => line.includes('"workerId":"gone","seq":1'));
  const blob = lines.find((line) => line.includes('"data":"YWJj"')) ?? "";
  const changed = lines.toSpliced(index, 0, blob.replace('"workerId":"a"', '"workerId":"gone"'));
  const disk = new SimulatedDisk();
  const { message } = await refused("store_corrupt", () => take(sealed(changed), disk));
  assertStringIncludes(message, "it purges a worker whose blobs precede it");
  assertEquals(disk.stat("/target"), undefined);
});

Deno.test("importRuntime() of blobs leaves nothing behind when any call fails, and its errors are typed", async () => {
  const [stream = ""] = await streams();
  await assertLeavesNothing((disk) => take(stream, disk));
});

Deno.test("importRuntime() of blobs is absent or whole after a kill or a power cut at any call", async () => {
  const stream = await textOf(exportRuntime(source, { fileSystem: await diskWith(), worker: "b" }));
  const whole = blobFiles(await take(stream), "/target");
  let [kills, complete] = [0, 0];
  for (let n = 1;; n++) {
    const disk = new SimulatedDisk();
    disk.onCall = killAt(n);
    const error = await take(stream, disk).then(() => undefined, (reason) => reason);
    if (error === undefined) break;
    kills++;
    const samples = [...disk.crashStates({ exhaustiveSectors: 0, samples: 2 })].map((state) => state.disk);
    for (const next of [disk.kill(), ...samples]) {
      if (next.stat("/target/runtimes/local") === undefined) await take(stream, next);
      else complete++;
      const { verdict } = await verify(target, { fileSystem: next });
      assert(verdict !== "damaged", `call ${n}`);
      assertEquals(blobFiles(next, "/target"), whole, `call ${n}`);
    }
  }
  assert(kills > 20 && complete > 0, `${kills} kills, ${complete} complete`);
});

Deno.test("importRuntime() has made blobs durable when it resolves", async () => {
  for (const stream of await streams()) {
    const disk = await take(stream);
    const before = blobFiles(disk, "/target");
    const after = disk.crash();
    assert((await verify(target, { fileSystem: after })).verdict !== "damaged");
    assertEquals(blobFiles(after, "/target"), before);
  }
});

Deno.test("importRuntime() closes the file of a blob whose pieces end early", async () => {
  const [stream = ""] = await streams();
  const disk = new SimulatedDisk();
  const calls = { open: 0, close: 0 };
  disk.onCall = ({ operation, path }) => {
    if (path.includes("/blobs/") && (operation === "open" || operation === "close")) calls[operation]++;
    return undefined;
  };
  const lines = linesOf(stream);
  const index = lines.findIndex((line) => line.startsWith('{"blob":'));
  await refused("store_corrupt", () => take(sealed(lines.slice(0, index + 1)), disk));
  assertEquals(calls, { open: 1, close: 1 });
});

Deno.test("importRuntime() of a stream without one of its blobs says that of the stream, not of a file", async () => {
  const [stream = ""] = await streams();
  const lines = linesOf(stream).filter((line) => !line.includes(`{"blob":{`));
  const { message } = await refused("store_corrupt", () => take(sealed(lines)));
  assertStringIncludes(message, 'Cannot read "the stream": blob ');
});

Deno.test("blobLines() of a blob without bytes ends if its file has some", async () => {
  const facts = { sha256: hashOf(new Uint8Array()), bytes: 0 };
  const lines = await Array.fromAsync(blobLines("a", facts, ReadableStream.from([new Uint8Array(3)])));
  assertEquals(lines.length, 4);
});
