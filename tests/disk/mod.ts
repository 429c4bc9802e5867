/**
 * The simulated disk of the reliability suites.
 *
 * It behaves like the file system of `src/fs/disk/deno_file_system.ts` (one test
 * runs on both), and at a power cut it does all that real disks are known to
 * do: it loses or keeps each unsynced sector and each unsynced name on its
 * own, grows a file before its contents arrive, fills the gap with zeros,
 * garbage or the bytes of removed files, and after a failed sync it forgets
 * what it has not written.
 *
 * A suite runs a workload on a {@linkcode SimulatedDisk}, stops it at a call
 * ({@linkcode cutPowerAt}) or copies the disk there (`fork()`), goes through
 * `crashStates()`, and opens the store on each `state.disk`. It then compares
 * what it reads with what the workload was promised. Everything is
 * deterministic: a state is found again by its `choices`, a sample by its seed.
 *
 * ```ts ignore
 * const moments: { disk: SimulatedDisk; promised: number }[] = [];
 * const disk = new SimulatedDisk();
 * disk.onCall = (call) => {
 *   if (isChange(call) || isSync(call)) moments.push({ disk: disk.fork(), promised });
 *   return undefined;
 * };
 * await workload(disk); // raises `promised` with every receipt
 * for (const { disk, promised } of moments) {
 *   for (const state of disk.crashStates({ seed })) await openAndCompare(state.disk, promised);
 * }
 * ```
 *
 * @module
 */
export { type CallDetail, CallLog, type DiskCall, type DiskOperation, type Trace } from "./calls.ts";
export {
  type Choose,
  chooseRandomly,
  enumerate,
  exceptAt,
  keepAll,
  loseAll,
  type Outcome,
  record,
  replay,
} from "./choices.ts";
export type { CrashStateOptions } from "./crash_states.ts";
export { codeOf, diskError, type ErrorCode, PowerCut } from "./errors.ts";
export {
  type CallFilter,
  type CallHook,
  cutPowerAt,
  failAt,
  type Fault,
  faultAt,
  hooks,
  isChange,
  isSync,
  isTransfer,
  killAt,
  type Persistence,
  shortAt,
} from "./faults.ts";
export { DirectoryImage, FileImage, type Image, LinkImage } from "./image.ts";
export type { Intruder } from "./intruder.ts";
export type { Planter } from "./plant.ts";
export type { ProcessOptions } from "./process.ts";
export { Random, withSeed } from "../kit/random.ts";
export { SECTOR_BYTES } from "./sector.ts";
export { type CrashState, SimulatedDisk, type SimulatedDiskOptions } from "./simulated_disk.ts";
export { type DiskTree, fromTree, toTree } from "./tree.ts";
