/**
 * The limit: the bytes of the log lines, written and synced, and nothing
 * else. No store on the same system can acknowledge faster.
 *
 * @module
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { textsOf } from "./callers.ts";
import type { Mix } from "./random.ts";

/** What to write. */
export interface RawLoad {
  readonly path: string;
  readonly batch: number;
  readonly mix: Mix;
  readonly ms: number;
}

/** Writes and syncs batch after batch; gives the number of inputs. */
export function writeRaw({ path, batch, mix, ms }: RawLoad): { inputs: number; ms: number } {
  const batches = encoded(mix, batch);
  const descriptor = openSync(path, "w", 0o600);
  let inputs = 0;
  const startedAt = performance.now();
  let at = startedAt;
  for (let index = 0; at < startedAt + ms; index++) {
    writeAll(descriptor, batches[index % batches.length] ?? new Uint8Array());
    fdatasyncSync(descriptor);
    inputs += batch;
    at = performance.now();
  }
  closeSync(descriptor);
  return { inputs, ms: at - startedAt };
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length;) offset += writeSync(descriptor, bytes, offset);
}

/** Log lines as the file system store writes them, in batches. */
function encoded(mix: Mix, batch: number): Uint8Array[] {
  const lines = textsOf(mix).map(line);
  const encoder = new TextEncoder();
  return Array.from(
    { length: Math.max(1, lines.length / batch) },
    (_, index) => encoder.encode(lines.slice(index * batch, (index + 1) * batch).join("")),
  );
}

function line(content: string, index: number): string {
  const id = 1_000_000 + index;
  return `{"id":${id},"at":"${new Date().toISOString()}","type":"worker.input_accepted",` +
    `"workerId":"worker-${index % 1_000}","seq":${1_000 + index},"count":1,` +
    `"entries":[{"role":"user","content":${JSON.stringify(content)}}],"durable":${id},"crc":"00000000"}\n`;
}
