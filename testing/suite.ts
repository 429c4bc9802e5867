/**
 * Options of the suite, and the order of its parts.
 *
 * @module
 */
import { commandTraits } from "./command_traits.ts";
import { contextModelTests } from "./context_model.ts";
import { modelTests } from "./model_tests.ts";
import { Place, type StorePlace, type Tests } from "./place.ts";
import { readTraits } from "./read_traits.ts";
import { blobTests, seamBlobTests } from "./runtime_blobs.ts";
import { commitTests } from "./runtime_commits.ts";
import { contentTests } from "./runtime_content.ts";
import { creationTests, seamCreationTests } from "./runtime_creations.ts";
import { contextTests } from "./runtime_context.ts";
import { draftBatchTests } from "./runtime_draft_batches.ts";
import { draftTests } from "./runtime_drafts.ts";
import { contextOptionTests } from "./runtime_context_options.ts";
import { endTests } from "./runtime_end.ts";
import { forkTests } from "./runtime_forks.ts";
import { keyTests } from "./runtime_keys.ts";
import { lifeTests } from "./runtime_life.ts";
import { pageTests } from "./runtime_pages.ts";
import { refusalTests } from "./runtime_refusals.ts";
import { runTests } from "./runtime_runs.ts";
import { stateTests } from "./runtime_state.ts";
import { watchTests } from "./runtime_watch.ts";
import { workerTests } from "./runtime_workers.ts";
import { oddIds } from "./samples.ts";
import { seamAppendTests } from "./seam_append.ts";
import { seamEventTests } from "./seam_events.ts";
import { keepsRuntimeId, seamLifeTests } from "./seam_life.ts";
import { seamPruneTests } from "./seam_prune.ts";
import { seamPurgeTests } from "./seam_purge.ts";
import { seamSnapshotTests } from "./seam_snapshots.ts";
import { seamTranscriptTests } from "./seam_transcripts.ts";

/** Options of {@linkcode testRuntimeStore}. */
export interface RuntimeStoreSuite {
  /** Prefix of the name of every test. */
  readonly name: string;
  /** Registers a test: `Deno.test`, or `test` of `node:test`. */
  readonly test: (name: string, fn: () => Promise<void>) => void;
  /** Creates a new, empty place for stores of the runtime with this id. */
  readonly open: (runtimeId: string) => StorePlace | Promise<StorePlace>;
  /** Number of random histories compared with the model; a fifth as many of a context. @default {50} */
  readonly histories?: number | undefined;
}

const groups: readonly Tests[] = [
  seamLifeTests,
  seamAppendTests,
  seamEventTests,
  seamTranscriptTests,
  seamSnapshotTests,
  seamPurgeTests,
  seamPruneTests,
  seamBlobTests,
  seamCreationTests,
  commandTraits,
  readTraits,
  lifeTests,
  workerTests,
  stateTests,
  runTests,
  keyTests,
  pageTests,
  contentTests,
  commitTests,
  contextTests,
  contextOptionTests,
  blobTests,
  creationTests,
  forkTests,
  refusalTests,
  endTests,
  watchTests,
  draftTests,
  draftBatchTests,
];

/** Registers the tests that a store must pass. */
export function testRuntimeStore(suite: RuntimeStoreSuite): void {
  const { name, test, open, histories = 50 } = suite;
  const register = (title: string, body: Tests[string], runtimeId = "local") =>
    test(`${name}: ${title}`, async () => {
      const place = new Place(runtimeId, await open(runtimeId));
      try {
        await body(place);
      } finally {
        await place.remove();
      }
    });
  for (const id of oddIds) {
    register(`a store keeps the runtime ${JSON.stringify(id).slice(0, 20)}`, keepsRuntimeId, id);
  }
  for (const tests of [...groups, modelTests(histories), contextModelTests(Math.ceil(histories / 5))]) {
    for (const [title, body] of Object.entries(tests)) register(title, body);
  }
}
