/**
 * System calls that fail for real: strace makes the n-th one of a kind fail.
 *
 * @module
 */
import { FsRuntimeStore } from "../../../fs_store.ts";
import { Runtime, type Worker } from "../../../mod.ts";
import { largeContentOf, refOf } from "../processes/blobs.ts";
import { smallConfig } from "../../kit/opened.ts";
import { Child } from "../processes/child_process.ts";
import { BrokenOracle } from "../suite.ts";

/** A run with one failure. */
export interface Injection {
  /** Argument of strace, such as `fdatasync:error=EIO`. */
  readonly inject: string;
  /** Number of the failing call of that kind, in each thread. */
  readonly when: string;
}

/** Counts of the runs. */
export interface InjectionFigures {
  /** Runs. */
  runs: number;
  /** Runs in which a command was rejected because of it. */
  refusing: number;
  /** Commands acknowledged. */
  acknowledged: number;
  /** Blobs acknowledged. */
  blobs: number;
}

const KINDS = [
  "fdatasync:error=EIO",
  "fsync:error=EIO",
  "pwrite64:error=EIO",
  "pwrite64:error=ENOSPC",
  // Nothing was written, and no error was reported.
  "pwrite64:retval=0",
  "rename:error=EIO",
  "fsync:error=ENOSPC",
  "unlink:error=EIO",
] as const;

/** The runs of a full run: every kind at its first 40 calls, and writes whose truncation fails as well. */
export function injections(): Injection[] {
  const runs: Injection[] = [];
  for (let when = 1; when <= 40; when++) {
    for (const inject of KINDS) runs.push({ inject, when: String(when) });
  }
  for (let when = 2; when <= 12; when++) {
    runs.push({ inject: `pwrite64:error=EIO;ftruncate:error=EIO`, when: `${when};1` });
    runs.push({ inject: `pwrite64:error=ENOSPC`, when: `${when}+` });
    runs.push({ inject: `fdatasync:error=EIO`, when: `${when}+` });
  }
  return runs;
}

/** Returns true if strace works on this system. */
export async function hasStrace(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("strace", { args: ["-f", "-o", "/dev/null", "true"] })
      .output();
    return success;
  } catch {
    return false;
  }
}

const WORKLOAD = new URL("./workload.ts", import.meta.url);
const HANG_MS = 60_000;

/** Runs the workload with one failure, then reads the store without any. */
export async function inject({ inject, when }: Injection, figures: InjectionFigures): Promise<void> {
  const name = `inject:${inject}:${when}`;
  const root = await Deno.makeTempDir({ prefix: "worker-runtime-system-" });
  try {
    await Deno.mkdir(`${root}/runtimes/t`, { recursive: true });
    await Deno.writeFile(`${root}/runtimes/t/config.jsonc`, smallConfig(4_096, 4_096));
    const lines = await workUnder(root, inject, when, name);
    figures.runs++;
    if (lines.some((line) => line.startsWith("no "))) figures.refusing++;
    const untyped = lines.find((line) => line.includes(" untyped "));
    if (untyped !== undefined) throw new BrokenOracle("I7", name, untyped);
    const { acknowledged, blobs } = await checkAcknowledged(root, lines, name);
    figures.acknowledged += acknowledged;
    figures.blobs += blobs;
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function workUnder(root: string, inject: string, when: string, name: string): Promise<string[]> {
  const whens = when.split(";");
  const options = inject.split(";").flatMap((one, index) => ["-e", `inject=${one}:when=${whens[index]}`]);
  const behind = ["strace", "-f", "--seccomp-bpf", "-qqq", "-o", "/dev/null", ...options];
  const calls = [...new Set(inject.split(";").map((one) => one.split(":")[0]))].join(",");
  const child = new Child(WORKLOAD, [root], { behind: [...behind, "-e", `trace=${calls}`] });
  const timer = setTimeout(() => child.signal("SIGKILL"), HANG_MS);
  const end = await child.hear("end");
  clearTimeout(timer);
  await child.end();
  if (end === undefined) throw new BrokenOracle("I7", name, `it did not end: ${child.lines.at(-1)}`);
  return child.lines;
}

async function checkAcknowledged(
  root: string,
  lines: readonly string[],
  name: string,
): Promise<{ readonly acknowledged: number; readonly blobs: number }> {
  const store = new FsRuntimeStore({ root, runtimeId: "t" });
  await using runtime = await Runtime.open({ store });
  const { items } = await runtime.events({ after: 0, limit: 1_000 });
  const found = new Map<string, number[]>();
  for (const event of items) {
    const key = event.type === "unknown" ? "" : event.key ?? "";
    found.set(key, [...found.get(key) ?? [], event.id]);
  }
  const acknowledged = lines.filter((line) => line.startsWith("ack ")).map((line) => line.split(" "));
  for (const [, key = "", eventId] of acknowledged) {
    if (`${found.get(key)}` !== eventId) {
      throw new BrokenOracle("I1", name, `${key} was acknowledged as ${eventId}, and is ${found.get(key)}`);
    }
  }
  for (const [key, ids] of found) {
    if (key !== "" && ids.length !== 1) throw new BrokenOracle("I3", name, `${key} is there as ${ids}`);
  }
  const inputs = items.filter((event) => event.type === "worker.committed" && event.count === 1).length;
  const entries = inputs === 0 ? 0 : await checkEntries(runtime.worker("w"), found, name);
  if (entries !== inputs) throw new BrokenOracle("I5", name, `${entries} entries of ${inputs}`);
  const blobs = lines.filter((line) => line.startsWith("blob ")).map((line) => line.split(" ")[1] ?? "");
  for (const blob of blobs) await checkBlob(runtime.worker("w"), blob, name);
  return { acknowledged: acknowledged.length, blobs: blobs.length };
}

/** Every entry of the log has its content and its blobs; returns the number of entries. */
async function checkEntries(
  worker: Worker,
  found: ReadonlyMap<string, readonly number[]>,
  name: string,
): Promise<number> {
  let count = 0;
  for await (const entry of worker.entries()) {
    count++;
    if (entry.contentBlob === undefined) continue;
    const key = [...found].find(([, ids]) => ids.includes(entry.eventId))?.[0] ?? "";
    const content = await worker.content(entry).catch((error) => error);
    if (content !== largeContentOf(key)) throw new BrokenOracle("I1", name, `content of ${key}: ${content}`);
    await checkBlob(worker, key, name);
  }
  return count;
}

async function checkBlob(worker: Worker, blob: string, name: string): Promise<void> {
  try {
    // Reading verifies size and hash.
    await new Response(await worker.blob(refOf(blob))).arrayBuffer();
  } catch (cause) {
    throw new BrokenOracle("I1", name, `the blob of ${blob} is gone: ${cause}`, { cause });
  }
}
