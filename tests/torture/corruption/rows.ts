// deno-lint-ignore-file camelcase -- damages are keyed by the names of rows
/**
 * The rows of the recovery table that refuse, each by a store that was
 * damaged for it.
 *
 * @module
 */
import { isRuntimeError } from "../../../mod.ts";
import { tailTable, TORN_BYTES_MAX } from "../../../src/fs/recovery_table.ts";
import { SimulatedDisk } from "../../disk/mod.ts";
import { HOME, openOn } from "../kit/opened.ts";
import { BrokenOracle } from "../suite.ts";

const LAST = `${HOME}/events/0000000000000001.jsonl`;

type Damage = (bytes: Uint8Array) => Uint8Array;

/**
 * `checkpoint_covers_it` is not among them: what a checkpoint covers is never
 * read as a tail, its last line is looked at before.
 */
const damages: Readonly<Record<string, Damage>> = {
  later_line_saw_it_synced: (bytes) => flipped(bytes, bytes.indexOf(0x0a) + 20),
  too_much_behind_it: (bytes) => {
    const long = new Uint8Array(bytes.length + TORN_BYTES_MAX + 1).fill(0x61);
    long.set(bytes);
    return long;
  },
  segment_in_use: (bytes) => flipped(bytes.slice(0, endOfLine(bytes, 3)), 20),
};

/** Hits every row that refuses; gives how many there were. */
export async function checkRows(): Promise<number> {
  const image = await killedStore();
  for (const [name, damage] of Object.entries(damages)) {
    const disk = new SimulatedDisk({ contents: image });
    disk.plant.file(LAST, damage(disk.peek(LAST) ?? new Uint8Array()));
    const error = await openOn(disk).then(() => undefined, (error) => error);
    const { reason } = tailTable.find((row) => row.name === name) ?? { reason: "no such row" };
    if (!isRuntimeError(error) || error.code !== "store_corrupt" || !error.message.endsWith(reason)) {
      throw new BrokenOracle("I1", `row:${name}`, `not refused by this row, but ${error}`, { cause: error });
    }
  }
  return Object.keys(damages).length;
}

async function killedStore(): Promise<ReturnType<SimulatedDisk["image"]>> {
  const disk = new SimulatedDisk();
  const { runtime } = await openOn(disk);
  await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  await runtime.worker("a").sendInput({ role: "user", content: "one" });
  const image = disk.image();
  await runtime.close();
  return image;
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ 4;
  return copy;
}

/** Where the line with this number ends, the header being 1. */
function endOfLine(bytes: Uint8Array, number: number): number {
  let end = 0;
  for (let line = 0; line < number; line++) end = bytes.indexOf(0x0a, end) + 1;
  return end;
}
