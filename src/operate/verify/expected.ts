/**
 * Expected contents of the other files, folded from the log line by line: the
 * state, and the length and checksum of each transcript.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import type { RuntimeEvent, WorkerChange } from "../../core/event_types.ts";
import { addsEntries, parseEvent, parseEventHead } from "../../core/events.ts";
import type { RuntimeId, WorkerId } from "../../core/ids.ts";
import { Ledger } from "../../core/ledger.ts";
import { restoreSnapshot } from "../../core/snapshots.ts";
import { isJsonObject } from "../../core/json.ts";
import { eventText, isOfType, transcriptSpan } from "../../fs/lines/codec.ts";
import type { Checkpoint, CheckpointRow } from "../../fs/checkpoint/checkpoint.ts";
import { transcriptHeaderBytes, type TranscriptOwner } from "../../fs/transcripts/file.ts";
import { blobsOf } from "../read/blob_refs.ts";

/** Expected contents of a transcript. */
export interface ExpectedTranscript {
  /** Its owner. */
  readonly owner: TranscriptOwner;
  /** Bytes that a checkpoint covers, the header included; later bytes were read from the log. */
  base: number;
  /** Bytes of those that were synced; later bytes can be restored from the log. */
  readonly synced: number;
  /** True if `base` is known; it is not for a transcript that was being rebuilt. */
  known: boolean;
  /** Bytes at the last event. */
  bytes: number;
  /** Checksum of the bytes after `base`. */
  crc: number;
  /** Sizes of the blobs that its lines after `base` refer to. */
  readonly blobs: Map<string, number>;
}

/** The fold of the log. */
export class Expected {
  /** The state. */
  readonly ledger: Ledger;
  /** The transcripts. */
  readonly transcripts: Map<WorkerId, ExpectedTranscript> = new Map();
  /** Events of types that this version does not know. */
  unknownCount = 0;
  /** True if the last event is `runtime.closed`. */
  closed = false;
  /** The first event that is kept, according to the events of prunings. */
  prunedTo = 1;

  /** The state before event 1. */
  constructor(runtimeId: RuntimeId) {
    this.ledger = new Ledger(runtimeId);
  }

  /** Restarts from a checkpoint. */
  restore(checkpoint: Checkpoint): void {
    restoreSnapshot(this.ledger, checkpoint.snapshot);
    this.transcripts.clear();
    for (const row of checkpoint.rows) this.#expect(row);
  }

  #expect(row: Omit<CheckpointRow, "snapshot" | "transcriptLength">): void {
    const { workerId, createdEventId, transcriptBytes, transcriptSynced, transcriptBefore: before = 0 } = row;
    const owner = { runtimeId: this.ledger.runtime.runtimeId, workerId, createdEventId, before };
    const base = Math.max(transcriptBytes ?? 0, transcriptHeaderBytes(owner));
    this.transcripts.set(workerId as WorkerId, {
      owner,
      base,
      synced: transcriptSynced?.bytes ?? base,
      known: transcriptBytes !== undefined,
      bytes: base,
      crc: 0,
      blobs: new Map(),
    });
  }

  /** Folds a line of the log. Throws `store_corrupt` if it contradicts the lines before. */
  apply(bytes: Uint8Array, start: number, end: number): void {
    const text = eventText(bytes, start, end);
    const event = parseEvent(text);
    this.closed = event.type === "runtime.closed";
    if (event.type === "unknown") {
      this.unknownCount++;
      return this.ledger.apply(parseEventHead(text));
    }
    this.ledger.apply(event);
    this.#follow(event);
    if (addsEntries(event)) this.#add(event, bytes, start, end);
  }

  /** Reads prunings and closings from a line that is not folded. */
  skip(bytes: Uint8Array, start: number, end: number): void {
    this.closed = isOfType(bytes, start, "runtime.closed");
    if (transcriptSpan(bytes, start, end) !== undefined) return;
    const text = eventText(bytes, start, end);
    if (text.includes('"runtime.pruned"')) this.#follow(parseEvent(text));
  }

  #follow(head: RuntimeEvent): void {
    if (head.type === "custom" && head.name === "runtime.pruned" && isJsonObject(head.data)) {
      this.prunedTo = Math.max(this.prunedTo, Number(head.data.firstEventId) || 1);
    }
    if (head.type === "custom") return;
    if (head.type === "worker.purged") this.transcripts.delete(head.workerId);
    if (head.type !== "worker.created") return;
    const nothing = { transcriptBytes: 0, transcriptSynced: { bytes: 0, entries: 0 } };
    const { workerId, id: createdEventId, fork } = head;
    this.#expect({ workerId, createdEventId, transcriptBefore: fork?.seq, ...nothing });
  }

  #add(event: WorkerChange, bytes: Uint8Array, start: number, end: number): void {
    const transcript = this.transcripts.get(event.workerId);
    if (transcript === undefined) return;
    transcript.crc = crc32(bytes.subarray(start, end + 1), transcript.crc);
    transcript.bytes += end + 1 - start;
    for (const { sha256, bytes } of blobsOf(event)) transcript.blobs.set(sha256, bytes);
  }
}
