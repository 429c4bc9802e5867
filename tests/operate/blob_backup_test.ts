// backup() of blobs: copied once, before the log that refers to them, and never worse than what was there.

import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { backup, type BackupReport, verify } from "../../operate.ts";
import { FsRuntimeStore } from "../../fs_store.ts";
import { Runtime } from "../../mod.ts";
import { openRuntime } from "../cli/stores.ts";
import { snapshot, withDirectory } from "../cli/kit.ts";
import { cutPowerAt, isChange, type SimulatedDisk } from "../disk/mod.ts";
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
} from "./blobs.ts";

const source = local("/source");
const to = "/copy";
const COPY = "/copy/runtimes/local";

async function copy(fileSystem: SimulatedDisk, verify = true): Promise<BackupReport> {
  return await backup(source, { fileSystem, to, verify });
}

function open(fileSystem: SimulatedDisk): Promise<Runtime> {
  return openRuntime({ root: "/source", fileSystem });
}

/** Findings of a copy: it has no projections, which the next opening writes. */
function foundIn({ verified }: BackupReport): [string, string | undefined, string | undefined][] {
  assert(verified !== undefined);
  return verified.findings.filter(({ code }) => code !== "projection_missing")
    .map(({ code, file, workerId }) => [code, file, workerId]);
}

/** Files of blobs below a directory. */
function blobFiles(disk: SimulatedDisk, directory: string): [string, Uint8Array][] {
  return [...disk.dump()].filter(([name]) => name.startsWith(directory) && /\/blobs\/./.test(name))
    .map(([name, bytes]): [string, Uint8Array] => [name.slice(directory.length), bytes]).sort();
}

for (const [name, make] of [["whole", blobStore], ["pruned", prunedBlobStore]] as const) {
  Deno.test(`backup() copies the blobs of a ${name} log once, and no blob again`, async () => {
    const disk = await diskWith(make);
    const count = blobFiles(disk, SOURCE).length;
    const first = await copy(disk);
    assertEquals([first.blobs, foundIn(first)], [{ copied: count, kept: 0, damaged: 0 }, []]);
    assertEquals(blobFiles(disk, COPY), blobFiles(disk, SOURCE));
    const again = await copy(disk);
    assertEquals([again.blobs, again.copiedBytes], [{ copied: 0, kept: count, damaged: 0 }, 0]);
    const runtime = await open(disk);
    await say(runtime.worker("b"), "more", new TextEncoder().encode("more"));
    await runtime.close();
    const opened: string[] = [];
    disk.onCall = ({ operation, path }) => {
      if (operation === "open" && path.startsWith(SOURCE) && path.includes("/blobs/")) opened.push(path);
      return undefined;
    };
    const later = await copy(disk, false);
    assertEquals(later.blobs, { copied: 1, kept: count, damaged: 0 });
    assertEquals(opened, [`${SOURCE}/${fileOf("b", new TextEncoder().encode("more"))}`]);
  });
}

Deno.test("backup() copies blobs of a real directory", async () => {
  await withDirectory(async (directory) => {
    const [root, to] = [join(directory, "source"), join(directory, "copy")];
    const runtime = await openRuntime({ root });
    await say(
      await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } }),
      "x",
      large,
      small,
    );
    await runtime.close();
    const before = snapshot(root);
    const { verified, blobs } = await backup(local(root), { to });
    assertEquals([verified?.verdict, blobs], ["clean", { copied: 2, kept: 0, damaged: 0 }]);
    assertEquals(snapshot(root), before);
    const copied = Deno.readFileSync(join(to, "runtimes", "local", fileOf("a", large)));
    assertEquals(hashOf(copied), hashOf(large));
  });
});

Deno.test("backup() removes blobs of purged workers, of earlier ones with an id, and those removed on request", async () => {
  for (const make of [blobStore, prunedBlobStore]) {
    const disk = await diskWith(make);
    const first = await open(disk);
    await first.worker("a").putBlob(new TextEncoder().encode("nobody's"));
    await first.close();
    await copy(disk);
    const runtime = await open(disk);
    await runtime.worker("a").removeUnreferencedBlobs();
    await runtime.worker("b").retire();
    await runtime.worker("b").purge();
    const b = await runtime.createWorker({ workerId: "b", intent: { kind: "assistant" } });
    await say(b, "another life", new TextEncoder().encode("other"));
    await runtime.close();
    assertEquals(foundIn(await copy(disk)), []);
    assertEquals(blobFiles(disk, COPY), blobFiles(disk, SOURCE));
    const last = await open(disk);
    await last.worker("b").retire();
    await last.worker("b").purge();
    await last.close();
    await copy(disk);
    assertEquals(blobFiles(disk, COPY), blobFiles(disk, SOURCE));
  }
});

for (
  const [what, harm] of [
    ["truncated", (disk: SimulatedDisk, path: string) => disk.plant.file(path, large.slice(0, 10))],
    ["missing", (disk: SimulatedDisk, path: string) => disk.plant.nothing(path)],
  ] as const
) {
  Deno.test(`backup() keeps a good blob that is ${what} in the source, whole and pruned`, async () => {
    for (const make of [blobStore, prunedBlobStore]) {
      const disk = await diskWith(make);
      await copy(disk);
      harm(disk, `${SOURCE}/${fileOf("a", large)}`);
      const { verified, blobs } = await copy(disk);
      assertEquals([verified?.verdict, blobs.damaged], ["clean", what === "truncated" ? 1 : 0]);
      assertEquals(disk.peek(`${COPY}/${fileOf("a", large)}`), large);
    }
  });
}

Deno.test("backup() copies no damaged blob, and its verification names it", async () => {
  const disk = await diskWith();
  disk.plant.file(`${SOURCE}/${fileOf("a", large)}`, large.toReversed());
  const report = await copy(disk);
  assertEquals(report.blobs, { copied: 4, kept: 0, damaged: 1 });
  assertEquals(foundIn(report), [["blob_missing", fileOf("a", large), "a"]]);
});

Deno.test("backup() that a power cut or a kill ends refers to no missing blob, and can be done again", async () => {
  const made = await diskWith(async (disk) => {
    const runtime = await open(disk);
    const a = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    await say(a, "first", small, new Uint8Array());
    await runtime.close();
    await copy(disk, false);
    const later = await open(disk);
    await say(later.worker("a"), "later", new TextEncoder().encode("later"));
    const b = await later.createWorker({ workerId: "b", intent: { kind: "assistant" } });
    await say(b, "first", small);
    await later.close();
  });
  let cuts = 0;
  for (let n = 1;; n++) {
    const disk = made.fork();
    let count = 0;
    const cut = cutPowerAt(1, "after");
    disk.onCall = (call) => isChange(call) && ++count >= n ? cut(call) : undefined;
    const error = await copy(disk, false).then(() => undefined, (reason) => reason);
    disk.onCall = undefined;
    if (count < n) break;
    assert(error instanceof Error, `change ${n}`);
    cuts++;
    const states = [...disk.crashStates({ exhaustiveSectors: 0, samples: 3 })].map((state) => state.disk);
    for (const fileSystem of states) {
      const { findings } = await verify(local(to), { fileSystem });
      const lost = findings.filter(({ code }) => code === "blob_missing" || code === "blob_damaged");
      assertEquals(lost, [], `change ${n}`);
      assertEquals(foundIn(await copy(fileSystem)), [], `change ${n}`);
    }
  }
  assert(cuts > 20, `${cuts} cuts`);
});

Deno.test("backup() follows the log past the purge of a worker whose blobs it could not copy", async () => {
  const disk = await diskWith();
  const runtime = await open(disk);
  await runtime.flush();
  const reader = disk.fork();
  await say(runtime.worker("a"), "later", new TextEncoder().encode("later"));
  await runtime.worker("a").retire();
  await runtime.flush();
  const changed = disk.dump();
  await runtime.worker("a").purge();
  await runtime.flush();
  const purged = disk.dump();
  let lists = 0;
  reader.onCall = ({ operation, path }) => {
    // The worker changes while the log is copied, and is purged before its blobs are listed again.
    if (operation === "write" && path.startsWith(`${COPY}/events/`)) become(reader, changed);
    if (operation !== "list" || path !== `${SOURCE}/workers/a/blobs` || ++lists !== 2) return undefined;
    become(reader, purged);
    return undefined;
  };
  const report = await backup(source, { fileSystem: reader, to });
  assertEquals([lists, foundIn(report)], [2, []]);
  assertEquals(report.lastEventId, runtime.lastEventId);
  await runtime.close();
});

Deno.test("backup() leaves an older copy as it is if segments that it lacks are pruned while blobs are copied", async () => {
  const disk = await diskWith();
  // An older copy: what was pruned since it was made must not be missing between its events and the later ones.
  await copy(disk);
  const limits = { segmentBytes: 4_096, checkpointBytes: 4_096, checkpointEvents: 16 };
  const store = new FsRuntimeStore({ root: "/source", runtimeId: "local", limits }, { fileSystem: disk });
  const runtime = await Runtime.open({ store });
  const [a, b] = [runtime.worker("a"), runtime.worker("b")];
  await say(a, "later", new TextEncoder().encode("later"));
  await runtime.flush();
  const reader = disk.fork();
  await a.retire();
  await a.purge();
  for (let index = 0; index < 100; index++) {
    await b.sendInput({ role: "user", content: `${index}`.repeat(200) });
  }
  await runtime.flush();
  assert((await runtime.prune()).events > 0);
  const pruned = disk.dump();
  let isPruned = false;
  reader.onCall = ({ operation, path }) => {
    if (isPruned || operation !== "list" || path !== `${SOURCE}/workers/a/blobs`) return undefined;
    isPruned = true;
    become(reader, pruned);
    return undefined;
  };
  const report = await backup(source, { fileSystem: reader, to }).catch((error) => error);
  assert(isPruned);
  // The older copy cannot be continued, and is left as it was; a new one is whole.
  assertEquals([report.code, report.details?.file], ["store_corrupt", "events"]);
  assertEquals((await verify(local(to), { fileSystem: reader })).verdict, "clean");
  const fresh = disk.fork();
  const { verified } = await backup(source, { fileSystem: fresh, to: "/fresh" });
  assert(verified?.verdict !== "damaged");
  await runtime.close();
});

/** Gives the source the files that it has later. */
function become(reader: SimulatedDisk, later: ReadonlyMap<string, Uint8Array>): void {
  for (const [name] of reader.dump()) {
    if (name.startsWith(SOURCE) && !name.endsWith("/") && !later.has(name)) reader.plant.nothing(name);
  }
  for (const [name, bytes] of later) {
    if (name.startsWith(SOURCE) && !name.endsWith("/")) reader.plant.file(name, bytes);
  }
}

for (const name of ["incoming/1", "events/0000000000000001.jsonl.tmp"]) {
  Deno.test(`backup() ends with the reason of its signal while it writes ${name}`, async () => {
    const disk = await diskWith();
    const stop = new AbortController();
    disk.onCall = (call) => {
      if (call.operation === "write" && call.path === `${COPY}/${name}`) stop.abort("enough");
      return undefined;
    };
    const options = { fileSystem: disk, to, signal: stop.signal };
    assertEquals(await backup(source, options).catch((reason) => reason), "enough");
    assertEquals([...disk.dump().keys()].filter((name) => /^\/copy\/.*\/incoming\/./.test(name)), []);
  });
}
