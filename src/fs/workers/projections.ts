/**
 * Projections for people and tools: `worker.json` of each worker, and
 * `overview.json`. They are written rarely, when the runtime is idle, flushed or
 * closed, and never needed to open a store or to answer a read. A file that is
 * missing, damaged or not current is reported and written again; a damaged one
 * is quarantined first.
 *
 * They are replaced atomically and not synced: a file damaged by a power cut is
 * detected by its checksum.
 *
 * @module
 */
import type { Notice } from "../../core/diagnostics.ts";
import type { WorkerId } from "../../core/ids.ts";
import { plainLines } from "../../core/json.ts";
import { overviewOf, workerRow } from "../../core/overview.ts";
import type { StateView, WorkerState } from "../../core/state.ts";
import { Slices } from "../../core/turn.ts";
import { replaceInStore } from "../aside.ts";
import { readSmallFile, removeQuietly } from "../disk/files.ts";
import { storeFault } from "../disk/faults.ts";
import { nameOf, type WatchedPlace, workerLayout } from "../layout.ts";
import { seal, sealHead, sealInSlices, unseal } from "../lines/sealed.ts";
import { prepareWorkerDirectory } from "./directories.ts";

/** The largest projection that is read: an overview of the most workers allowed. */
export const PROJECTION_BYTES_MAX = 268_435_456;
/** Files written at a time. */
const PARALLEL = 8;

/** Services of the store that projections use. */
export interface ProjectionHost extends WatchedPlace {
  /** The durable state. */
  readonly view: StateView;
  /** Name of the runtime for people, if there is one. */
  readonly displayName: string | undefined;
  /** Keeps a damaged file. */
  quarantine(path: string): Promise<void>;
}

/** A projection file. */
interface Projection {
  readonly path: string;
  readonly format: string;
  /** The event through which it is current; 0 accepts any. */
  readonly through: number;
  /** Members besides the seal and `through`; for an overview, without its rows. */
  readonly body: object;
}

/** Writes and verifies the projections of a runtime. */
export class Projections {
  readonly #host: ProjectionHost;
  /** Workers whose files are stale, with the event that the state must include before they are written. */
  readonly #dirty = new Map<WorkerId, number>();
  /** The same for the overview. */
  #overviewDirty: number | undefined;
  #checked = false;
  /** Workers purged since the last flush began, with the event that purged them. */
  readonly #purgedBy = new Map<WorkerId, number>();

  /** The projections below the directory of a runtime. */
  constructor(host: ProjectionHost) {
    this.#host = host;
  }

  /** Skips the verification of existing files, for a new store. */
  begin(): void {
    this.#checked = true;
  }

  /** Returns true if there is nothing to write or to verify. */
  get idle(): boolean {
    return this.#checked && this.#dirty.size === 0 && this.#overviewDirty === undefined;
  }

  /** Marks the files of workers whose state events up to this one changed. The host's view may not include them yet. */
  touch(workerIds: Iterable<WorkerId>, throughEventId: number): void {
    for (const workerId of workerIds) this.#dirty.set(workerId, throughEventId);
    this.#overviewDirty = throughEventId;
  }

  /** Records a purge, which a flush under way must not undo. */
  forget(workerId: WorkerId, purgedEventId: number): void {
    this.#purgedBy.set(workerId, purgedEventId);
    this.#dirty.delete(workerId);
  }

  /** Writes stale files. The first flush also verifies existing ones. */
  async flush(): Promise<void> {
    this.#forgetPurges();
    if (!this.#checked) await this.#check();
    const slices = new Slices();
    // Taken first and written last: the files of workers are never older than the overview.
    const overview = this.#takeOverview();
    const dirty = [...this.#dirty.keys()].values();
    const writeInTurn = async () => {
      for (const workerId of dirty) await this.#writeWorker(workerId, slices);
    };
    await Promise.all(Array.from({ length: PARALLEL }, writeInTurn));
    if (overview !== undefined) await this.#writeOverview(overview);
  }

  /** Returns true if the view includes the events that made a file stale. If not, the file must be written again later. */
  #isAdopted(dirtyThrough: number | undefined): boolean {
    return (dirtyThrough ?? 0) <= this.#host.view.runtime.lastEventId;
  }

  async #writeWorker(workerId: WorkerId, slices: Slices): Promise<void> {
    while (slices.isUsedUp) await slices.next();
    if (!this.#isAdopted(this.#dirty.get(workerId))) return;
    this.#dirty.delete(workerId);
    const state = this.#host.view.worker(workerId);
    if (state === undefined || this.#isPurged(state)) return;
    try {
      const { fs, runtimeId } = this.#host;
      await prepareWorkerDirectory(this.#host, workerId);
      if (this.#isPurged(state)) return;
      const { path, format, through, body } = this.#ofWorker(state);
      const bytes = seal({ format, runtimeId }, { through, ...body });
      await replaceInStore(this.#host, path, () => [bytes], { durable: false });
      if (this.#isPurged(state)) removeQuietly(fs, path);
    } catch (error) {
      if (this.#isPurged(state)) return;
      this.#markDirty(workerId);
      this.#failed(error, workerId);
    }
  }

  /** Marks the files of a worker as stale unconditionally. */
  #markDirty(workerId: WorkerId): void {
    this.#dirty.set(workerId, this.#dirty.get(workerId) ?? 0);
  }

  /** Returns true if the worker was purged after this state. */
  #isPurged({ record, createdEventId }: WorkerState): boolean {
    return createdEventId < (this.#purgedBy.get(record.workerId) ?? 0);
  }

  /** Forgets purges that the view includes by now. */
  #forgetPurges(): void {
    for (const [workerId, purgedEventId] of this.#purgedBy) {
      const state = this.#host.view.worker(workerId);
      if (state === undefined || state.createdEventId > purgedEventId) this.#purgedBy.delete(workerId);
    }
  }

  /** Text of a current overview, in a chunk per worker; `undefined` if there is none to write. */
  #takeOverview(): (() => Generator<string>) | undefined {
    if (this.#overviewDirty === undefined || !this.#isAdopted(this.#overviewDirty)) return undefined;
    this.#overviewDirty = undefined;
    const { format, through, body } = this.#overview();
    const head = sealHead({ format, runtimeId: this.#host.runtimeId }, { through, ...body });
    // States are immutable, so slow writing does no harm.
    const states = [...this.#host.view.workers()];
    return () => withRows(head, states);
  }

  async #writeOverview(texts: () => Generator<string>): Promise<void> {
    const { overview } = this.#host.layout;
    try {
      await replaceInStore(this.#host, overview, () => sealInSlices(texts()), { durable: false });
    } catch (error) {
      this.#overviewDirty ??= 0;
      this.#failed(error);
    }
  }

  #failed(error: unknown, workerId?: WorkerId): void {
    const { message } = storeFault(error, "write", this.#host.layout.workers);
    const notice: Notice = { code: "projection_failed", severity: "warning", message };
    this.#host.notice(workerId === undefined ? notice : { ...notice, workerId });
  }

  #ofWorker(state: WorkerState): Projection {
    return {
      path: workerLayout(this.#host.layout, state.record.workerId).worker,
      format: WORKER_FORMAT,
      through: state.lastEventId,
      body: workerContent(state),
    };
  }

  #overview(): Projection {
    const { view, displayName } = this.#host;
    return {
      path: this.#host.layout.overview,
      format: OVERVIEW_FORMAT,
      through: view.runtime.lastEventId,
      body: { overview: overviewOf(view, displayName) },
    };
  }

  /** Verifies every projection; bad ones are written again. */
  async #check(): Promise<void> {
    this.#checked = true;
    const slices = new Slices();
    const lagging: string[] = [];
    for (const state of [...this.#host.view.workers()]) {
      const { workerId } = state.record;
      if (this.#dirty.has(workerId) || this.#isPurged(state)) continue;
      if (await this.#isBad(this.#ofWorker(state), lagging)) this.#markDirty(workerId);
      await slices.pause();
    }
    // The opening itself changed the overview, so only damage is reported.
    await this.#isBad({ ...this.#overview(), through: 0 }, lagging);
    this.#overviewDirty ??= 0;
    const [file] = lagging;
    if (file === undefined) return;
    // One notice for all: after a kill, the files of every worker may lag.
    const others = lagging.length > 1 ? ` and ${lagging.length - 1} more` : "";
    const message = `Projection ${JSON.stringify(file)}${others} is written again: missing or not current`;
    this.#host.notice({ code: "projection_rebuilt", severity: "info", message, file });
  }

  /** Returns true if a projection is bad. A damaged one is reported and quarantined. */
  async #isBad({ path, format, through }: Projection, lagging: string[]): Promise<boolean> {
    const { fs, layout, runtimeId, notice } = this.#host;
    const file = nameOf(layout, path);
    try {
      const bytes = readSmallFile(fs, path, PROJECTION_BYTES_MAX, file);
      const content = bytes && unseal(bytes, { format, runtimeId }, path);
      if (content !== undefined && (through === 0 || content.through === through)) return false;
      lagging.push(file);
    } catch (error) {
      await this.#quarantine(path);
      const issue = error instanceof Error ? error.message : String(error);
      const message = `Projection ${JSON.stringify(file)} is written again: it is damaged (${issue})`;
      notice({ code: "projection_rebuilt", severity: "warning", message, file });
    }
    return true;
  }

  async #quarantine(path: string): Promise<void> {
    try {
      await this.#host.quarantine(path);
      this.#host.fs.remove(path);
    } catch (error) {
      this.#failed(error);
    }
  }
}

/** Format of `overview.json`. */
export const OVERVIEW_FORMAT = "worker-runtime/overview";
/** Format of `worker.json`. */
export const WORKER_FORMAT = "worker-runtime/worker";

/** Members of `worker.json` besides the seal and `through`. */
export function workerContent({ record, usage, usageByModel, ...state }: WorkerState): object {
  return { workerId: record.workerId, record, state, usage: { total: usage, byModel: usageByModel } };
}

/** Text of an overview, in a chunk per worker. */
function* withRows(head: string, states: readonly WorkerState[]): Generator<string> {
  yield `${head},"rows":[`;
  let comma = "";
  for (const state of states) {
    yield comma + plainLines(JSON.stringify(workerRow(state)));
    comma = ",";
  }
  yield "]";
}
