/**
 * A host in a script: opens a runtime on a simulated disk, executes commands, and
 * opens it again after a failure. Every answer is compared with the history, every
 * rejection must be a typed error.
 *
 * @module
 */
import {
  type BlobRef,
  type BlobSource,
  type Diagnostic,
  isRuntimeError,
  Runtime,
  RuntimeReader,
  type TranscriptEntry,
  Worker,
} from "../../../mod.ts";
import { FsRuntimeSource, FsRuntimeStore } from "../../../fs_store.ts";
import type { CallHook, SimulatedDisk } from "../../disk/mod.ts";
import { ROOT } from "../../kit/opened.ts";
import { transcriptsOf } from "../kit/fold.ts";
import { hashOfBytes } from "./blobs.ts";
import { Finding, type History } from "./history.ts";
import { WitnessedStore } from "./witnessed_store.ts";

/** Time at which scripts run; each reading of the clock is one millisecond later. */
const EPOCH_MS = 1_800_000_000_000;

/** Rejections that no fault of the disk explains. */
const NEVER: ReadonlySet<string> = new Set([
  "store_corrupt",
  "store_missing",
  "store_version",
  "store_vanished",
  "store_locked",
  "wrong_runtime",
  "blob_missing",
  "blob_corrupt",
]);

/** Attempts of a script to reopen after a failure. */
const REOPENINGS_MAX = 2;

/** A host at work. */
export class Session {
  readonly history: History;
  /** All diagnostics. */
  readonly diagnostics: Diagnostic[] = [];
  /** Codes of rejected commands. */
  readonly refusals: string[] = [];
  /** Workers with rejected commands. */
  readonly refusedWorkers: Set<string> = new Set();
  disk: SimulatedDisk;
  /** Disk faults that are part of the script. */
  trouble: CallHook | undefined;
  /** Called for each rejection. */
  onRefused: ((session: Session) => void) | undefined;
  #runtime: Runtime | undefined;
  #reopenings = 0;
  /** The reopening in progress: concurrent commands wait for one. */
  #reopening: Promise<void> | undefined;
  #ids = 0;
  #now = EPOCH_MS;

  constructor(disk: SimulatedDisk, history: History) {
    this.disk = disk;
    this.history = history;
  }

  /** The open runtime, or `undefined`. */
  get runtime(): Runtime | undefined {
    return this.#runtime;
  }

  /** Opens the runtime; throws the errors of opening. */
  async openOrThrow(): Promise<Runtime> {
    const now = () => ++this.#now;
    const store = new FsRuntimeStore({ root: ROOT, runtimeId: "t" }, { fileSystem: this.disk, now });
    const runtime = await Runtime.open({
      store: new WitnessedStore(store, this.history),
      now,
      newId: () => `id-${this.history.texts.length}-${++this.#ids}`,
      onDiagnostic: (diagnostic) => this.diagnostics.push(diagnostic),
    });
    this.#runtime = runtime;
    if (this.history.misread !== undefined) throw this.history.misread;
    return runtime;
  }

  /** Opens the runtime; `false` if that was rejected. Does not open a store that another process put there. */
  async open(): Promise<boolean> {
    this.#runtime = undefined;
    if (this.history.isIntruded) return false;
    return await this.#settle(() => this.openOrThrow()) !== undefined;
  }

  /** Closes the runtime. */
  async close(): Promise<void> {
    const runtime = this.#runtime;
    this.#runtime = undefined;
    if (runtime !== undefined) await this.#settle(() => runtime.close());
  }

  /** Ends like a killed process: the disk is unchanged, the memory is free. */
  async abandon(): Promise<void> {
    const runtime = this.#runtime;
    this.#runtime = undefined;
    this.disk.kill();
    await runtime?.close().catch(() => {});
  }

  /** Closes and opens. */
  async reopen(): Promise<void> {
    await this.close();
    await this.open();
  }

  /** Executes a command of the runtime; `undefined` if it was rejected. */
  async tell<T>(command: (runtime: Runtime) => Promise<T>): Promise<T | undefined> {
    const runtime = await this.#ready();
    if (runtime === undefined) return undefined;
    const answer = await this.#settle(() => command(runtime));
    const receipt: unknown = answer instanceof Worker ? answer.creation : answer;
    if (isReceipt(receipt)) this.history.promise(receipt.eventId);
    return answer;
  }

  /** Executes a command of a worker; `undefined` if it was rejected. */
  async ask<T>(workerId: string, command: (worker: Worker) => Promise<T>): Promise<T | undefined> {
    const { length } = this.refusals;
    const answer = await this.tell((runtime) => command(runtime.worker(workerId)));
    if (answer === undefined && this.refusals.length > length) this.refusedWorkers.add(workerId);
    return answer;
  }

  /** Puts a blob of a worker; `undefined` if that was rejected. */
  async put(workerId: string, source: BlobSource): Promise<BlobRef | undefined> {
    return await this.ask(workerId, (worker) => worker.putBlob(source, { mediaType: "text/plain" }));
  }

  /** Sends input with a key, and remembers it. */
  async keyed(
    workerId: string,
    key: string,
    content: string,
    blobs: readonly BlobRef[] = [],
  ): Promise<void> {
    const entry = { role: "user", content, blobs };
    const sent = await this.ask(workerId, (worker) => worker.sendInput(entry, { key }));
    if (sent !== undefined) this.history.keyed.push({ workerId, key, entry, eventId: sent.eventId });
  }

  /** Reads a whole transcript and compares it with the history. */
  async read(workerId: string): Promise<void> {
    const page = await this.ask(workerId, (worker) => worker.transcript({ after: 0, limit: 1_000 }));
    if (page === undefined || page.next !== null) return;
    const expected = transcriptsOf(this.history.texts).get(workerId) ?? [];
    const [found, wanted] = [JSON.stringify(page.items), JSON.stringify(expected)];
    if (found !== wanted) throw new Finding("I1", `the transcript of ${workerId} is ${found}, not ${wanted}`);
    for (const entry of page.items) await this.#readBlobs(workerId, entry);
  }

  /** Reads the blobs of an entry. Damaged ones are rejected. */
  async #readBlobs(workerId: string, { blobs = [], contentBlob }: TranscriptEntry): Promise<void> {
    for (const ref of contentBlob === undefined ? blobs : [...blobs, contentBlob]) {
      const bytes = await this.ask(workerId, async (worker) => {
        try {
          return await new Response(await worker.blob(ref)).bytes();
        } catch (error) {
          const isDamage = isRuntimeError(error) && error.code.startsWith("blob_");
          if (isDamage && this.history.isSpoiled(ref.sha256)) return undefined;
          throw error;
        }
      });
      if (bytes === undefined || hashOfBytes(bytes) === ref.sha256) continue;
      throw new Finding("I1", `blob ${ref.sha256} of ${workerId} is read with other bytes`);
    }
  }

  /**
   * Reads all transcripts from the disk, as another process does, and compares them with
   * the history, unless there may be another store by now. The end of one may be of events that are
   * not durable yet, or never became so.
   */
  async view(): Promise<void> {
    await this.#settle(async () => {
      const source = new FsRuntimeSource({ root: ROOT, runtimeId: "t" }, { fileSystem: this.disk });
      await using reader = await RuntimeReader.open({ source });
      const expected = transcriptsOf(this.history.texts);
      for (const { record: { workerId } } of reader.workers({ limit: 100 }).items) {
        const { items } = await reader.transcript(workerId, { after: 0, limit: 1_000 });
        const acknowledged = items.filter(({ eventId }) => eventId <= this.history.texts.length);
        const wanted = JSON.stringify(expected.get(workerId)?.slice(0, items.length) ?? []);
        const found = JSON.stringify(acknowledged);
        if (found !== wanted && !this.history.isIntruded) {
          throw new Finding("I1", `another process reads ${workerId} as ${found}, not ${wanted}`);
        }
      }
    });
  }

  /** Looks for a runtime that is not there, as another process does. */
  async viewAbsent(): Promise<void> {
    await this.#settle(async () => {
      const source = new FsRuntimeSource({ root: ROOT, runtimeId: "absent" }, { fileSystem: this.disk });
      const opened = await RuntimeReader.open({ source }).catch((error) => {
        if (isRuntimeError(error) && error.code === "store_missing") return undefined;
        throw error;
      });
      if (opened !== undefined) throw new Finding("I3", "a runtime that is not there is opened");
    });
  }

  /** Size of the newest segment of the log. */
  lastSegmentBytes(): number {
    const last = [...this.disk.dump()].filter(([path]) => /\/events\/\d+\.jsonl$/.test(path)).sort().at(-1);
    return last?.[1].length ?? 0;
  }

  async #ready(): Promise<Runtime | undefined> {
    if (this.#runtime !== undefined && this.#runtime.health.status !== "failed") return this.#runtime;
    // A host that rejected a command has to reject it again.
    if (this.history.isIntruded) return this.#runtime;
    if (this.#reopening === undefined) {
      if (this.#reopenings >= REOPENINGS_MAX) return undefined;
      this.#reopenings++;
      this.#reopening = this.reopen().finally(() => this.#reopening = undefined);
    }
    await this.#reopening;
    return this.#runtime;
  }

  async #settle<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Finding) throw error;
      if (!this.disk.alive) return undefined;
      if (!isRuntimeError(error)) throw new Finding("I7", `an untyped error: ${error}`, { cause: error });
      if (NEVER.has(error.code) && !this.history.isIntruded) {
        throw new Finding("I1", `${error.code}: ${error.message}`, { cause: error });
      }
      this.refusals.push(error.code);
      this.onRefused?.(this);
      return undefined;
    }
  }
}

function isReceipt(value: unknown): value is { readonly eventId: number } {
  return typeof value === "object" && value !== null && "eventId" in value &&
    typeof value.eventId === "number";
}
