/**
 * Group commit: many callers, some of whom give up, on a store that takes its
 * time and fails now and then.
 *
 * @module
 */
import * as fc from "fast-check";
import { isRuntimeError, Runtime } from "../../../mod.ts";
import { type Ending, ScriptedStore } from "./scripted_store.ts";
import { need, settled } from "./settling.ts";

/** What one caller does. */
interface Call {
  /** Commands that it gives one after the other. */
  readonly commands: number;
  /** Whether it uses keys, and repeats what was refused. */
  readonly repeats: boolean;
  /** After how many turns of the scheduler it gives up. */
  readonly gives: number | null;
}

/** Commands and their ends, in a world that a scheduler orders. */
interface Plan {
  readonly calls: readonly Call[];
  readonly endings: readonly Ending[];
  readonly closes: number | null;
}

const call = fc.record<Call>({
  commands: fc.integer({ min: 1, max: 4 }),
  repeats: fc.boolean(),
  gives: fc.option(fc.integer({ min: 0, max: 3 })),
});

const plan = fc.record<Plan>({
  calls: fc.array(call, { minLength: 1, maxLength: 12 }),
  endings: fc.array(fc.constantFrom<Ending>("good", "good", "good", "refused", "final"), { maxLength: 12 }),
  closes: fc.option(fc.integer({ min: 0, max: 4 })),
});

/** Every command is answered rightly, whatever the order. */
export const groupCommit: fc.IAsyncProperty<[fc.Scheduler, Plan]> = fc.asyncProperty(
  fc.scheduler(),
  plan,
  async (scheduler, { calls, endings, closes }) => {
    const turn = (): Promise<void> => scheduler.schedule(Promise.resolve());
    const store = new ScriptedStore(endings, turn);
    const runtime = await Runtime.open({ store });
    const creation = runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
    await settled(scheduler, creation.catch(() => {}));
    const answers: Answer[] = [];
    const all = calls.map((one, index) => caller(runtime, one, index, turn, answers));
    if (closes !== null) all.push(closing(runtime, closes, turn));
    await settled(scheduler, Promise.all(all));
    check(runtime, store, answers);
    await settled(scheduler, runtime.close());
    need(!store.closedEarly, "the store was closed while an append was under way");
  },
);

interface Answer {
  readonly key: string;
  readonly eventId: number | undefined;
  readonly error: unknown;
  readonly gaveUp: boolean;
}

async function caller(
  runtime: Runtime,
  { commands, repeats, gives }: Call,
  index: number,
  turn: () => Promise<void>,
  answers: Answer[],
): Promise<void> {
  const controller = new AbortController();
  if (gives !== null) {
    void (async () => {
      for (let turns = 0; turns < gives; turns++) await turn();
      controller.abort(new Error("given up"));
    })();
  }
  for (let command = 0; command < commands; command++) {
    const key = `${index}-${command}`;
    await once(runtime, key, controller.signal, answers);
    if (repeats) await once(runtime, key, undefined, answers);
  }
}

async function once(
  runtime: Runtime,
  key: string,
  signal: AbortSignal | undefined,
  answers: Answer[],
): Promise<void> {
  try {
    const { eventId } = await runtime.worker("w").sendInput({ role: "user", content: key }, { key, signal });
    answers.push({ key, eventId, error: undefined, gaveUp: false });
  } catch (error) {
    const gaveUp = error instanceof Error && error.message === "given up";
    answers.push({ key, eventId: undefined, error, gaveUp });
  }
}

async function closing(runtime: Runtime, turns: number, turn: () => Promise<void>): Promise<void> {
  for (let passed = 0; passed < turns; passed++) await turn();
  await runtime.close();
}

function check(runtime: Runtime, store: ScriptedStore, answers: readonly Answer[]): void {
  need(!store.overlapped, "two appends were under way at a time");
  const events = store.events.map((text) => JSON.parse(text));
  events.forEach((event, index) => need(event.id === index + 1, `event ${event.id} is at ${index + 1}`));
  const byKey = new Map<string, number>();
  for (const { id, key } of events) {
    if (key === undefined) continue;
    need(!byKey.has(key), `${key} was done twice`);
    byKey.set(key, id);
  }
  for (const { key, eventId, error, gaveUp } of answers) {
    if (eventId !== undefined) need(byKey.get(key) === eventId, `${key} was acknowledged as ${eventId}`);
    else need(gaveUp || isRuntimeError(error), `${key} was refused with ${error}`);
  }
  // Whoever was refused for good, and did not ask again, finds nothing of it.
  const acknowledged = new Set(answers.filter(({ eventId }) => eventId !== undefined).map(({ key }) => key));
  for (const key of byKey.keys()) need(acknowledged.has(key), `${key} was done, and nobody was told`);
  need(runtime.lastEventId === events.length, "the runtime does not know what is durable");
}
