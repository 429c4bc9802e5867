// Faults, power cuts at calls, a full disk, the log of calls, and content planted by tests.

import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { assertCode, bytesOf, put, textAt } from "./contract.ts";
import {
  codeOf,
  cutPowerAt,
  type DiskOperation,
  failAt,
  faultAt,
  fromTree,
  hooks,
  isSync,
  killAt,
  PowerCut,
  SECTOR_BYTES,
  shortAt,
  SimulatedDisk,
  toTree,
} from "./mod.ts";

function diskWith(text: string): SimulatedDisk {
  return new SimulatedDisk({ contents: new Map([["/f", bytesOf(text)]]) });
}

Deno.test("failAt() makes one call fail when used once, and all from there on when sticky", async () => {
  const disk = diskWith("x");
  disk.onCall = failAt(2, "EIO");
  disk.stat("/f");
  await assertCode(() => disk.stat("/f"), "EIO");
  assertEquals(disk.stat("/f")?.size, 1);
  disk.onCall = failAt(2, "EDQUOT", "sticky");
  disk.stat("/f");
  await assertCode(() => disk.list("/"), "EDQUOT");
  await assertCode(() => disk.syncDirectory("/"), "EDQUOT");
});

Deno.test("failAt() counts only the calls that match when given a filter", async () => {
  const disk = diskWith("x");
  disk.onCall = failAt(2, "EIO", "once", isSync);
  const file = disk.open("/f", "update");
  file.syncDataNow();
  file.write(bytesOf("y"), 0);
  await assertCode(() => file.sync(), "EIO");
  await file.sync();
});

Deno.test("failAt() throws errors shaped like those of the platform", async () => {
  const disk = diskWith("x");
  disk.onCall = failAt(1, "EROFS", "sticky");
  const plain = assertThrows(() => disk.open("/f", "update"));
  assertInstanceOf(plain, Error);
  assertEquals([plain.name, codeOf(plain)], ["Error", "EROFS"]);
  disk.onCall = failAt(1, "EACCES", "sticky");
  const renamed = await assertRejects(() => disk.rename("/f", "/g"), Deno.errors.PermissionDenied);
  assertEquals(codeOf(renamed), "EACCES");
});

Deno.test("failAt() prevents the effect of the call", async () => {
  const disk = diskWith("x");
  const file = disk.open("/f", "update");
  const before = disk.fingerprint();
  disk.onCall = failAt(1, "EIO", "sticky");
  for (
    const call of [
      () => file.write(bytesOf("y"), 0),
      () => file.truncate(0),
      () => disk.rename("/f", "/g"),
      () => disk.remove("/f"),
      () => disk.makeDirectory("/d"),
      () => disk.open("/new", "create"),
      () => disk.lock("/lock"),
    ]
  ) await assertCode(call, "EIO");
  assertEquals(disk.fingerprint(), before);
});

Deno.test("faultAt() keeps the effect of the call when the error is applied", async () => {
  const disk = diskWith("x");
  disk.onCall = faultAt(1, { kind: "error", code: "EIO", applied: true });
  await assertCode(() => disk.rename("/f", "/g"), "EIO");
  assertEquals(textAt(disk, "/g"), "x");
});

Deno.test("shortAt() makes a read or write handle part of its bytes", () => {
  const disk = diskWith("0123456789");
  disk.onCall = shortAt(1, "sticky");
  const file = disk.open("/f", "update");
  assertEquals(file.write(bytesOf("abcd"), 0), 2);
  assertEquals(file.write(bytesOf("z"), 9), 1);
  assertEquals(file.read(new Uint8Array(10), 0), 5);
  disk.onCall = shortAt(2, "once", 0);
  assertEquals(file.write(bytesOf("AB"), 0), 2);
  assertEquals(file.write(bytesOf("CD"), 0), 0);
  assertEquals(textAt(disk, "/f"), "AB2345678z");
});

Deno.test("hooks() returns the first fault when several hooks have one", async () => {
  const disk = diskWith("x");
  disk.onCall = hooks(failAt(2, "EIO"), failAt(1, "EBUSY", "sticky"));
  await assertCode(() => disk.stat("/f"), "EBUSY");
  await assertCode(() => disk.stat("/f"), "EIO");
  await assertCode(() => disk.stat("/f"), "EBUSY");
});

Deno.test("cutPowerAt() ends everything before or after the call", () => {
  for (const when of ["before", "after"] as const) {
    const disk = diskWith("old");
    disk.onCall = cutPowerAt(3, when);
    const file = disk.open("/f", "update");
    file.write(bytesOf("new"), 0);
    assertThrows(() => file.syncDataNow(), PowerCut);
    assert(!disk.alive);
    assertThrows(() => disk.stat("/f"), PowerCut);
    assertThrows(() => file.close(), PowerCut);
    const states = [...disk.crashStates()].map((state) => textAt(state.disk, "/f"));
    assertEquals(states, when === "before" ? ["old", "new"] : ["new"]);
  }
});

Deno.test("SimulatedDisk.cutPower() rejects every pending promise", async () => {
  const disk = diskWith("old");
  const file = disk.open("/f", "update");
  file.write(bytesOf("new"), 0);
  const pending = [file.syncData(), file.sync(), disk.rename("/f", "/g"), disk.syncDirectory("/")];
  disk.cutPower();
  for (const promise of pending) await assertRejects(() => promise, PowerCut);
  await assertRejects(() => file.syncData(), PowerCut);
  assertEquals([...disk.crashStates()].map((state) => textAt(state.disk, "/f")), ["old", "new"]);
});

Deno.test("SimulatedDisk.cutPower() ends all processes of the machine", () => {
  const disk = diskWith("x");
  const other = disk.attach();
  disk.cutPower();
  assertThrows(() => other.stat("/f"), PowerCut);
});

Deno.test("killAt() ends one process and keeps the page cache", async () => {
  const disk = diskWith("old");
  const other = disk.attach();
  disk.onCall = killAt(3, "after");
  assert(disk.lock("/lock") !== undefined);
  const file = disk.open("/f", "update");
  const pending = assertRejects(() => disk.rename("/f", "/g"), PowerCut);
  await pending;
  assertThrows(() => file.write(bytesOf("new"), 0), PowerCut);
  assertEquals(textAt(other, "/g"), "old");
  assert(disk.attach().lock("/lock") !== undefined);
});

Deno.test("SimulatedDisk delays calls that return a promise by its latency", async () => {
  const disk = new SimulatedDisk({ latency: () => new Promise((resolve) => setTimeout(resolve, 5)) });
  put(disk, "/a", "x");
  let done = false;
  const renamed = disk.rename("/a", "/b").then(() => done = true);
  await Promise.resolve();
  await Promise.resolve();
  assert(!done && disk.peek("/a") !== undefined);
  await renamed;
  assertEquals(textAt(disk, "/b"), "x");
});

Deno.test("SimulatedDisk.capacityBytes limits the contents, with a short write before the error", async () => {
  const disk = diskWith("x".repeat(SECTOR_BYTES));
  disk.capacityBytes = disk.usedBytes + 2 * SECTOR_BYTES;
  const file = disk.open("/f", "update");
  assertEquals(file.write(new Uint8Array(4 * SECTOR_BYTES), 100), 3 * SECTOR_BYTES - 100);
  await assertCode(() => file.write(bytesOf("y"), 3 * SECTOR_BYTES), "ENOSPC");
  assertEquals(file.write(bytesOf("y"), 0), 1);
  await assertCode(() => disk.open("/new", "create"), "ENOSPC");
  await assertCode(() => disk.makeDirectory("/new"), "ENOSPC");
  await assertCode(() => file.truncate(5000), "ENOSPC");
  file.truncate(10);
  assertEquals(disk.makeDirectory("/new"), true);
  disk.capacityBytes = 0;
  await assertCode(() => file.write(new Uint8Array(SECTOR_BYTES), SECTOR_BYTES), "ENOSPC");
  disk.capacityBytes = Infinity;
  assertEquals(file.write(new Uint8Array(SECTOR_BYTES), SECTOR_BYTES), SECTOR_BYTES);
});

Deno.test("SimulatedDisk.usedBytes counts a removed file until it is closed", () => {
  const disk = diskWith("x".repeat(1000));
  const before = disk.usedBytes;
  const file = disk.open("/f", "read");
  disk.remove("/f");
  assertEquals(before - disk.usedBytes, SECTOR_BYTES);
  file.close();
  assertEquals(before - disk.usedBytes, 3 * SECTOR_BYTES);
});

Deno.test("SimulatedDisk.calls counts every kind of call, and lists them on request", async () => {
  const disk = new SimulatedDisk({ trace: "calls" });
  const file = disk.open("/a", "create");
  file.write(bytesOf("xyz"), 7);
  file.read(new Uint8Array(2), 0);
  file.truncate(3);
  file.stat();
  file.syncDataNow();
  await file.syncData();
  await file.sync();
  file.close();
  await disk.rename("/a", "/b");
  await disk.syncDirectory("/");
  disk.lock("/b")?.release();
  await disk.ensureDirectory("/d");
  disk.makeDirectory("/d/e");
  disk.removeDirectory("/d/e");
  disk.stat("/d");
  disk.list("/");
  disk.remove("/b");
  assertEquals(disk.calls.count(), 22);
  assertEquals(disk.calls.operations().length, 19);
  assertEquals(disk.calls.count("write"), 1);
  assertEquals(disk.calls.entries[1], { index: 2, operation: "write", path: "/a", position: 7, length: 3 });
  assertEquals(disk.calls.entries[9], { index: 10, operation: "rename", path: "/a", to: "/b" });
  assertEquals(new Set(disk.calls.entries.map(({ operation }): DiskOperation => operation)).size, 19);
});

Deno.test("SimulatedDisk.calls lists the calling locations in the code on request", () => {
  const disk = new SimulatedDisk({ trace: "sites" });
  for (let count = 0; count < 3; count++) disk.stat("/");
  disk.list("/");
  assertEquals([...disk.calls.sites.values()], [3, 1]);
  for (const site of disk.calls.sites.keys()) assert(/faults_test\.ts:\d+:\d+$/.test(site), site);
});

Deno.test("SimulatedDisk.dump() returns files, links and directories that can be loaded again", () => {
  const disk = diskWith("hello");
  disk.plant.file("/d/e/g", bytesOf("deep"));
  disk.plant.directory("/empty");
  disk.plant.link("/link", "d/e");
  const tree = disk.dump();
  assertEquals([...tree.keys()], ["/d/e/g", "/empty/", "/f", "/link@"]);
  const copy = new SimulatedDisk({ contents: tree });
  assertEquals(copy.dump(), tree);
  assertEquals(copy.fingerprint(), disk.fingerprint());
  assertEquals(textAt(copy, "/link/g"), "deep");
  assertEquals(toTree(fromTree(tree)), tree);
});

Deno.test("Planter.file() replaces an open file with a certain one", () => {
  const disk = diskWith("old");
  const file = disk.open("/f", "update");
  file.write(bytesOf("xxx"), 0);
  const before = disk.calls.count();
  disk.plant.file("/f", bytesOf("planted"));
  assertEquals(disk.calls.count(), before);
  assertEquals(file.stat().links, 0);
  assertEquals([...disk.crashStates()].map((state) => textAt(state.disk, "/f")), ["planted"]);
  disk.plant.nothing("/f");
  assertEquals(disk.stat("/f"), undefined);
});

Deno.test("Planter.file() is not undone by a power cut when the name was uncertain", () => {
  const disk = diskWith("x");
  put(disk, "/new", "1");
  disk.plant.file("/new", bytesOf("2"));
  for (const state of disk.crashStates()) assertEquals(textAt(state.disk, "/new"), "2");
});

Deno.test("Planter.mode() is kept across power cuts and forks", async () => {
  const disk = diskWith("x");
  disk.plant.directory("/d");
  disk.plant.mode("/f", 0o400);
  disk.plant.mode("/d", 0o500);
  for (const each of [disk, disk.fork(), disk.crash(), disk.kill()]) {
    if (!each.alive) continue;
    await assertCode(() => each.open("/f", "update"), "EACCES");
    await assertCode(() => each.makeDirectory("/d/e"), "EACCES");
    assertEquals(textAt(each, "/f"), "x");
  }
});

Deno.test("SimulatedDisk.image() creates many disks that share no changes", () => {
  const image = diskWith("x".repeat(2000)).image();
  const disks = Array.from({ length: 3 }, () => new SimulatedDisk({ contents: image }));
  for (const [index, disk] of disks.entries()) {
    const file = disk.open("/f", "update");
    file.write(bytesOf(String(index)), 700);
    file.syncDataNow();
  }
  assertEquals(disks.map((disk) => textAt(disk, "/f")[700]), ["0", "1", "2"]);
  assertEquals(
    new SimulatedDisk({ contents: image }).fingerprint(),
    diskWith("x".repeat(2000)).fingerprint(),
  );
});
