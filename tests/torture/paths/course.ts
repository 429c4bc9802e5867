/**
 * A case, and its course up to the end of the host's script.
 *
 * @module
 */
import { basename } from "@std/path";
import {
  type CallHook,
  DirectoryImage,
  type DiskCall,
  type Image,
  type SimulatedDisk,
} from "../../disk/mod.ts";
import { HOME } from "../../kit/opened.ts";
import { type Base, baseOf, type Bases, bases, say } from "../script/bases.ts";
import { Finding, History, type Mark } from "../script/history.ts";
import type { Session } from "../script/session.ts";
import type { Played } from "../script/stage.ts";
import type { Workload } from "../workloads.ts";
import { ASIDE, type Intrusion, type Materials } from "./intrusions.ts";
import type { StoreObject } from "./objects.ts";

/** A case. */
export interface PathCase {
  readonly workload: Workload;
  /** The call before which it happens. */
  readonly call: DiskCall;
  readonly object: StoreObject;
  readonly intrusion: Intrusion;
  /** True if it happens while the call is under way. */
  readonly isDuring: boolean;
  /** True if the host is killed at the end of its script; otherwise it is closed. */
  readonly isKilled: boolean;
  /** True if a store that was put there is used afterwards, not only opened. */
  readonly isThorough: boolean;
  /** Rejections of the script when no other process interferes. */
  readonly refusals: readonly string[];
  /** Workers with such rejections. */
  readonly refusedWorkers: ReadonlySet<string>;
}

/** Calls between the two steps of an intrusion. */
const GO_ON_CALLS = 5;

/** A batch that was acknowledged. */
export interface Acknowledged {
  /** The last event. */
  readonly through: number;
  /** The last write or sync of the log before that, as a number of a call. */
  readonly call: number;
}

/** Events of a case, up to the end of the script. */
export class Course {
  readonly intruded: PathCase;
  /** A copy of the store with which another host went on. */
  readonly other: Base;
  readonly acknowledged: Acknowledged[] = [];
  /** Path of the object. */
  path = "";
  /** State of the history at the intrusion; undefined before it. */
  mark: Mark | undefined;
  /** State of the history when the older image was taken. */
  olderMark: Mark | undefined;
  /** True if the host had the lock at the intrusion. */
  wasLocked = false;
  /** True if another host could take the lock at the path from then on. */
  hasLostLock = false;
  /** True if the host was open at the intrusion. */
  wasOpen = false;
  /** True if the host had opened the object, or the store in it: otherwise it was replaced before that. */
  isHeld = false;
  /** True if an opening cannot notice the intrusion: it had not opened the object yet, or reads it only once. */
  isUnseen = false;
  /** The call before which it happened, or during which: calls may come in another order than in the sound run. */
  call: DiskCall | undefined;
  /** Tree at the path directly after the intrusion. */
  left: Image | undefined;
  /** The same, once the calls that were under way have ended. */
  leftBehindCalls: Image | undefined;
  /** The whole disk at the first rejection, and the events acknowledged by then. */
  refused: { image: DirectoryImage; readonly events: number } | undefined;
  /** The last call that compared the file of a blob with its path, by hash. */
  readonly blobChecks: Map<string, number> = new Map();
  readonly #disk: SimulatedDisk;
  readonly #history: History;
  readonly #session: Session;
  #older: Image | undefined;
  #olderPath: string | undefined;
  #events: number;
  #logCall = 0;
  /** True if the current host has the lock. */
  #isLocked = false;
  #last: DiskCall | undefined;
  /** Files and directories that the host has opened since it took the lock. */
  readonly #opened = new Set<string>();
  #goOnAt = Infinity;

  constructor(intruded: PathCase, other: Base, { disk, history, session }: Played) {
    this.intruded = intruded;
    this.other = other;
    this.#disk = disk;
    this.#history = history;
    this.#session = session;
    this.#events = history.texts.length;
    history.onLoaded = () => this.#events = history.texts.length;
    disk.plant.directory(ASIDE);
  }

  /** True once the intrusion happened. */
  get happened(): boolean {
    return this.mark !== undefined;
  }

  readonly hook: CallHook = (call) => {
    const { call: { index }, isDuring } = this.intruded;
    this.note();
    this.#follow(call);
    if (call.operation === "write" || call.operation.startsWith("sync")) {
      if (call.path.includes("/events/")) this.#logCall = call.index;
    }
    if (call.operation === "identity" && call.path.includes("/blobs/")) {
      this.blobChecks.set(basename(call.path), call.index);
    }
    if (call.index === Math.floor(index / 2)) this.#takeOlder();
    if (call.index === index) {
      this.call = call;
      if (isDuring && isAsynchronous(call)) queueMicrotask(() => this.#intrude());
      else this.#intrude();
    }
    const isBehind = this.happened && call.index > index;
    if (isBehind && !this.#hasPending(index)) this.leftBehindCalls ??= this.#view();
    if (call.index >= this.#goOnAt) this.goOn();
    return undefined;
  };

  /** Follows the host up to the call before this one. */
  #follow(call: DiskCall): void {
    const { operation, path } = this.#last ?? call;
    this.#last = call;
    if (operation === "lock" || operation === "release") {
      this.#isLocked = operation === "lock";
      this.#opened.clear();
    }
    if (operation === "open" || operation === "openDirectory") this.#opened.add(path);
  }

  /** True if a call up to this one is under way. */
  #hasPending(index: number): boolean {
    return [...this.#disk.pending].some((pending) => pending <= index);
  }

  /** Ends the host. True if the error is that it read a file of another store that it cannot know. */
  async isMisreadUnseen(error: unknown): Promise<boolean> {
    await this.#session.abandon();
    return this.isUnseen && error instanceof Finding && this.#history.misread === error;
  }

  /** Notes what was acknowledged. */
  note(): void {
    const { length } = this.#history.texts;
    if (length > this.#events) this.acknowledged.push({ through: length, call: this.#logCall });
    this.#events = length;
  }

  /** A command was rejected. */
  readonly onRefused = (): void => {
    if (this.#session.refusals.at(-1) !== "store_vanished" || this.refused !== undefined) return;
    this.refused = { image: this.#disk.image(), events: this.#history.texts.length };
    const { status = "failed" } = this.#session.runtime?.health ?? {};
    if (status !== "failed") throw new Finding("I11", `the store vanished, and its health is ${status}`);
  };

  /** Second step of the intrusion, if it is still to come. */
  goOn(): void {
    if (this.#goOnAt === Infinity) return;
    this.#goOnAt = Infinity;
    this.intruded.intrusion.goOn?.(this.#disk.intruder, this.#materials());
    this.left = this.leftBehindCalls = this.#view();
    if (this.intruded.intrusion.leaves === "own") this.hasLostLock = false;
    if (this.refused !== undefined) this.refused.image = this.#disk.image();
  }

  #intrude(): void {
    const { object, intrusion } = this.intruded;
    const { intruder } = this.#disk;
    const path = object.path(this.#disk);
    if (path === undefined || intruder.view(path) === undefined) return;
    this.path = path;
    if (!intrusion.act(intruder, this.#materials())) return;
    this.mark = this.#history.mark();
    this.wasLocked = this.#isLocked;
    this.wasOpen = this.#session.runtime !== undefined;
    this.isHeld = this.wasOpen || this.#opened.has(object.isWhole ? HOME : path);
    const isSegment = path.endsWith(".jsonl") && path.includes("/events/");
    this.isUnseen = isSegment ||
      ![...this.#opened].some((opened) => opened === path || opened.startsWith(`${path}/`));
    this.left = this.#view();
    this.hasLostLock = this.wasLocked && this.#isLockFree();
    if (intrusion.goOn !== undefined) this.#goOnAt = this.intruded.call.index + GO_ON_CALLS;
    if (intrusion.isHarmless) return;
    this.#history.isIntruded = true;
    // An opening that finds nothing creates a store.
    if (object.isWhole && intruder.view(path) === undefined) this.#history.others.push(new History());
    if (intrusion.leaves === "other") this.#history.others.push(this.other.history);
    if (intrusion.leaves === "older") this.#history.others.push(this.olderHistory());
  }

  /** History of the older state. Hard links to files that were written since may contain more of it. */
  olderHistory(): History {
    const now = this.#history.mark();
    const { certain, doubt, ...rest } = this.olderMark ?? now;
    if (!this.intruded.intrusion.links) return this.#history.at({ certain, doubt, ...rest });
    const later = [...this.#history.texts.slice(certain), ...now.doubt];
    return this.#history.at({ ...rest, certain, doubt: later });
  }

  #isLockFree(): boolean {
    const path = `${HOME}/lock`;
    const view = this.#disk.intruder.view(path);
    if (view === undefined) return true;
    // Another host rejects a lock that is anything else.
    if (view.kind !== "file") return false;
    const lock = this.#disk.attach().lock(path);
    lock?.release();
    return lock !== undefined;
  }

  #takeOlder(): void {
    const path = this.intruded.object.path(this.#disk);
    if (path === undefined) return;
    this.#older = this.#disk.intruder.view(path);
    if (this.#older === undefined) return;
    this.#olderPath = path;
    this.olderMark = this.#history.mark();
    this.intruded.intrusion.prepare?.(this.#disk.intruder, path);
  }

  #materials(): Materials {
    const { path } = this;
    const sibling = this.intruded.object.sibling?.(this.#disk);
    const older = path === this.#olderPath ? this.#older : undefined;
    return { path, sibling, older, other: imageAt(this.other.image, path) };
  }

  #view(): Image {
    return this.#disk.intruder.view(this.path) ?? NOTHING;
  }
}

/** True if other processes can act while the call is under way. */
export function isAsynchronous({ operation }: DiskCall): boolean {
  return ["rename", "syncDirectory", "syncData", "sync", "ensureDirectory"].includes(operation);
}

/** Image of an unused path. */
export const NOTHING: DirectoryImage = new DirectoryImage(new Map(), 0);

function imageAt(root: DirectoryImage, path: string): Image | undefined {
  let at: Image | undefined = root;
  for (const name of path.split("/").slice(1)) {
    at = at?.kind === "directory" ? at.entries.get(name) : undefined;
  }
  return at;
}

const others = new Map<keyof Bases, Promise<Base>>();

/** A copy of a base with which another host went on. */
export function otherOf(base: keyof Bases): Promise<Base> {
  let other = others.get(base);
  if (other === undefined) others.set(base, other = makeOther(base));
  return other;
}

async function makeOther(base: keyof Bases): Promise<Base> {
  const from = (await bases())[base];
  return await baseOf(from, async (session) => {
    await session.open();
    for (const workerId of ["a", "b"]) {
      if (session.runtime?.workers({ limit: 9 }).items.some(({ record }) => record.workerId === workerId)) {
        continue;
      }
      await session.tell((runtime) => runtime.createWorker({ workerId, intent: { kind: "assistant" } }));
    }
    for (let turn = 0; turn < 12; turn++) await say(session, turn % 2 === 0 ? "a" : "b", 500 + turn);
    await session.tell((runtime) => runtime.flush());
    await session.close();
  });
}
