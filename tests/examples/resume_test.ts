// The job: killed in the middle, continued where it stopped, every step recorded once.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Example, exampleTest, openKept, until } from "./kit.ts";
import { openReader } from "../fs/reading/reader.ts";

const flags = ["--allow-read=./data", "--allow-write=./data"];
const steps = ["check out", "install", "compile", "test", "measure", "package", "sign", "release"];

/** Steps recorded so far, as a process beside the host sees them. */
async function recorded(directory: string): Promise<number> {
  try {
    await using store = await openReader({ root: `${directory}/data`, runtimeId: "jobs" });
    return store.worker("release-1.2").transcriptLength;
  } catch {
    return 0;
  }
}

exampleTest("resume does every step once, though it is killed twice", async (directory) => {
  for (const enough of [2, 5]) {
    const job = new Example("resume", directory, flags);
    await until(async () => await recorded(directory) >= enough);
    assertEquals((await job.kill()).signal, "SIGKILL");
  }
  const { code, out, err } = await new Example("resume", directory, flags).finish();
  assertEquals(code, 0, err);
  assertMatch(out, /^Interrupted after [5-7] of 8 steps; going on\n/);
  assertStringIncludes(out, "release-1.2 is stopped");
  const again = await new Example("resume", directory, flags).finish();
  assertEquals([again.code, again.out], [0, "release-1.2 is stopped\n"]);

  await using runtime = await openKept(directory, "jobs");
  const { items } = await runtime.worker("release-1.2").transcript();
  assertEquals(items.map(({ name }) => name), steps);
  const events = (await runtime.events({ after: 0, limit: 1_000 })).items;
  const ends = events.flatMap((event) => "run" in event && event.run?.ended ? [event.run.ended] : []);
  assertEquals(ends, ["interrupted", "interrupted", "completed"]);
  assert(new Set(items.map(({ runId }) => runId)).size === 3, "three runs did it");
});
