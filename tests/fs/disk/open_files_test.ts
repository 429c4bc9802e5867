// Open files out of many: no more than the bound, and fewer when the system has none left.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { FsRuntimeStore } from "../../../fs_store.ts";
import { Runtime, RuntimeError } from "../../../mod.ts";
import type { FileSystem } from "../../../src/fs/disk/file_system.ts";
import { OpenFiles } from "../../../src/fs/disk/open_files.ts";
import { guardedDisk } from "../../../src/fs/place/guarded_disk.ts";
import { SimulatedDisk } from "../../disk/mod.ts";
import { codesOf, contentsOf, speak } from "../../kit/place.ts";

const paths = Array.from({ length: 20 }, (_, index) => `/${index}`);

/** A disk with the files, and how many of them are open. */
class Counted {
  readonly disk = new SimulatedDisk();
  open = 0;
  opened = 0;
  /** What the system allows. */
  openMax = Infinity;

  constructor() {
    for (const path of paths) this.disk.open(path, "create").close();
    this.disk.onCall = ({ operation }) => {
      if (operation === "close") this.open--;
      if (operation !== "open" && operation !== "openDirectory") return undefined;
      if (this.open >= this.openMax) return { kind: "error", code: "EMFILE" };
      this.opened++;
      this.open++;
      return undefined;
    };
  }
}

/** A disk that repeats calls which fail for lack of handles. */
function withRoom(fs: FileSystem, makeRoom: () => boolean): FileSystem {
  return guardedDisk(fs, { check: () => {}, explain: (error) => error, makeRoom }, "/events");
}

Deno.test("OpenFiles.get() keeps files open up to its bound", () => {
  const counted = new Counted();
  const files = new OpenFiles(counted.disk, "read", 5);
  for (const path of paths) {
    files.get(path);
    assertEquals(files.get(path), files.get(path));
    assert(counted.open <= 5);
  }
  assertEquals([counted.open, counted.opened], [5, paths.length]);
  files.closeAll();
  assertEquals(counted.open, 0);
});

Deno.test("OpenFiles.get() finds some files open when all are read in turn, again and again", () => {
  const counted = new Counted();
  const files = new OpenFiles(counted.disk, "read", 10);
  for (let round = 0; round < 50; round++) for (const path of paths) files.get(path);
  const share = counted.opened / (50 * paths.length);
  assert(share < 0.9, `${share} of the reads opened a file`);
  files.closeAll();
});

Deno.test("OpenFiles.close() closes the file of one path alone", () => {
  const counted = new Counted();
  const files = new OpenFiles(counted.disk, "read", 20);
  const opened = paths.map((path) => files.get(path));
  files.close("/3");
  files.close("/3");
  files.close("/none");
  assertEquals(counted.open, 19);
  for (const [index, path] of paths.entries()) assertEquals(files.get(path) === opened[index], index !== 3);
  files.closeAll();
});

Deno.test("OpenFiles.get() makes room when the system opens no more files, and keeps to that", () => {
  const counted = new Counted();
  const disk = withRoom(counted.disk, () => files.makeRoom());
  const files: OpenFiles = new OpenFiles(disk, "read", 16);
  for (const path of paths.slice(0, 12)) files.get(path);
  counted.openMax = 12;
  for (const path of paths) files.get(path);
  assert(counted.open <= 7, `${counted.open} are open`);
  counted.openMax = 1;
  for (const path of paths) files.get(path);
  assertEquals(counted.open, 1);
  files.closeAll();
});

Deno.test("OpenFiles.get() throws when there is no room to make", () => {
  const counted = new Counted();
  const disk = withRoom(counted.disk, () => files.makeRoom());
  const files: OpenFiles = new OpenFiles(disk, "read", 16);
  counted.openMax = 0;
  const error = assertThrows(() => files.get("/1"), RuntimeError) as RuntimeError;
  assertEquals(error.code, "store_io");
});

Deno.test("a store works on with the few files that the system lets it open", async () => {
  const counted = new Counted();
  const store = new FsRuntimeStore({ root: "/data", runtimeId: "local" }, {
    fileSystem: counted.disk,
  });
  const runtime = await Runtime.open({ store });
  const names = Array.from({ length: 40 }, (_, index) => `worker-${index}`);
  for (const name of names) await speak(runtime, name, ["one"]);
  for (const name of names) assertEquals(await contentsOf(runtime, name), ["one"]);
  assert(counted.open > 40);
  counted.openMax = 24;
  for (const name of names) await speak(runtime, name, ["two"]);
  for (const name of names) assertEquals(await contentsOf(runtime, name), ["one", "two"]);
  await runtime.flush();
  await runtime.close();
  assertEquals(codesOf(runtime), []);
});
