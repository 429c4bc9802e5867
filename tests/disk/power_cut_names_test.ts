// Possible names of files and directories after a power cut.

import { assert, assertEquals } from "@std/assert";
import { bytesOf, put } from "./contract.ts";
import { type DiskTree, keepAll, SimulatedDisk, withSeed } from "./mod.ts";

/** A disk with these files: paths and texts. */
function diskWith(files: Readonly<Record<string, string>>, directorySync = true): SimulatedDisk {
  const contents = new Map(Object.entries(files).map(([path, text]) => [path, bytesOf(text)]));
  return new SimulatedDisk({ contents, directorySync });
}

/** Creates a file whose contents are certain and whose name is not. */
async function putSynced(disk: SimulatedDisk, path: string, text: string): Promise<void> {
  put(disk, path, text);
  const file = disk.open(path, "update");
  await file.sync();
  file.close();
}

function describe(tree: DiskTree): string {
  const decoder = new TextDecoder("latin1");
  return [...tree].map(([path, bytes]) => path.endsWith("/") ? path : `${path}=${decoder.decode(bytes)}`)
    .join(" ");
}

/** Lists the files of each crash state, one line per state. */
function afterCrash(disk: SimulatedDisk): Set<string> {
  return new Set([...disk.crashStates()].map((state) => describe(state.disk.dump())));
}

Deno.test("OpenFile.sync() does not make the name certain when the file is new", async () => {
  const disk = diskWith({});
  await putSynced(disk, "/a", "1");
  assertEquals(afterCrash(disk), new Set(["", "/a=1"]));
  await disk.syncDirectory("/");
  assertEquals(afterCrash(disk), new Set(["/a=1"]));
});

Deno.test("SimulatedDisk.syncDirectory() does not make contents certain when it succeeds", async () => {
  const disk = diskWith({});
  put(disk, "/a", "1");
  await disk.syncDirectory("/");
  assertEquals(afterCrash(disk), new Set(["/a=", "/a=1", "/a=\0", "/a=\xa5"]));
});

Deno.test("SimulatedDisk.syncDirectory() makes a name certain only in that directory when the directory is new", async () => {
  const disk = diskWith({});
  disk.makeDirectory("/d");
  await putSynced(disk, "/d/a", "1");
  await disk.syncDirectory("/d");
  assertEquals(afterCrash(disk), new Set(["", "/d/a=1"]));
  await disk.syncDirectory("/");
  assertEquals(afterCrash(disk), new Set(["/d/a=1"]));
});

Deno.test("SimulatedDisk.ensureDirectory() makes every missing name certain", async () => {
  const disk = diskWith({});
  await disk.ensureDirectory("/a");
  await disk.ensureDirectory("/b/c");
  assertEquals(afterCrash(disk), new Set(["/a/ /b/c/"]));
});

Deno.test("SimulatedDisk.syncDirectory() leaves names uncertain that are created during the sync", async () => {
  const disk = diskWith({});
  await putSynced(disk, "/a", "");
  const synced = disk.syncDirectory("/");
  await putSynced(disk, "/b", "");
  await synced;
  assertEquals(afterCrash(disk), new Set(["/a=", "/a= /b="]));
});

Deno.test("SimulatedDisk.crashStates() loses or keeps each name independently when several are new", async () => {
  const disk = diskWith({ "/old": "0" });
  await putSynced(disk, "/a", "1");
  disk.makeDirectory("/d");
  disk.remove("/old");
  assertEquals(
    afterCrash(disk),
    new Set([
      "/old=0",
      "/a=1 /old=0",
      "/d/ /old=0",
      "/a=1 /d/ /old=0",
      "",
      "/a=1",
      "/d/",
      "/a=1 /d/",
    ]),
  );
  assertEquals(disk.crashStateCount(), 8);
});

Deno.test("SimulatedDisk.rename() is atomic when its data was synced", async () => {
  const disk = diskWith({ "/a": "old" });
  await putSynced(disk, "/t", "new");
  await disk.rename("/t", "/a");
  assertEquals(afterCrash(disk), new Set(["/a=old", "/a=old /t=new", "/a=new"]));
  await disk.syncDirectory("/");
  assertEquals(afterCrash(disk), new Set(["/a=new"]));
});

Deno.test("SimulatedDisk.rename() may show an empty or partial file when its data was not synced", async () => {
  const disk = diskWith({ "/a": "old" });
  put(disk, "/t", "n".repeat(600));
  await disk.rename("/t", "/a");
  await disk.syncDirectory("/");
  const states = afterCrash(disk);
  assert(["/a=", `/a=${"n".repeat(512)}`, `/a=${"n".repeat(600)}`].every((state) => states.has(state)));
  assert(!states.has("/a=old"));
});

Deno.test("SimulatedDisk.rename() may be lost alone when the name was replaced again", async () => {
  const disk = diskWith({ "/a": "0" });
  for (const text of ["1", "2"]) {
    await putSynced(disk, `/t${text}`, text);
    await disk.rename(`/t${text}`, "/a");
  }
  const states = afterCrash(disk);
  assertEquals(states.size, 8);
  assert(["/a=0", "/a=1", "/a=2", "/a=2 /t1=1", "/a=1 /t2=2"].every((state) => states.has(state)));
});

Deno.test("SimulatedDisk.crashStates() keeps the file of a freed name when the name is reused", async () => {
  const disk = diskWith({ "/a": "1" });
  await disk.rename("/a", "/b");
  await putSynced(disk, "/a", "2");
  assertEquals(afterCrash(disk), new Set(["/a=1", "/b=1", "/a=2 /b=1"]));
});

Deno.test("SimulatedDisk.rename() never loses a file when it is moved to a new directory", async () => {
  for (const synced of [[], ["/"], ["/d"], ["/d/e"], ["/d/e", "/d"]]) {
    const disk = diskWith({ "/a": "1" });
    disk.makeDirectory("/d");
    disk.makeDirectory("/d/e");
    await disk.rename("/a", "/d/e/a");
    for (const path of synced) await disk.syncDirectory(path);
    for (const state of afterCrash(disk)) assert(state.includes("a=1"), `${state} after syncing ${synced}`);
  }
});

Deno.test("SimulatedDisk.removeDirectory() never loses a file that was moved out before", async () => {
  const disk = diskWith({ "/d/a": "1" });
  await disk.rename("/d/a", "/a");
  disk.removeDirectory("/d");
  assertEquals(afterCrash(disk), new Set(["/d/a=1", "/a=1 /d/", "/a=1"]));
  await disk.syncDirectory("/");
  assertEquals(afterCrash(disk), new Set(["/a=1"]));
});

Deno.test("SimulatedDisk.rename() supersedes the file it replaces when only the other directory is synced", async () => {
  const disk = diskWith({ "/d/a": "new", "/e/": "" });
  await putSynced(disk, "/e/a", "old");
  await disk.rename("/d/a", "/e/a");
  await disk.syncDirectory("/d");
  assertEquals(afterCrash(disk), new Set(["/d/ /e/a=new"]));
});

Deno.test("SimulatedDisk.rename() never loses directories when two are exchanged", async () => {
  const disk = diskWith({ "/a/b/f": "1", "/a/g": "2" });
  await disk.rename("/a/b", "/b");
  await disk.rename("/a", "/b/a");
  assertEquals(
    afterCrash(disk),
    new Set(["/a/b/f=1 /a/g=2", "/a/g=2 /b/f=1", "/b/a/g=2 /b/f=1"]),
  );
});

Deno.test("SimulatedDisk.syncDirectory() leaves names uncertain when it fails, until a later one succeeds", async () => {
  const disk = diskWith({});
  await putSynced(disk, "/a", "1");
  disk.onCall = ({ operation }) => operation === "syncDirectory" ? { kind: "error", code: "EIO" } : undefined;
  await disk.syncDirectory("/").then(() => assert(false), () => {});
  assertEquals(afterCrash(disk), new Set(["", "/a=1"]));
  disk.onCall = undefined;
  await disk.syncDirectory("/");
  assertEquals(afterCrash(disk), new Set(["/a=1"]));
});

Deno.test("SimulatedDisk makes names certain with a file sync when directories cannot be synced", async () => {
  const disk = diskWith({}, false);
  disk.makeDirectory("/d");
  put(disk, "/d/a", "1");
  await disk.syncDirectory("/d");
  assert(afterCrash(disk).has(""));
  const file = disk.open("/d/a", "update");
  await file.sync();
  assertEquals(afterCrash(disk), new Set(["/d/a=1"]));
});

Deno.test("SimulatedDisk.crashStates() yields every moment and no other file when names change at random", async () => {
  const paths = ["/a", "/b", "/d/a", "/d/b", "/e/a"];
  for (let seed = 1; seed <= 300; seed++) {
    await withSeed(seed, async (random) => {
      const disk = diskWith({ "/a": "0", "/d/a": "00", "/e/": "" });
      const moments: string[] = [describe(disk.dump())];
      const texts = new Set(["", "0", "00"]);
      for (let step = 1; step <= 7; step++) {
        const [path, other] = [random.pick(paths), random.pick(paths)];
        const text = String(step);
        texts.add(text);
        if (disk.stat(path) === undefined) await putSynced(disk, path, text);
        else if (random.chance(0.3)) disk.remove(path);
        else await disk.rename(path, other);
        moments.push(describe(disk.dump()));
      }
      const states = afterCrash(disk);
      assertEquals(afterCrash(disk.fork()), states);
      // Contents are synced before the next step, so each moment is one that a power cut may leave.
      for (const moment of moments) assert(states.has(moment), `${moment} is missing`);
      for (const state of states) {
        const held = [...state.matchAll(/=(\d*)/g)].map(([, text]) => text ?? "");
        assert(held.every((text) => texts.has(text)), state);
        assertEquals(new Set(held).size, held.length, `a file with two names: ${state}`);
      }
      for (const directory of ["/", "/d", "/e"]) await disk.syncDirectory(directory);
      assertEquals(afterCrash(disk), new Set(moments.slice(-1)));
    });
  }
});

Deno.test("SimulatedDisk.kill() keeps the page cache and uncertain state when the process ends", async () => {
  const disk = diskWith({});
  await putSynced(disk, "/a", "1");
  const lock = disk.lock("/lock");
  assert(lock !== undefined);
  const next = disk.kill();
  assertEquals(describe(next.dump()), "/a=1 /lock=");
  assert(!disk.alive && next.alive);
  assert(next.lock("/lock") !== undefined);
  assertEquals(afterCrash(next), new Set(["", "/a=1", "/lock=", "/a=1 /lock="]));
});

Deno.test("SimulatedDisk.attach() returns a separate process when another runs", () => {
  const one = diskWith({});
  const other = one.attach();
  const lock = one.lock("/lock");
  assertEquals(other.lock("/lock"), undefined);
  put(one, "/a", "1");
  assertEquals(other.peek("/a"), bytesOf("1"));
  const heir = other.kill();
  assertEquals(heir.lock("/lock"), undefined);
  lock?.release();
  assert(heir.lock("/lock") !== undefined);
});

Deno.test("SimulatedDisk.fork() keeps new directories uncertain when their content is certain", async () => {
  const disk = diskWith({ "/a": "1" });
  disk.makeDirectory("/d");
  disk.makeDirectory("/d/e");
  await disk.syncDirectory("/d");
  await disk.rename("/a", "/d/e/a");
  const expected = new Set(["/a=1", "/a=1 /d/e/", "/d/e/a=1"]);
  assertEquals(afterCrash(disk), expected);
  assertEquals(afterCrash(disk.fork()), expected);
});

Deno.test("SimulatedDisk.fork() shares no change when either side continues", () => {
  const disk = diskWith({});
  put(disk, "/a", "1");
  const file = disk.open("/a", "update");
  file.write(bytesOf("2"), 0);
  const copy = disk.fork();
  file.write(bytesOf("3"), 0);
  put(copy, "/b", "4");
  assertEquals([disk, copy].map((each) => describe(each.dump())), ["/a=3", "/a=2 /b=4"]);
});

Deno.test("SimulatedDisk.fork() copies uncertain state", async () => {
  const disk = diskWith({ "/a": "0" });
  const lock = disk.lock("/lock");
  await putSynced(disk, "/t", "1");
  await disk.rename("/t", "/a");
  const copy = disk.fork();
  await disk.syncDirectory("/");
  assertEquals(afterCrash(disk), new Set(["/a=1 /lock="]));
  assertEquals(afterCrash(copy).size, 6);
  assertEquals(describe(copy.crash(keepAll).dump()), "/a=1 /lock=");
  await copy.syncDirectory("/");
  assertEquals(afterCrash(copy), new Set(["/a=1 /lock="]));
  assert(lock !== undefined && copy.lock("/lock") !== undefined);
});
