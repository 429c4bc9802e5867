/**
 * Another process removes or writes the file of the log while it is open: the next
 * command reports it, and nothing is acknowledged that is not stored.
 *
 * @module
 */
import { isRuntimeError } from "../../../mod.ts";
import { FsRuntimeStore } from "../../../fs_store.ts";
import { SimulatedDisk } from "../../disk/mod.ts";
import { HOME, ROOT } from "../../kit/opened.ts";
import { bases, say } from "../script/bases.ts";
import { Finding } from "../script/history.ts";
import { Session } from "../script/session.ts";
import { acquire } from "../../kit/acquire.ts";

const FILE = `${HOME}/events/0000000000000001.jsonl`;

const deeds: Readonly<Record<string, (disk: SimulatedDisk) => void>> = {
  removes: (disk) => disk.plant.nothing(FILE),
  replaces: (disk) => disk.plant.file(FILE, disk.peek(FILE) ?? new Uint8Array()),
  writes: (disk) => {
    const file = disk.attach().open(FILE, "update");
    file.write(new Uint8Array([0x7b, 0x0a]), file.stat().size);
    file.close();
  },
};

/** Throws unless each operation leads to `store_vanished`, permanently. */
export async function checkForeignHands(): Promise<number> {
  const { image, history } = (await bases()).closed;
  for (const [deed, act] of Object.entries(deeds)) {
    const disk = new SimulatedDisk({ contents: image });
    const session = new Session(disk, history.at(history.mark()));
    const runtime = await session.openOrThrow();
    await say(session, "a", 20);
    act(disk);
    for (const content of ["one", "two"]) {
      const error = await runtime.worker("a").sendInput({ role: "user", content }).catch((error) => error);
      if (!isRuntimeError(error) || error.code !== "store_vanished") {
        throw new Finding(
          "I1",
          `somebody ${deed} the log, and a command is answered with ${JSON.stringify(error)}`,
        );
      }
    }
    await session.abandon();
  }
  await checkForeignIdentity();
  return Object.keys(deeds).length + 1;
}

/** Files of another runtime are not mistaken for this one's. */
async function checkForeignIdentity(): Promise<void> {
  const { image } = (await bases()).closed;
  const disk = new SimulatedDisk({ contents: image });
  const storeOf = (runtimeId: string) => new FsRuntimeStore({ root: ROOT, runtimeId }, { fileSystem: disk });
  await (await acquire(storeOf("u"))).close();
  disk.plant.file(`${HOME}/runtime.json`, disk.peek(`${ROOT}/runtimes/u/runtime.json`) ?? new Uint8Array());
  const error = await acquire(storeOf("t")).catch((error) => error);
  if (!isRuntimeError(error) || error.code !== "store_corrupt") {
    throw new Finding("I1", `the identity of another runtime is answered with ${JSON.stringify(error)}`);
  }
}
