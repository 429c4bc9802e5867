// importRuntime(): all of a stream under its name, or nothing at all.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { crc32 } from "node:zlib";
import { FsRuntimeStore } from "../../fs_store.ts";
import { exportRuntime, importRuntime, listRuntimes, repair, verify } from "../../operate.ts";
import { isRuntimeError, Runtime } from "../../mod.ts";
import { streamOf, textOf } from "../cli/kit.ts";
import { everyEventStore, openRuntime } from "../cli/stores.ts";
import { killAt, SimulatedDisk } from "../disk/mod.ts";
import { assertLeavesNothing } from "./failing_calls.ts";

const local = (root: string) => ({ root, runtimeId: "local" });
const TARGET = "/target/runtimes/local";

let made: Promise<readonly string[]> | undefined;

/** The streams of a whole log and of a pruned one. */
function streams(): Promise<readonly string[]> {
  return made ??= Promise.all([everyEventStore, prunedStore].map(async (make) => {
    const fileSystem = new SimulatedDisk();
    await make({ root: "/source", fileSystem });
    return await textOf(exportRuntime(local("/source"), { fileSystem }));
  }));
}

async function prunedStore({ fileSystem }: { readonly fileSystem: SimulatedDisk }): Promise<void> {
  const config = new TextEncoder().encode('{ "limits": { "segmentBytes": 4096 } }');
  fileSystem.plant.file("/source/runtimes/local/config.jsonc", config);
  for (let turn = 0; turn < 3; turn++) {
    const runtime = await openRuntime({ root: "/source", fileSystem });
    const worker = turn === 0
      ? await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } })
      : runtime.worker("a");
    for (let line = 0; line < 8; line++) {
      await worker.append([{ role: "assistant", content: `${turn} ${line} ${"x".repeat(500)}` }]);
    }
    if (turn === 2) assert((await runtime.prune()).events > 0);
    await runtime.close();
  }
}

/** A stream with this content and the right sum for it. */
function sealed(lines: readonly string[]): string {
  const text = lines.map((line) => `${line}\n`).join("");
  const crc = crc32(new TextEncoder().encode(text)).toString(16).padStart(8, "0");
  return `${text}{"end":{"lines":${lines.length},"crc":"${crc}"}}\n`;
}

/** The lines of a stream without its last one. */
function contentOf(stream: string): string[] {
  return stream.split("\n").slice(0, -2);
}

async function refused(stream: string, disk: SimulatedDisk = new SimulatedDisk()): Promise<Error> {
  const error = await importRuntime("/target", streamOf(stream), { fileSystem: disk }).then(
    () => undefined,
    (reason) => reason,
  );
  assert(isRuntimeError(error), `${error?.stack ?? "it was imported"}`);
  return error;
}

Deno.test("importRuntime() rejects every beginning of a stream, also with the right sum", async () => {
  for (const stream of await streams()) {
    const lines = contentOf(stream);
    const disk = new SimulatedDisk();
    for (let length = 0; length < lines.length; length++) {
      const cut = sealed(lines.slice(0, length));
      await refused(cut, disk);
      const checked = await importRuntime("/target", streamOf(cut), { dryRun: true }).catch((reason) =>
        reason
      );
      assert(isRuntimeError(checked), `a dry run takes ${length} of ${lines.length} lines`);
      assertEquals(disk.stat("/target"), undefined, `${length} lines`);
    }
    await importRuntime("/target", streamOf(sealed(lines)), { fileSystem: disk });
  }
});

Deno.test("importRuntime() rejects a stream with a line left out, doubled or moved, also with the right sum", async () => {
  for (const stream of await streams()) {
    const lines = contentOf(stream);
    for (const [index, line] of lines.entries()) {
      const without = lines.toSpliced(index, 1);
      await refused(sealed(without));
      await refused(sealed(lines.toSpliced(index, 0, line)));
      if (index > 0) await refused(sealed(without.toSpliced(index - 1, 0, line)));
    }
  }
});

/** Changes of one member that leave a line well-formed: [in which line, what, instead]. */
const nonsense: readonly (readonly [line: string, from: RegExp, to: string])[] = [
  ['{"format"', /"createdAt":"[^"]*"/, '"createdAt":"never"'],
  ['{"format"', /"firstEventId":\d+/, '"firstEventId":9007199254740991'],
  ['{"format"', /"firstEventId":\d+/, '"firstEventId":0'],
  ['{"format"', /"firstEventId":\d+/, '"firstEventId":"1"'],
  ['{"format"', /"lastEventId":\d+/, '"lastEventId":1.5'],
  ['{"format"', /"version":1/, '"version":"1"'],
  ['{"format"', /"runtimeId":"local"/, '"runtimeId":""'],
  ['{"snapshot":', /"through":\d+/, '"through":3'],
  ['{"snapshot":', /"runtime":.*/, '"other":1}}'],
  ['{"snapshotWorker"', /"createdEventId":\d+/, '"createdEventId":1'],
  ['{"snapshotWorker"', /"transcriptLength":\d+/, '"transcriptLength":1000'],
  ['{"transcriptEvent"', /"count":1,/, ""],
  ['{"transcriptEvent"', /"count":1,/, '"count":2,'],
  ['{"transcriptEvent"', /"seq":\d+/, '"seq":1000'],
  ['{"transcriptEvent"', /"workerId":"a"/, '"workerId":"b"'],
];

Deno.test("importRuntime() rejects well-formed nonsense in a stream, and leaves nothing behind", async () => {
  let tried = 0;
  for (const stream of await streams()) {
    const lines = contentOf(stream);
    for (const [start, from, to] of nonsense) {
      const index = lines.findIndex((line) => line.startsWith(start));
      if (index === -1) continue;
      const changed = lines.with(index, (lines[index] ?? "").replace(from, to));
      if (changed[index] === lines[index]) continue;
      tried++;
      const disk = new SimulatedDisk();
      await refused(sealed(changed), disk);
      assertEquals(disk.stat("/target"), undefined);
    }
  }
  assert(tried > nonsense.length, `${tried} were tried`);
});

Deno.test("importRuntime() names the conversion when lines end in CR LF", async () => {
  const [stream = ""] = await streams();
  const { message } = await refused(stream.replaceAll("\n", "\r\n"));
  assertStringIncludes(message, "CRLF");
});

Deno.test("importRuntime() leaves nothing behind when any call fails, and its errors are typed", async () => {
  const [stream = ""] = await streams();
  await assertLeavesNothing((fileSystem) => importRuntime("/target", streamOf(stream), { fileSystem }));
});

Deno.test("importRuntime() clears what a killed import left, whichever call it was killed at", async () => {
  const [stream = ""] = await streams();
  const whole = new SimulatedDisk();
  await importRuntime("/target", streamOf(stream), { fileSystem: whole });
  let kills = 0;
  for (let n = 1;; n += 7) {
    const disk = new SimulatedDisk();
    disk.onCall = killAt(n);
    const error = await importRuntime("/target", streamOf(stream), { fileSystem: disk }).catch((reason) =>
      reason
    );
    if (!(error instanceof Error)) break;
    assert(!disk.alive, `call ${n}: ${error.stack}`);
    const next = disk.kill();
    kills++;
    if (next.stat(TARGET) === undefined) {
      await importRuntime("/target", streamOf(stream), { fileSystem: next });
    }
    const { verdict } = await verify(local("/target"), { fileSystem: next });
    assertEquals(
      [verdict, [...next.dump().keys()].sort()],
      ["clean", [...whole.dump().keys()].sort()],
      `call ${n}`,
    );
  }
  assert(kills > 20, `${kills} kills`);
});

Deno.test("importRuntime() throws store_locked when the runtime is being imported", async () => {
  const [stream = ""] = await streams();
  const disk = new SimulatedDisk();
  const lines = stream.split("\n");
  let second: unknown;
  async function* slow(): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode(`${lines.slice(0, 3).join("\n")}\n`);
    second = await importRuntime("/target", streamOf(stream), { fileSystem: disk.attach() })
      .catch((reason) => reason);
    yield new TextEncoder().encode(lines.slice(3).join("\n"));
  }
  await importRuntime("/target", slow(), { fileSystem: disk });
  assert(isRuntimeError(second) && second.code === "store_locked", String(second));
  assertEquals((await verify(local("/target"), { fileSystem: disk })).verdict, "clean");
});

Deno.test("importRuntime() leaves a directory with foreign files alone", async () => {
  const [stream = ""] = await streams();
  const disk = new SimulatedDisk();
  disk.plant.file(`${TARGET}.importing/notes.txt`, new Uint8Array(3));
  const { message } = await refused(stream, disk);
  assertStringIncludes(message, "notes.txt");
  assertEquals(disk.peek(`${TARGET}.importing/notes.txt`)?.length, 3);
});

Deno.test("verify(), repair() and listRuntimes() recognize the leftover of a killed import", async () => {
  const [stream = ""] = await streams();
  const disk = new SimulatedDisk();
  // All of it is written, and not yet renamed.
  disk.onCall = (call) =>
    call.operation === "rename" && call.to === TARGET ? { kind: "kill", when: "before" } : undefined;
  await importRuntime("/target", streamOf(stream), { fileSystem: disk }).catch(() => {});
  const fileSystem = disk.kill();
  const directory = `${TARGET}.importing`;
  const { verdict, counts } = await verify({ directory }, { fileSystem });
  assertEquals([verdict, counts.unfinished_import], ["damaged", 1]);
  const { steps } = await repair({ directory }, { fileSystem });
  assertEquals(steps.map(({ action }) => action), ["import_again"]);
  const before = fileSystem.fingerprint();
  for (const salvage of [false, true]) {
    const error = await repair({ directory }, { fileSystem, apply: true, salvage }).catch((reason) => reason);
    assert(isRuntimeError(error) && error.code === "store_corrupt", String(error));
  }
  assertEquals(fileSystem.fingerprint(), before);
  const exported = await textOf(exportRuntime({ directory }, { fileSystem })).catch((reason) => reason);
  assert(isRuntimeError(exported) && exported.code === "invalid_request", String(exported));
  const { runtimes, unfinishedImports } = listRuntimes("/target", { fileSystem });
  assertEquals([runtimes, unfinishedImports as readonly string[]], [[], ["local"]]);
  const missing = await verify(local("/target"), { fileSystem }).catch((reason) => reason);
  assertStringIncludes(missing.message, "run the import again");
});

Deno.test("importRuntime() makes a store that opens at once when it resolved", async () => {
  for (const stream of await streams()) {
    const fileSystem = new SimulatedDisk();
    await importRuntime("/target", streamOf(stream), { fileSystem });
    await using runtime = await Runtime.open({
      store: new FsRuntimeStore(local("/target"), { fileSystem }),
    });
    assert(runtime.lastEventId > 0);
  }
});

/** A stream that begins with these bytes and then stalls, if it does not end; `isReleased` once it is cancelled. */
function watchedStream(
  text: string,
  stalls: boolean,
): { stream: ReadableStream<Uint8Array>; isReleased: () => boolean } {
  let released = false;
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(text)),
    pull: (controller) => {
      if (!stalls) controller.enqueue(new TextEncoder().encode("more\n"));
    },
    cancel: () => {
      released = true;
    },
  });
  return { stream, isReleased: () => released };
}

Deno.test("importRuntime() lets go of a stream that it refuses, whatever its line", async () => {
  const [good = ""] = await streams();
  for (const text of ["no JSON\n", `${good.slice(0, good.indexOf("\n"))}\nno JSON\n`]) {
    const { stream, isReleased } = watchedStream(text, false);
    const fileSystem = new SimulatedDisk();
    const error = await importRuntime("/target", stream, { fileSystem }).catch((reason) => reason);
    assert(isRuntimeError(error) && error.code === "store_corrupt", String(error));
    assert(isReleased(), text);
  }
});

Deno.test("importRuntime() ends with the reason of its signal while its stream stalls", async () => {
  const [good = ""] = await streams();
  for (const text of ["", good.slice(0, 1_000)]) {
    const { stream } = watchedStream(text, true);
    const fileSystem = new SimulatedDisk();
    const stop = new AbortController();
    const imported = importRuntime("/target", stream, { fileSystem, signal: stop.signal });
    setTimeout(() => stop.abort("enough"), 10);
    assertEquals(await imported.catch((reason) => reason), "enough");
    assertEquals(fileSystem.list("/"), []);
  }
});
