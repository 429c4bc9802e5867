// Whatever an earlier version wrote is read by this one, verifies, and can be gone on with.

import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { FsRuntimeStore } from "../../fs_store.ts";
import { exportRuntime, importRuntime, verify } from "../../operate.ts";
import { type DiagnosticCode, Runtime } from "../../mod.ts";
import { snapshot, streamOf, textOf, withDirectory } from "../cli/kit.ts";
import { golden, seenIn } from "./golden.ts";

const versions = ["v1"];

/** Every type of event there is: a golden directory holds them all. */
const types = [
  "custom",
  "runtime.closed",
  "runtime.created",
  "runtime.opened",
  "runtime.stopped",
  "worker.cancelled",
  "worker.created",
  "worker.input_accepted",
  "worker.purged",
  "worker.run_finished",
  "worker.run_interrupted",
  "worker.run_started",
  "worker.state_updated",
  "worker.stopped",
  "worker.transcript_appended",
  "worker.usage_recorded",
];

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
    assertEquals(await seenIn(directory), expected);
    const { verdict, findings } = await verify({ root: directory, runtimeId: "local" });
    assertEquals([verdict, findings], ["clean", []]);
    assertEquals(snapshot(directory), before);
    const found = new Set(expected.events.map(({ type }: { type: string }) => type));
    assertEquals([...found].sort(), types);
  });

  Deno.test(`a store of ${version} is opened, and gone on with`, async () => {
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
      Deno.removeSync(join(place, "workers"), { recursive: true });
      assertEquals(await seenIn(root), expected);
    });
  });

  Deno.test(`a store of ${version} is exported and imported`, async () => {
    await withDirectory(async (root) => {
      const stream = await textOf(exportRuntime({ root: directory, runtimeId: "local" }));
      await importRuntime(root, streamOf(stream));
      assertEquals(await seenIn(root), expected);
    });
  });
}
