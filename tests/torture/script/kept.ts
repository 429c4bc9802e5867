/**
 * I8: bytes that an opening removed from the log are in quarantine.
 *
 * @module
 */
import type { SimulatedDisk } from "../../disk/mod.ts";
import { withoutRoom } from "../../fs/lines/bytes_file.ts";
import { HOME } from "../../kit/opened.ts";
import { Finding } from "./history.ts";

/** Files below a directory, by path. */
export type Files = ReadonlyMap<string, Uint8Array>;

/** The files whose path begins with this text. */
export function filesOf(disk: SimulatedDisk, prefix: string): Files {
  return new Map([...disk.dump()].filter(([path]) => path.startsWith(prefix)));
}

/** Throws unless the log still has all its former content, or the quarantine has it. Bounds hold too (I6). */
export function checkKept(before: Files, disk: SimulatedDisk, prunable: number): void {
  const quarantine = filesOf(disk, `${HOME}/quarantine/`);
  const filesMax = quarantineFilesMax(disk);
  if (quarantine.size > filesMax) throw new Finding("I6", `${quarantine.size} files are in quarantine`);
  for (const [path, found] of before) {
    const bytes = withoutRoom(found);
    const after = disk.peek(path) ?? new Uint8Array();
    const from = firstDifference(bytes, after);
    if (from === bytes.length || isPruned(path, prunable) || isFresh(bytes) || path.endsWith(".tmp")) {
      continue;
    }
    const lost = bytes.subarray(from);
    if (![...quarantine.values()].some((kept) => endsWith(kept, lost))) {
      throw new Finding("I8", `${lost.length} bytes of ${path} from ${from} on are gone without a copy`);
    }
  }
}

/** Returns the operator's limit. */
function quarantineFilesMax(disk: SimulatedDisk): number {
  const { limits } = JSON.parse(
    new TextDecoder().decode(disk.peek(`${HOME}/config.jsonc`) ?? undefined) || "{}",
  );
  return limits?.quarantineFiles ?? 64;
}

function isPruned(path: string, prunable: number): boolean {
  return Number(/([0-9]{16})\.jsonl$/.exec(path)?.[1]) <= prunable;
}

/** A first segment that never contained an event is recreated with the store. */
function isFresh(bytes: Uint8Array): boolean {
  return !bytes.includes(0x0a) || bytes.indexOf(0x0a) === bytes.length - 1;
}

function firstDifference(one: Uint8Array, other: Uint8Array): number {
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return index;
  return one.length;
}

/** Returns true if the file ends with these bytes; the truncated part may begin before the first differing byte. */
function endsWith(kept: Uint8Array, bytes: Uint8Array): boolean {
  if (kept.length < bytes.length) return false;
  return firstDifference(bytes, kept.subarray(kept.length - bytes.length)) === bytes.length;
}
