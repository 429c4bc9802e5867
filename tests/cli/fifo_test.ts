// A FIFO in the place of a file blocks no command: to open one would wait until somebody writes to it.

import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { privileged } from "../privileged.ts";
import { withDirectory } from "./kit.ts";
import { everyEventStore } from "./stores.ts";

const entry = fromFileUrl(new URL("../../cli/mod.ts", import.meta.url));
const config = fromFileUrl(new URL("../../deno.json", import.meta.url));

const FILES = [
  "workers/reviewer/transcript.jsonl",
  "workers/reviewer/worker.json",
  "checkpoint.json",
  "checkpoint.json.tmp",
  "owner.json",
  "overview.json",
];

function commands(root: string): readonly (readonly string[])[] {
  return [
    ["inspect", root],
    ["show", root, "reviewer"],
    ["transcript", root, "reviewer"],
    ["events", root],
    ["usage", root],
    ["report", root],
    ["export", root],
    ["backup", root, join(root, "copy")],
    ["repair", root],
    // The last ones repair it.
    ["repair", root, "--apply"],
    ["verify", root],
  ];
}

/** The exit code of a command; undefined when it does not end. */
async function codeOf(args: readonly string[]): Promise<number | undefined> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--no-prompt", "--quiet", `--config=${config}`, entry, ...args],
    env: { DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let isOver = false;
  // Far more than any of them takes.
  const timer = setTimeout(() => {
    isOver = true;
    child.kill("SIGKILL");
  }, 120_000);
  const { code } = await child.status;
  clearTimeout(timer);
  return isOver ? undefined : code;
}

Deno.test({
  ...privileged(
    "no command is blocked by FIFOs in the place of files, and repair restores the store",
    Deno.build.os === "windows" ? "Windows has no FIFOs" : undefined,
  ),
  fn: async () => {
    await withDirectory(async (root) => {
      await everyEventStore({ root });
      for (const file of FILES) {
        const path = join(root, "runtimes", "local", file);
        await Deno.remove(path).catch(() => {});
        await new Deno.Command("mkfifo", { args: [path] }).output();
        assert(Deno.lstatSync(path).isFifo, path);
      }
      for (const args of commands(root)) {
        const code = await codeOf(args);
        assert(code !== undefined, `${args.join(" ")} does not end`);
        if (args[0] === "verify") assertEquals(code, 0);
      }
    });
  },
});

Deno.test({
  ...privileged(
    "no command is blocked by a FIFO in the place of a directory",
    Deno.build.os === "windows" ? "Windows has no FIFOs" : undefined,
  ),
  fn: async () => {
    for (const directory of ["events", "workers", "quarantine", "salvage"]) {
      await withDirectory(async (root) => {
        await everyEventStore({ root });
        const path = join(root, "runtimes", "local", directory);
        await Deno.remove(path, { recursive: true }).catch(() => {});
        await new Deno.Command("mkfifo", { args: [path] }).output();
        for (const args of [["verify", root], ["repair", root, "--apply"], ["prune", root, "--apply"]]) {
          assert(
            await codeOf(args) !== undefined,
            `${args.join(" ")} does not end with a FIFO at ${directory}`,
          );
        }
      });
    }
  },
});
