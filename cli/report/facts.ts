/**
 * Contents of a report, read from a store.
 *
 * @module
 */
import type { FileSystem } from "../../fs_store.ts";
import { isRuntimeError, type RuntimeReader, type WorkerState } from "../../mod.ts";
import { type History, readHistory, type StoreSizes } from "../../operate.ts";
import { isClosed } from "../describe.ts";
import type { OpenedStore } from "../store.ts";

/** Bounds of a report. */
export interface ReportBounds {
  /** Entries of each conversation, the newest. */
  readonly entries: number;
  /** Workers with their conversations, the last active. */
  readonly workers: number;
  /** The time, in milliseconds since 1970. */
  readonly now: number;
  /** Ends it early. */
  readonly signal: AbortSignal;
  /** The disk. @default the real one */
  readonly fileSystem?: FileSystem | undefined;
}

/** Contents of a report. */
export interface ReportFacts {
  /** The runtime. */
  readonly view: RuntimeReader;
  /** Its store. */
  readonly store: OpenedStore;
  /** Its workers, the last active first. */
  readonly workers: readonly WorkerState[];
  /** Those whose conversations are shown. */
  readonly shown: readonly WorkerState[];
  /** Its days, and the milestones of conversations. */
  readonly history: History;
  /** Its sizes. */
  readonly sizes: StoreSizes;
  /** True if the last writer closed it. */
  readonly closed: boolean;
  /** Damage that kept the history from being read. */
  readonly problem: string | undefined;
  /** The bounds. */
  readonly bounds: ReportBounds;
}

/** Reads what a report shows. */
export async function factsOf(store: OpenedStore, bounds: ReportBounds): Promise<ReportFacts> {
  const { view } = store;
  const workers = [...view.allWorkers()].sort((a, b) => b.lastEventId - a.lastEventId);
  const sizes = await store.sizes();
  const shown = workers.filter(({ transcriptLength }) => transcriptLength > 0).slice(0, bounds.workers);
  const { history, problem } = await historyOf(store, shown, bounds);
  const closed = problem === undefined && await isClosed(store);
  return { view, store, workers, shown, history, sizes, closed, problem, bounds };
}

async function historyOf(
  { location, view }: OpenedStore,
  shown: readonly WorkerState[],
  { entries, signal, fileSystem }: ReportBounds,
): Promise<{ history: History; problem: string | undefined }> {
  const conversations = new Map(
    shown.map(({ record, transcriptLength }) => [record.workerId, transcriptLength - entries + 1]),
  );
  const through = view.lastEventId;
  try {
    return {
      history: await readHistory(location, { through, conversations, signal, fileSystem }),
      problem: undefined,
    };
  } catch (error) {
    if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
    return { history: { days: [], interrupted: [], milestones: new Map() }, problem: error.message };
  }
}
