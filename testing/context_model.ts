/**
 * Random sequences of appends, compactions and rewinds, with reopenings and
 * restarts in between: the context must be that of a plain array of sequences.
 *
 * @module
 */
import { deepEqual, equal } from "./assert.ts";
import { isRuntimeError } from "../src/core/errors.ts";
import { limits } from "../src/core/limits.ts";
import type { Worker } from "../src/core/worker.ts";
import { range } from "./dump.ts";
import { each, type Place, type Tests } from "./place.ts";
import { Random } from "./random.ts";

/** Returns tests of this many histories. */
export function contextModelTests(histories: number): Tests {
  return each(range(1, histories), (seed) => ({
    [`a context agrees with a plain array, history ${seed}`]: (place) => history(place, new Random(seed)),
  }));
}

/** A transcript and its context: sequences in the order of the context. */
interface Plain {
  length: number;
  summary: number | undefined;
  seqs: number[];
  /** The event of the last change of the context. */
  version: number;
}

async function history(place: Place, random: Random): Promise<void> {
  await place.open();
  let worker = await place.create("a");
  const plain: Plain = { length: 0, summary: undefined, seqs: [], version: worker.state().createdEventId };
  // Short appends and rewinds by one entry lead to many ranges.
  const isFine = random.below(2) === 0;
  const rounds = isFine ? 180 : 80;
  for (let round = 0; round < rounds; round++) {
    const command = random.pick(isFine ? ["append", "append", "back", "back", "rewind"] : COARSE);
    if (command === "append") await append(worker, plain, 1 + random.below(isFine ? 2 : 6));
    else if (command === "compact") await compact(worker, plain, random.below(plain.length + 2));
    else {await rewind(
        worker,
        plain,
        command === "back" ? plain.seqs.at(-2) ?? 0 : random.below(plain.length + 2),
      );}
    if (random.below(isFine ? 60 : 12) > 0) continue;
    await compare(worker, plain);
    await place[random.pick(["reopen", "restart"] as const)]();
    worker = place.a;
    await compare(worker, plain);
  }
  await compare(worker, plain);
}

const COARSE = ["append", "append", "append", "compact", "rewind", "back"] as const;

async function append(worker: Worker, plain: Plain, count: number): Promise<void> {
  const seqs = range(plain.length + 1, plain.length + count);
  await worker.append(seqs.map((seq) => ({ role: "user", content: `${seq}` })));
  plain.length += count;
  plain.seqs.push(...seqs);
}

async function compact(worker: Worker, plain: Plain, through: number): Promise<void> {
  const kept = plain.seqs.filter((seq) => seq > through && seq !== plain.summary);
  const summary = plain.length + 1;
  const isPossible = through <= plain.length && kept.length < plain.seqs.length;
  const next = { ...plain, length: summary, summary, seqs: [summary, ...kept] };
  const work = worker.compact({ through, summary: { role: "summary", content: `${summary}` } });
  await change(plain, next, isPossible, work);
}

async function rewind(worker: Worker, plain: Plain, toSeq: number): Promise<void> {
  const at = plain.seqs.indexOf(toSeq);
  const seqs = plain.seqs.slice(0, at + 1);
  const summary = seqs.find((seq) => seq === plain.summary);
  await change(plain, { ...plain, summary, seqs }, toSeq === 0 || at >= 0, worker.rewind({ toSeq }));
}

/** Makes a change that is expected to succeed, or to be rejected. */
async function change(
  plain: Plain,
  next: Plain,
  isPossible: boolean,
  work: Promise<{ readonly eventId: number }>,
): Promise<void> {
  const fits = rangesOf(next) <= limits.contextRangesMax;
  const expected = !isPossible ? "invalid_request" : fits ? "ok" : "limit_exceeded";
  const answer = await work.catch((error) => {
    if (isRuntimeError(error)) return error.code;
    throw error;
  });
  equal(typeof answer === "string" ? answer : "ok", expected);
  if (typeof answer !== "string") Object.assign(plain, next, { version: answer.eventId });
}

/** Number of ranges, including the open one, which may be empty. */
function rangesOf({ seqs, summary, length }: Plain): number {
  const kept = new Set(seqs.filter((seq) => seq !== summary));
  const ends = [...kept].filter((seq) => !kept.has(seq + 1));
  return new Set([...ends, length]).size;
}

async function compare(worker: Worker, { length, seqs, version }: Plain): Promise<void> {
  const { entries, version: found } = await worker.context();
  deepEqual(entries.map(({ seq }) => seq), seqs);
  deepEqual(entries.map(({ content }) => content), seqs.map((seq) => `${seq}`));
  deepEqual([found, worker.state().transcriptLength], [version, length]);
}
