/**
 * Compares the answers of a runtime with the reference.
 *
 * @module
 */
import type { Json, Runtime, WorkerState } from "../../../mod.ts";
import type { Random } from "../../disk/mod.ts";
import { transcript } from "../kit/readings.ts";
import type { Reference, ReferenceWorker } from "./reference.ts";

/** Returns the issue with the overview or the state of a worker, if there is one. */
export function checkState(runtime: Runtime, reference: Reference): string | undefined {
  const overview = runtime.overview();
  const status = reference.retired ? "retired" : "running";
  const busy = [...reference.workers.values()].filter(({ run }) => run !== null).length;
  const wanted = [reference.lastEventId, reference.epoch, status, reference.workers.size, busy];
  const found = [
    overview.lastEventId,
    overview.epoch,
    overview.status,
    overview.workers.total,
    overview.workers.busy,
  ];
  if (`${found}` !== `${wanted}`) return `overview: ${found} is not ${wanted}`;
  const tokens = tokensOf(overview.usageByModel);
  if (tokens !== sumsOf(reference.tokens)) return `usage: ${tokens} is not ${sumsOf(reference.tokens)}`;
  return checkWorkers(runtime, reference);
}

function checkWorkers(runtime: Runtime, reference: Reference): string | undefined {
  const wanted = [...reference.workers];
  const found: WorkerState[] = [];
  for (let after: number | null = 0; after !== null;) {
    const page: ReturnType<Runtime["workers"]> = runtime.workers({ after, limit: 7 });
    found.push(...page.items);
    after = page.next;
  }
  if (found.length !== wanted.length) return `${found.length} workers, not ${wanted.length}`;
  for (const [index, [workerId, worker]] of wanted.entries()) {
    const state = found[index];
    const [one, other] = [state && stateText(state), workerText(workerId, worker)];
    if (one !== other) return `worker ${workerId}: ${one} is not ${other}`;
  }
  return undefined;
}

function stateText(state: WorkerState): string {
  const { record, status, run, lastRun, data, labels, transcriptLength } = state;
  return JSON.stringify([
    record.workerId,
    status,
    run?.runId ?? null,
    lastRun?.outcome ?? null,
    Object.entries(data).sort(),
    transcriptLength,
    labels.phase ?? null,
    tokensOf(state.usageByModel),
    state.createdEventId,
    state.lastEventId,
    state.context?.version ?? state.createdEventId,
  ]);
}

function workerText(workerId: string, worker: ReferenceWorker): string {
  return JSON.stringify([
    workerId,
    worker.status,
    worker.run,
    worker.outcome ?? null,
    [...worker.data].sort(),
    worker.contents.length,
    worker.label ?? null,
    sumsOf(worker.tokens),
    worker.createdEventId,
    worker.lastEventId,
    worker.context.version,
  ]);
}

function tokensOf(byModel: Readonly<Record<string, { readonly inputTokens: number }>>): string {
  return sumsOf(new Map(Object.entries(byModel).map(([model, { inputTokens }]) => [model, inputTokens])));
}

function sumsOf(sums: ReadonlyMap<string, number>): string {
  return JSON.stringify([...sums].sort());
}

/** Returns the issue with the transcripts: of all workers, or of a random sample. */
export async function checkTranscripts(
  runtime: Runtime,
  reference: Reference,
  some: Random | undefined,
): Promise<string | undefined> {
  const all = [...reference.workers];
  const chosen = some === undefined || all.length === 0 ? all : [some.pick(all), some.pick(all)];
  for (const [workerId, { contents, context: { seqs } }] of chosen) {
    const entries = await transcript(runtime, workerId, some === undefined ? 50 : 1 + some.below(60));
    const worker = runtime.worker(workerId);
    const seen = (await worker.context()).entries.map(({ content }) => textOf(content));
    if (JSON.stringify(seen) !== JSON.stringify(seqs.map((seq) => contents[seq - 1]))) {
      return `context of ${workerId}: ${seen.length} entries ${seen.slice(-3)}, not ${seqs.length}`.slice(
        0,
        2_000,
      );
    }
    const found = [];
    for (const entry of entries) {
      const content = await worker.content(entry);
      found.push(textOf(content));
      for (const ref of entry.blobs ?? []) {
        const text = await new Response(await worker.blob(ref)).text();
        const wanted = `blob ${`${content}`.slice("show ".length)}`;
        if (text !== wanted) return `blob of ${workerId}: ${text} is not ${wanted}`;
      }
    }
    if (JSON.stringify(found) !== JSON.stringify(contents)) {
      return `transcript of ${workerId}: ${found.length} entries ${found.slice(-3)}, not ${contents.length} ${
        contents.slice(-3)
      }`.slice(0, 2_000);
    }
  }
  return undefined;
}

function textOf(content: Json): string {
  return typeof content === "string" ? content : JSON.stringify(content);
}

/** Pages read at a time. */
const EVENT_PAGES = 4;

/** Describes faults of pages of events anywhere in the log: events read before must be unchanged. */
export async function checkEvents(
  runtime: Runtime,
  { lastEventId }: Reference,
  random: Random,
  seen: Map<number, string>,
): Promise<string | undefined> {
  const { firstEventId } = await runtime.events({ limit: 1 });
  for (let pages = 0; pages < EVENT_PAGES; pages++) {
    const limit = 1 + random.below(20);
    const cursor = firstEventId - 1 + random.below(lastEventId - firstEventId + 2);
    const isForward = random.chance(0.5);
    const [from, to] = isForward
      ? [cursor + 1, Math.min(cursor + limit, lastEventId)]
      : [Math.max(firstEventId, cursor - limit), cursor - 1];
    const range = isForward ? { after: cursor } : { before: Math.max(1, cursor) };
    const { items } = await runtime.events({ ...range, limit });
    const wanted = Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
    const found = items.map(({ id }) => id);
    if (`${found}` !== `${wanted}`) return `events ${JSON.stringify(range)}: ${found} is not ${wanted}`;
    for (const event of items) {
      const text = JSON.stringify(event);
      if ((seen.get(event.id) ?? text) !== text) {
        return `event ${event.id}: ${text} is not ${seen.get(event.id)}`;
      }
      seen.set(event.id, text);
    }
  }
  return undefined;
}
