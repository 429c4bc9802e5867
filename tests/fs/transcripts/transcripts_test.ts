// Transcripts: damage is repaired from the log or reported, and never affects another worker.

import { assert, assertEquals } from "@std/assert";
import { dirname, join } from "@std/path";
import { segmentOf } from "../log/log_lines.ts";
import {
  appendTo,
  codesOf,
  contentsOf,
  diagnosticOf,
  diskTest,
  flipBit,
  refused,
  speak,
  type TestPlace,
} from "../../kit/place.ts";

const contents = Array.from({ length: 40 }, (_, index) => `${index}: ${"x".repeat(index * 40)} 日本\u2028`);

/** A store with workers a and b, closed in good order. */
async function closed(place: TestPlace): Promise<void> {
  const runtime = await place.open();
  for (const workerId of ["a", "b"]) await speak(runtime, workerId, contents);
  await runtime.worker("a").append([
    { role: "assistant", content: "one of two" },
    { role: "tool", content: "two of two" },
  ]);
  await runtime.close();
}

const all = [...contents, "one of two", "two of two"];

interface Damage {
  readonly name: string;
  readonly apply: (path: string) => void;
}

const middle = (path: string): number => Deno.statSync(path).size >> 1;

/** Damage that is repaired and reported as `transcript_rebuilt`. */
const damages: readonly Damage[] = [
  { name: "is missing", apply: (path) => Deno.removeSync(path) },
  {
    name: "is missing with its directory",
    apply: (path) => Deno.removeSync(dirname(path), { recursive: true }),
  },
  { name: "is empty", apply: (path) => Deno.truncateSync(path, 0) },
  { name: "was cut by a byte", apply: (path) => Deno.truncateSync(path, Deno.statSync(path).size - 1) },
  { name: "was cut in the middle", apply: (path) => Deno.truncateSync(path, middle(path)) },
  { name: "has a flipped bit in its header", apply: (path) => flipBit(path, 20) },
  { name: "has a flipped bit in the middle", apply: (path) => flipBit(path, middle(path)) },
  { name: "has a flipped bit in its last line", apply: (path) => flipBit(path, -40) },
  { name: "has lost a newline", apply: (path) => flipBit(path, -1) },
  { name: "is full of zeros", apply: (path) => Deno.writeFileSync(path, new Uint8Array(middle(path) * 2)) },
  { name: "is another file", apply: (path) => Deno.writeFileSync(path, segmentOf(1)) },
  {
    name: "is another worker's",
    apply: (path) => Deno.copyFileSync(join(dirname(dirname(path)), "b", "transcript.jsonl"), path),
  },
];

for (const { name, apply } of damages) {
  diskTest(`transcript() repairs a transcript that ${name}`, async (place) => {
    await closed(place);
    const before = Deno.readFileSync(place.transcript("a"));
    apply(place.transcript("a"));
    const runtime = await place.open();
    assertEquals(await contentsOf(runtime, "b"), contents);
    assertEquals(codesOf(runtime), [], "the other one is read without a diagnostic");
    assertEquals(await contentsOf(runtime, "a"), all);
    const found = diagnosticOf(runtime, "transcript_rebuilt");
    assertEquals([found.workerId, found.file], ["a", "workers/a/transcript.jsonl"]);
    assertEquals(Deno.readFileSync(place.transcript("a")), before);
    await runtime.close();
    const again = await place.open();
    assertEquals(await contentsOf(again, "a"), all);
    assertEquals(codesOf(again), []);
  });
}

diskTest("transcript() keeps what was damaged in quarantine", async (place) => {
  await closed(place);
  flipBit(place.transcript("a"), middle(place.transcript("a")));
  const damaged = Deno.readFileSync(place.transcript("a"));
  await contentsOf(await place.open(), "a");
  const [name = ""] = place.names("quarantine");
  assertEquals(Deno.readFileSync(join(place.layout.quarantine, name)), damaged);
});

diskTest("transcript() truncates foreign bytes after the end of a transcript", async (place) => {
  await closed(place);
  const before = Deno.readFileSync(place.transcript("a"));
  appendTo(place.transcript("a"), "foreign bytes\n");
  const runtime = await place.open();
  assertEquals(await contentsOf(runtime, "a"), all);
  await speak(runtime, "a", ["more"]);
  await runtime.flush();
  assertEquals(await contentsOf(runtime, "a"), [...all, "more"]);
  const now = Deno.readFileSync(place.transcript("a"));
  assertEquals(now.subarray(0, before.length), before);
  assertEquals(new TextDecoder().decode(now).includes("foreign"), false);
});

diskTest(
  "append() continues while a transcript is damaged, and its entries are there after the repair",
  async (place) => {
    await closed(place);
    flipBit(place.transcript("a"), middle(place.transcript("a")));
    const runtime = await place.open();
    await speak(runtime, "a", ["more"]);
    await runtime.flush();
    await speak(runtime, "a", ["and more"]);
    assertEquals(await contentsOf(runtime, "a"), [...all, "more", "and more"]);
    await runtime.close();
    assertEquals(await contentsOf(await place.open(), "a"), [...all, "more", "and more"]);
  },
);

diskTest("transcript() repairs a transcript that was damaged while the store is open", async (place) => {
  await closed(place);
  const runtime = await place.open();
  await contentsOf(runtime, "a");
  flipBit(place.transcript("a"), middle(place.transcript("a")));
  assertEquals(await contentsOf(runtime, "a"), all);
  diagnosticOf(runtime, "transcript_rebuilt");
});

diskTest("transcript() gives all readers the whole while it is rebuilt, and rebuilds once", async (place) => {
  await closed(place);
  flipBit(place.transcript("a"), middle(place.transcript("a")));
  const runtime = await place.open();
  const reads = Array.from({ length: 8 }, () => contentsOf(runtime, "a"));
  const writes = Array.from({ length: 8 }, (_, index) => speak(runtime, "a", [`later ${index}`]));
  for (const read of await Promise.all(reads)) assertEquals(read.slice(0, all.length), all);
  await Promise.all(writes);
  const now = await contentsOf(runtime, "a");
  assertEquals(now.length, all.length + 8);
  assertEquals(new Set(now).size, now.length);
  diagnosticOf(runtime, "transcript_rebuilt");
});

diskTest(
  "transcript() throws store_corrupt when the log is damaged too",
  async (place) => {
    await closed(place);
    flipBit(place.transcript("a"), middle(place.transcript("a")));
    const log = Deno.readTextFileSync(place.segment(1));
    flipBit(place.segment(1), log.indexOf('"content":"5: '));
    const runtime = await place.open();
    const { details } = await refused("store_corrupt", () => contentsOf(runtime, "a"));
    assertEquals(details.file, "events/0000000000000001.jsonl");
    assertEquals(await contentsOf(runtime, "b"), contents);
    assertEquals(runtime.workers().items.length, 2);
  },
);

diskTest(
  "transcript() refuses a link in the place of a transcript, and touches no other file",
  async (place) => {
    await closed(place);
    const elsewhere = join(place.root, "elsewhere");
    Deno.renameSync(place.transcript("a"), elsewhere);
    Deno.symlinkSync(elsewhere, place.transcript("a"));
    const before = Deno.readFileSync(elsewhere);
    const runtime = await place.open();
    const outcome = await contentsOf(runtime, "a").catch((error) => error.code);
    assert(outcome === "store_corrupt" || Array.isArray(outcome) && outcome.length === all.length);
    assertEquals(outcome === "store_corrupt" || codesOf(runtime).includes("transcript_rebuilt"), true);
    await speak(runtime, "a", ["more"]);
    await runtime.flush();
    assertEquals(Deno.readFileSync(elsewhere), before);
    assertEquals(await contentsOf(runtime, "a"), [...all, "more"]);
    assertEquals(Deno.lstatSync(place.transcript("a")).isFile, true);
  },
);

diskTest(
  "transcript() moves a directory in the place of a transcript aside, and rebuilds it from the log",
  async (place) => {
    await closed(place);
    Deno.removeSync(place.transcript("a"));
    Deno.mkdirSync(place.transcript("a"));
    const runtime = await place.open();
    assertEquals(await contentsOf(runtime, "a"), all);
    assertEquals(await contentsOf(runtime, "b"), contents);
    await speak(runtime, "a", ["more"]);
    await runtime.flush();
    assertEquals(await contentsOf(runtime, "a"), [...all, "more"]);
    assert(codesOf(runtime).includes("transcript_rebuilt"));
    assert(Deno.lstatSync(place.path("salvage/000001-transcript.jsonl")).isDirectory);
  },
);

diskTest(
  "transcript() moves a link in the place of a worker's directory aside, and writes nothing through it",
  async (place) => {
    await closed(place);
    const directory = dirname(place.transcript("a"));
    const elsewhere = join(place.root, "elsewhere");
    Deno.renameSync(directory, elsewhere);
    Deno.symlinkSync(elsewhere, directory);
    const before = [...Deno.readDirSync(elsewhere)].length;
    const runtime = await place.open();
    const said = await contentsOf(runtime, "a");
    await speak(runtime, "a", ["more"]);
    await runtime.flush();
    assertEquals(await contentsOf(runtime, "a"), [...said, "more"]);
    assert(codesOf(runtime).includes("transcript_rebuilt"));
    assert(Deno.lstatSync(place.path("salvage/000001-a")).isSymlink);
    assertEquals([...Deno.readDirSync(elsewhere)].length, before);
    assertEquals(Deno.readTextFileSync(join(elsewhere, "transcript.jsonl")).includes('"more"'), false);
  },
);
