// Operations of another process on names and files, on the real disk and on the simulated one.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { DenoFileSystem } from "../../src/fs/disk/deno_file_system.ts";
import type { FileSystem } from "../../src/fs/disk/file_system.ts";
import { bytesOf, put, textAt } from "./contract.ts";
import { type Intruder, SimulatedDisk } from "./mod.ts";

/** A disk, and another process that uses it. */
interface Scene {
  readonly fs: FileSystem;
  readonly root: string;
  readonly intruder: Pick<Intruder, "move" | "copy" | "link" | "remove">;
}

/** The same operations on the real disk. */
const real: Scene["intruder"] = {
  move: (from, to) => Deno.renameSync(from, to),
  remove: (path) => Deno.removeSync(path, { recursive: true }),
  copy: (from, to) => eachFile(from, to, Deno.copyFileSync),
  link: (from, to) => eachFile(from, to, Deno.linkSync),
};

function eachFile(from: string, to: string, make: (from: string, to: string) => void): void {
  if (!Deno.statSync(from).isDirectory) return make(from, to);
  Deno.mkdirSync(to);
  for (const { name } of Deno.readDirSync(from)) eachFile(`${from}/${name}`, `${to}/${name}`, make);
}

const granted = (["read", "write"] as const).every((name) =>
  Deno.permissions.querySync({ name }).state === "granted"
);

/** Runs a test on both disks. */
function sceneTest(name: string, run: (scene: Scene) => void | Promise<void>): void {
  Deno.test(`SimulatedDisk.intruder ${name}`, async () => {
    const disk = new SimulatedDisk();
    disk.plant.directory("/r");
    await run({ fs: disk, root: "/r", intruder: disk.intruder });
  });
  Deno.test({
    name: `DenoFileSystem and another process: ${name}`,
    ignore: !granted || Deno.build.os === "windows",
    fn: async () => {
      const root = Deno.makeTempDirSync();
      try {
        await run({ fs: new DenoFileSystem(), root, intruder: real });
      } finally {
        Deno.removeSync(root, { recursive: true });
      }
    },
  });
}

function inodeAt({ fs, root }: Scene, path: string): number | undefined {
  return fs.identity(`${root}/${path}`)?.inode;
}

sceneTest("move() does not change open files and their numbers", (scene) => {
  const { fs, root, intruder } = scene;
  fs.makeDirectory(`${root}/d`);
  put(fs, `${root}/d/f`, "one");
  const file = fs.open(`${root}/d/f`, "update");
  const { inode } = file.identity();
  intruder.move(`${root}/d`, `${root}/moved`);
  file.write(bytesOf("two"), 0);
  file.close();
  assertEquals(fs.stat(`${root}/d`), undefined);
  assertEquals(inodeAt(scene, "moved/f"), inode);
  assertEquals(textAt(fs, `${root}/moved/f`), "two");
});

sceneTest("copy() makes other files with the same contents", (scene) => {
  const { fs, root, intruder } = scene;
  fs.makeDirectory(`${root}/d`);
  put(fs, `${root}/d/f`, "one");
  intruder.copy(`${root}/d`, `${root}/copy`);
  const file = fs.open(`${root}/d/f`, "update");
  file.write(bytesOf("two"), 0);
  assertEquals(file.stat().links, 1);
  file.close();
  assertEquals(textAt(fs, `${root}/copy/f`), "one");
  assertNotEquals(inodeAt(scene, "copy/f"), inodeAt(scene, "d/f"));
  assertNotEquals(inodeAt(scene, "copy"), inodeAt(scene, "d"));
});

sceneTest("link() adds names of the same files in other directories", (scene) => {
  const { fs, root, intruder } = scene;
  fs.makeDirectory(`${root}/d`);
  put(fs, `${root}/d/f`, "one");
  intruder.link(`${root}/d`, `${root}/copy`);
  const file = fs.open(`${root}/d/f`, "update");
  assertEquals(file.stat().links, 2);
  file.write(bytesOf("two"), 0);
  assertEquals(textAt(fs, `${root}/copy/f`), "two");
  assertEquals(inodeAt(scene, "copy/f"), inodeAt(scene, "d/f"));
  assertNotEquals(inodeAt(scene, "copy"), inodeAt(scene, "d"));
  intruder.remove(`${root}/d`);
  assertEquals(fs.stat(`${root}/copy/f`)?.links, 1);
  file.write(bytesOf("six"), 0);
  file.close();
  assertEquals(textAt(fs, `${root}/copy/f`), "six");
});

sceneTest("remove() removes the names of a tree, and open files remain usable", ({ fs, root, intruder }) => {
  fs.makeDirectory(`${root}/d`);
  put(fs, `${root}/d/f`, "one");
  const file = fs.open(`${root}/d/f`, "update");
  const { inode } = file.identity();
  intruder.remove(`${root}/d`);
  assertEquals(file.stat().links, 0);
  put(fs, `${root}/f`, "two");
  assertNotEquals(fs.identity(`${root}/f`)?.inode, inode, "a handle keeps its number");
  assertEquals(file.write(bytesOf("six"), 0), 3);
  file.close();
});

sceneTest("a file that replaced a lock can be locked a second time", ({ fs, root, intruder }) => {
  const first = fs.lock(`${root}/lock`);
  assertEquals(fs.lock(`${root}/lock`), undefined);
  intruder.move(`${root}/lock`, `${root}/moved`);
  intruder.copy(`${root}/moved`, `${root}/lock`);
  const second = fs.lock(`${root}/lock`);
  assert(first !== undefined && second !== undefined);
  assertNotEquals(first.identity().inode, second.identity().inode);
  assertEquals(fs.lock(`${root}/moved`), undefined);
  for (const lock of [first, second]) lock.release();
});

Deno.test("SimulatedDisk.intruder reuses the number of a removed file for the next one", () => {
  const disk = new SimulatedDisk();
  for (let round = 0; round < 5; round++) {
    put(disk, "/f", "one");
    const inode = disk.identity("/f")?.inode;
    disk.intruder.remove("/f");
    put(disk, "/f", "two");
    assertEquals(disk.identity("/f")?.inode, inode);
    disk.intruder.remove("/f");
  }
});

Deno.test("SimulatedDisk.intruder keeps the times of directories when it copies them", () => {
  const disk = new SimulatedDisk();
  disk.makeDirectory("/d");
  put(disk, "/d/f", "one");
  for (let other = 0; other < 9; other++) put(disk, `/${other}`, "");
  disk.intruder.copy("/d", "/copy");
  disk.intruder.link("/d", "/links");
  const { modifiedMs } = disk.identity("/d") ?? {};
  assert(Number.isFinite(modifiedMs));
  for (const path of ["/copy", "/links"]) assertEquals(disk.identity(path)?.modifiedMs, modifiedMs);
});

Deno.test("SimulatedDisk.intruder restores an older state, and exchanges names", () => {
  const disk = new SimulatedDisk();
  disk.makeDirectory("/d");
  put(disk, "/d/f", "one");
  const older = disk.intruder.view("/d");
  const file = disk.open("/d/f", "update");
  file.write(bytesOf("two"), 0);
  file.close();
  disk.intruder.move("/d", "/newer");
  assertEquals(disk.intruder.view("/d"), undefined);
  assert(older !== undefined);
  disk.intruder.put("/d", older);
  assertEquals(textAt(disk, "/d/f"), "one");
  disk.intruder.swap("/d", "/newer");
  assertEquals([textAt(disk, "/d/f"), textAt(disk, "/newer/f")], ["two", "one"]);
});

Deno.test("SimulatedDisk.fork() keeps hard links together", () => {
  const disk = new SimulatedDisk();
  put(disk, "/a", "one");
  disk.intruder.link("/a", "/b");
  const copy = disk.fork();
  const file = copy.open("/a", "update");
  file.write(bytesOf("two"), 0);
  file.close();
  assertEquals([textAt(copy, "/b"), textAt(disk, "/b")], ["two", "one"]);
  assertEquals(copy.stat("/b")?.links, 2);
});
