// A store that an earlier version wrote is read, verified, continued, exported and imported by this one.

import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { FsRuntimeStore } from "../../fs_store.ts";
import { exportRuntime, importRuntime, verify } from "../../operate.ts";
import { type DiagnosticCode, Runtime, type RuntimeEvent } from "../../mod.ts";
import { snapshot, streamOf, textOf, withDirectory } from "../cli/kit.ts";
import { golden, seenIn, shortened } from "./golden.ts";

const versions = ["v1"];

/** Every type of event: a golden directory has them all. */
const types = [
  "custom",
  "runtime.closed",
  "runtime.created",
  "runtime.opened",
  "runtime.retired",
  "worker.committed",
  "worker.created",
  "worker.purged",
];

/** Every member of a commit and of an entry: a golden directory has them all. */
const members = [
  "at, context, count, data, displayName, entries, events, id, key, labels, meta, reason, request, run, runId, seq, status, type,",
  "usage, workerId",
].join(" ").split(", ");
const entryMembers = "at, blobs, content, contentBlob, id, metadata, name, role".split(", ");

function namesOf(objects: readonly object[]): string[] {
  return [...new Set(objects.flatMap(Object.keys))].sort();
}

/** Copies a directory, so that the golden one stays as it is. */
function copied(from: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copied(join(from, name), join(to, name));
    else Deno.copyFileSync(join(from, name), join(to, name));
  }
}

for (const version of versions) {
  const directory = golden(version);
  const expected = JSON.parse(Deno.readTextFileSync(join(directory, "expected.json")));

  Deno.test(`a store of ${version} is read and verified as it is`, async () => {
    const before = snapshot(directory);
    assertEquals(shortened(await seenIn(directory)), expected);
    const { verdict, findings } = await verify({ root: directory, runtimeId: "local" });
    assertEquals([verdict, findings], ["clean", []]);
    assertEquals(snapshot(directory), before);
    const events: RuntimeEvent[] = expected.events;
    assertEquals([...new Set(events.map(({ type }) => type))].sort(), types);
    const commits = events.filter((event) => event.type === "worker.committed");
    assertEquals(namesOf(commits), members);
    assertEquals(namesOf(commits.flatMap(({ entries = [] }) => entries)), entryMembers);
  });

  Deno.test(`a store of ${version} is opened and continued`, async () => {
    await withDirectory(async (root) => {
      copied(directory, root);
      const codes: DiagnosticCode[] = [];
      const open = async (): Promise<Runtime> => {
        const store = new FsRuntimeStore({ root, runtimeId: "local" });
        return await Runtime.open({ store, onDiagnostic: ({ code }) => codes.push(code) });
      };
      const runtime = await open();
      assertEquals(runtime.overview().usage, expected.overview.usage);
      assertEquals(runtime.overview().displayName, `Golden ${version}`);
      const page = await runtime.worker("reviewer").transcript({ limit: 1_000 });
      assertEquals(page.items, expected.transcripts.reviewer);
      const { entries } = await runtime.worker("coder").context();
      assertEquals(entries.map(({ seq }) => seq), [8, 5, 6, 9]);
      await runtime.flush();
      await runtime.close();
      assertEquals(codes, []);
      assertEquals((await verify({ root, runtimeId: "local" })).verdict, "clean");
    });
  });

  Deno.test(`a store of ${version} is opened from its log alone`, async () => {
    await withDirectory(async (root) => {
      copied(directory, root);
      const place = join(root, "runtimes", "local");
      for (const name of ["checkpoint.json", "checkpoint.previous.json", "overview.json"]) {
        Deno.removeSync(join(place, name));
      }
      for (const worker of Deno.readDirSync(join(place, "workers"))) {
        for (const { name } of Deno.readDirSync(join(place, "workers", worker.name))) {
          // Blobs are not derived from the log.
          if (name !== "blobs") Deno.removeSync(join(place, "workers", worker.name, name));
        }
      }
      assertEquals(shortened(await seenIn(root)), expected);
    });
  });

  Deno.test(`a store of ${version} is exported and imported`, async () => {
    await withDirectory(async (root) => {
      const stream = await textOf(exportRuntime({ root: directory, runtimeId: "local" }));
      await importRuntime(root, streamOf(stream));
      assertEquals(shortened(await seenIn(root)), expected);
    });
  });
}
