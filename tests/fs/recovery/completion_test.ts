// Each transcript is synced with one checkpoint in sixteen: a power cut takes ends that were not, and they come back.

import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { FsRuntimeStore } from "../../../fs_store.ts";
import { backup, verify } from "../../../operate.ts";
import { Runtime } from "../../../mod.ts";
import { loseAll, type SimulatedDisk } from "../../disk/mod.ts";
import {
  codesOf,
  contentsOf,
  diagnosticOf,
  diskTest,
  refused,
  speak,
  type TestPlace,
} from "../../kit/place.ts";
import { configured, LOCAL_HOME as HOME, open } from "../../kit/opened.ts";
import { openReader } from "../reading/reader.ts";

const limits = { segmentBytes: 65_536, checkpointBytes: 8_192, transcriptBufferBytes: 4_096 };
const workerIds = Array.from({ length: 16 }, (_, index) => `worker-${index}`);
const decoder = new TextDecoder();

/** What is said to each worker in a round. */
const said = (round: number): string => `${round} ${"x".repeat(1_500)}`;

/** Speaks to all workers, in rounds, until checkpoints were written. */
async function talk(runtime: Runtime, from: number, to: number): Promise<void> {
  for (let round = from; round < to; round++) {
    for (const workerId of workerIds) await speak(runtime, workerId, [said(round)]);
    await runtime.flush();
  }
}

/** All transcripts hold the rounds before `to`. */
async function assertWhole(runtime: Runtime, to: number): Promise<void> {
  const rounds = Array.from({ length: to }, (_, round) => said(round));
  for (const workerId of workerIds) assertEquals(await contentsOf(runtime, workerId), rounds);
}

interface Row {
  readonly workerId: string;
  readonly transcriptBytes: number;
  readonly transcriptSynced?: { readonly bytes: number; readonly entries: number };
}

function rowsOf(bytes: Uint8Array | undefined): readonly Row[] {
  return JSON.parse(decoder.decode(bytes)).workers;
}

/** A store whose writer was killed, and a worker of it of whose transcript a good part was never synced. */
async function killed(place: TestPlace): Promise<{ row: Row; synced: number; path: string }> {
  place.configure({ limits });
  const runtime = await place.open();
  await talk(runtime, 0, 20);
  await place.kill(runtime);
  return unsyncedOf(place);
}

function unsyncedOf(place: TestPlace): { row: Row; synced: number; path: string } {
  const row = rowsOf(Deno.readFileSync(place.layout.checkpoint)).find((
    { transcriptBytes, transcriptSynced },
  ) => (transcriptSynced?.bytes ?? 0) > 2_000 && transcriptBytes - (transcriptSynced?.bytes ?? 0) > 5_000);
  assert(
    row?.transcriptSynced !== undefined,
    "the checkpoint counts unsynced lines after synced ones",
  );
  return { row, synced: row.transcriptSynced.bytes, path: place.transcript(row.workerId) };
}

/** Overwrites a part of a file with zeros. */
function blank(path: string, from: number, to: number): void {
  const bytes = Deno.readFileSync(path);
  bytes.fill(0, from, to);
  Deno.writeFileSync(path, bytes);
}

/** What is left of twenty rounds when the power goes and takes all that was not synced. */
async function cutOff(): Promise<SimulatedDisk> {
  const disk = configured({ limits });
  const runtime = await open(disk);
  await talk(runtime, 0, 20);
  disk.cutPower();
  await runtime.close().catch(() => {});
  return disk.crash(loseAll);
}

Deno.test("a checkpoint that is due syncs some transcripts in turn, and records how much of the others is synced", async () => {
  const disk = configured({ limits });
  const runtime = await open(disk);
  await talk(runtime, 0, 40);
  const rows = rowsOf(disk.peek(`${HOME}/checkpoint.json`));
  const unsynced = rows.filter(({ transcriptSynced }) => transcriptSynced !== undefined);
  assert(unsynced.length >= 8 && unsynced.length < 16, `${unsynced.length} of 16`);
  assert(unsynced.every(({ transcriptSynced }) => (transcriptSynced?.entries ?? 0) > 0), "each had its turn");
  await runtime.close();
});

Deno.test("close() syncs all transcripts, so that a power cut takes nothing", async () => {
  const disk = configured({ limits });
  const runtime = await open(disk);
  await talk(runtime, 0, 20);
  await runtime.close();
  const after = disk.crash(loseAll);
  assert(rowsOf(after.peek(`${HOME}/checkpoint.json`)).every((row) => row.transcriptSynced === undefined));
  const again = await open(after);
  assertEquals(codesOf(again), []);
  await assertWhole(again, 20);
  await again.close();
});

Deno.test("Runtime.open() completes the transcripts that a power cut took the ends of", async () => {
  const after = await cutOff();
  const again = await open(after);
  const found = diagnosticOf(again, "transcript_completed");
  assertEquals([found.severity, found.workerId], ["info", undefined]);
  await assertWhole(again, 20);
  assert(!codesOf(again).includes("transcript_rebuilt"), codesOf(again).join());
  await talk(again, 20, 21);
  await again.close();
  const last = await open(after.attach());
  assertEquals(codesOf(last), []);
  await assertWhole(last, 21);
  await last.close();
});

Deno.test("Runtime.open() completes transcripts again after a power cut while it did", async () => {
  let after = await cutOff();
  for (let round = 0; round < 3; round++) {
    const again = await open(after);
    await again.worker("worker-3").transcript();
    after.cutPower();
    await again.close().catch(() => {});
    after = after.crash(loseAll);
  }
  const last = await open(after);
  await assertWhole(last, 20);
  await last.close();
});

diskTest(
  "transcript() completes a transcript that lost lines from the middle of what was not synced",
  async (place) => {
    const { row, synced, path } = await killed(place);
    blank(path, synced + 10, row.transcriptBytes - 2_000);
    const runtime = await place.open();
    await assertWhole(runtime, 20);
    const found = diagnosticOf(runtime, "transcript_completed");
    assertEquals([found.severity, found.workerId], ["info", row.workerId]);
    assert(!codesOf(runtime).includes("transcript_rebuilt"), codesOf(runtime).join());
  },
);

diskTest("a checkpoint records only verified lines as synced", async (place) => {
  const { row, synced, path } = await killed(place);
  blank(path, synced + 10, row.transcriptBytes - 2_000);
  const runtime = await place.open();
  await runtime.close();
  const again = await place.open();
  assertEquals(codesOf(again), []);
  await assertWhole(again, 20);
});

diskTest("transcript() reports damage to lines that were synced", async (place) => {
  const { row, synced, path } = await killed(place);
  assert(synced > 2_000);
  blank(path, synced - 100, row.transcriptBytes);
  const runtime = await place.open();
  await assertWhole(runtime, 20);
  assertEquals(diagnosticOf(runtime, "transcript_rebuilt").workerId, row.workerId);
});

diskTest(
  "Runtime.open() completes transcripts whose beginning only they hold, after a pruning",
  async (place) => {
    place.configure({ limits });
    const runtime = await place.open();
    await talk(runtime, 0, 20);
    const { events } = await runtime.prune();
    assert(events > 16);
    await talk(runtime, 20, 40);
    await place.kill(runtime);
    for (const { workerId, transcriptSynced } of rowsOf(Deno.readFileSync(place.layout.checkpoint))) {
      if (transcriptSynced !== undefined) {
        Deno.truncateSync(
          place.transcript(workerId),
          transcriptSynced.bytes + 5,
        );
      }
    }
    const again = await place.open();
    diagnosticOf(again, "transcript_completed");
    await assertWhole(again, 40);
  },
);

diskTest(
  "transcript() returns synced and completed lines after a pruning",
  async (place) => {
    place.configure({ limits });
    const runtime = await place.open();
    await talk(runtime, 0, 20);
    await runtime.prune();
    await talk(runtime, 20, 40);
    await place.kill(runtime);
    const { row, synced, path } = unsyncedOf(place);
    blank(path, synced + 10, row.transcriptBytes - 2_000);
    const again = await place.open();
    await assertWhole(again, 40);
    assertEquals(diagnosticOf(again, "transcript_completed").workerId, row.workerId);
  },
);

diskTest(
  "Runtime.open() opens if the log that a transcript lacks is damaged, and transcript() throws store_corrupt",
  async (place) => {
    const { row, synced, path } = await killed(place);
    Deno.truncateSync(path, synced);
    const checkpoint = JSON.parse(Deno.readTextFileSync(place.layout.checkpoint));
    const segment = place.segment(
      place.names("events").map((name) => parseInt(name)).findLast((id) =>
        id < checkpoint.position.segment
      ) ?? 1,
    );
    const text = Deno.readTextFileSync(segment);
    Deno.writeTextFileSync(
      segment,
      text.replaceAll(`"workerId":"${row.workerId}"`, `"workerId":"_${row.workerId.slice(1)}"`),
    );
    const runtime = await place.open();
    await refused("store_corrupt", () => contentsOf(runtime, row.workerId));
    const other = workerIds.find((workerId) => workerId !== row.workerId) ?? "";
    assertEquals((await contentsOf(runtime, other)).length, 20);
  },
);

Deno.test("transcript() reads the rebuilt file if the log could not be read to complete it, after a pruning", async () => {
  const before = configured({ limits });
  const runtime = await open(before);
  await talk(runtime, 0, 20);
  await runtime.prune();
  await talk(runtime, 20, 40);
  before.cutPower();
  await runtime.close().catch(() => {});
  const disk = before.crash(loseAll);
  let [isCompleting, failures] = [false, 0];
  disk.onCall = ({ operation, path }) => {
    if (operation === "write" && path.endsWith("/transcript.jsonl")) isCompleting = true;
    const fails = isCompleting && failures === 0 && operation === "read" && path.includes("/events/");
    return fails && ++failures > 0 ? { kind: "error", code: "EIO" } : undefined;
  };
  const again = await open(disk);
  assertEquals(failures, 1);
  await assertWhole(again, 40);
  await again.close();
});

diskTest("RuntimeReader, verify() and backup() find the ends of transcripts in the log", async (place) => {
  const { row, synced, path } = await killed(place);
  Deno.truncateSync(path, synced + 5);
  const location = { root: place.root, runtimeId: "local" };
  const report = await verify(location);
  assert(report.findings.every(({ severity }) => severity !== "damaged"), JSON.stringify(report.findings));
  await using view = await openReader(location);
  const { items } = await view.transcript(row.workerId, { limit: 100 });
  assertEquals(items.map(({ content }) => content), Array.from({ length: 20 }, (_, round) => said(round)));
  const to = join(place.root, "copy");
  await backup(location, { to });
  assertEquals(Deno.statSync(path).size, synced + 5);
  await using copy = await Runtime.open({
    store: new FsRuntimeStore({ root: to, runtimeId: "local" }),
  });
  await assertWhole(copy, 20);
});
