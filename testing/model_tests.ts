/**
 * Random histories, one command at a time and many concurrently, with reopenings
 * and restarts in between: the runtime must agree with the model.
 *
 * @module
 */
import { deepEqual, equal } from "./assert.ts";
import { isRuntimeError } from "../src/core/errors.ts";
import type { Runtime } from "../src/core/runtime.ts";
import type { Receipt } from "../src/core/receipts.ts";
import { allEvents, contentsOf, range, workerIdsOf } from "./dump.ts";
import { type Expected, Model, type Step } from "./model.ts";
import { randomStep, type Runs, take } from "./model_steps.ts";
import { each, type Place, type Tests } from "./place.ts";
import { Random } from "./random.ts";

/** Returns tests of this many histories. */
export function modelTests(histories: number): Tests {
  return each(range(1, histories), (seed) => ({
    [`a runtime agrees with the model, history ${seed}`]: (place) => history(place, seed),
  }));
}

async function history(place: Place, seed: number): Promise<void> {
  const random = new Random(seed);
  const model = new Model();
  let runtime = await place.open();
  model.opened();
  for (let round = 0; round < 40; round++) {
    const steps = Array.from({ length: 1 + random.below(12) }, () => randomStep(random));
    if (random.below(2) === 0) await inTurns(runtime, model, steps);
    else await atOnce(runtime, model, steps);
    if (random.below(6) > 0) continue;
    await compare(runtime, model);
    const how = random.pick(["reopen", "restart"] as const);
    if (how === "reopen") model.closed();
    runtime = await place[how]();
    model.opened();
    await compare(runtime, model);
  }
  await compare(runtime, model);
}

async function inTurns(runtime: Runtime, model: Model, steps: readonly Step[]): Promise<void> {
  const runs: Runs = new Map();
  for (const step of steps) {
    const begun = runs.get(step.workerId);
    const isOfRun = step.command === "finish" || step.command === "draft";
    if (isOfRun && begun === undefined) continue;
    const current = model.workers.get(step.workerId);
    const expected = model.take(step, isOfRun ? begun?.handle : current, begun?.run.eventId);
    deepEqual(await answer(take(runtime, step, runs, current)), expected, JSON.stringify(step));
  }
}

/** Without runs: the caller who ends a run has awaited its beginning. */
async function atOnce(runtime: Runtime, model: Model, steps: readonly Step[]): Promise<void> {
  const some = steps.filter(({ command }) => !["begin", "finish", "draft"].includes(command));
  // All handles are obtained before the first command.
  const handles = some.map(({ workerId }) => model.workers.get(workerId));
  const expected = some.map((step, index) => model.take(step, handles[index]));
  const answers = await Promise.all(some.map((step) => answer(take(runtime, step, new Map()))));
  deepEqual(answers, expected, JSON.stringify(some));
}

async function answer(work: Promise<Receipt | undefined>): Promise<Expected> {
  try {
    const receipt = await work;
    return { eventId: receipt?.eventId ?? 0, duplicate: receipt?.duplicate ?? false };
  } catch (error) {
    if (!isRuntimeError(error)) throw error;
    return { code: error.code };
  }
}

async function compare(runtime: Runtime, model: Model): Promise<void> {
  equal(runtime.lastEventId, model.lastEventId);
  equal(runtime.overview().usage.inputTokens, model.tokens);
  deepEqual(await workerIdsOf(runtime), [...model.workers.keys()]);
  for (const [workerId, expected] of model.workers) {
    const worker = runtime.worker(workerId);
    const { status, run, lastRun, data, usage, transcriptLength } = worker.state();
    deepEqual({ ...data }, expected.data);
    deepEqual(
      [status, run?.eventId ?? null, lastRun?.outcome, usage.inputTokens, transcriptLength],
      [expected.status, expected.run, expected.lastOutcome, expected.tokens, expected.contents.length],
    );
    deepEqual([await contentsOf(worker), (await worker.draft())?.text ?? null], [
      expected.contents,
      expected.draft,
    ]);
  }
  deepEqual((await allEvents(runtime)).map(({ id }) => id), range(1, model.lastEventId));
}
