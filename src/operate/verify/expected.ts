/**
 * What the log says that the other files hold: the state, and for each
 * transcript its length and checksum, folded line by line.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { type EventHead, isKnownEvent, isTranscriptEvent, parseEvent } from "../../core/events.ts";
import type { RuntimeId, WorkerId } from "../../core/ids.ts";
import { Ledger } from "../../core/ledger.ts";
import { restoreSnapshot } from "../../core/snapshots.ts";
import { isJsonObject } from "../../core/json.ts";
import { eventText, isOfType, transcriptSpan } from "../../fs/lines/codec.ts";
import type { Checkpoint } from "../../fs/checkpoint/checkpoint.ts";
import { transcriptHeader, type TranscriptOwner } from "../../fs/transcripts/file.ts";

/** What a transcript should be. */
export interface ExpectedTranscript {
  /** Whose it is. */
  readonly owner: TranscriptOwner;
  /** Bytes that a checkpoint vouches for, the header among them; what is behind them was seen in the log. */
  base: number;
  /** Bytes of those that a checkpoint says were synced; what is behind them can come back from the log. */
  readonly synced: number;
  /** Whether `base` is known; a transcript that was being rebuilt has none. */
  known: boolean;
  /** Bytes that it should have in the end. */
  bytes: number;
  /** Checksum of the bytes behind `base`. */
  crc: number;
}

/** The fold of the log. */
export class Expected {
  /** The state. */
  readonly ledger: Ledger;
  /** The transcripts. */
  readonly transcripts: Map<WorkerId, ExpectedTranscript> = new Map();
  /** Events of types that this version does not know. */
  unknownCount = 0;
  /** Whether the last event is a good end: `runtime.closed`. */
  closed = false;
  /** The first event that is kept, as the prunings of the log tell it. */
  prunedTo = 1;
  readonly #runtimeId: RuntimeId;

  /** The state before event 1. */
  constructor(runtimeId: RuntimeId) {
    this.#runtimeId = runtimeId;
    this.ledger = new Ledger(runtimeId);
  }

  /** Begins anew with what a checkpoint says. */
  restore(checkpoint: Checkpoint): void {
    restoreSnapshot(this.ledger, checkpoint.snapshot);
    this.transcripts.clear();
    for (const { workerId, createdEventId, transcriptBytes, transcriptSynced } of checkpoint.rows) {
      const owner = { runtimeId: this.#runtimeId, workerId, createdEventId };
      const header = transcriptHeader(owner).length;
      const base = Math.max(transcriptBytes ?? 0, header);
      this.transcripts.set(workerId as WorkerId, {
        owner,
        base,
        synced: transcriptSynced?.bytes ?? base,
        known: transcriptBytes !== undefined,
        bytes: base,
        crc: 0,
      });
    }
  }

  /** Folds a line of the log in. Throws `store_corrupt` when it contradicts what was before. */
  apply(bytes: Uint8Array, start: number, end: number): void {
    const head = parseEvent(eventText(bytes, start, end));
    this.ledger.apply(head);
    this.closed = head.type === "runtime.closed";
    if (!isKnownEvent(head)) this.unknownCount++;
    else if (isTranscriptEvent(head)) this.#add(head.workerId, bytes, start, end);
    else this.#follow(head);
  }

  /** Looks for a pruning or a close in a line that is not folded. */
  skip(bytes: Uint8Array, start: number, end: number): void {
    this.closed = isOfType(bytes, start, "runtime.closed");
    if (transcriptSpan(bytes, start, end) !== undefined) return;
    const text = eventText(bytes, start, end);
    if (text.includes('"runtime.pruned"')) this.#follow(parseEvent(text));
  }

  #follow(head: EventHead): void {
    if (head.type === "custom" && head.name === "runtime.pruned" && isJsonObject(head.data)) {
      this.prunedTo = Math.max(this.prunedTo, Number(head.data.firstEventId) || 1);
    }
    if (head.type === "custom") return;
    if (head.type === "worker.purged") this.transcripts.delete(head.workerId);
    if (head.type !== "worker.created") return;
    const owner = { runtimeId: this.#runtimeId, workerId: head.workerId, createdEventId: head.id };
    const base = transcriptHeader(owner).length;
    this.transcripts.set(head.workerId, { owner, base, synced: 0, known: true, bytes: base, crc: 0 });
  }

  #add(workerId: WorkerId, bytes: Uint8Array, start: number, end: number): void {
    const transcript = this.transcripts.get(workerId);
    if (transcript === undefined) return;
    transcript.crc = crc32(bytes.subarray(start, end + 1), transcript.crc);
    transcript.bytes += end + 1 - start;
  }
}
