// An open file whose bytes are given: for the parts that only read.

import type { OpenFile } from "../../../src/fs/disk/file_system.ts";

function never(): never {
  throw new Error("this file is only read");
}

/** A file of these bytes; a read gives at most `readMax` of them. */
export function fileOf(bytes: Uint8Array, readMax: number = Infinity): OpenFile {
  return {
    read: (target, position) => {
      const part = bytes.subarray(position, position + Math.min(target.length, readMax));
      target.set(part);
      return part.length;
    },
    size: () => bytes.length,
    stat: () => ({ kind: "file", size: bytes.length, links: 1 }),
    identity: never,
    close: () => {},
    write: never,
    truncate: never,
    syncDataNow: never,
    syncData: never,
    sync: never,
  };
}

/** Bytes one behind the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** What a segment holds: spaces at its end are room for what comes, and nobody wrote anything there. */
export function withoutRoom(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0x20) + 1);
}
