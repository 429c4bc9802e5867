// Path identity on the real disk: what other programs do to the paths of an open store.

import { assert, assertEquals } from "@std/assert";
import { dirname, join } from "@std/path";
import { DenoFileSystem } from "../../../src/fs/disk/deno_file_system.ts";
import type { OpenFile, OpenMode } from "../../../src/fs/disk/file_system.ts";
import { Runtime } from "../../../mod.ts";
import { FsRuntimeStore } from "../../../fs_store.ts";
import {
  codesOf,
  contentsOf,
  diskTest,
  flipBit,
  onFiles,
  refused,
  speak,
  TestPlace,
  treeOf,
} from "../../kit/place.ts";

const isPosix = Deno.build.os !== "windows";

/** Copies a directory with its times, as `cp -a` does, or with hard links, as `cp -al` does. */
function copy(from: string, to: string, hardLinks = false): void {
  const { isDirectory, mtime, atime } = Deno.lstatSync(from);
  if (isDirectory) {
    Deno.mkdirSync(to);
    for (const { name } of Deno.readDirSync(from)) copy(join(from, name), join(to, name), hardLinks);
  } else if (hardLinks) Deno.linkSync(from, to);
  else Deno.copyFileSync(from, to);
  if (mtime !== null && atime !== null && !(hardLinks && !isDirectory)) Deno.utimeSync(to, atime, mtime);
}

interface Intrusion {
  /** Changes the paths. */
  run(place: TestPlace, backup: string): void;
  /** True if a second host can open the result. */
  readonly opens?: boolean;
}

function replaced(place: TestPlace, backup: string, path: string): void {
  Deno.renameSync(path, `${path}.moved`);
  copy(path.replace(place.root, backup), path);
}

const intrusions: Record<string, Intrusion> = {
  "the root was moved": { run: ({ root }) => Deno.renameSync(root, `${root}.moved`) },
  "the root was replaced by a copy": {
    run: (place, backup) => replaced(place, backup, place.root),
    opens: true,
  },
  "the root was replaced by a copy of hard links": {
    run: ({ root }, backup) => {
      Deno.renameSync(root, `${root}.moved`);
      copy(backup, root, true);
    },
    opens: true,
  },
  "the root was replaced by hard links to its own files": {
    run: ({ root }) => {
      Deno.renameSync(root, `${root}.moved`);
      copy(`${root}.moved`, root, true);
    },
  },
  "the root was removed and restored": {
    run: ({ root }, backup) => {
      Deno.removeSync(root, { recursive: true });
      copy(backup, root);
    },
    opens: true,
  },
  "the root leads elsewhere through a link": {
    run: ({ root }, backup) => {
      Deno.renameSync(root, `${root}.moved`);
      Deno.symlinkSync(backup, root);
    },
    opens: true,
  },
  "the runtime's directory was replaced": {
    run: (place, backup) => replaced(place, backup, place.layout.directory),
    opens: true,
  },
  "a file is in the place of the runtimes": {
    run: ({ layout }) => {
      const runtimes = dirname(layout.directory);
      Deno.renameSync(runtimes, `${runtimes}.moved`);
      Deno.writeTextFileSync(runtimes, "");
    },
  },
  "the events were replaced": { run: (place, backup) => replaced(place, backup, place.layout.events) },
  "the workers were replaced": { run: (place, backup) => replaced(place, backup, place.layout.workers) },
  "the segment was rotated": {
    run: (place) => Deno.renameSync(place.segment(1), `${place.segment(1)}.1`),
  },
  "the segment was replaced": { run: (place, backup) => replaced(place, backup, place.segment(1)) },
  "the lock was replaced": { run: (place, backup) => replaced(place, backup, place.layout.lock) },
  "the lock was removed": { run: ({ layout }) => Deno.removeSync(layout.lock) },
};

/** A place with a backup from before the runtime was opened again. */
async function running(place: TestPlace): Promise<{ runtime: Runtime; backup: string }> {
  const before = await place.open();
  await speak(before, "a", ["one"]);
  await before.close();
  const backup = `${place.root}.backup`;
  copy(place.root, backup);
  const runtime = await place.open();
  await speak(runtime, "a", ["two"]);
  return { runtime, backup };
}

/** Contents at a path, if any. The last event may be in a segment that no longer has a name. */
function at(path: string): Map<string, string> {
  try {
    const tree = [...treeOf(path)];
    return new Map(tree.map(([name, text]) => [name, /events.*(moved|\.1)$/.test(name) ? "" : text]));
  } catch {
    return new Map();
  }
}

function cleanUp({ root }: TestPlace): void {
  for (const path of [root, `${root}.moved`, `${root}.backup`]) {
    try {
      Deno.removeSync(path, { recursive: true });
    } catch {
      // It was never there.
    }
  }
  Deno.mkdirSync(root);
}

/** The host that lost its place acknowledges nothing, writes nothing and harms nobody. */
async function checkLost(place: TestPlace, runtime: Runtime, { opens }: Intrusion): Promise<void> {
  const found = at(place.root);
  const error = await refused("store_vanished", () => speak(runtime, "a", ["three"]));
  assertEquals(runtime.health, { status: "failed", error });
  await refused("store_vanished", () => runtime.record("x", 1));
  await runtime.flush().catch(() => {});
  assertEquals(at(place.root), found);
  if (opens === true) {
    const second = await place.open();
    await speak(second, "a", ["of the second host"]);
    await runtime.close();
    await speak(second, "a", ["afterwards"]);
    await second.close();
    const third = await place.open();
    assertEquals(codesOf(third), []);
    assertEquals(await contentsOf(third, "a"), ["one", "of the second host", "afterwards"]);
    await third.close();
  } else {
    await runtime.close();
    assertEquals(at(place.root), found);
  }
}

for (const [name, intrusion] of Object.entries(intrusions)) {
  diskTest(`append() throws store_vanished when ${name}`, async (place) => {
    const { runtime, backup } = await running(place);
    try {
      intrusion.run(place, backup);
      await checkLost(place, runtime, intrusion);
    } finally {
      await runtime.close();
      cleanUp(place);
    }
  }, { ...onFiles, ignore: onFiles.ignore === true || !isPosix });

  diskTest(`close() writes nothing when ${name}`, async (place) => {
    const { runtime, backup } = await running(place);
    try {
      intrusion.run(place, backup);
      const found = at(place.root);
      await runtime.close();
      assertEquals(at(place.root), found);
    } finally {
      await runtime.close();
      cleanUp(place);
    }
  }, { ...onFiles, ignore: onFiles.ignore === true || !isPosix });
}

Deno.test({
  name: "append() throws store_vanished when paths change long after the last change of names",
  ...onFiles,
  ignore: onFiles.ignore === true || !isPosix,
  fn: async () => {
    const all = Object.values(intrusions).map((intrusion) => ({ intrusion, place: new TestPlace() }));
    const opened = [];
    for (const { intrusion, place } of all) opened.push({ intrusion, place, ...await running(place) });
    // Until times are certain, every check looks at everything.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    for (const { runtime } of opened) {
      await speak(runtime, "a", ["settled"]);
      // Else a flush after some idle time could write between two looks at the files.
      await runtime.flush();
    }
    for (const { intrusion, place, runtime, backup } of opened) {
      intrusion.run(place, backup);
      await checkLost(place, runtime, intrusion);
      await runtime.close();
      cleanUp(place);
      await place[Symbol.asyncDispose]();
    }
  },
});

diskTest("events() and transcript() throw store_vanished when a copy is in the place", async (place) => {
  const { runtime, backup } = await running(place);
  try {
    replaced(place, backup, place.root);
    await refused("store_vanished", () => runtime.worker("a").transcript({ limit: 1, before: 2 }));
    await refused("store_vanished", () => runtime.events());
    assertEquals(runtime.health.status, "failed");
  } finally {
    await runtime.close();
    cleanUp(place);
  }
}, { ...onFiles, ignore: onFiles.ignore === true || !isPosix });

diskTest("append() resolves when a backup of hard links is made meanwhile", async (place) => {
  const { runtime } = await running(place);
  try {
    copy(place.root, `${place.root}.moved`, true);
    await speak(runtime, "a", ["three"]);
    await runtime.close();
    const again = await place.open();
    assertEquals(await contentsOf(again, "a"), ["one", "two", "three"]);
    await again.close();
    assert(codesOf(again).length === 0);
  } finally {
    await runtime.close();
    cleanUp(place);
  }
}, { ...onFiles, ignore: onFiles.ignore === true || !isPosix });

/** Says as many things of one length to "a" as take several segments. */
async function speakLong(runtime: Runtime, word: string): Promise<void> {
  for (let count = 10; count < 30; count++) {
    await speak(runtime, "a", [`${word} ${count} ${"x".repeat(500)}`]);
  }
}

/** Two stores that went on from the same one with other events of the same sizes. */
async function diverged(place: TestPlace): Promise<{ runtime: Runtime; backup: string }> {
  place.configure({ limits: { segmentBytes: 4_096 } });
  const before = await place.open();
  await speak(before, "a", ["one"]);
  await before.close();
  const backup = `${place.root}.backup`;
  copy(place.root, backup);
  const store = new FsRuntimeStore({ root: backup, runtimeId: "local" });
  const other = await Runtime.open({ store });
  await speakLong(other, "theirs");
  await other.close();
  const runtime = await place.open();
  await speakLong(runtime, "my own");
  return { runtime, backup };
}

const onPosix = { ...onFiles, ignore: onFiles.ignore === true || !isPosix };

for (const which of ["older", "open"] as const) {
  diskTest(
    `events() throws store_vanished when the ${which} segment was replaced by another store's`,
    async (place) => {
      const { runtime, backup } = await diverged(place);
      try {
        const path = `${place.layout.events}/${place.names("events").at(which === "open" ? -1 : 2)}`;
        const after = Number.parseInt(path.slice(-22), 10) - 1;
        assert(after > 5 && Deno.statSync(path.replace(place.root, backup)).size > 1_000, path);
        replaced(place, backup, path);
        const error = await refused("store_vanished", () => runtime.events({ after, limit: 2 }));
        assertEquals(runtime.health, { status: "failed", error });
      } finally {
        await runtime.close();
        cleanUp(place);
      }
    },
    onPosix,
  );
}

diskTest(
  "transcript() throws store_vanished when it would be rebuilt from another store's segment",
  async (place) => {
    const { runtime, backup } = await diverged(place);
    try {
      await runtime.flush();
      replaced(place, backup, `${place.layout.events}/${place.names("events")[2]}`);
      flipBit(place.transcript("a"), 1_000);
      await refused("store_vanished", () => runtime.worker("a").transcript({ after: 0, limit: 3 }));
    } finally {
      await runtime.close();
      cleanUp(place);
    }
  },
  onPosix,
);

diskTest(
  "events() throws store_corrupt, and the store stays open, when an older segment was damaged",
  async (place) => {
    const { runtime } = await diverged(place);
    try {
      const path = `${place.layout.events}/${place.names("events")[2]}`;
      flipBit(path, -5);
      await refused("store_corrupt", () => runtime.events({ after: Number.parseInt(path.slice(-22), 10) }));
      await speak(runtime, "a", ["two"]);
      assertEquals((await runtime.events({ after: runtime.lastEventId - 1 })).items.length, 1);
    } finally {
      await runtime.close();
      cleanUp(place);
    }
  },
  onPosix,
);

/** A disk on which another program acts directly before a file is created. */
class IntrudedDisk extends DenoFileSystem {
  /** Path of the file, and the act. */
  intrusion: { readonly path: string; readonly act: () => void } | undefined;

  override open(path: string, mode: OpenMode): OpenFile {
    if (mode === "create" && path === this.intrusion?.path) {
      const { act } = this.intrusion;
      this.intrusion = undefined;
      act();
    }
    return super.open(path, mode);
  }
}

const created: Record<string, (place: TestPlace, runtime: Runtime) => string> = {
  "a segment": (place, runtime) => place.segment(runtime.lastEventId + 1),
  "a checkpoint": (place) => `${place.layout.checkpoint}.tmp`,
  "a projection": (place) => `${dirname(place.transcript("a"))}/worker.json.tmp`,
  "a transcript": (place) => place.transcript("b"),
};

for (const [name, pathOf] of Object.entries(created)) {
  diskTest(`FsRuntimeStore removes ${name} that it created in an older copy`, async (place) => {
    place.configure({ limits: { segmentBytes: 4_096 } });
    const before = await place.open();
    for (const workerId of ["a", "b"]) await speak(before, workerId, workerId === "a" ? ["one"] : []);
    await before.close();
    const backup = `${place.root}.backup`;
    copy(place.root, backup);
    const fileSystem = new IntrudedDisk();
    const runtime = await place.open({}, { fileSystem });
    try {
      // So long that the next event begins a segment.
      await speak(runtime, "a", ["x".repeat(5_000)]);
      const path = pathOf(place, runtime);
      fileSystem.intrusion = { path, act: () => replaced(place, backup, place.root) };
      await speak(runtime, "b", ["three"]).then(() => runtime.flush()).catch(() => {});
      await runtime.close();
      assert(fileSystem.intrusion === undefined, "the file is created");
      assertEquals(at(place.root), at(backup));
      const second = await place.open();
      assertEquals(await contentsOf(second, "a"), ["one"]);
      await second.close();
    } finally {
      await runtime.close();
      cleanUp(place);
    }
  }, { ...onFiles, ignore: onFiles.ignore === true || !isPosix });
}
