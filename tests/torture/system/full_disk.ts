/**
 * A disk that is really full: a small tmpfs. Commands are rejected with `no_space`,
 * nothing acknowledged is lost, and once space is available the same runtime
 * continues.
 *
 * @module
 */
import { FsRuntimeStore } from "../../../fs_store.ts";
import { isRuntimeError, Runtime } from "../../../mod.ts";
import { Random } from "../../disk/mod.ts";
import { smallConfig } from "../../kit/opened.ts";
import { transcript } from "../kit/readings.ts";
import { BrokenOracle } from "../suite.ts";

const SIZE_BYTES = 2_097_152;

/** A small disk, or the reason why it is unavailable. */
export async function smallDisk(): Promise<{ readonly path: string } | { readonly why: string }> {
  if (Deno.build.os !== "linux") return { why: "tmpfs is a thing of Linux" };
  const path = await Deno.makeTempDir({ prefix: "worker-runtime-full-" });
  try {
    const args = ["-t", "tmpfs", "-o", `size=${SIZE_BYTES}`, "tmpfs", path];
    const { success, stderr } = await new Deno.Command("mount", { args }).output();
    if (success) return { path };
    await Deno.remove(path);
    return { why: new TextDecoder().decode(stderr).trim() };
  } catch (error) {
    return { why: String(error) };
  }
}

/** Removes the small disk. */
export async function removeDisk(path: string): Promise<void> {
  await new Deno.Command("umount", { args: [path] }).output();
  await Deno.remove(path);
}

/** Counts of the runs. */
export interface FullDiskFigures {
  /** Commands acknowledged, all of them present at the end. */
  acknowledged: number;
  /** Commands rejected with `no_space`. */
  refused: number;
}

/** Fills the disk of a runtime, frees space, and continues. */
export async function fillUp(path: string, seed: number): Promise<FullDiskFigures> {
  const name = `full-disk-${seed}`;
  const random = new Random(seed);
  const root = `${path}/store`;
  const ballast = `${path}/ballast`;
  await Deno.mkdir(`${root}/runtimes/t`, { recursive: true });
  await Deno.writeFile(
    `${root}/runtimes/t/config.jsonc`,
    smallConfig(4_096 << random.below(6), 4_096 << random.below(8)),
  );
  await Deno.writeFile(ballast, new Uint8Array(600_000 + random.below(800_000)));
  const acknowledged = new Map<string, number>();
  try {
    const figures = await work(root, ballast, random, acknowledged, name);
    await checkAll(root, acknowledged, name);
    return figures;
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function work(
  root: string,
  ballast: string,
  random: Random,
  acknowledged: Map<string, number>,
  name: string,
): Promise<FullDiskFigures> {
  await using runtime = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "t" }) });
  const worker = await runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
  let refused = 0;
  const send = async (key: string, length: number): Promise<boolean> => {
    try {
      const { eventId } = await worker.sendInput({ role: "user", content: "z".repeat(length) }, { key });
      acknowledged.set(key, eventId);
      return true;
    } catch (error) {
      if (!isRuntimeError(error) || error.code !== "no_space") {
        throw new BrokenOracle("I7", name, `${error}`, { cause: error });
      }
      refused++;
      return false;
    }
  };
  for (let count = 0; refused < 3 && count < 5_000; count++) {
    await Promise.all([0, 1].map((caller) => send(`a${count}-${caller}`, random.below(20_000))));
    if (random.chance(0.1)) await runtime.flush();
  }
  await Deno.remove(ballast);
  for (let count = 0; count < 5; count++) {
    if (!await send(`b${count}`, 100)) {
      throw new BrokenOracle("I1", name, "there is space, and a command is refused");
    }
  }
  return { acknowledged: acknowledged.size, refused };
}

async function checkAll(
  root: string,
  acknowledged: ReadonlyMap<string, number>,
  name: string,
): Promise<void> {
  await using runtime = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "t" }) });
  const found = new Map<string, number>();
  for (let after: number | null = 0; after !== null;) {
    const page: Awaited<ReturnType<Runtime["events"]>> = await runtime.events({ after, limit: 1_000 });
    for (const { key, id } of page.items) if (key !== undefined) found.set(key, id);
    after = page.next;
  }
  for (const [key, eventId] of acknowledged) {
    if (found.get(key) !== eventId) {
      throw new BrokenOracle("I1", name, `${key} was acknowledged, and is gone`);
    }
  }
  const entries = await transcript(runtime, "w", 100);
  if (entries.length !== found.size) {
    throw new BrokenOracle("I5", name, `${entries.length} entries, not ${found.size}`);
  }
}
