/**
 * Import of one worker of an export into an open runtime, by its commands.
 *
 * @module
 */
import type { CommitInput } from "../../core/commands.ts";
import type { EntryInput } from "../../core/entries.ts";
import { invalidRequest, isRuntimeError } from "../../core/errors.ts";
import type { EventRecord, RunOutcome } from "../../core/event_types.ts";
import { addsEntries, parseEvent } from "../../core/events.ts";
import { BASE_TYPES, readBaseEntries } from "../../core/fork_base.ts";
import { parseWorkerId, type WorkerId } from "../../core/ids.ts";
import type { Ledger } from "../../core/ledger.ts";
import { entriesOf, type TranscriptEntry } from "../../core/reading.ts";
import { limits } from "../../core/limits.ts";
import { workerNotFound } from "../../core/rules.ts";
import type { FinishOutcome, Run } from "../../core/run.ts";
import type { Runtime } from "../../core/runtime.ts";
import { finishOutcomes } from "../../core/shapes.ts";
import type { WorkerState } from "../../core/state.ts";
import type { BlobFacts, BlobOwner } from "../../core/store.ts";
import type { Worker } from "../../core/worker.ts";
import type { OldEvent } from "../../postgres/import.ts";
import type { OperationOptions } from "../options.ts";
import { importStream } from "./import.ts";
import { rewindSeq, rewindsTo } from "./import_context.ts";
import type { ImportedBlob, ImportWriter } from "./import_target.ts";
import { PipedBlob } from "./piped_blob.ts";

/**
 * Label of a worker whose import is not complete. Its value names the worker in the
 * stream.
 */
export const importingLabel = "worker-runtime.importing";

/** Options of {@linkcode importWorker}. */
export interface ImportWorkerOptions extends Pick<OperationOptions, "signal" | "onProgress"> {
  /** The worker in the stream. */
  readonly workerId: string;
  /** Its id in the runtime. @default the same */
  readonly as?: string | undefined;
  /** Size of the stream, if known, for the progress. */
  readonly totalBytes?: number | undefined;
}

/** Result of an import of one worker. */
export interface ImportWorkerReport {
  /** The worker in the runtime. */
  readonly workerId: WorkerId;
  /** Entries of its transcript. */
  readonly entries: number;
  /** True if an earlier call with the same stream had completed the import. */
  readonly duplicate: boolean;
}

/**
 * Imports one worker of an export, of all workers or of this one, into an open runtime.
 * `stream` opens the export; it is read twice: checked as a whole before the first
 * change, and then imported.
 *
 * The worker gets the record, labels, name, data, usage, context and status (with the reason,
 * unless it is running) that it has at the end of the stream, and all entries: content, role, `name`, `id`, `metadata`,
 * blobs and the time of each, which becomes its `at`. Entries keep their run ids: each
 * sequence of them is a run. Not preserved are ids and times of events, idempotency
 * keys, `meta`, events of the host, and other facts about runs. A fork becomes a worker of its own, and keeps
 * the blobs of its base unreferenced. Its usage is added to that of the runtime.
 *
 * Until its last event, which sets all but the record and the entries, the worker has
 * the label `worker-runtime.importing`, and none of its own: hosts must leave such a
 * worker alone. If the import was interrupted, the same call continues it; to undo it,
 * stop and purge the worker. Once complete, the same call changes nothing, as long as
 * the key of the last event is known.
 *
 * Throws `worker_exists`, `worker_not_found` if the stream does not have the worker,
 * `store_corrupt` for a damaged stream, `conflict` if another program changes the
 * worker meanwhile, `invalid_request` if it has done so before, and the errors of the
 * commands.
 */
export async function importWorker(
  runtime: Runtime,
  stream: () => AsyncIterable<Uint8Array>,
  options: ImportWorkerOptions,
): Promise<ImportWorkerReport> {
  const workerId = parseWorkerId(options.workerId);
  const as = parseWorkerId(options.as ?? workerId);
  const source = await readSource(stream(), workerId, options);
  const { transcriptLength: entries } = source.state;
  const { worker, isComplete } = await begin(runtime, source, as);
  if (isComplete) return { workerId: as, entries, duplicate: true };
  const writer = new WorkerWriter(worker, source.state, options.signal);
  await importStream(targetFor(writer), stream(), options);
  await writer.addBase();
  await writer.rewindBefore(entries + 1);
  await writer.endRun();
  // The patch of the last event removes a label as well, and a patch has a bound.
  for (const label of Object.entries(source.state.labels).slice(LABELS_AT_ONCE)) {
    await worker.commit({ labels: Object.fromEntries([label]) });
  }
  await complete(worker, source, worker.state().lastEventId);
  return { workerId: as, entries, duplicate: false };
}

/** Labels that one patch can set besides removing another one. */
const LABELS_AT_ONCE = 255;

/** A worker in a stream. */
interface SourceWorker {
  /** Its state at the end. */
  readonly state: WorkerState;
  /** Names it. */
  readonly mark: string;
}

function targetFor(writer: ImportWriter): Parameters<typeof importStream>[0] {
  return { target: { write: (_runtimeId, _header, work) => work(writer) }, placeOf: () => ({}) };
}

/** Checks a whole stream. Throws `worker_not_found` unless it has the worker. */
async function readSource(
  stream: AsyncIterable<Uint8Array>,
  workerId: WorkerId,
  options: ImportWorkerOptions,
): Promise<SourceWorker> {
  let state: WorkerState | undefined;
  const writer: ImportWriter = {
    append: () => Promise.resolve(),
    create: () => {},
    addOld: () => {},
    blob: () => IGNORED,
    finish: (ledger: Ledger) => Promise.resolve(void (state = ledger.worker(workerId))),
  };
  const { runtimeId } = await importStream(targetFor(writer), stream, options, "check");
  if (state === undefined) throw workerNotFound(workerId, "import worker");
  return { state, mark: `${runtimeId}/${workerId}@${state.createdEventId}` };
}

/** A blob that is not kept. */
const IGNORED: ImportedBlob = { write: () => {}, finish: () => Promise.resolve(), close: () => {} };

/** Creates the worker, or continues an import of it. Throws `worker_exists`. */
async function begin(
  runtime: Runtime,
  source: SourceWorker,
  as: WorkerId,
): Promise<{ readonly worker: Worker; readonly isComplete: boolean }> {
  const { state: { record }, mark } = source;
  try {
    const spec = { ...record, workerId: as, labels: { [importingLabel]: mark } };
    return { worker: await runtime.createWorker(spec), isComplete: false };
  } catch (error) {
    if (!isRuntimeError(error) || error.code !== "worker_exists") throw error;
    const worker = runtime.worker(as);
    if (worker.state().labels[importingLabel] === mark) return { worker, isComplete: false };
    // Succeeds only as a repetition: no event has this id.
    await complete(worker, source, 0).catch((rejection) => {
      const isOther = isRuntimeError(rejection) && OTHER_WORKER.has(rejection.code);
      throw isOther ? error : rejection;
    });
    return { worker, isComplete: true };
  }
}

const OTHER_WORKER: ReadonlySet<string> = new Set(["conflict", "key_reused"]);

/** Commits the last event of an import, if the worker's last event is the expected one. */
async function complete(
  worker: Worker,
  { state, mark }: SourceWorker,
  lastEventId: number,
): Promise<void> {
  const { status, reason, displayName, data } = state;
  const usage = Object.entries(state.usageByModel).map(([model, amounts]) => ({ model, ...amounts }));
  const labels = Object.fromEntries(Object.entries(state.labels).slice(0, LABELS_AT_ONCE));
  const commit: CommitInput = {
    labels: { [importingLabel]: null, ...labels },
    displayName,
    data: Object.keys(data).length === 0 ? undefined : data,
    usage: usage.length === 0 ? undefined : usage,
  };
  const options = {
    key: `import ${mark} ${state.lastEventId}`,
    meta: { importedFrom: mark },
    expect: { lastEventId },
  };
  if (status === "running") await worker.commit(commit, options);
  else if (status === "stopped") await worker.stop({ ...options, reason, commit });
  else await worker.retire({ ...options, reason, commit });
}

/** Writes the entries and blobs of one worker. */
class WorkerWriter implements ImportWriter {
  readonly #worker: Worker;
  readonly #state: WorkerState;
  readonly #rewinds: ReadonlyMap<number, number>;
  readonly #signal: AbortSignal | undefined;

  /** Writes to `worker` the one that has this state at the end of the stream. */
  constructor(worker: Worker, state: WorkerState, signal: AbortSignal | undefined) {
    this.#worker = worker;
    this.#state = state;
    this.#rewinds = rewindsTo(state);
    this.#signal = signal;
  }

  async append(batch: readonly EventRecord[]): Promise<void> {
    const { record, createdEventId } = this.#state;
    for (const { id, workerId, count, json } of batch) {
      if (workerId === record.workerId && id >= createdEventId && count !== undefined) await this.#add(json);
    }
  }

  create(): void {}

  async addOld({ workerId, json }: OldEvent): Promise<void> {
    if (workerId === this.#state.record.workerId) await this.#add(json);
  }

  blob({ workerId, createdEventId }: BlobOwner, _blob: BlobFacts): ImportedBlob {
    const { record, createdEventId: life } = this.#state;
    if (workerId !== record.workerId || createdEventId !== life) return IGNORED;
    return new PipedBlob((bytes) => this.#worker.putBlob(bytes));
  }

  async finish(): Promise<void> {
    await Promise.resolve();
  }

  /** Adds the entries of an event, unless an earlier attempt has done so. */
  async #add(json: string): Promise<void> {
    const event = parseEvent(json);
    if (event.type === "unknown" || !addsEntries(event)) return;
    await this.addBase();
    const { seq, count } = event;
    const { transcriptLength } = this.#worker.state();
    if (seq + count - 1 <= transcriptLength) return;
    if (seq !== transcriptLength + 1) {
      const issue = `it has ${transcriptLength} entries, which are not those of an import of this stream`;
      throw invalidRequest(`import worker ${JSON.stringify(this.#worker.workerId)}`, issue);
    }
    await this.#append(entriesOf(event));
  }

  /** Adds the entries of the base of a fork, whose blobs precede the events in a stream. */
  async addBase(): Promise<void> {
    const { fork } = this.#state;
    if (fork === undefined) return;
    const { workerId } = this.#worker;
    const readBlob = (_workerId: WorkerId, blob: BlobFacts) =>
      this.#worker.blob({ ...blob, mediaType: BASE_TYPES.lines });
    for (;;) {
      const from = this.#worker.state().transcriptLength + 1;
      const range = { from, to: Math.min(fork.seq, from + limits.entriesMax - 1), keep: "first" } as const;
      const entries = await readBaseEntries({ readBlob }, workerId, fork, range) as TranscriptEntry[];
      if (entries.length === 0) return;
      for (const added of Map.groupBy(entries, ({ eventId }) => eventId).values()) await this.#append(added);
    }
  }

  /** Appends the next entries, which one event added. */
  async #append(added: readonly TranscriptEntry[]): Promise<void> {
    const [first] = added;
    if (first === undefined) return;
    const { seq, runId, compacted } = first;
    const entries: EntryInput[] = [];
    for (const entry of added) entries.push(await this.#input(entry));
    await this.rewindBefore(seq);
    const run = await this.#runOf(runId);
    const { lastEventId } = this.#worker.state();
    const options = { expect: { lastEventId }, signal: this.#signal };
    const [summary] = entries;
    if (compacted !== undefined && summary !== undefined) {
      await this.#worker.compact({ through: compacted, summary }, options);
    } else await (run ?? this.#worker).append(entries, options);
  }

  /** Rewinds what the context at the end lacks before a sequence. Repeated after an interruption, this changes nothing. */
  async rewindBefore(seq: number): Promise<void> {
    const through = this.#rewinds.get(seq);
    if (through === undefined) return;
    await this.endRun();
    const state = this.#worker.state();
    const toSeq = rewindSeq(state, through, this.#state);
    await this.#worker.rewind({ toSeq }, { expect: { lastEventId: state.lastEventId } });
  }

  async #input(entry: TranscriptEntry): Promise<EntryInput> {
    const { role, name, id, at, metadata, blobs } = entry;
    return { role, name, id, at, metadata, blobs, content: await this.#worker.content(entry) };
  }

  /** The run of the next entries, which may have to begin. */
  async #runOf(runId: string | undefined): Promise<Run | undefined> {
    const open = this.#worker.openRun;
    if (open?.runId === runId) return open;
    await this.endRun();
    return runId === undefined ? undefined : await this.#worker.beginRun({ runId });
  }

  /** Ends the run of the last entries, if it is open. */
  async endRun(): Promise<void> {
    const run = this.#worker.openRun;
    if (run === undefined) return;
    const { lastRun } = this.#state;
    const { outcome = "completed", reason } = lastRun?.runId === run.runId ? lastRun : {};
    if (isFinishOutcome(outcome)) await run.finish(outcome, { reason });
    else await run.finish("failed", { reason: reason ?? outcome });
  }
}

function isFinishOutcome(outcome: RunOutcome): outcome is FinishOutcome {
  return finishOutcomes.some((each) => each === outcome);
}
