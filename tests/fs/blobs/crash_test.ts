// Power cuts and kills while blobs are put: a blob is there as a whole or not at all, and an entry that refers to it
// has it.

import { assert, assertEquals } from "@std/assert";
import { isRuntimeError, type Runtime, type Worker } from "../../../mod.ts";
import { isChange, isSync, keepAll, killAt, loseAll, SimulatedDisk } from "../../disk/mod.ts";
import { codesOf, diagnosticOf } from "../../kit/place.ts";
import { LOCAL_HOME as HOME } from "../../kit/opened.ts";
import { BYTES, incoming, openWorker, OTHER, readBack, refer } from "./given.ts";

/** State of a blob: its bytes are never wrong. */
async function isThere(worker: Worker, bytes: Uint8Array): Promise<boolean> {
  try {
    assertEquals(await readBack(worker, bytes), bytes);
    return true;
  } catch (error) {
    if (isRuntimeError(error) && error.code === "blob_missing") return false;
    throw error;
  }
}

/** The number of entries of worker `a`. */
function entriesOf(runtime: Runtime): number {
  return runtime.worker("a").state().transcriptLength;
}

const CODES = new Set(["unclean_open", "projection_rebuilt", "temporary_removed", "torn_tail_cut"]);

/** Opens what a power cut left, and checks what is promised of the blob. */
async function check(disk: SimulatedDisk, isPromised: boolean, where: string): Promise<void> {
  const { runtime, worker } = await openWorker(disk);
  assertEquals(incoming(disk), [], where);
  const found = await isThere(worker, BYTES);
  assert(found || (!isPromised && entriesOf(runtime) === 0), `${where}: ${entriesOf(runtime)} entries`);
  assertEquals(codesOf(runtime).filter((code) => !CODES.has(code)), [], where);
  // And it can be put again.
  await worker.putBlob(BYTES);
  await refer(worker, BYTES);
  assert(await isThere(worker, BYTES));
  await runtime.close();
}

/** Stores to begin with. */
const starts: Readonly<Record<string, (worker: Worker) => Promise<unknown>>> = {
  "the first one of a worker": () => Promise.resolve(),
  "one of a worker that has another": (worker) => worker.putBlob(OTHER),
  "one that the worker has": (worker) => worker.putBlob(BYTES),
};

for (const [what, prepare] of Object.entries(starts)) {
  Deno.test(`putBlob() of ${what} keeps it or nothing, whenever the power is cut`, async () => {
    const base = new SimulatedDisk();
    const before = await openWorker(base);
    await prepare(before.worker);
    await before.runtime.close();
    let isPromised = what === "one that the worker has";
    const disk = base.fork();
    const { runtime, worker } = await openWorker(disk);
    const moments: { readonly disk: SimulatedDisk; readonly isPromised: boolean }[] = [];
    disk.onCall = (call) => {
      if (isChange(call) || isSync(call)) moments.push({ disk: disk.fork(), isPromised });
      return undefined;
    };
    await worker.putBlob(BYTES);
    isPromised = true;
    await refer(worker, BYTES);
    moments.push({ disk: disk.fork(), isPromised });
    disk.onCall = undefined;
    await runtime.close();
    assert(moments.length > 6, `${moments.length} moments`);
    let states = 0;
    const seen = new Set<number>();
    for (const [index, { disk, isPromised }] of moments.entries()) {
      for (const state of disk.crashStates({ exhaustiveSectors: 4, samples: 24, seed: index + 1, seen })) {
        states++;
        await check(state.disk, isPromised, `moment ${index}, choices ${state.choices.join()}`);
      }
    }
    assert(states > moments.length, `${states} states`);
  });
}

for (const when of ["before", "after"] as const) {
  Deno.test(`a blob that a killed process left is committed only once it is durable (${when} a call)`, async () => {
    let committed = 0;
    for (let call = 1;; call++) {
      const disk = new SimulatedDisk();
      const { runtime, worker } = await openWorker(disk);
      const hook = killAt(call, when);
      disk.onCall = hook;
      const isPut = await worker.putBlob(BYTES).then(() => true, () => false);
      const isKilled = !disk.alive;
      await runtime.close().catch(() => {});
      if (!isKilled && isPut) break;
      const next = disk.attach();
      const second = await openWorker(next);
      assertEquals(incoming(next), [], `call ${call}`);
      const isCommitted = await refer(second.worker, BYTES).then(() => true, (error) => {
        assertEquals(error.code, "blob_missing");
        return false;
      });
      if (isCommitted) committed++;
      for (const choose of [loseAll, keepAll]) {
        const third = await openWorker(next.crash(choose));
        assertEquals(entriesOf(third.runtime), isCommitted ? 1 : 0);
        assertEquals(await isThere(third.worker, BYTES), isCommitted);
        await third.runtime.close();
      }
      await second.runtime.close();
    }
    assert(committed > 0, "a kill after the rename leaves a blob");
  });
}

Deno.test("Runtime.open() removes unfinished blobs, and leaves what is not the store's", async () => {
  const disk = new SimulatedDisk();
  await (await openWorker(disk)).runtime.close();
  for (const name of ["1", "12"]) disk.plant.file(`${HOME}/incoming/${name}`, BYTES);
  const { runtime, worker } = await openWorker(disk);
  assertEquals(incoming(disk), []);
  const removed = diagnosticOf(runtime, "temporary_removed");
  assertEquals([removed.severity, removed.file], ["info", "incoming"]);
  assertEquals(removed.message, 'Removed 2 unfinished blobs in "incoming"');
  await runtime.close();

  disk.plant.file(`${HOME}/incoming/notes.txt`, BYTES);
  disk.plant.directory(`${HOME}/incoming/1`);
  disk.plant.link(`${HOME}/incoming/2`, "/elsewhere");
  const again = await openWorker(disk);
  const foreign = again.runtime.diagnostics().items.map(({ code, file }) => `${code} ${file}`);
  assertEquals(foreign.sort(), ["1", "2", "notes.txt"].map((name) => `foreign_entry incoming/${name}`));
  assertEquals(incoming(disk).length, 3);
  // Names that are taken are not used.
  await again.worker.putBlob(BYTES);
  assertEquals(await readBack(again.worker, BYTES), BYTES);
  assertEquals(incoming(disk).length, 3);
  await again.runtime.close();
  assert(worker !== again.worker);
});

Deno.test("unfinished blobs that cannot be removed do not prevent an opening", async () => {
  const disk = new SimulatedDisk();
  await (await openWorker(disk)).runtime.close();
  disk.plant.file(`${HOME}/incoming/1`, BYTES);
  disk.onCall = ({ path, operation }) =>
    path.startsWith(`${HOME}/incoming`) && operation === "remove"
      ? { kind: "error", code: "EACCES" }
      : undefined;
  const { runtime, worker } = await openWorker(disk);
  disk.onCall = undefined;
  await worker.putBlob(BYTES);
  assertEquals(await readBack(worker, BYTES), BYTES);
  await runtime.close();
  const again = await openWorker(disk);
  assertEquals(incoming(disk), []);
  await again.runtime.close();
});
