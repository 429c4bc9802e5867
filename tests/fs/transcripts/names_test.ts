// Names of transcripts: a process that rebuilt one may have been killed before the name was on the device. A power cut
// then restores the previous file.

import { assert, assertEquals } from "@std/assert";
import { loseAll, type SimulatedDisk } from "../../disk/mod.ts";
import { codesOf, contentsOf, speak } from "../../kit/place.ts";
import { configured, LOCAL_HOME as HOME, open } from "../../kit/opened.ts";

const directory = `${HOME}/workers/a`;
const transcript = `${directory}/transcript.jsonl`;
const said = Array.from({ length: 12 }, (_, index) => `${index} ${"x".repeat(900)}`);

/** A store of several segments, most of them before the older of two checkpoints. */
async function filled(): Promise<SimulatedDisk> {
  const disk = configured({ limits: { segmentBytes: 4_096, checkpointBytes: 4_096 } });
  const runtime = await open(disk);
  await speak(runtime, "a", said);
  await runtime.close();
  await (await open(disk.attach())).close();
  return disk;
}

/** The same, its transcript damaged, and rebuilt by a process that was killed just after the rename. */
async function rebuiltAndKilled(): Promise<SimulatedDisk> {
  const disk = await filled();
  const bytes = disk.peek(transcript) ?? new Uint8Array();
  bytes[bytes.length >> 1] = 0;
  disk.plant.file(transcript, bytes);
  const reader = disk.attach();
  const rebuilder = await open(reader);
  reader.onCall = ({ operation, path }) =>
    operation === "syncDirectory" && path === directory ? { kind: "kill", when: "before" } : undefined;
  await contentsOf(rebuilder, "a").catch(() => {});
  assert(!reader.alive);
  await rebuilder.close().catch(() => {});
  return reader.attach();
}

/** What a power cut leaves that takes all that was not synced. */
async function afterPowerCut(disk: SimulatedDisk): Promise<{ contents: string[]; codes: string[] }> {
  const runtime = await open(disk.crash(loseAll));
  const contents = await contentsOf(runtime, "a");
  const codes = codesOf(runtime);
  await runtime.close();
  return { contents, codes };
}

Deno.test("a checkpoint syncs the name of a transcript that the previous process rebuilt", async () => {
  const disk = await rebuiltAndKilled();
  const runtime = await open(disk);
  await speak(runtime, "a", ["one more"]);
  await runtime.close();
  const { contents, codes } = await afterPowerCut(disk);
  assertEquals(contents, [...said, "one more"]);
  assert(!codes.includes("transcript_rebuilt"), "the file that the checkpoint counts is there");
});

Deno.test("prune() syncs transcripts that were not used yet before it deletes the segments they came from", async () => {
  const disk = await rebuiltAndKilled();
  const runtime = await open(disk);
  const { events } = await runtime.prune();
  assert(events > 0);
  await runtime.close();
  assertEquals((await afterPowerCut(disk)).contents, said);
});

Deno.test("prune() keeps the events that a transcript must be rebuilt from, and rebuilds it", async () => {
  const disk = await rebuiltAndKilled();
  disk.plant.file(transcript, new Uint8Array(10));
  const runtime = await open(disk);
  await runtime.prune();
  assert(codesOf(runtime).includes("transcript_rebuilt"));
  assertEquals(await contentsOf(runtime, "a"), said);
  await runtime.close();
  assertEquals((await afterPowerCut(disk)).contents, said);
});

Deno.test("a rebuilt transcript is durable, including its directory if that was missing", async () => {
  const disk = await filled();
  disk.remove(transcript);
  for (const { name } of disk.list(directory)) disk.remove(`${directory}/${name}`);
  disk.removeDirectory(directory);
  await disk.syncDirectory(`${HOME}/workers`);
  const runtime = await open(disk.attach());
  assertEquals(await contentsOf(runtime, "a"), said);
  assert((await runtime.prune()).events > 0);
  await runtime.close();
  assertEquals((await afterPowerCut(disk)).contents, said);
});
