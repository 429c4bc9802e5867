// A log that lost its end: transcripts that hold more than it does are witnesses of that.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Diagnostic, isRuntimeError, type Runtime } from "../../../mod.ts";
import { repair, verify } from "../../../operate.ts";
import { SimulatedDisk } from "../../disk/mod.ts";
import { HOME, openOn, ROOT } from "../../kit/opened.ts";

const LOG = `${HOME}/events/0000000000000001.jsonl`;
const TRANSCRIPT = `${HOME}/workers/a/transcript.jsonl`;
const NEWLINE = 0x0a;

function configure(disk: SimulatedDisk, durability: string, limits: Record<string, number> = {}): void {
  disk.plant.file(
    `${HOME}/config.jsonc`,
    new TextEncoder().encode(JSON.stringify({ durability, limits })),
  );
}

function bytesOf(disk: SimulatedDisk, path: string): Uint8Array {
  const bytes = disk.peek(path);
  assert(bytes !== undefined, `${path} is missing`);
  return bytes;
}

/** The first lines of a log; the header is one of them. */
function firstLines(bytes: Uint8Array, count: number): Uint8Array {
  let end = 0;
  for (let line = 0; line < count; line++) end = bytes.indexOf(NEWLINE, end) + 1;
  return bytes.slice(0, end);
}

async function say(runtime: Runtime, workerId: string, ...contents: string[]): Promise<void> {
  for (const content of contents) await runtime.worker(workerId).sendInput({ role: "user", content });
}

/** A disk whose store was killed after event 6, with all transcripts written: worker `a` said events 4 to 6. */
async function killed(durability = "synced", limits: Record<string, number> = {}): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  configure(disk, durability, limits);
  const { runtime } = await openOn(disk);
  await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  await say(runtime, "a", "one", "two", "three");
  await runtime.flush();
  const left = new SimulatedDisk({ contents: disk.image() });
  await runtime.close();
  return left;
}

/** The log keeps its header and so many events. */
function cutLog(disk: SimulatedDisk, events: number): void {
  disk.plant.file(LOG, firstLines(bytesOf(disk, LOG), 1 + events));
}

async function refusal(disk: SimulatedDisk): Promise<{ message: string; details: Record<string, unknown> }> {
  const error = await openOn(disk).then(() => undefined, (error) => error);
  assert(isRuntimeError(error) && error.code === "store_corrupt", `not refused, but ${error}`);
  return { message: error.message, details: { ...error.details } };
}

function lost(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return diagnostics.filter(({ code }) => code === "unsynced_events_lost");
}

async function contentsOf(runtime: Runtime, workerId: string): Promise<unknown[]> {
  const { items } = await runtime.worker(workerId).transcript({ after: 0, limit: 100 });
  return items.map(({ content }) => content);
}

Deno.test("Runtime.open() throws store_corrupt when the end of the log was cut off and a transcript holds it", async () => {
  const disk = await killed();
  cutLog(disk, 4);
  const before = [bytesOf(disk, LOG), bytesOf(disk, TRANSCRIPT)];
  for (let time = 0; time < 2; time++) {
    const { message, details } = await refusal(disk);
    assertStringIncludes(message, '"workers/a/transcript.jsonl" holds event 6');
    assertEquals([details.file, details.eventIds], ["events/0000000000000001.jsonl", [5, 6]]);
    assertEquals([bytesOf(disk, LOG), bytesOf(disk, TRANSCRIPT)], before);
  }
});

Deno.test("Runtime.open() throws store_corrupt when the end is torn before an event that a transcript holds", async () => {
  const disk = await killed();
  const whole = bytesOf(disk, LOG);
  disk.plant.file(LOG, whole.slice(0, whole.lastIndexOf(NEWLINE) - 5));
  const { message, details } = await refusal(disk);
  assertStringIncludes(message, "event 6 is damaged");
  assertEquals(details.eventIds, [6, 6]);
});

Deno.test("Runtime.open() throws store_corrupt when the log lost a worker that has a transcript", async () => {
  const disk = await killed();
  cutLog(disk, 2);
  assertEquals((await refusal(disk)).details.eventIds, [3, 6]);
});

Deno.test("Runtime.open() throws store_corrupt when the last segment is gone and a transcript holds its events", async () => {
  const disk = await killed();
  const { runtime } = await openOn(disk);
  await say(runtime, "a", "four");
  await runtime.flush();
  const left = new SimulatedDisk({ contents: disk.image() });
  await runtime.close();
  left.plant.nothing(`${HOME}/events/0000000000000007.jsonl`);
  assertEquals((await refusal(left)).details.eventIds, [7, 8]);
});

Deno.test("Runtime.open() keeps the witness when it has to write transcripts while it reads", async () => {
  const disk = new SimulatedDisk();
  configure(disk, "synced", { transcriptBufferBytes: 4_096 });
  const { runtime } = await openOn(disk);
  for (const workerId of ["a", "b"]) await runtime.createWorker({ workerId, intent: { kind: "assistant" } });
  const long = "x".repeat(200);
  for (let batch = 0; batch < 12; batch++) {
    await Promise.all(Array.from({ length: 100 }, (_, turn) => say(runtime, turn % 2 ? "a" : "b", long)));
  }
  await say(runtime, "a", "last");
  await runtime.flush();
  const left = new SimulatedDisk({ contents: disk.image() });
  await runtime.close();
  const events = 4 + 1_201;
  cutLog(left, events - 1);
  for (let time = 0; time < 2; time++) {
    assertEquals((await refusal(left)).details.eventIds, [events, events]);
  }
});

Deno.test("Runtime.open() with durability written reports lost events, and quarantines what transcripts hold of them", async () => {
  const disk = await killed("written");
  const whole = bytesOf(disk, TRANSCRIPT);
  cutLog(disk, 4);
  const { runtime, diagnostics } = await openOn(disk);
  const [found, ...others] = lost(diagnostics);
  assertEquals([found?.file, found?.workerId, found?.eventIds], ["workers/a/transcript.jsonl", "a", [5, 6]]);
  assertEquals(others, []);
  const kept = [...disk.dump()].filter(([path]) => path.includes("/quarantine/")).map(([, bytes]) => bytes);
  assertEquals(kept, [whole.slice(found?.byteOffset)]);
  await say(runtime, "a", "again");
  assertEquals(await contentsOf(runtime, "a"), ["one", "again"]);
  await runtime.close();
  const next = await openOn(disk);
  assertEquals(lost(next.diagnostics), []);
  await next.runtime.close();
});

Deno.test("Runtime.open() with durability written sets aside the transcript of a worker that is gone", async () => {
  const disk = await killed("written");
  const all = [bytesOf(disk, TRANSCRIPT), bytesOf(disk, `${HOME}/workers/a/worker.json`)];
  cutLog(disk, 2);
  const { runtime, diagnostics } = await openOn(disk);
  assertEquals(lost(diagnostics).map(({ eventIds, byteOffset }) => [eventIds, byteOffset]), [[[3, 6], 0]]);
  const kept = [...disk.dump()].filter(([path]) => path.includes("/quarantine/")).map(([, bytes]) => bytes);
  const lengths = (files: Uint8Array[]) => files.map(({ length }) => length).sort();
  assertEquals([lengths(kept), disk.peek(TRANSCRIPT)], [lengths(all), undefined]);
  await runtime.close();
});

Deno.test("Runtime.open() does not take for damage what durability written lost before the operator changed it", async () => {
  const disk = await killed("written");
  cutLog(disk, 4);
  configure(disk, "synced");
  const { runtime, diagnostics } = await openOn(disk);
  assertEquals(lost(diagnostics).length, 1);
  await runtime.close();
});

Deno.test("Runtime.open() with durability written throws store_corrupt for what a transcript says was synced", async () => {
  const disk = await killed("written");
  const { runtime } = await openOn(disk);
  // Events 7 to 9: the opening has synced what was there before, and their lines say so.
  await say(runtime, "a", "four", "five");
  await runtime.flush();
  const left = new SimulatedDisk({ contents: disk.image() });
  await runtime.close();
  left.plant.nothing(`${HOME}/events/0000000000000007.jsonl`);
  cutLog(left, 4);
  assertEquals((await refusal(left)).details.eventIds, [5, 6]);
});

Deno.test("Runtime.open() reads no transcript after a clean close", async () => {
  const disk = await killed();
  const { runtime } = await openOn(disk);
  await runtime.close();
  const touched: string[] = [];
  disk.onCall = ({ path }) => void (path.endsWith("transcript.jsonl") && touched.push(path));
  const again = await openOn(disk);
  assertEquals(touched, []);
  disk.onCall = undefined;
  await again.runtime.close();
});

Deno.test("verify() and repair() find and give up what only a transcript holds", async () => {
  const disk = await killed();
  cutLog(disk, 4);
  const location = { root: ROOT, runtimeId: "t" };
  const report = await verify(location, { fileSystem: disk });
  const found = report.findings.filter(({ severity }) => severity === "damaged");
  assertEquals(found.map(({ code, file, eventIds }) => [code, file, eventIds]), [
    ["log_behind_transcript", "workers/a/transcript.jsonl", [5, 6]],
  ]);
  const whole = bytesOf(disk, TRANSCRIPT);
  const done = await repair(location, { fileSystem: disk, apply: true, salvage: true });
  assertEquals([done.lost, done.after?.verdict], [[5, 6], "clean"]);
  const kept = [...disk.dump()].filter(([path]) => path.includes("/salvage/")).map(([, bytes]) => bytes);
  assertEquals(kept.map((bytes) => bytes.length), [whole.length - (found[0]?.byteOffset ?? 0)]);
  const { runtime } = await openOn(disk);
  assertEquals(await contentsOf(runtime, "a"), ["one"]);
  await runtime.close();
});

Deno.test("verify() reports no damage for events that a power cut took with durability written", async () => {
  const disk = await killed("written");
  cutLog(disk, 4);
  const report = await verify({ root: ROOT, runtimeId: "t" }, { fileSystem: disk });
  assertEquals([report.verdict, report.counts.log_behind_transcript], ["healable", 1]);
});

Deno.test("Runtime.open() removes the files of a purged worker only once the purge is on the device", async () => {
  const disk = await killed();
  const { runtime } = await openOn(disk);
  await runtime.worker("a").stop();
  const before = bytesOf(disk, TRANSCRIPT);
  let torn: SimulatedDisk | undefined;
  disk.onCall = ({ operation, path }) => {
    if (operation === "syncDataNow" && path.includes("/events/")) torn ??= disk.fork();
    return undefined;
  };
  await runtime.worker("a").purge();
  disk.onCall = undefined;
  await runtime.close();
  assert(torn !== undefined);
  // The process was killed between the write and its sync; power goes at the next opening's first sync of the log.
  const next = torn.attach();
  next.onCall = ({ operation, path }) =>
    operation === "syncData" && path.includes("/events/") ? { kind: "powerCut", when: "before" } : undefined;
  await openOn(next).then(({ runtime }) => runtime.close(), () => {});
  let without = 0;
  for (const { disk } of next.crashStates()) {
    const log = [...disk.dump()].filter(([path]) => path.includes("/events/")).map(([, bytes]) => bytes);
    if (log.some((bytes) => new TextDecoder().decode(bytes).includes("worker.purged"))) continue;
    without++;
    assertEquals(disk.peek(TRANSCRIPT), before);
  }
  assert(without > 0, "no power cut takes the purge back");
});
