// The oracles of the suite: each detects its kind of error.

import { assertEquals, assertThrows } from "@std/assert";
import { type Run, Runtime, type RuntimeEvent } from "../../../mod.ts";
import { MemoryRuntimeStore } from "../../../memory_store.ts";
import { Finding } from "../script/history.ts";
import type { Command } from "../model/reference.ts";
import { Archive } from "./archive.ts";
import { HeldRuns } from "./held_runs.ts";

const permissions = { read: true, write: true } as const;
const at = "2027-01-01T00:00:00.000Z";
const command: Command = {
  kind: "input",
  workerId: "w",
  number: 7,
  key: undefined,
  expect: undefined,
  runId: "r7",
  runEventId: 0,
  life: 3,
};

/** The first events of a runtime with a worker that had one input. */
function firstEvents(): RuntimeEvent[] {
  const bodies = [
    { type: "runtime.created", runtimeId: "t" },
    { type: "runtime.opened", epoch: 1 },
    { type: "worker.created", workerId: "w", record: { workerId: "w", intent: { kind: "assistant" } } },
    {
      type: "worker.committed",
      workerId: "w",
      seq: 1,
      count: 1,
      entries: [{ role: "user", content: "in 7" }],
    },
  ];
  return bodies.map((body, index) => ({ id: index + 1, at, ...body }) as unknown as RuntimeEvent);
}

/** Runs `body` with an archive of the first events. */
async function withArchive(
  body: (archive: Archive, directory: string) => void | Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    using archive = new Archive(directory);
    for (const event of firstEvents()) archive.add(event);
    await body(archive, directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function oracleTest(name: string, body: (archive: Archive, directory: string) => void | Promise<void>): void {
  Deno.test(name, { permissions }, () => withArchive(body));
}

oracleTest("Archive.check() accepts what is right, also when it is read back", (archive, directory) => {
  archive.acknowledge({ command, eventId: 4, duplicate: false });
  archive.acknowledge({ command, eventId: 4, duplicate: true });
  archive.check();
  using again = new Archive(directory);
  again.check();
  assertEquals(again.events, firstEvents());
});

oracleTest(
  "Archive.check() finds an event that was acknowledged to two commands",
  (archive) => {
    archive.acknowledge({ command, eventId: 4, duplicate: false });
    archive.acknowledge({ command, eventId: 4, duplicate: false });
    assertThrows(() => archive.check(), Finding, "and so was another");
  },
);

oracleTest("Archive.check() finds an acknowledged event that is gone", (archive) => {
  archive.acknowledge({ command, eventId: 5, duplicate: false });
  assertThrows(() => archive.check(), Finding, "the log ends with 4");
});

oracleTest("Archive.check() finds an acknowledged event with other content", (archive) => {
  archive.acknowledge({ command: { ...command, number: 8 }, eventId: 4, duplicate: false });
  assertThrows(() => archive.check(), Finding, "and that is");
});

oracleTest("Archive.add() finds a gap, a changed event and one that cannot follow", (archive) => {
  const [, , , input] = firstEvents() as [RuntimeEvent, RuntimeEvent, RuntimeEvent, RuntimeEvent];
  assertThrows(() => archive.add({ ...input, id: 6 }), Finding, "event 6 follows event 4");
  assertThrows(() => archive.add({ ...input, at: "" }), Finding, "event 4 was");
  assertThrows(() => archive.add({ ...input, id: 5 }), Finding, "event");
});

oracleTest("Archive.differenceFrom() finds what a page or a watcher missed", (archive) => {
  const events = firstEvents();
  assertEquals(archive.differenceFrom(events, { from: 1, to: 4 }, undefined), undefined);
  assertEquals(archive.differenceFrom(events.slice(2), { from: 1, to: 4 }, "w"), undefined);
  assertEquals(
    archive.differenceFrom(events.slice(3), { from: 1, to: 4 }, "w"),
    "events of w 1 to 4: 4, not 3,4",
  );
});

oracleTest(
  "HeldRuns.check() finds a signal that outlives its run, and one that aborts too early",
  async (archive) => {
    const runtime = await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "t" }) });
    const begun = {
      id: 5,
      at,
      type: "worker.committed",
      workerId: "w",
      runId: "r7",
      run: { began: true },
    } as unknown as RuntimeEvent;
    const ended = {
      ...begun,
      id: 6,
      run: { ended: "completed" },
    } as unknown as RuntimeEvent;
    const controller = new AbortController();
    const held = new HeldRuns(runtime, archive);
    held.hold("w", { eventId: 5, runId: "r7", signal: controller.signal } as unknown as Run);
    archive.add(begun);
    held.check();
    archive.add(ended);
    assertThrows(() => held.check(), Finding, "its signal is not aborted");
    controller.abort();
    held.check();
    const early = new AbortController();
    held.hold("w", { eventId: 7, runId: "r7", signal: early.signal } as unknown as Run);
    archive.add({ ...begun, id: 7 });
    held.check();
    early.abort();
    assertThrows(() => held.check(), Finding, "ends with event undefined");
    await runtime.close();
  },
);
