/**
 * An import on a disk whose calls fail.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { isRuntimeError } from "../../mod.ts";
import { failAt, SimulatedDisk } from "../disk/mod.ts";

/** Fails each third call of an import to `/target`: nothing is left behind, and every error is typed. */
export async function assertLeavesNothing(work: (disk: SimulatedDisk) => Promise<unknown>): Promise<void> {
  let failures = 0;
  for (let n = 1;; n += 3) {
    const disk = new SimulatedDisk();
    disk.onCall = failAt(
      n,
      "ENOSPC",
      "sticky",
      ({ operation }) => operation !== "remove" && operation !== "removeDirectory" && operation !== "list",
    );
    const error = await work(disk).then(() => undefined, (reason) => reason);
    disk.onCall = undefined;
    if (error === undefined) break;
    failures++;
    assert(isRuntimeError(error), `call ${n}: ${error.stack}`);
    assertEquals(disk.stat("/target"), undefined, `call ${n}`);
  }
  assert(failures > 50, `${failures} failures`);
}
