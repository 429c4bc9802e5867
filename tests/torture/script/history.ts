/**
 * Events that a runtime was asked to keep, and the part that was promised: the
 * reference for everything that is read later.
 *
 * An event is *certain* once an append of it was acknowledged, or once it was read
 * at an opening. Events of an append that is under way, or that failed for good,
 * are in *doubt*: each prefix of them may be there.
 *
 * @module
 */
import type { EntryInput } from "../../../mod.ts";
import type { BlobOwner, NewWorker } from "../../../store.ts";
import type { EventRecord } from "../../../src/core/event_types.ts";

/** Violation found by an oracle, before the case has a name. */
export class Finding extends Error {
  override readonly name = "Finding";
  /** The oracle, such as `I1`. */
  readonly oracle: string;

  constructor(oracle: string, why: string, options?: ErrorOptions) {
    super(why, options);
    this.oracle = oracle;
  }
}

/** A command with a key whose event is certain. */
export interface KeyedCommand {
  readonly workerId: string;
  readonly key: string;
  readonly entry: EntryInput;
  readonly eventId: number;
}

/** A step in the life of a blob. */
export interface BlobStep {
  /** Its bytes were written; it was acknowledged; its removal was asked for. */
  readonly kind: "written" | "kept" | "removed";
  readonly workerId: string;
  /** The event that created the worker; absent for a removal. */
  readonly createdEventId?: number | undefined;
  readonly sha256: string;
}

/** State of a history at one moment. */
export interface Mark {
  /** The number of events that were certain. */
  readonly certain: number;
  /** Those that may follow them. */
  readonly doubt: readonly string[];
  /** Events up to this one may have been pruned on request. */
  readonly prunable: number;
  /** Events up to this one survive a power cut even where an answer does not wait for the device. */
  readonly synced: number;
  /** The number of steps of blobs. */
  readonly blobSteps: number;
}

/** A snapshot that an opening read. */
interface ReadSnapshot {
  readonly through: number;
  readonly text: string;
}

/** The text of an event as an opening gives it: entries of transcripts are read when they are asked for. */
function foldedText(text = ""): string {
  const { entries, ...rest } = JSON.parse(text || "{}");
  return entries === undefined ? text : JSON.stringify(rest);
}

/** Issued and promised events. */
export class History {
  /** Texts of the events that are certain; event 1 first. */
  readonly texts: string[] = [];
  /** Snapshots that were saved, by the last event they cover. */
  readonly snapshots: Map<number, string> = new Map();
  /** Commands with keys whose events are certain. */
  readonly keyed: KeyedCommand[] = [];
  /** Blobs that were put and removed. */
  readonly blobSteps: BlobStep[] = [];
  /** Blobs whose files were damaged or removed, and the number of steps before that. */
  readonly spoiledBlobs: Map<string, number> = new Map();
  /** False if another process has moved blobs: they may be elsewhere. */
  checksBlobs = true;
  /** Called when an opening has read everything. */
  onLoaded: (() => void) | undefined;
  /** True once another process has moved or replaced files of the store: an opening may read another one. */
  isIntruded = false;
  /** Histories of the stores that it may have put in this one's place. */
  readonly others: History[] = [];
  /** Mismatch of an opening that read a store into which another process intruded: no opening may succeed with it. */
  misread: Finding | undefined;
  /** True once an opening has read one of the others. */
  hasMoved = false;
  #doubt: readonly string[] = [];
  #prunable = 0;
  #synced = 0;

  /** Returns the current state. */
  mark(): Mark {
    return {
      certain: this.texts.length,
      doubt: this.#doubt,
      prunable: this.#prunable,
      synced: this.#synced,
      blobSteps: this.blobSteps.length,
    };
  }

  /** An independent copy. With `written`, only synced events are certain. */
  at(mark: Mark, written = false): History {
    const certain = written ? Math.min(mark.synced, mark.certain) : mark.certain;
    const copy = new History();
    copy.texts.push(...this.texts.slice(0, certain));
    copy.#doubt = [...this.texts.slice(certain, mark.certain), ...mark.doubt];
    copy.#prunable = mark.prunable;
    copy.#synced = Math.min(mark.synced, certain);
    for (const [through, text] of this.snapshots) copy.snapshots.set(through, text);
    copy.keyed.push(...this.keyed.filter(({ eventId }) => eventId <= certain));
    copy.blobSteps.push(...this.blobSteps.slice(0, mark.blobSteps));
    for (const [sha256, steps] of this.spoiledBlobs) copy.spoiledBlobs.set(sha256, steps);
    copy.checksBlobs = this.checksBlobs;
    return copy;
  }

  /** A batch was issued. */
  issue(events: readonly EventRecord[]): void {
    if (this.misread !== undefined) return;
    const first = events[0]?.id ?? 0;
    if (first !== this.texts.length + 1) {
      throw new Finding("I3", `event ${first} was issued after event ${this.texts.length}`);
    }
    this.#doubt = events.map(({ json }) => json);
  }

  /** The issued batch was acknowledged. */
  acknowledge(): void {
    if (this.misread !== undefined) throw this.misread;
    this.texts.push(...this.#doubt);
    this.#doubt = [];
  }

  /** The issued batch was rejected; unless permanently, nothing of it exists. */
  refuse(forGood: boolean): void {
    if (!forGood) this.#doubt = [];
  }

  /** The caller of a command learned that its event is durable. */
  promise(eventId: number): void {
    if (eventId > this.texts.length) {
      throw new Finding("I1", `event ${eventId} was promised before event ${this.texts.length} was durable`);
    }
  }

  /** All bytes of a blob were written, or it was acknowledged. */
  blob(kind: "written" | "kept", owner: BlobOwner | NewWorker, sha256: string): void {
    const { workerId } = owner;
    // A worker that is yet to be created has the blobs that its event refers to, and no others.
    const createdEventId = "creation" in owner ? undefined : owner.createdEventId;
    this.blobSteps.push({ kind, workerId, createdEventId, sha256 });
  }

  /** True if the file of a blob is damaged, and no put has replaced it. */
  isSpoiled(sha256: string): boolean {
    const steps = this.spoiledBlobs.get(sha256);
    if (steps === undefined) return false;
    return !this.blobSteps.slice(steps).some((step) => step.kind === "kept" && step.sha256 === sha256);
  }

  /** The removal of blobs was asked for. */
  removeBlobs(workerId: string, hashes: readonly string[]): void {
    this.blobSteps.push(...hashes.map((sha256) => ({ kind: "removed", workerId, sha256 } as const)));
  }

  /** A snapshot is being saved. */
  snapshot(through: number, text: string): void {
    this.snapshots.set(through, text);
  }

  /** Everything through this event is on the device, whatever the durability. */
  sync(through: number): void {
    this.#synced = Math.max(this.#synced, through);
  }

  /** Pruning through this event was asked for. */
  prune(through: number): void {
    this.#prunable = Math.max(this.#prunable, through);
  }

  /** An opening read a snapshot and the events after it: compares them with the promised ones. */
  loaded(snapshot: ReadSnapshot | undefined, read: readonly string[]): void {
    try {
      this.#take(snapshot, read);
    } catch (error) {
      if (!this.isIntruded || !(error instanceof Finding)) throw error;
      const other = this.others.map((one) => one.at(one.mark())).find((one) => one.#takes(snapshot, read));
      if (other === undefined) this.misread = error;
      else this.#become(other);
    }
    this.onLoaded?.();
  }

  #takes(snapshot: ReadSnapshot | undefined, read: readonly string[]): boolean {
    try {
      this.#take(snapshot, read);
      return true;
    } catch {
      return false;
    }
  }

  /** Continues with the history of the store that was found. */
  #become(other: History): void {
    this.hasMoved = true;
    this.texts.splice(0, this.texts.length, ...other.texts);
    this.keyed.splice(0);
    this.blobSteps.splice(0, this.blobSteps.length, ...other.blobSteps);
    this.snapshots.clear();
    for (const [through, text] of other.snapshots) this.snapshots.set(through, text);
    this.#doubt = [];
    this.#prunable = other.#prunable;
  }

  #take(snapshot: ReadSnapshot | undefined, read: readonly string[]): void {
    const through = snapshot?.through ?? 0;
    this.#checkSnapshot(snapshot);
    const last = through + read.length;
    if (last < this.texts.length) {
      throw new Finding("I1", `events ${last + 1} to ${this.texts.length} are missing`);
    }
    const all = [...this.texts, ...this.#doubt];
    if (last > all.length) {
      throw new Finding("I3", `there are ${last} events, but only ${all.length} were issued`);
    }
    for (const [index, text] of read.entries()) {
      const id = through + 1 + index;
      if (text === foldedText(all[id - 1])) continue;
      throw new Finding(id <= this.texts.length ? "I1" : "I3", `event ${id} is ${text}, not ${all[id - 1]}`);
    }
    this.texts.push(...all.slice(this.texts.length, last));
    this.#doubt = [];
  }

  #checkSnapshot(snapshot: ReadSnapshot | undefined): void {
    if (snapshot === undefined) return;
    const { through, text } = snapshot;
    const saved = this.snapshots.get(through);
    if (saved === undefined) throw new Finding("I3", `a snapshot through ${through} was never saved`);
    if (saved !== text) throw new Finding("I1", `the snapshot through ${through} is not as it was saved`);
  }
}
