// Readers beside a writer that prunes and purges: they go on with what the log says now, or say `cursor_expired`.

import { assert, assertEquals } from "@std/assert";
import { FsRuntimeSource, FsRuntimeStore } from "../../fs_store.ts";
import {
  backup,
  exportRuntime,
  type Finding,
  importRuntime,
  readHistory,
  search,
  verify,
} from "../../operate.ts";
import { type EventPage, isRuntimeError, Runtime, RuntimeReader } from "../../mod.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import {
  contents,
  disk,
  diskAfter,
  oldestSegment,
  playBeside,
  playPruning,
  recorded,
  type Recording,
} from "../fs/reading/beside.ts";
import { refused, speak } from "../kit/place.ts";
import { openReader } from "../fs/reading/reader.ts";

const location = { root: "/data", runtimeId: "local" };

const blob = new Uint8Array(1_000).fill(7);

/** Concurrent calls of the writer. */
const writers: Readonly<Record<string, () => Promise<Recording>>> = {
  "a writer that prunes": () =>
    recorded(async (runtime) => {
      await speak(runtime, "c", contents);
      await runtime.flush();
      await speak(runtime, "c", contents);
      await runtime.prune();
    }),
  "a writer that purges": () =>
    recorded(async (runtime) => {
      await runtime.worker("a").retire();
      await runtime.worker("a").purge();
    }),
  "a writer that purges, begins anew and prunes": () =>
    recorded(async (runtime) => {
      await runtime.worker("a").retire();
      await runtime.worker("a").purge();
      await speak(runtime, "a", contents);
      await runtime.flush();
      await speak(runtime, "c", contents);
      await speak(runtime, "c", contents);
      await runtime.prune();
    }),
  "a writer that puts blobs and purges": () =>
    recorded(async (runtime) => {
      const [a, c] = [runtime.worker("a"), runtime.worker("c")];
      for (const worker of [a, c]) {
        const blobs = [await worker.putBlob(blob), await worker.putBlob(new Uint8Array([1]))];
        await worker.sendInput({ role: "user", content: contents[0] ?? "", blobs });
      }
      await runtime.flush();
      await a.retire();
      await a.purge();
      await c.sendInput({
        role: "user",
        content: contents[1] ?? "",
        blobs: [await c.putBlob(new Uint8Array())],
      });
    }),
  "a writer that closes, and the next one": () =>
    recorded(async (runtime, reopen) => {
      await runtime.close();
      const next = await reopen();
      await next.worker("a").retire();
      await next.worker("a").purge();
      await speak(next, "a", contents);
      await next.flush();
    }),
};

/** Calls of a reader, with checks of the result. */
const readers: Readonly<Record<string, (fileSystem: SimulatedDisk) => Promise<void>>> = {
  async "verify()"(fileSystem): Promise<void> {
    const { verdict, findings } = await verify(location, { fileSystem });
    assertEquals(verdict, "clean", JSON.stringify(findings));
  },
  async "backup()"(fileSystem): Promise<void> {
    const { verified } = await backup(location, { fileSystem, to: "/copy" });
    const found = verified?.findings.filter(({ severity }) => severity === "damaged");
    assertEquals(found, []);
    fileSystem.onCall = undefined;
    const store = new FsRuntimeStore({ root: "/copy", runtimeId: "local" }, { fileSystem });
    const runtime = await Runtime.open({ store });
    for (const { record: { workerId } } of runtime.workers().items) {
      const { items } = await runtime.worker(workerId).transcript({ after: 0, limit: 1_000 });
      checkContents(workerId, items.map(({ content }) => String(content)));
    }
    await runtime.close();
  },
  async "exportRuntime()"(fileSystem): Promise<void> {
    const chunks: Uint8Array[] = [];
    try {
      for await (const chunk of exportRuntime(location, { fileSystem })) chunks.push(chunk);
    } catch (error) {
      return mustBe("cursor_expired", error);
    }
    const other = new SimulatedDisk();
    await importRuntime("/data", ReadableStream.from(chunks), { fileSystem: other });
    const { verdict, findings } = await verify(location, { fileSystem: other });
    assertEquals(verdict, "clean", JSON.stringify(findings));
  },
  async "readHistory()"(fileSystem): Promise<void> {
    const view = await openReader(location, { fileSystem });
    const { days } = await readHistory(location, { through: view.lastEventId, fileSystem });
    assertEquals(days.length, 1);
    await view.close();
  },
  async "search()"(fileSystem): Promise<void> {
    const found = new Map<string, string[]>([["a", []], ["b", []], ["c", []]]);
    const findings: Finding[] = [];
    const options = { fileSystem, onFinding: (finding: Finding) => void findings.push(finding) };
    for await (const { workerId, excerpt: { text } } of search(location, "xxx", options)) {
      found.get(workerId)?.push(text);
    }
    assertEquals(findings, []);
    for (const [workerId, texts] of found) {
      assert(texts.length >= contents.length || workerId === "a", `${texts.length} hits of ${workerId}`);
      texts.forEach((text, index) =>
        assertEquals(text, contents[index % contents.length]?.slice(0, text.length))
      );
    }
  },
  async "RuntimeReader.events()"(fileSystem): Promise<void> {
    const view = await opened(fileSystem);
    for (let before: number | null = view.lastEventId + 1; before !== null;) {
      const page: EventPage = await view.events({ before, limit: 5 });
      page.items.forEach(({ id }, index) => assertEquals(id, (page.items[0]?.id ?? 0) + index));
      before = page.previous;
    }
    await view.close();
  },
  async "RuntimeReader.watch()"(fileSystem): Promise<void> {
    const view = await opened(fileSystem);
    let last = (await view.events({ limit: 1 })).firstEventId - 1;
    try {
      for await (const { id } of view.watch({ after: last })) {
        assertEquals(id, ++last);
        if (id >= view.lastEventId) break;
      }
    } catch (error) {
      mustBe("cursor_expired", error);
    }
    await view.close();
  },
  async "RuntimeReader.transcript()"(fileSystem): Promise<void> {
    const view = await opened(fileSystem);
    for (const workerId of ["a", "b", "c"]) {
      try {
        const { items } = await view.transcript(workerId, { after: 0, limit: 1_000 });
        checkContents(workerId, items.map(({ content }) => String(content)));
      } catch (error) {
        mustBe("worker_not_found", error);
        assertEquals(workerId, "a", "nobody else was purged");
      }
    }
    assertEquals(view.diagnostics().items, []);
    await view.close();
  },
};

async function opened(fileSystem: SimulatedDisk): Promise<RuntimeReader> {
  const source = new FsRuntimeSource(location, { fileSystem, pollMs: 1 });
  const view = await RuntimeReader.open({ source });
  assertEquals(source.damage, undefined);
  return view;
}

/** Every worker has all contents, possibly repeated, the last repetition possibly incomplete; "a" may have been recreated. */
function checkContents(workerId: string, found: readonly string[]): void {
  assert(found.length >= contents.length || workerId === "a", `${found.length} entries of ${workerId}`);
  found.forEach((content, index) => assertEquals(content, contents[index % contents.length]));
}

function mustBe(code: string, error: unknown): void {
  if (!isRuntimeError(error) || error.code !== code) throw error;
}

/** Calls of a reader at which a writer begins, at each pace. */
const BEGINNINGS_MAX = 60;

/** Reads with the writer beginning at calls all over the reading, at several paces. */
async function readBeside(
  read: (disk: SimulatedDisk) => Promise<void>,
  recording: Recording,
): Promise<number> {
  const alone = disk(recording);
  const count = playBeside(alone, recording, Infinity, 1);
  await read(alone);
  const step = Math.ceil(count() / BEGINNINGS_MAX);
  const cases: Promise<void>[] = [];
  for (const pace of [Infinity, 3, 1]) {
    for (let first = 1; first <= count(); first += step) {
      const reader = disk(recording);
      playBeside(reader, recording, first, pace);
      const told = (error: unknown): never => {
        throw new Error(`beside changes from call ${first} on, ${pace} at a call: ${error}`, {
          cause: error,
        });
      };
      cases.push(read(reader).catch(told));
    }
  }
  await Promise.all(cases);
  return cases.length;
}

for (const [reader, read] of Object.entries(readers)) {
  for (const [writer, record] of Object.entries(writers)) {
    Deno.test(`${reader} beside ${writer} answers correctly at any interleaving`, async () => {
      const count = await readBeside(read, await record());
      assert(count > 20, `${count} cases`);
    });
  }
}

Deno.test("verify() finds nothing healable at any moment of a close and of the next opening", async () => {
  const recording = await recorded(async (runtime, reopen) => {
    await speak(runtime, "c", contents.slice(0, 1));
    await runtime.close();
    const next = await reopen();
    await speak(next, "c", contents.slice(0, 1));
    await next.close();
  });
  const seen: boolean[] = [];
  for (let changes = 0; changes <= recording.changes.length; changes++) {
    const fileSystem = diskAfter(recording, changes);
    const { verdict, closed, findings } = await verify(location, { fileSystem });
    assertEquals([verdict, findings.filter(({ severity }) => severity === "healable")], ["clean", []]);
    if (closed !== seen.at(-1)) seen.push(closed);
    if (closed) assertEquals(findings.filter(({ code }) => code !== "temporary_left"), []);
  }
  assertEquals(seen, [false, true, false, true]);
});

Deno.test("backup() begins again as often as a writer prunes what it is about to copy", async () => {
  const recording = await recorded(async (runtime) => {
    for (let times = 0; times < 30; times++) {
      await speak(runtime, "c", contents);
      await runtime.prune();
    }
  });
  const fileSystem = disk(recording);
  const changes = [...recording.changes];
  let prunings = 0;
  fileSystem.onCall = ({ operation, path }) => {
    if (operation === "open" && path === oldestSegment(fileSystem) && playPruning(fileSystem, changes)) {
      prunings++;
    }
    return undefined;
  };
  const { verified } = await backup(location, { fileSystem, to: "/copy" });
  assertEquals(verified?.verdict, "clean");
  assert(prunings > 10, `${prunings} prunings`);
});

Deno.test("RuntimeReader.watch() throws cursor_expired when its events are pruned while its consumer is slow", async () => {
  const recording = await recorded(async (runtime) => {
    for (let times = 0; times < 5; times++) {
      await speak(runtime, "c", contents);
      await runtime.flush();
    }
    await runtime.prune();
  });
  const reader = disk(recording);
  const view = await opened(reader);
  const { firstEventId } = await view.events({ limit: 1 });
  const following = view.watch({ after: firstEventId - 1 });
  const { value } = await following.next();
  assertEquals(value?.id, firstEventId);
  const source = new FsRuntimeSource(location, { fileSystem: reader });
  const lagging = await RuntimeReader.open({ source });
  const { lastEventId } = lagging;
  playBeside(reader, recording, 1, Infinity);
  await lagging.refresh();
  assert(lagging.lastEventId > lastEventId, "it begins again with the newest checkpoint");
  assertEquals(source.damage, undefined);
  assertEquals(lagging.diagnostics().items, []);
  let last = firstEventId;
  const { details } = await refused("cursor_expired", async () => {
    for await (const { id } of following) assertEquals(id, ++last);
  });
  assertEquals([last, details.after], [lastEventId, lastEventId]);
  await view.close();
  await lagging.close();
});

Deno.test("verify() calls a pruned store closed when its only checkpoint is that of the close", async () => {
  const recording = await recorded((runtime) => runtime.close());
  const fileSystem = diskAfter(recording, recording.changes.length);
  fileSystem.plant.nothing("/data/runtimes/local/checkpoint.previous.json");
  const { closed, verdict, firstEventId } = await verify(location, { fileSystem });
  assertEquals([closed, verdict, firstEventId > 1], [true, "clean", true]);
});
