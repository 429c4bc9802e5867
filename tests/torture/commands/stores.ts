/**
 * Initial disks of commands, and the parts of a store that are compared.
 *
 * @module
 */
import { FsRuntimeSource, FsRuntimeStore } from "../../../fs_store.ts";
import { exportRuntime } from "../../../operate.ts";
import { type BlobRef, isRuntimeError, Runtime, RuntimeReader, type Worker } from "../../../mod.ts";
import { blobOf } from "../processes/blobs.ts";
import { SimulatedDisk } from "../../disk/mod.ts";

/** The store that commands read or change. */
export const SOURCE = { root: "/data", runtimeId: "local" } as const;
/** Its directory. */
export const DIRECTORY = "/data/runtimes/local";
/** Workers that have ended. */
export const ENDED: readonly string[] = ["b", "c"];

/** Name of the blob that no entry refers to. */
export const UNREFERENCED = "unreferenced";

const CONFIG = new TextEncoder().encode('{ "limits": { "segmentBytes": 4096, "checkpointBytes": 4096 } }');

/** Opens the store on a disk, runs a function, and closes it. */
export async function within<T>(
  fileSystem: SimulatedDisk,
  work: (runtime: Runtime) => Promise<T>,
  root: string = SOURCE.root,
): Promise<T> {
  let time = 0;
  const now = (): number => time += 1_000;
  const store = new FsRuntimeStore({ ...SOURCE, root, create: true }, { fileSystem, now });
  const runtime = await Runtime.open({ store, now });
  try {
    return await work(runtime);
  } finally {
    await runtime.close();
  }
}

let made: Promise<SimulatedDisk> | undefined;

/** Puts the blob of a name, and refers to it. */
export async function withBlob(worker: Worker, name: string): Promise<void> {
  const blob = await worker.putBlob(blobOf(name), { mediaType: "image/png" });
  await worker.append([{ role: "tool", content: [{ type: "image", name }], blobs: [blob] }]);
}

/**
 * Three workers, two of them stopped, several segments and two checkpoints, blobs
 * that are referred to and one that is not, closed normally.
 */
export async function baseDisk(): Promise<SimulatedDisk> {
  made ??= (async () => {
    const disk = new SimulatedDisk();
    disk.plant.file(`${DIRECTORY}/config.jsonc`, CONFIG);
    for (let turn = 0; turn < 3; turn++) {
      await within(disk, async (runtime) => {
        for (const workerId of turn === 0 ? ["a", ...ENDED] : []) {
          await runtime.createWorker({ workerId, intent: { kind: "assistant" } });
        }
        for (let line = 0; line < 6; line++) {
          const content = `${turn} ${line} ${"x".repeat(900)}`;
          await runtime.worker("a").append([{ role: "assistant", content }]);
          if (turn === 0) await runtime.worker("b").append([{ role: "assistant", content }]);
        }
        await withBlob(runtime.worker("a"), `image ${turn}`);
        if (turn === 0) await withBlob(runtime.worker("b"), "image of b");
        if (turn === 1) await runtime.worker("a").putBlob(blobOf(UNREFERENCED));
        for (const workerId of turn === 2 ? ENDED : []) await runtime.worker(workerId).stop();
      });
    }
    // On the device, as after a while.
    return new SimulatedDisk({ contents: disk.image() });
  })();
  return (await made).fork();
}

/** All files below a directory except the owner of the lock, as text to compare. */
export function filesBelow(disk: SimulatedDisk, directory: string): Map<string, string> {
  const decoder = new TextDecoder("latin1");
  const files = [...disk.dump()].filter(([path]) =>
    path.startsWith(directory) && !path.endsWith("owner.json")
  );
  return new Map(files.map(([path, bytes]) => [path, decoder.decode(bytes)]));
}

/** The workers of a store with all their entries and blobs, without the numbers of events. */
export async function workersOf(fileSystem: SimulatedDisk, root: string = SOURCE.root): Promise<unknown> {
  const source = new FsRuntimeSource({ ...SOURCE, root }, { fileSystem });
  await using view = await RuntimeReader.open({ source });
  if (source.damage !== undefined) throw source.damage;
  const workers: unknown[] = [];
  for (const { record: { workerId }, status } of view.allWorkers()) {
    const { items } = await view.transcript(workerId, { limit: 1_000 });
    const blobs: unknown[] = [];
    for (const { blobs: refs = [] } of items) {
      for (const ref of refs) blobs.push([ref, await hashOf(view, workerId, ref)]);
    }
    workers.push([workerId, status, items.map(({ content }) => content), blobs]);
  }
  return workers;
}

/** Length of the bytes of a blob, which reading verifies, or the code of the error. */
async function hashOf(view: RuntimeReader, workerId: string, ref: BlobRef): Promise<unknown> {
  try {
    return (await new Response(await view.blob(workerId, ref)).arrayBuffer()).byteLength;
  } catch (error) {
    if (isRuntimeError(error)) return error.code;
    throw error;
  }
}

/** The ranges that the log records as lost. */
export async function salvagedRanges(fileSystem: SimulatedDisk): Promise<unknown[]> {
  await using view = await RuntimeReader.open({ source: new FsRuntimeSource(SOURCE, { fileSystem }) });
  const { items } = await view.events({ limit: 1_000 });
  return items.flatMap((event) =>
    event.type === "custom" && Reflect.get(event, "name") === "runtime.salvaged"
      ? [Reflect.get(event, "data")]
      : []
  );
}

/** The stream of the store. */
export async function streamOf(fileSystem: SimulatedDisk): Promise<Uint8Array[]> {
  return await Array.fromAsync(exportRuntime(SOURCE, { fileSystem }));
}
