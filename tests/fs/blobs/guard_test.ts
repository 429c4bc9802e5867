// A store whose paths lead elsewhere: noticed by putBlob() and blob() as by every other call.

import { assert, assertEquals } from "@std/assert";
import { SimulatedDisk } from "../../disk/mod.ts";
import { LOCAL_HOME as HOME } from "../../kit/opened.ts";
import { refused } from "../../kit/place.ts";
import { BYTES, openWorker, OTHER, pathOf, readBack, refer, refOf } from "./given.ts";

/** A disk with a closed store that has a blob. */
async function closed(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const { runtime, worker } = await openWorker(disk);
  await worker.putBlob(BYTES);
  await refer(worker, BYTES);
  await runtime.close();
  return disk;
}

/** The files at a path. */
function filesIn(disk: SimulatedDisk, path: string): string[] {
  const files = [...disk.dump()].filter(([name]) => name.startsWith(path) && !name.endsWith("/"));
  return files.map(([name, bytes]) => `${name} ${bytes.length}`);
}

/** Replaces a directory by the copy that was made before. */
function replace(disk: SimulatedDisk, path: string): void {
  disk.intruder.move(path, "/moved");
  disk.intruder.move(`/backup${path}`, path);
}

const intrusions: Readonly<Record<string, (disk: SimulatedDisk) => void>> = {
  "the runtime's directory was replaced": (disk) => replace(disk, HOME),
  "the workers were replaced": (disk) => replace(disk, `${HOME}/workers`),
  "the runtime's directory was moved": (disk) => disk.intruder.move(HOME, "/moved"),
  "the runtime's directory leads elsewhere through a link": (disk) => {
    disk.intruder.move(HOME, "/moved");
    disk.intruder.symlink(`/backup${HOME}`, HOME);
  },
};

/** An open store, and a backup of it. */
async function running(): Promise<{ disk: SimulatedDisk } & Awaited<ReturnType<typeof openWorker>>> {
  const disk = await closed();
  for (const path of ["/backup", "/backup/data", "/backup/data/runtimes"]) disk.makeDirectory(path);
  disk.intruder.copy(HOME, `/backup${HOME}`);
  return { disk, ...await openWorker(disk) };
}

for (const [what, intrude] of Object.entries(intrusions)) {
  Deno.test(`putBlob() throws store_vanished when ${what}, and writes no file there`, async () => {
    const { disk, runtime, worker } = await running();
    if (what.includes("workers were")) {
      disk.intruder.remove(`/backup${HOME}`);
      disk.makeDirectory(`/backup${HOME}`);
      disk.intruder.copy(`${HOME}/workers`, `/backup${HOME}/workers`);
    }
    intrude(disk);
    const before = filesIn(disk, "/");
    await refused("store_vanished", () => worker.putBlob(OTHER));
    assertEquals(filesIn(disk, "/"), before);
    assertEquals(runtime.health.status, "failed");
    await refused("store_vanished", () => worker.append([{ role: "user", content: "x" }]));
    await runtime.close();
  });

  Deno.test(`blob() throws store_vanished when ${what}`, async () => {
    const { disk, runtime, worker } = await running();
    if (what.includes("workers were")) {
      disk.intruder.remove(`/backup${HOME}`);
      disk.makeDirectory(`/backup${HOME}`);
      disk.intruder.copy(`${HOME}/workers`, `/backup${HOME}/workers`);
    }
    intrude(disk);
    await refused("store_vanished", () => readBack(worker, BYTES));
    await runtime.close();
  });
}

Deno.test("blob() throws store_vanished when the directory was replaced before the stream is read", async () => {
  const { disk, runtime, worker } = await running();
  const stream = await worker.blob(refOf(BYTES));
  replace(disk, HOME);
  await refused("store_vanished", () => new Response(stream).arrayBuffer());
  await runtime.close();
});

Deno.test("putBlob() during which the directory is replaced at any call names no blob in the other store", async () => {
  let vanished = 0;
  for (let n = 1;; n++) {
    const { disk, runtime, worker } = await running();
    let calls = 0;
    let replacedAt = "";
    disk.onCall = (call) => {
      if (++calls === n) {
        replacedAt = call.operation;
        replace(disk, HOME);
      }
      return undefined;
    };
    const outcome = await worker.putBlob(OTHER).then(() => "put", (error) => error.code);
    disk.onCall = undefined;
    if (replacedAt === "") {
      assertEquals(outcome, "put");
      await runtime.close();
      break;
    }
    if (outcome === "store_vanished") vanished++;
    // After the last check the blob is in the store that was moved away, and a commit fails.
    else assertEquals([outcome, replacedAt], ["put", "close"]);
    await refused("store_vanished", () => refer(worker, OTHER));
    assertEquals(disk.stat(pathOf(OTHER)), undefined, replacedAt);
    assertEquals(filesIn(disk, `${HOME}/incoming`), [], replacedAt);
    await runtime.close();
  }
  assert(vanished > 10, `${vanished} calls`);
});
