// A really full disk: a file system of 2 MiB in memory, where this process may mount one.

import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { isRuntimeError, Runtime } from "../../mod.ts";
import { FsRuntimeStore } from "../../fs_store.ts";
import { codesOf, contentsOf, refused } from "../kit/place.ts";
import { isGranted, privileged } from "../privileged.ts";

function run(command: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(command, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** Why there is no such disk here, or `undefined`. */
function obstacle(): string | undefined {
  if (!isGranted("run")) return "no permission to start processes";
  if (Deno.build.os !== "linux") return "only on Linux";
  const directory = Deno.makeTempDirSync();
  try {
    if (!run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", directory)) return "this user may not mount";
    run("umount", directory);
    return undefined;
  } finally {
    Deno.removeSync(directory);
  }
}

const reason = obstacle();

async function withSmallDisk(body: (root: string) => Promise<void>): Promise<void> {
  const root = Deno.makeTempDirSync({ prefix: "worker-runtime-test-" });
  assert(run("mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", root));
  try {
    await body(root);
  } finally {
    assert(run("umount", root));
    Deno.removeSync(root);
  }
}

async function open(root: string): Promise<Runtime> {
  return await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "local" }) });
}

/** Says things until the disk is full; gives what was acknowledged. */
async function fill(runtime: Runtime): Promise<string[]> {
  const said: string[] = [];
  for (let index = 0;; index++) {
    const content = `${index} ${"x".repeat(20_000)}`;
    try {
      await runtime.worker("a").sendInput({ role: "user", content });
    } catch (error) {
      if (isRuntimeError(error) && error.code === "no_space") return said;
      throw error;
    }
    said.push(content);
  }
}

Deno.test({
  ...privileged("a full disk loses nothing, and all goes on when there is space again", reason),
  fn: () =>
    withSmallDisk(async (root) => {
      const ballast = join(root, "ballast");
      Deno.writeFileSync(ballast, new Uint8Array(600_000));
      const runtime = await open(root);
      await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
      const said = await fill(runtime);
      assert(said.length > 10);
      // Again and again: the answer stays the same, and so does what is there.
      for (let count = 0; count < 3; count++) {
        const { details } = await refused("no_space", () => runtime.record("large", "y".repeat(60_000)));
        assertEquals(details.systemCode, "ENOSPC");
      }
      assertEquals(runtime.health.status, "ok");
      assertEquals(await contentsOf(runtime, "a"), said);
      await runtime.flush();
      assertEquals(await contentsOf(runtime, "a"), said);

      Deno.removeSync(ballast);
      await runtime.worker("a").sendInput({ role: "user", content: "space again" });
      assertEquals(await contentsOf(runtime, "a"), [...said, "space again"]);
      await runtime.close();
      const again = await open(root);
      assertEquals(await contentsOf(again, "a"), [...said, "space again"]);
      await again.close();
    }),
});

Deno.test({
  ...privileged("a store closed on a full disk opens again, with all that was acknowledged", reason),
  fn: () =>
    withSmallDisk(async (root) => {
      const runtime = await open(root);
      await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
      const said = await fill(runtime);
      // To the last byte.
      Deno.writeFileSync(join(root, "ballast"), new Uint8Array(1));
      const { size } = Deno.statSync(join(root, "runtimes/local/events/0000000000000001.jsonl"));
      try {
        Deno.writeFileSync(join(root, "ballast"), new Uint8Array(2_000_000));
      } catch {
        // Now it is full.
      }
      await runtime.close();
      assert(codesOf(runtime).includes("close_incomplete"), codesOf(runtime).join());
      assertEquals(
        Deno.statSync(join(root, "runtimes/local/events/0000000000000001.jsonl")).size >= size,
        true,
      );
      const full = await open(root).then((opened) => opened.close().then(() => "opened"), (error) =>
        error.code);
      assert(["opened", "no_space"].includes(full), full);
      Deno.removeSync(join(root, "ballast"));
      const again = await open(root);
      assertEquals(await contentsOf(again, "a"), said);
      await again.close();
    }),
});
