// docs/format.md is enough to read a store: a reader in another language, written from it, reads what this one reads.

import { crc32 } from "node:zlib";
import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { withDirectory } from "../cli/kit.ts";
import { openRuntime } from "../cli/stores.ts";
import { appendTo, diskTest, flipBit, speak, type TestPlace } from "../kit/place.ts";
import { golden, seenIn, shortened } from "../golden/golden.ts";
import { readWithPython, runPython, withPython } from "./python.ts";

function readerTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ ...withPython(name), fn });
}

function copied(from: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copied(join(from, name), join(to, name));
    else Deno.copyFileSync(join(from, name), join(to, name));
  }
}

readerTest("reader.py reads of the golden store what is expected", async () => {
  const { code, seen, tail, err } = await readWithPython(golden("v1"));
  assertEquals([code, err, tail], [0, "", null]);
  assertEquals(shortened(seen), JSON.parse(Deno.readTextFileSync(join(golden("v1"), "expected.json"))));
});

/** Names in a directory of the golden store. */
function namesIn(directory: string): string[] {
  return [...Deno.readDirSync(join(golden("v1"), "runtimes/local", directory))].map(({ name }) => name)
    .sort();
}

const segments = namesIn("events");
const blobs = namesIn("workers/coder/blobs").map((name) => `workers/coder/blobs/${name}`)
  .filter((file) => Deno.statSync(join(golden("v1"), "runtimes/local", file)).size > 0);

/** Files of the golden store that a reader reads, and some byte offsets in each. */
const spots: [file: string, offset: number][] = [
  ...segments.flatMap((name) =>
    [0, 40, 128, 500, -1, -3].map((offset): [string, number] => [`events/${name}`, offset])
  ),
  ...["runtime.json", "checkpoint.json", "overview.json", "workers/reviewer/transcript.jsonl"].flatMap(
    (file) => [2, 150, -4].map((offset): [string, number] => [file, offset]),
  ),
  ["workers/~4fps~2f1/worker.json", 99],
  ...blobs.flatMap((file) => [0, 40, -1].map((offset): [string, number] => [file, offset])),
];

/** Reads many stores in one process, and prints the damage of each, or "read". */
const READ_ALL = `
import sys; sys.path.insert(0, sys.argv[1]); import reader
for root in sys.argv[2:]:
    try: reader.read_store(root, "local"); print("read")
    except reader.Damage as damage: print(damage)
`;

async function readAll(roots: readonly string[]): Promise<string[]> {
  const folder = fromFileUrl(new URL(".", import.meta.url));
  const { code, out, err } = await runPython(["-c", READ_ALL, folder, ...roots]);
  assertEquals(code, 0, err);
  return out.trimEnd().split(/\r?\n/);
}

readerTest("reader.py notices a flipped bit in every file, and names the file", async () => {
  await withDirectory(async (directory) => {
    const roots = spots.map(([file, offset], index) => {
      const root = join(directory, `${index}`);
      copied(golden("v1"), root);
      flipBit(join(root, "runtimes", "local", file), offset);
      return root;
    });
    const found = await readAll(roots);
    assertEquals(found.length, spots.length);
    for (const [index, [file, offset]] of spots.entries()) {
      assertStringIncludes(found[index] ?? "", `${file} @`, `bit flipped at ${offset}`);
    }
  });
});

readerTest("reader.py notices what is missing at the end of a log", async () => {
  await withDirectory(async (directory) => {
    const last = `runtimes/local/events/${segments.at(-1)}`;
    const { size } = Deno.statSync(join(golden("v1"), last));
    const roots = [size - 1, size - 100, 300, 0].map((bytes) => {
      const root = join(directory, `${bytes}`);
      copied(golden("v1"), root);
      Deno.truncateSync(join(root, last), bytes);
      return root;
    });
    for (const found of await readAll(roots)) assertStringIncludes(found, "a checkpoint covers");
  });
});

readerTest("reader.py notices blobs that are missing, truncated or replaced", async () => {
  await withDirectory(async (directory) => {
    const damages: [reason: string, damage: (path: string, other: string) => void][] = [
      ["it is missing", (path) => Deno.removeSync(path)],
      ["bytes, not", (path) => Deno.truncateSync(path, Deno.statSync(path).size - 1)],
      ["bytes, not", (path) => Deno.truncateSync(path, 0)],
      ["bytes, not", (path, other) => Deno.copyFileSync(other, path)],
      ["it is a symbolic link", (path, other) => {
        Deno.removeSync(path);
        Deno.symlinkSync(other, path);
      }],
    ];
    const roots = damages.map(([, damage], index) => {
      const root = join(directory, `${index}`);
      copied(golden("v1"), root);
      const [path = "", other = ""] = blobs.map((file) => join(root, "runtimes/local", file));
      damage(path, other);
      return root;
    });
    const found = await readAll(roots);
    for (const [index, [reason]] of damages.entries()) {
      assertStringIncludes(found[index] ?? "", `${blobs[0]} @0: `);
      assertStringIncludes(found[index] ?? "", reason);
    }
  });
});

readerTest("reader.py rejects what requires a feature that it does not know", async () => {
  await withDirectory(async (directory) => {
    const files = [`events/${segments[1]}`, "checkpoint.json"];
    const roots = files.map((file, index) => {
      const root = join(directory, `${index}`);
      copied(golden("v1"), root);
      const path = join(root, "runtimes/local", file);
      Deno.writeTextFileSync(path, requiring("magic", Deno.readTextFileSync(path)));
      return root;
    });
    for (const [index, found] of (await readAll(roots)).entries()) {
      assertStringIncludes(found, `${files[index]} @0: it requires magic`);
    }
  });
});

/** The text of a checkpoint or a segment whose seal requires a feature, with a valid checksum. */
function requiring(feature: string, text: string): string {
  const end = text.startsWith('{"format":"worker-runtime/checkpoint"') ? text.length : text.indexOf("\n") + 1;
  const sealed = text.slice(0, end).replace('"requires":[]', `"requires":["${feature}"]`);
  const content = sealed.replace(/,"crc":"[0-9a-f]{8}"\}\n$/, "");
  const crc = crc32(content).toString(16).padStart(8, "0");
  return `${content},"crc":"${crc}"}\n${text.slice(end)}`;
}

diskTest(
  "reader.py leaves out a write that was never acknowledged, as the store does",
  async (place) => {
    const runtime = await place.open();
    await speak(runtime, "Ops/1", ["one", "two"]);
    await runtime.flush();
    await speak(runtime, "con", ["日本語 🦊"]);
    await place.kill(runtime);
    appendTo(place.segment(1), '{"id":99,"at":"2026-');
    const { code, seen, tail, err } = await readWithPython(place.root);
    assertEquals([code, err], [0, ""]);
    assertEquals((tail as { bytes: number }).bytes, 20);
    assertEquals(seen, await seenIn(place.root));
  },
  withPython,
);

diskTest(
  "reader.py reads a store whose older events were pruned",
  async (place) => {
    await filled(place);
    const runtime = await place.open();
    await speak(runtime, "b", ["after the last checkpoint"]);
    assert((await runtime.prune()).events > 0);
    await place.kill(runtime);
    const { code, seen, err } = await readWithPython(place.root);
    assertEquals([code, err], [0, ""]);
    assertEquals(seen, await seenIn(place.root));
    assertNotEquals((seen as { events: { id: number }[] }).events[0]?.id, 1);
  },
  withPython,
);

diskTest(
  "reader.py reads the drafts of open and of interrupted runs",
  async (place) => {
    const runtime = await place.open();
    for (const workerId of ["a", "b", "c"]) await speak(runtime, workerId, ["one"]);
    const [first, second] = [await runtime.worker("a").beginRun(), await runtime.worker("b").beginRun()];
    for (const draft of ["gone", null, "\uD83E", "\uDD8A \uD83E", "字"]) {
      await first.commit({ draft });
      await second.commit({ draft, data: { draft } });
    }
    await (await runtime.worker("c").beginRun()).commit({ draft: "of what is cut off" });
    await place.kill(runtime);
    const again = await place.open();
    await again.worker("c").rewind({ toSeq: 0 });
    await (await again.worker("b").beginRun({ draft: "more" })).commit({ draft: " of it" });
    await place.kill(again);
    const { code, seen, err } = await readWithPython(place.root);
    assertEquals([code, err], [0, ""]);
    assertEquals(seen, await seenIn(place.root));
    const { drafts } = seen as { drafts: unknown };
    assertEquals(drafts, { a: "\uD83E\uDD8A \uD83E字", b: "more of it", c: null });
  },
  withPython,
);

diskTest(
  "reader.py reads forks, and notices damage of their bases",
  async (place) => {
    const runtime = await place.open();
    await speak(runtime, "a", ["one", "日本語 \u2028 🦊", "x".repeat(300_000)]);
    await runtime.forkWorker("a", { workerId: "f", atSeq: 3 });
    await speak(runtime, "f", ["four"]);
    await runtime.forkWorker("f", { workerId: "g" });
    await runtime.forkWorker("a", { workerId: "none", atSeq: 0 });
    await runtime.close();
    const { code, seen, err } = await readWithPython(place.root);
    assertEquals([code, err], [0, ""]);
    assertEquals(seen, await seenIn(place.root));
    const blobs = place.names("workers/g/blobs");
    assertEquals(blobs.length, 3);
    for (const name of blobs) {
      const path = place.path(`workers/g/blobs/${name}`);
      const bytes = Deno.readFileSync(path);
      flipBit(path, 40);
      assertStringIncludes((await readWithPython(place.root)).err, `workers/g/blobs/${name} @0`);
      Deno.writeFileSync(path, bytes);
    }
  },
  withPython,
);

/** A store of several segments and checkpoints. */
async function filled(place: TestPlace): Promise<void> {
  place.configure({ displayName: "Pruned", limits: { segmentBytes: 4_096 } });
  for (let round = 0; round < 3; round++) {
    const runtime = await openRuntime({ root: place.root });
    await speak(runtime, round === 0 ? "a" : "b", Array.from({ length: 20 }, () => "x".repeat(300)));
    await runtime.close();
  }
}
