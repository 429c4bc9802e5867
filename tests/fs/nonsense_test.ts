// Lines and checkpoints whose checksums are right and whose contents make no sense.

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { RuntimeError, type RuntimeErrorCode, RuntimeReader } from "../../mod.ts";
import { FsRuntimeSource } from "../../fs_store.ts";
import { importRuntime, verify } from "../../operate.ts";
import { encodeLines, logText, sealedBytes } from "../../src/fs/lines/codec.ts";
import { segmentHeader } from "../../src/fs/log/segments.ts";
import { decodeStream } from "../../src/operate/transfer/export_format.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { LOCAL_HOME as HOME, open } from "../kit/opened.ts";
import { noUsage } from "../../src/core/usage.ts";

const place = { root: "/data", runtimeId: "local" } as const;
const at = "2026-07-31T08:00:00.000Z";
const record = {
  workerId: "a",
  intent: { kind: "assistant" },
  profile: { kind: "runtime_default" },
  capabilities: [],
  workspaces: [],
  mounts: [],
};
const created = { type: "worker.created", workerId: "a", record };
const born: readonly object[] = [
  { type: "runtime.created", runtimeId: "local" },
  { type: "runtime.opened", epoch: 1 },
  created,
];
const entries = [{ role: "user", content: "x" }];
const blob = { sha256: "0".repeat(64), bytes: 1, mediaType: "text/plain" };
const committed = { type: "worker.committed", workerId: "a" };
const input = { ...committed, seq: 1, count: 1, entries };
const usage = { ...noUsage, model: "m" };
const used = { ...committed, usage: [usage] };
const stopped = { ...committed, status: "stopped" };
const began = { ...committed, runId: "r", run: { began: true } };
const deep = `${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`;

/** Events behind the creation of worker a, the last of which is nonsense, and what is said of it. */
const logs: Readonly<Record<string, readonly [events: readonly object[], reason: string]>> = {
  "usage that is missing": [[{ ...used, usage: [undefined] }], "usage.0: an object is needed"],
  "usage that is null": [[{ ...used, usage: null }], "usage: a list is needed"],
  "a negative amount": [[{ ...used, usage: [{ ...usage, costMicroUsd: -1 }] }], "usage.0.costMicroUsd: "],
  "an amount as text": [[{ ...used, usage: [{ ...usage, requests: "1" }] }], "usage.0.requests: "],
  "an infinite amount": [
    [raw({ ...used, usage: [{ ...usage, requests: "RAW" }] }, "1e999")],
    "usage.0.requests",
  ],
  "a record that is null": [[{ ...created, workerId: "b", record: null }], "record: an object is needed"],
  "a record of another worker": [[{ ...created, workerId: "b" }], 'its record is of worker "a"'],
  "an id of 10 kB": [[{ ...created, workerId: "x".repeat(10_000) }], "workerId: longer than 80 bytes"],
  "entries that are missing": [[{ ...input, entries: undefined }], "entries.a list is needed"],
  "entries that are an object": [[{ ...input, entries: {} }], "entries.a list is needed"],
  "an entry without content": [
    [{ ...input, entries: [{ role: "user" }] }],
    "entries.0: either content or contentBlob is needed",
  ],
  "an entry with content and a blob in its place": [
    [{ ...input, entries: [{ role: "user", content: 1, contentBlob: blob }] }],
    "entries.0: either content or contentBlob is needed",
  ],
  "a blob whose hash is too short": [
    [{ ...input, entries: [{ role: "user", contentBlob: { ...blob, sha256: "ab" } }] }],
    "entries.0.contentBlob.sha256: ",
  ],
  "a blob of a negative size": [
    [{ ...input, entries: [{ role: "user", content: 1, blobs: [{ ...blob, bytes: -1 }] }] }],
    "entries.0.blobs.0.bytes: ",
  ],
  "a count of -2": [[{ ...input, count: -2 }], "count: "],
  "a count of 1.5": [[{ ...input, count: 1.5 }], "count: "],
  "a count as text": [[{ ...input, count: "1" }], "count: "],
  "a count unlike the entries": [[{ ...input, count: 2 }], "count: it is 2, and there are 1 entries"],
  "a seq that skips one": [[{ ...input, seq: 2 }], "seq is 2"],
  "a run id that is an object": [
    [{ ...began, runId: {} }],
    "runId: a string is needed",
  ],
  "a patch that is no object": [[{ ...committed, data: "x" }], "data: "],
  "a patch 5,000 levels deep": [
    [raw({ ...committed, data: "RAW" }, deep)],
    "data: nested deeper than 64",
  ],
  "input after a stop": [[stopped, input], "the worker is stopped"],
  "a run after a stop": [
    [stopped, began],
    "the worker is stopped",
  ],
  "the purge of a running worker": [[{ type: "worker.purged", workerId: "a" }], "is running"],
  "a second runtime.created": [[{ type: "runtime.created", runtimeId: "local" }], "the first event"],
  'the epoch "9"': [[{ type: "runtime.opened", epoch: "9" }], "epoch: "],
  "an epoch that skips one": [[{ type: "runtime.opened", epoch: 3 }], "its epoch is 3"],
  "an outcome nobody knows": [
    [began, { ...began, run: { ended: "zombie" } }],
    "run.ended: one of",
  ],
  "input for an unknown worker": [[{ ...input, workerId: "z" }], "worker"],
  "a member that comes again behind the entries": [
    [raw({ ...input, entries: ["RAW"] }, '{"role":"user","content":"x"}],"count":1,"runId":"r","last":[1')],
    "entries: they are not its last member, or one is there twice",
  ],
};

/** An event in whose text `"RAW"` is to be replaced. */
function raw(event: object, text: string): object {
  return { raw: text, ...event };
}

function textOf(event: object, id: number): string {
  const { raw, ...members } = event as { raw?: string };
  const text = JSON.stringify({ id, at, ...members });
  return raw === undefined ? text : text.replace('"RAW"', raw);
}

/** A store whose only segment holds these events. */
async function diskWith(events: readonly object[]): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const runtime = await open(disk);
  await runtime.close();
  for (const [path] of disk.dump()) {
    if (/checkpoint|overview|workers/.test(path)) disk.plant.nothing(path.replace(/\/$/, ""));
  }
  const parts = events.map((event, index) => {
    const line = logText([{ json: textOf(event, index + 1) }], index);
    const bytes = new Uint8Array(line.text.length * 3);
    return bytes.subarray(0, encodeLines(line, bytes, 0)?.[0]);
  });
  const bytes = new Uint8Array(
    await new Blob([segmentHeader("local", 1), ...parts] as BlobPart[]).arrayBuffer(),
  );
  disk.plant.file(`${HOME}/events/${"1".padStart(16, "0")}.jsonl`, bytes);
  return disk;
}

async function refusal(work: () => Promise<unknown>): Promise<RuntimeError<"store_corrupt">> {
  const error = await assertRejects(work, RuntimeError) as RuntimeError;
  assertEquals<RuntimeErrorCode>(error.code, "store_corrupt");
  return error as RuntimeError<"store_corrupt">;
}

for (const [what, [events, reason]] of Object.entries(logs)) {
  Deno.test(`verify() finds ${what}, and says what is wrong`, async () => {
    const fileSystem = await diskWith([...born, ...events]);
    const { verdict, findings } = await verify(place, { fileSystem });
    assertEquals(verdict, "damaged");
    const finding = findings.find(({ code }) => code === "log_inconsistent");
    assertEquals(finding?.eventIds, [born.length + events.length, born.length + events.length]);
    assertStringIncludes(finding?.message ?? "", reason);
  });

  // Entries are not looked at by an opening, but by every page.
  Deno.test(`opening refuses ${what}, or a page does, with file and event`, async () => {
    const id = born.length + events.length;
    const writing = await refusal(async () => {
      await using runtime = await open(await diskWith([...born, ...events]));
      await runtime.events({ after: 0, limit: 10 });
    });
    assertEquals([writing.details.file, writing.details.eventIds], ["events/0000000000000001.jsonl", [
      id,
      id,
    ]]);
    const reading = await refusal(async () => {
      const source = new FsRuntimeSource(place, { fileSystem: await diskWith([...born, ...events]) });
      await using view = await RuntimeReader.open({ source });
      if (source.damage !== undefined) throw source.damage;
      await view.events({ after: 0, limit: 10 });
    });
    assertEquals([reading.details.file, reading.details.eventIds], ["events/0000000000000001.jsonl", [
      id,
      id,
    ]]);
    assertStringIncludes(reading.details.reason, reason);
  });
}

Deno.test("opening accepts unknown types and members", async () => {
  const fileSystem = await diskWith([
    ...born,
    { ...committed, seq: 1, count: 1, later: [1], entries: [{ ...entries[0], mood: "good" }] },
    { type: "worker.dreamt", workerId: "a", count: "many", entries: {} },
    { ...used, usage: [{ ...usage, energyJ: 5 }], later: null },
  ]);
  await using runtime = await open(fileSystem);
  assertEquals(runtime.worker("a").state().transcriptLength, 1);
  assertEquals((await runtime.events({ after: 0 })).items.length, 7);
});

Deno.test("opening ignores a checkpoint with invalid parts", async () => {
  const changes: readonly (readonly [from: string, to: string])[] = [
    ['"keys":[]', '"keys":[null]'],
    ['"keys":[]', '"keys":[["k","r","x",0,1,2]]'],
    ['"status":"running","run"', '"status":"zombie","run"'],
    ['"transcriptLength":1,"usage"', '"transcriptLength":1000,"usage"'],
    ['"record":{"workerId":"a"', '"record":{"workerId":"b"'],
  ];
  for (const [from, to] of changes) {
    const disk = new SimulatedDisk();
    const runtime = await open(disk);
    const worker = await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
    await worker.sendInput({ role: "user", content: "x" });
    await runtime.close();
    const path = `${HOME}/checkpoint.json`;
    const text = new TextDecoder().decode(disk.dump().get(path));
    const at = text.lastIndexOf(from);
    assert(at > 0, from);
    const changed = text.slice(0, at) + to + text.slice(at + from.length);
    disk.plant.file(path, sealedBytes(`${changed.slice(0, changed.lastIndexOf(',"crc":"'))}}`));
    const { verdict, counts } = await verify(place, { fileSystem: disk });
    assertEquals([verdict, counts.checkpoint_damaged], ["healable", 1]);
    await using again = await open(disk);
    assertEquals(again.worker("a").state().transcriptLength, 1);
    assertEquals(again.diagnostics().items.map(({ code }) => code).includes("checkpoint_unusable"), true);
  }
});

Deno.test("opening removes no file for an invalid purge", async () => {
  const disk = await diskWith([...born, input, { type: "worker.purged", workerId: "a" }]);
  disk.plant.file(`${HOME}/workers/a/transcript.jsonl`, new Uint8Array([1]));
  await refusal(() => open(disk));
  assert(disk.stat(`${HOME}/workers/a/transcript.jsonl`) !== undefined);
});

Deno.test("importRuntime() refuses an invalid event and names its line", async () => {
  const events = [...born, raw({ ...committed, data: "RAW" }, deep)];
  const header = {
    format: "worker-runtime/export",
    version: 1,
    runtimeId: "local",
    createdAt: at,
    firstEventId: 1,
    lastEventId: 4,
  };
  const lines = [JSON.stringify(header), ...events.map((event, index) => textOf(event, index + 1))];
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(new TextEncoder().encode(`${lines.join("\n")}\n`));
  };
  const error = await refusal(() => importRuntime("/copy", stream(), { fileSystem: new SimulatedDisk() }));
  assertStringIncludes(error.message, "line 5: ");
  assertStringIncludes(error.message, "data: nested deeper than 64");
});

Deno.test("decodeStream() copies each byte a few times at most, however small the pieces", async () => {
  const line = new TextEncoder().encode(`{"id":1,"text":"${"x".repeat(4_194_304)}"}\n`);
  let copied = 0;
  const { set } = Uint8Array.prototype;
  Uint8Array.prototype.set = function (source: ArrayLike<number>, at?: number): void {
    copied += source.length;
    set.call(this, source, at);
  };
  try {
    const stream = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < line.length; at += 4_096) {
        yield await Promise.resolve(line.subarray(at, at + 4_096));
      }
    };
    for await (const { bytes } of decodeStream(stream())) {
      assertEquals(bytes, line.length);
      break;
    }
  } finally {
    Uint8Array.prototype.set = set;
  }
  assert(copied < 4 * line.length, `${copied} bytes were copied`);
});
