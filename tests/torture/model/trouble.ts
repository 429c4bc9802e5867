/**
 * Random disk faults.
 *
 * @module
 */
import {
  type CallHook,
  cutPowerAt,
  type ErrorCode,
  faultAt,
  isSync,
  killAt,
  type Random,
  shortAt,
  type SimulatedDisk,
} from "../../disk/mod.ts";

/** A fault that ends when it is disarmed. */
export interface Trouble {
  /** Ends it. */
  disarm(): void;
}

const ERRORS: readonly ErrorCode[] = ["EIO", "ENOSPC", "EDQUOT", "EACCES", "EMFILE", "EBUSY", "EROFS"];

/** Injects a fault into one of the next calls. */
export function armed(random: Random, disk: SimulatedDisk, powerCuts: boolean): Trouble {
  if (random.chance(0.1)) return fullDisk(disk, random);
  disk.onCall = hookFor(random, powerCuts);
  return {
    disarm(): void {
      if (disk.alive) disk.onCall = undefined;
    },
  };
}

function hookFor(random: Random, powerCuts: boolean): CallHook {
  const at = 1 + random.below(12);
  const when = random.chance(0.5) ? "before" : "after";
  const kind = random.below(10);
  if (kind < 2) return killAt(at, when);
  if (kind < 4) return powerCuts ? cutPowerAt(at, when) : killAt(at, when);
  if (kind < 5) return shortAt(1 + random.below(3), "once", 1 + random.below(40));
  const fault = { kind: "error", code: random.pick(ERRORS), applied: random.chance(0.2) } as const;
  const persistence = random.chance(0.3) ? "sticky" : "once";
  if (kind < 7) return faultAt(1, fault, "once", isSync);
  return faultAt(at, fault, persistence);
}

function fullDisk(disk: SimulatedDisk, random: Random): Trouble {
  const before = disk.capacityBytes;
  disk.capacityBytes = disk.usedBytes + 512 * random.below(8);
  return {
    disarm(): void {
      disk.capacityBytes = before;
    },
  };
}
