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
import { blobOf, largeContentOf, refOf } from "../processes/blobs.ts";
import { BrokenOracle } from "../suite.ts";

/** Size of the disk. */
export const SIZE_BYTES = 2_097_152;

/** Removes the small disk. */
export async function removeDisk(path: string): Promise<void> {
  await new Deno.Command("umount", { args: [path] }).output();
  await Deno.remove(path);
}

/** Counts of the runs. */
export interface FullDiskFigures {
  /** Commands acknowledged, all of them present at the end. */
  acknowledged: number;
  /** Blobs acknowledged, all of them present at the end. */
  blobs: number;
  /** Commands rejected with `no_space`. */
  refused: number;
  /** Blobs rejected with `no_space`. */
  refusedBlobs: number;
}

/** Keys of commands and names of blobs that were acknowledged. */
interface Acknowledged {
  readonly events: Map<string, number>;
  readonly blobs: Set<string>;
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
  const acknowledged: Acknowledged = { events: new Map(), blobs: new Set() };
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
  { events, blobs }: Acknowledged,
  name: string,
): Promise<FullDiskFigures> {
  await using runtime = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "t" }) });
  const worker = await runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
  let [refused, refusedBlobs] = [0, 0];
  /** Returns false if there was no space. */
  const attempt = async (work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      if (isRuntimeError(error) && error.code === "no_space") return false;
      throw new BrokenOracle("I7", name, `${error}`, { cause: error });
    }
  };
  const send = async (key: string, content: string): Promise<boolean> => {
    const isSent = await attempt(async () => {
      events.set(key, (await worker.sendInput({ role: "user", content }, { key })).eventId);
    });
    if (!isSent) refused++;
    return isSent;
  };
  const put = async (blob: string): Promise<boolean> => {
    const isPut = await attempt(() => worker.putBlob(blobOf(blob)));
    if (isPut) blobs.add(blob);
    else refusedBlobs++;
    return isPut;
  };
  for (let count = 0; refused < 3 && count < 5_000; count++) {
    await Promise.all([
      ...[0, 1].map((caller) => send(`a${count}-${caller}`, "z".repeat(random.below(20_000)))),
      ...random.chance(0.3) ? [put(`a${count}`)] : [],
      ...random.chance(0.05) ? [send(`large-${count}`, largeContentOf(`large-${count}`))] : [],
    ]);
    if (random.chance(0.1)) await runtime.flush();
  }
  await Deno.remove(ballast);
  for (let count = 0; count < 5; count++) {
    const isWell = await send(`b${count}`, "z".repeat(100)) && await put(`b${count}`);
    if (!isWell) throw new BrokenOracle("I1", name, "there is space, and a command is refused");
  }
  const key = "large-last";
  if (!await send(key, largeContentOf(key))) {
    throw new BrokenOracle("I1", name, "there is space, and a large content is refused");
  }
  const left = [...Deno.readDirSync(`${root}/runtimes/t/incoming`)].map(({ name }) => name);
  if (left.length > 0) throw new BrokenOracle("I5", name, `left of refused blobs: ${left}`);
  return { acknowledged: events.size, blobs: blobs.size, refused, refusedBlobs };
}

async function checkAll(
  root: string,
  acknowledged: Acknowledged,
  name: string,
): Promise<void> {
  await using runtime = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "t" }) });
  const found = new Map<string, number>();
  for (let after: number | null = 0; after !== null;) {
    const page: Awaited<ReturnType<Runtime["events"]>> = await runtime.events({ after, limit: 1_000 });
    for (const event of page.items) {
      if (event.type !== "unknown" && event.key !== undefined) found.set(event.key, event.id);
    }
    after = page.next;
  }
  for (const [key, eventId] of acknowledged.events) {
    if (found.get(key) !== eventId) {
      throw new BrokenOracle("I1", name, `${key} was acknowledged, and is gone`);
    }
  }
  const worker = runtime.worker("w");
  let entries = 0;
  for await (const entry of worker.entries()) {
    entries++;
    if (entry.contentBlob === undefined) continue;
    const content = await worker.content(entry);
    const key = [...found].find(([, eventId]) => eventId === entry.eventId)?.[0] ?? "";
    if (content !== largeContentOf(key)) throw new BrokenOracle("I1", name, `content of ${key} is another`);
  }
  if (entries !== found.size) throw new BrokenOracle("I5", name, `${entries} entries, not ${found.size}`);
  for (const blob of acknowledged.blobs) {
    await new Response(await worker.blob(refOf(blob))).arrayBuffer().catch((cause) => {
      throw new BrokenOracle("I1", name, `the blob of ${blob} is gone: ${cause}`, { cause });
    });
  }
}
