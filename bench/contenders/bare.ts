/**
 * The core of this library on a store that writes and syncs the text of the
 * events and keeps nothing: as fast as any store below the core could be in
 * Deno. Its inputs are measured, and nothing else.
 *
 * @module
 */
import { fdatasyncSync, openSync, writeSync } from "node:fs";
import { MemoryRuntimeStore } from "../../memory_store.ts";
import type { AppendBatch, AppendResult } from "../../store.ts";
import type { Contender } from "./contender.ts";
import { openLibrary } from "./library.ts";

/** Written over and over, so that a sync has no size of a file to write. */
const FILE_BYTES = 67_108_864;
const PIECE_BYTES = 1_048_576;

const encoder = new TextEncoder();

/** Nothing is checked, marked or found again. */
class BareStore extends MemoryRuntimeStore {
  readonly #descriptor: number;
  #buffer = new Uint8Array(PIECE_BYTES);
  #offset = 0;

  constructor(path: string) {
    super({ runtimeId: "bench" });
    this.#descriptor = openSync(path, "w", 0o600);
    for (let at = 0; at < FILE_BYTES; at += PIECE_BYTES) {
      writeSync(this.#descriptor, this.#buffer, 0, PIECE_BYTES, at);
    }
    fdatasyncSync(this.#descriptor);
  }

  override append(batch: AppendBatch): Promise<AppendResult> {
    let text = "";
    for (const { json } of batch.events) text += `${json}\n`;
    if (text.length * 3 > this.#buffer.length) this.#buffer = new Uint8Array(text.length * 3);
    const { written } = encoder.encodeInto(text, this.#buffer);
    if (this.#offset + written > FILE_BYTES) this.#offset = 0;
    writeSync(this.#descriptor, this.#buffer, 0, written, this.#offset);
    this.#offset += written;
    fdatasyncSync(this.#descriptor);
    return Promise.resolve({ snapshotDue: false });
  }
}

/** The core and the device. */
export const bareContender: Contender = {
  open: (directory) => openLibrary(new BareStore(`${directory}/events`)),
};
