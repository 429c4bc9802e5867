/**
 * The schedule of checkpoints. One is due once the log after the last is long, and
 * several times as long as a checkpoint, so that checkpoints add a bounded share to
 * the bytes appended.
 *
 * @module
 */
import type { StoreConfig } from "../place/config.ts";
import { SYNC_TURNS } from "../transcripts/transcripts.ts";

/** Minimum ratio of the log's length to the size of the last checkpoint. */
const CHECKPOINTS = 4;

/** Counts events and bytes appended since the last checkpoint. */
export class CheckpointSchedule {
  readonly #limits: StoreConfig["limits"];
  /** Bytes of the log after the last checkpoint. */
  #logBytes: number;
  /** The last event that the newest checkpoint covers. */
  #through: number;
  /** Size of the newest checkpoint. */
  #checkpointBytes: number;
  #turn: number;

  /** A schedule after an opening that replayed `logBytes` after a checkpoint of `checkpointBytes`. */
  constructor(limits: StoreConfig["limits"], through: number, logBytes: number, checkpointBytes: number) {
    this.#limits = limits;
    this.#through = through;
    this.#logBytes = logBytes;
    this.#checkpointBytes = checkpointBytes;
    this.#turn = through % SYNC_TURNS;
  }

  /** Counts bytes of the log. */
  add(bytes: number): void {
    this.#logBytes += bytes;
  }

  /** Returns true if a checkpoint is due when `lastEventId` is the last event. */
  isDue(lastEventId: number): boolean {
    const { checkpointBytes, checkpointEvents } = this.#limits;
    const isLong = this.#logBytes > checkpointBytes || lastEventId - this.#through > checkpointEvents;
    return isLong && this.#logBytes > CHECKPOINTS * this.#checkpointBytes;
  }

  /** The transcripts to sync with the next checkpoint, in turn. */
  nextTurn(): number {
    return this.#turn = (this.#turn + 1) % SYNC_TURNS;
  }

  /** Begins a checkpoint of the current state. Call the result with its last event and its size once it is written. */
  start(): (through: number, checkpointBytes: number) => void {
    const covered = this.#logBytes;
    return (through, checkpointBytes) => {
      this.#logBytes -= covered;
      this.#through = through;
      this.#checkpointBytes = checkpointBytes;
    };
  }
}
