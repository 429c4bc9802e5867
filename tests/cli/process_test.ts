// The command as a process of its own: permissions, exit codes and signals.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { privileged } from "../privileged.ts";
import {
  append,
  cli,
  command,
  entry,
  flip,
  followed,
  readingCommands,
  segments,
  snapshot,
  withDirectory,
} from "./kit.ts";
import { everyEventStore, openRuntime, severalDays } from "./stores.ts";

function processTest(name: string, body: (directory: string) => Promise<void>): void {
  Deno.test({ ...privileged(name), fn: () => withDirectory(body) });
}

processTest("reading commands need --allow-read of the store alone", async (root) => {
  await everyEventStore({ root });
  const before = snapshot(root);
  const commands = [["--help"], ...readingCommands(root)];
  const ran = await Promise.all(commands.map((args) => cli([`--allow-read=${root}`], ...args)));
  assertEquals(ran.map(({ code, err }) => [code, err]), commands.map(() => [0, ""]));
  assertEquals(snapshot(root), before);
  const denied = await cli([], "inspect", root);
  assertEquals(denied.code, 1);
  assertStringIncludes(denied.err, "--allow-read=DIR");
});

processTest("writing commands need --allow-write of what they write alone", async (directory) => {
  const [page, stream, again] = ["page.html", "stream.jsonl", "again.jsonl"].map((name) =>
    join(directory, name)
  );
  const [root, copy, target] = ["store", "copy", "target"].map((name) => join(directory, name));
  const [source = "", exported = "", to = ""] = [root, stream, target];
  await severalDays(source);
  await command("export", source, "-o", exported);
  append(segments(join(source, "runtimes", "local")).at(-1) ?? "", '{"id":');
  // The repair comes first: an export or a purge is refused while the log has a torn end.
  const commands: [string, string[]][] = [
    [source, ["repair", source, "--apply"]],
    [directory, ["report", source, "-o", page ?? ""]],
    [directory, ["export", source, "-o", again ?? ""]],
    [copy ?? "", ["backup", source, copy ?? ""]],
    [to, ["import", exported, to]],
    [source, ["prune", source, "--apply"]],
    [source, ["purge", source, "Ops/1", "--apply"]],
  ];
  for (const [written, args] of commands) {
    const reads = `--allow-read=${directory}`;
    const denied = await cli([reads], ...args);
    assertEquals(
      [args[0], denied.code, denied.err.includes("--allow-write")],
      [args[0], 1, true],
      denied.err,
    );
    const { code, err } = await cli([reads, `--allow-write=${written}`], ...args);
    assertEquals([args[0], code, err], [args[0], 0, ""]);
  }
});

processTest("the command exits with 0, 1, 2 and 3 for well, failed, healable and damaged", async (root) => {
  await everyEventStore({ root });
  const codeOf = async (...args: string[]): Promise<number> =>
    (await cli([`--allow-read=${root}`], ...args)).code;
  const directory = join(root, "runtimes", "local");
  assertEquals(await codeOf("verify", root), 0);
  assertEquals(await codeOf("show", root, "nobody"), 1);
  flip(join(directory, "workers", "reviewer", "transcript.jsonl"), "Looks good");
  assertEquals(await codeOf("verify", root), 2);
  flip(segments(directory)[0] ?? "", "Looks good");
  assertEquals(await codeOf("verify", root), 3);
});

/** Starts the command with read permission of one directory. */
function start(root: string, ...args: readonly string[]): Deno.ChildProcess {
  const all = ["run", "--no-prompt", "--no-check", `--allow-read=${root}`, entry, ...args];
  const command = new Deno.Command(Deno.execPath(), {
    args: all,
    env: { DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  return command.spawn();
}

processTest("events --follow prints events as they come, and ends on SIGINT", async (root) => {
  const runtime = await openRuntime({ root });
  const child = start(root, "events", root, "-f", "--json");
  const text = await followed(child, runtime);
  const error = await new Response(child.stderr).text();
  assertEquals([(await child.status).code, error], [0, ""]);
  await runtime.close();
  const events = text.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(events.map(({ id }) => id), [1, 2, 3]);
});

processTest("the command ends quietly when nobody reads its output", async (root) => {
  await everyEventStore({ root });
  const child = start(root, "events", root, "-f");
  await child.stdout.cancel();
  const error = await new Response(child.stderr).text();
  assertEquals([(await child.status).code, error], [0, ""]);
});
