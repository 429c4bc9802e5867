// deno-lint-ignore-file camelcase -- damages are keyed by the names of rows
/**
 * The rows of the recovery table with the verdict `corrupt`, each reached by a
 * store damaged for it.
 *
 * @module
 */
import { verify } from "../../../operate.ts";
import { tailTable, TORN_BYTES_MAX } from "../../../src/fs/log/tail_table.ts";
import { type DirectoryImage, SimulatedDisk } from "../../disk/mod.ts";
import { HOME, openOn, ROOT } from "../../kit/opened.ts";
import { BrokenOracle } from "../suite.ts";

const LOG = `${HOME}/events/0000000000000001.jsonl`;

type Damage = (bytes: Uint8Array) => Uint8Array;

/** Damage for which an opening rejects a store whose writer was killed. */
const killed: Readonly<Record<string, Damage>> = {
  later_line_saw_it_synced: (bytes) => flipped(bytes, bytes.indexOf(0x0a) + 20),
  too_much_after_it: (bytes) => {
    const long = new Uint8Array(bytes.length + TORN_BYTES_MAX + 1).fill(0x61);
    long.set(bytes);
    return long;
  },
  segment_in_use: (bytes) => flipped(bytes.slice(0, endOfLine(bytes, 3)), 20),
};

/**
 * Damage for which an opening rejects a store whose transcripts were written before
 * the kill: the log has all events but the last.
 */
const flushed: Readonly<Record<string, Damage>> = {
  transcript_holds_it: (bytes) => bytes.slice(0, endOfLine(bytes, 4)),
};

/**
 * Damage for which `verify` rejects a closed store: an opening reads from the
 * checkpoint on, and checks its position first.
 */
const closed: Readonly<Record<string, Damage>> = {
  checkpoint_covers_it: (bytes) => bytes.slice(0, -3),
};

/** Damage for which an opening rejects a log of several segments. */
const segmented: Readonly<Record<string, Damage>> = {
  log_continues: (bytes) => new Uint8Array([...bytes, ...new TextEncoder().encode("garbage\n")]),
};

/** Reaches every row with the verdict `corrupt`; returns their names. */
export async function checkRows(): Promise<string[]> {
  const images = await stores();
  const opened = async (disk: SimulatedDisk) => [String(await openOn(disk).catch((error) => error))];
  const verified = async (fileSystem: SimulatedDisk) => {
    const { findings } = await verify({ root: ROOT, runtimeId: "t" }, { fileSystem });
    return findings.map(({ message }) => message);
  };
  const reached = [
    ...await checkEach(killed, images.killed, opened),
    ...await checkEach(flushed, images.flushed, opened),
    ...await checkEach(segmented, images.segmented, opened),
    ...await checkEach(segmented, images.segmented, verified),
    ...await checkEach(closed, images.closed, verified),
  ];
  return [...new Set(reached)];
}

/** Applies each damage to a store; the reported message must end with the reason of the row. */
async function checkEach(
  damages: Readonly<Record<string, Damage>>,
  image: DirectoryImage,
  tell: (disk: SimulatedDisk) => Promise<string[]>,
): Promise<string[]> {
  for (const [name, damage] of Object.entries(damages)) {
    const disk = new SimulatedDisk({ contents: image });
    disk.plant.file(LOG, damage(disk.peek(LOG) ?? new Uint8Array()));
    const told = await tell(disk);
    if (told.some((message) => message.endsWith(reasonOf(name)))) continue;
    throw new BrokenOracle("I1", `row:${name}`, `not refused by this row, but ${told.join("; ")}`);
  }
  return Object.keys(damages);
}

function reasonOf(row: string): string {
  return tailTable.find(({ name }) => name === row)?.reason ?? "no such row";
}

/** A store of events 1 to 4, the last of them an entry of a worker; its states before the flush, and after the close. */
async function stores(): Promise<
  Readonly<Record<"killed" | "flushed" | "closed" | "segmented", DirectoryImage>>
> {
  const disk = new SimulatedDisk();
  const { runtime } = await openOn(disk);
  await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  await runtime.worker("a").sendInput({ role: "user", content: "one" });
  const killed = disk.image();
  await runtime.flush();
  const flushed = disk.image();
  await runtime.close();
  return { killed, flushed, closed: disk.image(), segmented: await severalSegments() };
}

/** A store of several segments without a checkpoint. */
async function severalSegments(): Promise<DirectoryImage> {
  const disk = new SimulatedDisk();
  const config = JSON.stringify({ limits: { segmentBytes: 4_096 } });
  disk.plant.file(`${HOME}/config.jsonc`, new TextEncoder().encode(config));
  const { runtime } = await openOn(disk);
  await runtime.createWorker({ workerId: "a", intent: { kind: "assistant" } });
  for (const content of ["x".repeat(3_000), "y".repeat(3_000), "z".repeat(3_000)]) {
    await runtime.worker("a").sendInput({ role: "user", content });
  }
  const killed = disk.image();
  await runtime.close();
  return killed;
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ 4;
  return copy;
}

/** Returns the end offset of the line with this number; the header is line 1. */
function endOfLine(bytes: Uint8Array, number: number): number {
  let end = 0;
  for (let line = 0; line < number; line++) end = bytes.indexOf(0x0a, end) + 1;
  return end;
}
