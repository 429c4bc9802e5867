// The command import --worker.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { command, withDirectory } from "./kit.ts";
import { everyEventStore, openRuntime } from "./stores.ts";

Deno.test("import --worker adds a worker to an existing store, and --as gives it a new id", async () => {
  await withDirectory(async (directory) => {
    const [root, to, file] = [join(directory, "from"), join(directory, "to"), join(directory, "all.jsonl")];
    const runtime = await openRuntime({ root });
    const worker = await runtime.createWorker({ workerId: "reviewer", intent: { kind: "assistant" } });
    await worker.append([{ role: "user", content: "Please review PR 42" }]);
    await runtime.close();
    await everyEventStore({ root: to });
    await command("export", root, "-o", file);
    const taken = await command("import", file, to, "--worker", "reviewer");
    assertEquals(taken.code, 1);
    // The runtime of that store is retired.
    assertStringIncludes(taken.err, "is retired");
    await openRuntime({ root: to, runtimeId: "second" }).then((runtime) => runtime.close());
    const args = ["import", file, to, "--runtime", "second", "--worker", "reviewer", "--as", "copy"];
    const done = await command(...args);
    assertEquals([done.code, done.out, done.err], [0, 'Imported: worker "copy" with 1 entry\n', ""]);
    const again = await command(...args, "--json");
    assertEquals(again.json, { workerId: "copy", entries: 1, duplicate: true });
    const { out } = await command("transcript", to, "copy", "-r", "second");
    assertStringIncludes(out, "Please review PR 42");
    assertEquals((await command("verify", to, "-r", "second")).code, 0);
    const other = await command("import", file, to, "-r", "second", "--worker", "nobody");
    assertEquals(other.code, 1);
    assertStringIncludes(other.err, "no such worker");
  });
});

Deno.test("import --worker says what is wrong with its arguments", async () => {
  await withDirectory(async (directory) => {
    await openRuntime({ root: directory }).then((runtime) => runtime.close());
    const file = join(directory, "all.jsonl");
    await command("export", directory, "-o", file);
    const calls: [string, ...string[]][] = [
      ["a file is needed", "-", directory, "--worker", "w"],
      ["--dry-run: only without --worker", file, directory, "--worker", "w", "--dry-run"],
      ["--as: only with --worker", file, directory, "--as", "w"],
      ["--runtime: only with --worker", file, directory, "--runtime", "local"],
      ["it is blank", file, directory, "--worker", "w", "--as", "\n"],
    ];
    for (const [problem, ...args] of calls) {
      const { code, err } = await command("import", ...args);
      assertEquals(code, 1);
      assertStringIncludes(err, problem);
    }
  });
});
