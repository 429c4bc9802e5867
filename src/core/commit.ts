/**
 * Commits: changes of a worker as one event. Every command of a worker is one.
 *
 * @module
 */
import {
  changesOf,
  type CommitInput,
  type CommitOptions,
  type CompactInput,
  compactionOf,
  type DraftInput,
  type OwnChanges,
  Requested,
  type RequestedRun,
} from "./commands.ts";
import type { Engine } from "./engine.ts";
import { invalidRequest } from "./errors.ts";
import type { Outcome } from "./group_commit.ts";
import type { HostTypes } from "./host_types.ts";
import type { WorkerId } from "./ids.ts";
import { type TranscriptReceipt, transcriptReceipt } from "./receipts.ts";

/** One life of a worker, to which a handle's commands go. */
export class Commits {
  /** Creates the commits of the worker that an event created. */
  constructor(readonly engine: Engine, readonly workerId: WorkerId, readonly life: number) {}

  /** The event that began the open run, if there is one. */
  openRunEventId(): number | undefined {
    const state = this.engine.view.worker(this.workerId);
    return state?.createdEventId === this.life ? state.run?.eventId : undefined;
  }
}

/** Name of a commit in messages, the run that it belongs to, and changes that callers cannot make. */
export interface CommitRequest {
  /** Names the action in messages, such as `send input`. */
  readonly action: string;
  /** The run that commits, or that begins. */
  readonly run?: RequestedRun | undefined;
  /** Cancels the open run, if there is one. */
  readonly cancelsRun?: boolean | undefined;
  /** Changes that callers cannot ask for by a commit. */
  readonly own?: OwnChanges | undefined;
  /** The run id that the caller chose, for which a key stands, too. */
  readonly chosenRunId?: string | undefined;
}

/** Commits changes of a worker; resolves with the answer to the outcome once the event is durable. */
export function commitTo<Answer, Types extends HostTypes>(
  { engine, workerId, life }: Commits,
  { action, run, cancelsRun = false, own = {}, chosenRunId }: CommitRequest,
  changes: CommitInput<Types> & DraftInput,
  options: CommitOptions,
  answer: (outcome: Outcome) => Answer,
): Promise<Answer> {
  try {
    const { members, entries } = changesOf(changes as CommitInput & DraftInput, own, options.meta, action);
    if (entries === undefined && !Object.keys(members ?? {}).some((name) => name !== "meta")) {
      throw invalidRequest(action, "there is nothing to commit");
    }
    const requested = new Requested(
      "worker.committed",
      action,
      workerId,
      life,
      members,
      entries,
      run,
      cancelsRun,
    );
    // The end of a run is a command of that run only: a key does not stand for the end of a later one.
    const endedRun = own.run?.ended === undefined ? undefined : run?.eventId;
    const content = options.key === undefined ? undefined : { ...changes, ...own, chosenRunId, endedRun };
    return engine.submit(requested, options, answer, content);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Compacts the context of a worker, in a run or in none. */
export async function compactIn<Types extends HostTypes>(
  commits: Commits,
  run: RequestedRun | undefined,
  input: CompactInput<Types>,
  options: CommitOptions,
): Promise<TranscriptReceipt> {
  const action = "compact context";
  const request = { action, run, own: { context: compactionOf(input as CompactInput, action) } };
  return await commitTo(commits, request, { entries: [input.summary] }, options, transcriptReceipt);
}
