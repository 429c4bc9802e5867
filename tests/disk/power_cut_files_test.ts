// Possible contents of files after a power cut.

import { assert, assertEquals } from "@std/assert";
import type { OpenFile } from "../../src/fs/disk/file_system.ts";
import { bytesOf, put, textAt } from "./contract.ts";
import { failAt, keepAll, loseAll, type Random, SECTOR_BYTES, SimulatedDisk, withSeed } from "./mod.ts";

const decoder = new TextDecoder("latin1");

/** A disk with one file `/f` on it, and that file, open. */
function diskWith(text: string): { disk: SimulatedDisk; file: OpenFile } {
  const disk = new SimulatedDisk({ contents: new Map([["/f", bytesOf(text)]]) });
  return { disk, file: disk.open("/f", "update") };
}

/** The contents of `/f` in every crash state. */
function contentsAfterCrash(disk: SimulatedDisk): Set<string> {
  return new Set([...disk.crashStates()].map((state) => decoder.decode(state.disk.peek("/f"))));
}

const a = "a".repeat(SECTOR_BYTES);
const b = "b".repeat(SECTOR_BYTES);
const zeros = "\0".repeat(SECTOR_BYTES);
const garbage = "\xa5".repeat(SECTOR_BYTES);

Deno.test("SimulatedDisk.crashStates() yields one state when everything is certain", () => {
  const { disk } = diskWith("hello");
  const states = [...disk.crashStates()];
  assertEquals(states.length, 1);
  assertEquals(disk.crashStateCount(), 1);
  assertEquals(states[0]?.disk.dump(), disk.dump());
});

Deno.test("SimulatedDisk.crashStates() keeps or loses each sector independently when a file was overwritten", () => {
  const { disk, file } = diskWith(a + a + a);
  file.write(bytesOf(b + b + b), 0);
  const expected = [a, b].flatMap((x) => [a, b].flatMap((y) => [a, b].map((z) => x + y + z)));
  assertEquals(contentsAfterCrash(disk), new Set(expected));
  assertEquals(disk.crashStateCount(), 8);
  assertEquals(disk.dirtySectors, 3);
});

Deno.test("SimulatedDisk.crashStates() grows a file before its contents when it was extended", () => {
  const { disk, file } = diskWith("");
  file.write(bytesOf(a + "b".repeat(88)), 0);
  assertEquals(
    contentsAfterCrash(disk),
    new Set([
      "",
      a,
      zeros,
      garbage,
      a + "b".repeat(88),
      a + "\0".repeat(88),
      a + "\xa5".repeat(88),
      zeros + "b".repeat(88),
      zeros + "\0".repeat(88),
      garbage + "b".repeat(88),
      garbage + "\xa5".repeat(88),
    ]),
  );
  assertEquals(disk.crashStateCount(), 11);
});

Deno.test("SimulatedDisk.crashStates() shows bytes of a removed file when its space was reused", () => {
  const { disk, file } = diskWith("");
  put(disk, "/g", "secret".padEnd(SECTOR_BYTES, "!"));
  disk.remove("/g");
  file.write(bytesOf(a), 0);
  assertEquals(
    contentsAfterCrash(disk),
    new Set(["", a, zeros, garbage, "secret".padEnd(SECTOR_BYTES, "!")]),
  );
});

Deno.test("SimulatedDisk.crashStates() yields no garbage when the last sector was filled", () => {
  const { disk, file } = diskWith("hello");
  file.write(bytesOf(" world"), 5);
  assertEquals(contentsAfterCrash(disk), new Set(["hello", "hello world", "hello\0\0\0\0\0\0"]));
});

Deno.test("SimulatedDisk.crashStates() yields every version when a sector was written several times", () => {
  const { disk, file } = diskWith("1");
  for (const text of ["2", "3", "4"]) file.write(bytesOf(text), 0);
  assertEquals(contentsAfterCrash(disk), new Set(["1", "2", "3", "4"]));
});

Deno.test("SimulatedDisk.crashStates() yields sizes of every step when a file was extended in steps", () => {
  const { disk, file } = diskWith("");
  for (const [position, text] of ["one", "two"].entries()) file.write(bytesOf(text), 3 * position);
  const contents = contentsAfterCrash(disk);
  assert(["", "one", "onetwo", "one\0\0\0"].every((text) => contents.has(text)));
  assertEquals(new Set([...contents].map((text) => text.length)), new Set([0, 3, 6]));
});

Deno.test("SimulatedDisk.crashStates() truncates or not when a truncation was not synced", async () => {
  const { disk, file } = diskWith(a + b);
  file.truncate(SECTOR_BYTES);
  assertEquals(contentsAfterCrash(disk), new Set([a + b, a]));
  await file.syncData();
  assertEquals(contentsAfterCrash(disk), new Set([a]));
});

Deno.test("SimulatedDisk.crashStates() may show truncated bytes when a file was extended again", () => {
  const { disk, file } = diskWith(a + b);
  file.truncate(SECTOR_BYTES);
  file.write(bytesOf(a), SECTOR_BYTES);
  assertEquals(contentsAfterCrash(disk), new Set([a, a + b, a + a, a + zeros, a + garbage]));
});

Deno.test("SimulatedDisk.crashStates() shows truncated bytes when their space was reused", async () => {
  const { disk, file } = diskWith(a + b);
  file.truncate(SECTOR_BYTES);
  await file.syncData();
  file.write(bytesOf("new"), SECTOR_BYTES);
  assert(contentsAfterCrash(disk).has(`${a}bbb`));
  assert(contentsAfterCrash(disk.fork()).has(`${a}bbb`));
});

Deno.test("OpenFile.truncate() extends with zeros when a power cut had shortened the file", () => {
  const { disk, file } = diskWith("hello world");
  file.truncate(5);
  for (const state of disk.crashStates()) {
    const left = state.disk.open("/f", "update");
    if (left.stat().size > 5) continue;
    left.truncate(11);
    assertEquals(textAt(state.disk, "/f"), "hello\0\0\0\0\0\0");
  }
});

Deno.test("SimulatedDisk.crashStates() may leave truncated bytes zeroed within the last sector", () => {
  const { disk, file } = diskWith("hello world");
  file.truncate(5);
  assertEquals(contentsAfterCrash(disk), new Set(["hello world", "hello", "hello\0\0\0\0\0\0"]));
});

Deno.test("SimulatedDisk.crashStates() has zeros in a hole when the size is on the medium", () => {
  const { disk, file } = diskWith("");
  file.truncate(2 * SECTOR_BYTES);
  assertEquals(contentsAfterCrash(disk), new Set(["", zeros, zeros + zeros]));
});

for (const sync of ["syncData", "sync", "syncDataNow"] as const) {
  Deno.test(`OpenFile.${sync}() makes contents and size certain when it succeeds`, async () => {
    const { disk, file } = diskWith(a);
    file.write(bytesOf(b + b + "b"), 100);
    file.truncate(900);
    await file[sync]();
    assertEquals(contentsAfterCrash(disk), new Set([(a.slice(0, 100) + b + b).slice(0, 900)]));
    assertEquals(disk.dirtySectors, 0);
  });
}

Deno.test("OpenFile.syncData() leaves data uncertain that is written during the sync", async () => {
  const { disk, file } = diskWith("1");
  file.write(bytesOf("2"), 0);
  const synced = file.syncData();
  file.write(bytesOf("3"), 0);
  assertEquals(contentsAfterCrash(disk), new Set(["1", "2", "3"]));
  await synced;
  assertEquals(contentsAfterCrash(disk), new Set(["2", "3"]));
});

Deno.test("OpenFile.syncData() makes nothing certain of another file", async () => {
  const { disk, file } = diskWith("1");
  put(disk, "/g", "");
  const other = disk.open("/g", "update");
  file.write(bytesOf("2"), 0);
  await other.sync();
  assertEquals(contentsAfterCrash(disk), new Set(["1", "2"]));
});

Deno.test("OpenFile.syncData() forgets dirty data when it fails", async () => {
  const { disk, file } = diskWith(a + a);
  file.write(bytesOf(b + b), 0);
  disk.onCall = ({ operation }) => operation === "syncData" ? { kind: "error", code: "EIO" } : undefined;
  await file.syncData().then(() => assert(false), () => {});
  disk.onCall = undefined;
  await file.syncData();
  assertEquals(textAt(disk, "/f"), b + b);
  assertEquals(contentsAfterCrash(disk), new Set([a + a, a + b, b + a, b + b]));
  file.write(bytesOf("c"), 0);
  await file.syncData();
  const rewritten = `c${b.slice(1)}`;
  assertEquals(contentsAfterCrash(disk), new Set([rewritten + a, rewritten + b]));
});

Deno.test("OpenFile.syncData() leaves the size uncertain after a failure until it has to write", async () => {
  const { disk, file } = diskWith("");
  file.write(bytesOf("hello"), 0);
  disk.onCall = ({ operation }) => operation === "sync" ? { kind: "error", code: "EIO" } : undefined;
  await file.sync().then(() => assert(false), () => {});
  await file.syncData();
  assertEquals(contentsAfterCrash(disk), new Set(["", "hello", "\0\0\0\0\0", "\xa5\xa5\xa5\xa5\xa5"]));
  file.write(bytesOf("J"), 0);
  await file.syncData();
  assertEquals(contentsAfterCrash(disk), new Set(["Jello"]));
});

Deno.test("OpenFile.syncData() settles everything after a failure when all of it was written again", async () => {
  const { disk, file } = diskWith("");
  const fail = async (): Promise<void> => {
    disk.onCall = failAt(1, "EIO");
    await file.syncData().then(() => assert(false), () => {});
  };
  file.write(bytesOf("hello"), 0);
  await fail();
  file.write(bytesOf("hello world"), 0);
  await file.syncData();
  assertEquals(contentsAfterCrash(disk), new Set(["hello world"]));
  file.write(bytesOf(a + a), 0);
  await fail();
  file.truncate(0);
  await file.syncData();
  assertEquals([disk.dirtySectors, disk.crashStateCount()], [0, 1]);
});

Deno.test("SimulatedDisk.crash() returns the oldest and the newest state when asked to lose or keep all", () => {
  const { disk, file } = diskWith(a);
  file.write(bytesOf(b + b), 0);
  assertEquals(textAt(disk.crash(loseAll), "/f"), a);
  assertEquals(textAt(disk.crash(keepAll), "/f"), b + b);
  assertEquals(textAt(disk, "/f"), b + b);
});

Deno.test("SimulatedDisk.crash() returns the oldest and the newest state when these are equal", () => {
  const { disk, file } = diskWith("one");
  for (const text of ["two", "three"]) file.write(bytesOf(text), 0);
  file.truncate(3);
  file.write(bytesOf("one"), 0);
  assertEquals([disk.crash(loseAll), disk.crash(keepAll)].map((each) => textAt(each, "/f")), ["one", "one"]);
  assert(contentsAfterCrash(disk).has("three"));
});

Deno.test("SimulatedDisk.crash() returns a disk that shares no change with others", () => {
  const { disk, file } = diskWith(a);
  file.write(bytesOf("1"), 0);
  const [one, other] = [disk.crash(keepAll), disk.crash(keepAll)];
  const changed = one.open("/f", "update");
  changed.write(bytesOf("2"), 0);
  changed.syncDataNow();
  file.write(bytesOf("3"), 0);
  assertEquals([disk, one, other].map((each) => textAt(each, "/f")[0]), ["3", "2", "1"]);
});

/** The sectors of a file, as text. */
function sectorsOf(text: string): string[] {
  const count = Math.ceil(text.length / SECTOR_BYTES);
  return Array.from(
    { length: count },
    (_, index) => text.slice(index * SECTOR_BYTES, (index + 1) * SECTOR_BYTES),
  );
}

/** Returns true if a power cut may leave `left`; `history` lists the contents of the page cache since the last sync. */
function isLegal(left: string, history: readonly string[]): boolean {
  const sizes = history.map((text) => text.length);
  const known = sizes.includes(left.length) ||
    (left.length % SECTOR_BYTES === 0 && left.length > (sizes[0] ?? 0) && left.length < Math.max(...sizes));
  return known && sectorsOf(left).every((sector, index) => {
    const versions = history.map((text) => sectorsOf(text.padEnd(left.length, "\0"))[index] ?? "");
    const fits = versions.some((version) => version.slice(0, sector.length) === sector);
    const wasAssigned = history.some((text) => text.length <= index * SECTOR_BYTES);
    return fits || (wasAssigned && /^(\0*|\xa5*)$/.test(sector));
  });
}

/** A text with its runs counted, to be read by people. */
function runs(text: string): string {
  return JSON.stringify(text.replaceAll(/(.)\1*/gs, (run, first) => `${first}${run.length} `));
}

/** Changes the file at random. */
function change(file: OpenFile, random: Random, mayCut: boolean): void {
  const position = random.below(1200);
  if (random.chance(0.2)) file.truncate(mayCut ? position : Math.max(position, file.stat().size));
  else file.write(bytesOf(random.pick(["a", "b", "c", "d"]).repeat(1 + random.below(700))), position);
}

/** Runs a random program; `check` receives the crash states and the contents of the page cache since the last sync. */
async function program(
  random: Random,
  mayCut: boolean,
  check: (states: ReadonlySet<string>, history: readonly string[]) => void,
): Promise<void> {
  const { disk, file } = diskWith("x".repeat(random.below(1200)));
  let history = [textAt(disk, "/f")];
  for (let step = 0; step < 6; step++) {
    change(file, random, mayCut);
    history.push(textAt(disk, "/f"));
    if (random.chance(0.3)) {
      await file.syncData();
      history = history.slice(-1);
    }
    const states = contentsAfterCrash(disk);
    if (history.length === 1) assertEquals(states, new Set(history));
    check(states, history);
  }
}

Deno.test("SimulatedDisk.crashStates() yields every moment when a file is changed at random", async () => {
  for (let seed = 1; seed <= 300; seed++) {
    await withSeed(seed, (random) =>
      program(random, true, (states, history) => {
        for (const moment of history) assert(states.has(moment), `a moment is missing: ${runs(moment)}`);
      }));
  }
});

Deno.test("SimulatedDisk.crashStates() yields nothing illegal when a file grows at random", async () => {
  for (let seed = 1; seed <= 300; seed++) {
    await withSeed(seed, (random) =>
      program(random, false, (states, history) => {
        const illegal = [...states].find((left) => !isLegal(left, history));
        assert(illegal === undefined, `illegal: ${runs(illegal ?? "")} of ${history.map(runs).join(" | ")}`);
      }));
  }
});
