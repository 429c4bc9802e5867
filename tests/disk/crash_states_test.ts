// Crash states are enumerated, counted, sampled and reproduced.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { bytesOf, put } from "./contract.ts";
import { chooseRandomly, enumerate, Random, replay, SECTOR_BYTES, SimulatedDisk, withSeed } from "./mod.ts";

/** A disk with so many dirty sectors in one file, and names in doubt. */
function dirtyDisk(sectors: number, names = 0): SimulatedDisk {
  const disk = new SimulatedDisk({
    contents: new Map([["/f", bytesOf("x".repeat(sectors * SECTOR_BYTES))]]),
  });
  const file = disk.open("/f", "update");
  file.write(bytesOf("y".repeat(sectors * SECTOR_BYTES)), 0);
  for (let name = 0; name < names; name++) disk.makeDirectory(`/d${name}`);
  return disk;
}

Deno.test("SimulatedDisk.crashStates() yields all distinct states when ten sectors are dirty", () => {
  const disk = dirtyDisk(10);
  const fingerprints = [...disk.crashStates()].map((state) => state.fingerprint);
  assertEquals(fingerprints.length, 1024);
  assertEquals(new Set(fingerprints).size, 1024);
  assertEquals(disk.crashStateCount(), 1024);
});

Deno.test("SimulatedDisk.crashStates() multiplies by the names when these are uncertain too", () => {
  assertEquals([...dirtyDisk(5, 3).crashStates()].length, 32 * 8);
});

Deno.test("SimulatedDisk.crashStates() yields a seeded sample of distinct states when there are too many", () => {
  const disk = dirtyDisk(40, 3);
  const take = (seed: number) =>
    [...disk.crashStates({ seed, samples: 100 })].map((state) => state.fingerprint);
  assertEquals(take(1).length, 100);
  assertEquals(new Set(take(1)).size, 100);
  assertEquals(take(1), take(1));
  assertNotEquals(take(1), take(2));
  assert(disk.crashStateCount() >= 2 ** 43);
});

Deno.test("SimulatedDisk.crashStates() begins a sample with the extremes when there are too many", () => {
  const disk = dirtyDisk(20);
  const [all, none, ...rest] = [...disk.crashStates({ samples: 100 })].map(({ disk }) =>
    new TextDecoder().decode(disk.peek("/f")).replaceAll(/(.)\1{511}/g, "$1")
  );
  assertEquals([all, none], ["y".repeat(20), "x".repeat(20)]);
  assert(rest.includes("y".repeat(7) + "x" + "y".repeat(12)));
  assert(rest.includes("x".repeat(7) + "y" + "x".repeat(12)));
});

Deno.test("SimulatedDisk.crashStates() skips states whose fingerprints are given", () => {
  const disk = dirtyDisk(3);
  const seen = new Set<number>();
  assertEquals([...disk.crashStates({ seen })].length, 8);
  assertEquals([...disk.crashStates({ seen })].length, 0);
  assertEquals(seen.size, 8);
});

Deno.test("SimulatedDisk.crash() returns the same state when its choices are replayed", () => {
  const disk = dirtyDisk(30, 4);
  put(disk, "/new", "z".repeat(2000));
  for (const state of disk.crashStates({ samples: 50 })) {
    const again = disk.crash(replay(state.choices));
    assertEquals(again.fingerprint(), state.fingerprint);
    assertEquals(again.dump(), state.disk.dump());
  }
});

Deno.test("SimulatedDisk.fingerprint() differs exactly when the dumps differ", () => {
  const disk = dirtyDisk(3, 2);
  const states = [...disk.crashStates()].map(({ disk }) => ({
    print: disk.fingerprint(),
    dump: JSON.stringify([...disk.dump()].map(([path, bytes]) => [path, bytes.join()])),
  }));
  assertEquals(new Set(states.map(({ print }) => print)).size, new Set(states.map(({ dump }) => dump)).size);
  assertEquals(new Set(states.map(({ print }) => print)).size, 32);
});

Deno.test("SimulatedDisk.crashStateCount() is the number of answers when they can be enumerated", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    await withSeed(seed, async (random) => {
      const disk = new SimulatedDisk({ contents: new Map([["/f", random.bytes(random.below(1500))]]) });
      const file = disk.open("/f", "update");
      disk.makeDirectory("/d");
      put(disk, "/d/x", "x".repeat(random.below(900)));
      file.write(random.bytes(600), random.below(900));
      if (random.chance(0.5)) await disk.rename("/d/x", "/y");
      if (random.chance(0.5)) disk.remove("/f");
      const answers = [...enumerate((choose) => disk.crash(choose).fingerprint())];
      assertEquals(disk.crashStateCount(), answers.length);
      const states = [...disk.crashStates()];
      assertEquals(
        new Set(answers.map(({ result }) => result)),
        new Set(states.map((state) => state.fingerprint)),
      );
    });
  }
});

Deno.test("enumerate() yields every sequence of answers once when questions depend on answers", () => {
  const sequences = [...enumerate((choose) => choose(2) === 0 ? "x" : `y${choose(3)}`)];
  assertEquals(sequences.map(({ result }) => result), ["x", "y0", "y1", "y2"]);
  assertEquals(sequences.map(({ answers }) => answers), [[0], [1, 0], [1, 1], [1, 2]]);
  assertEquals([...enumerate(() => "once")].length, 1);
});

Deno.test("chooseRandomly() stays within the alternatives and reaches all of them", () => {
  const choose = chooseRandomly(new Random(7), 0.2);
  const answers = new Set(Array.from({ length: 200 }, () => choose(4)));
  assertEquals(answers, new Set([0, 1, 2, 3]));
});

Deno.test("Random is reproducible for a seed, and evenly distributed", () => {
  const take = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 1000 }, () => random.below(10));
  };
  assertEquals(take(5), take(5));
  assertNotEquals(take(5), take(6));
  assertNotEquals(take(5), take(5 + 2 ** 40));
  const counts = Array.from({ length: 10 }, (_, digit) => take(5).filter((each) => each === digit).length);
  assert(counts.every((count) => count > 60 && count < 140), counts.join());
});

Deno.test("withSeed() reports the seed when the body fails", async () => {
  const failure = await withSeed(42, () => Promise.reject(new Error("broken"))).catch((error) => error);
  assertEquals(failure.message, "broken (seed 42 replays it)");
  assertEquals(failure.cause.message, "broken");
});
