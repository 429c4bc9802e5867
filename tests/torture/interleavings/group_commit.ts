/**
 * Group commit: many callers, some of whom abort, and watchers, some of whom leave,
 * on a store that is slow, sometimes fails, and may be lost.
 *
 * @module
 */
import * as fc from "fast-check";
import { isRuntimeError, type KnownEvent, limits, type Run, Runtime, RuntimeError } from "../../../mod.ts";
import { type Ending, ScriptedStore } from "./scripted_store.ts";
import { need, settled } from "./settling.ts";

/** Behavior of one caller. */
interface Call {
  /** Commands that it issues in sequence. */
  readonly commands: number;
  /** True if it uses keys, and repeats rejected commands. */
  readonly repeats: boolean;
  /** True if it issues all its commands at once, one in two with content that is kept as a blob. */
  readonly spills: boolean;
  /** True if it puts a blob before each command, and refers to it, unless it issues them at once. */
  readonly puts: boolean;
  /** Number of scheduler turns after which it aborts. */
  readonly gives: number | null;
}

/** Commands and their results, in the order of a scheduler. */
interface Plan {
  readonly calls: readonly Call[];
  readonly endings: readonly Ending[];
  readonly closes: number | null;
  /** Number of turns after which the store is lost. */
  readonly loses: number | null;
  /** Watchers: their start, and the number of turns after which they leave. */
  readonly watches: readonly { readonly after: number | null; readonly leaves: number | null }[];
}

/** True once in so many times. */
function rarely(times: number): fc.Arbitrary<boolean> {
  return fc.nat({ max: times - 1 }).map((number) => number === times - 1);
}

const call = fc.record<Call>({
  commands: fc.integer({ min: 1, max: 4 }),
  repeats: fc.boolean(),
  spills: rarely(8),
  puts: rarely(4),
  gives: fc.option(fc.integer({ min: 0, max: 3 })),
});

const plan = fc.record<Plan>({
  calls: fc.array(call, { minLength: 1, maxLength: 12 }),
  endings: fc.array(fc.constantFrom<Ending>("good", "good", "good", "refused", "final"), { maxLength: 12 }),
  closes: fc.option(fc.integer({ min: 0, max: 4 })),
  loses: fc.option(fc.integer({ min: 0, max: 6 }), { freq: 2 }),
  watches: fc.array(
    fc.record({
      after: fc.option(fc.integer({ min: 0, max: 8 })),
      leaves: fc.option(fc.integer({ min: 0, max: 6 })),
    }),
    { maxLength: 4 },
  ),
});

/** Every command is answered correctly in every order. */
export const groupCommit: fc.IAsyncProperty<[fc.Scheduler, Plan]> = fc.asyncProperty(
  fc.scheduler(),
  plan,
  async (scheduler, { calls, endings, closes, loses, watches }) => {
    const turn = (): Promise<void> => scheduler.schedule(Promise.resolve());
    const store = new ScriptedStore(endings, turn);
    const runtime = await Runtime.open({ store });
    const creation = runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
    const worker = await settled(scheduler, creation.catch(() => undefined));
    const run = await settled(
      scheduler,
      Promise.resolve(worker?.beginRun()).catch(() => undefined),
    );
    const answers: Answer[] = [];
    const all = calls.map((one, index) => caller(runtime, one, index, turn, answers));
    if (closes !== null) all.push(closing(runtime, closes, turn));
    if (loses !== null) all.push(losing(runtime, store, run, loses, turn));
    const watching = watches.map(({ after, leaves }) => watcher(runtime, after, leaves, turn));
    await settled(scheduler, Promise.all(all));
    check(runtime, store, answers);
    const { health } = runtime;
    await settled(scheduler, runtime.close());
    need(run === undefined || run.signal.aborted, "the run's signal did not abort");
    for (const end of await settled(scheduler, Promise.all(watching))) checkWatch(end, health);
    need(!store.wroteWhenLost, "something was written to a store that is lost");
    need(!store.closedEarly, "the store was closed while an append or a blob was under way");
  },
);

interface Answer {
  readonly caller: number;
  readonly key: string;
  readonly eventId: number | undefined;
  readonly error: unknown;
  readonly gaveUp: boolean;
}

async function caller(
  runtime: Runtime,
  { commands, repeats, spills, puts, gives }: Call,
  index: number,
  turn: () => Promise<void>,
  answers: Answer[],
): Promise<void> {
  const controller = new AbortController();
  if (gives !== null) {
    void (async () => {
      for (let turns = 0; turns < gives; turns++) await turn();
      controller.abort(new Error("aborted"));
    })();
  }
  const keys = Array.from({ length: commands }, (_, command) => `${index}-${command}`);
  const contents = keys.map((key, at) => spills && at % 2 === 0 ? key.padEnd(LARGE_UNITS) : key);
  const commandOf = (at: number, signal?: AbortSignal): Promise<Answer> => {
    const [key = "", content = ""] = [keys[at], contents[at]];
    return once(runtime, { caller: index, key, content, puts: puts && !spills }, signal);
  };
  if (spills) {
    // Answers in the order of the calls.
    answers.push(...await Promise.all(keys.map((_, at) => commandOf(at, controller.signal))));
    return;
  }
  for (const at of keys.keys()) {
    answers.push(await commandOf(at, controller.signal));
    if (repeats) answers.push(await commandOf(at));
  }
}

/** Length of content that is kept as a blob. */
const LARGE_UNITS = limits.contentInlineBytesMax;

interface Once {
  readonly caller: number;
  readonly key: string;
  readonly content: string;
  readonly puts: boolean;
}

async function once(
  runtime: Runtime,
  { caller, key, content, puts }: Once,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  try {
    const worker = runtime.worker("w");
    const blobs = puts ? { blobs: [await worker.putBlob(new Uint8Array([key.length]))] } : {};
    const { eventId } = await worker.sendInput({ role: "user", content, ...blobs }, { key, signal });
    return { caller, key, eventId, error: undefined, gaveUp: false };
  } catch (error) {
    const gaveUp = error instanceof Error && error.message === "aborted";
    return { caller, key, eventId: undefined, error, gaveUp };
  }
}

async function closing(runtime: Runtime, turns: number, turn: () => Promise<void>): Promise<void> {
  for (let passed = 0; passed < turns; passed++) await turn();
  await runtime.close();
}

const lost = new RuntimeError("store_fenced", "Cannot append: scripted", { epoch: 2, owner: "scripted" });

async function losing(
  runtime: Runtime,
  store: ScriptedStore,
  run: Run | undefined,
  turns: number,
  turn: () => Promise<void>,
): Promise<void> {
  for (let passed = 0; passed < turns; passed++) await turn();
  const before = runtime.health;
  store.lose(lost);
  if (before.status !== "ok") return;
  const { health } = runtime;
  need(
    health.status === "failed" && health.error === lost,
    "the runtime does not know that its store is lost",
  );
  need(run === undefined || run.signal.reason === lost, "the run does not know that the store is lost");
}

interface WatchEnd {
  readonly ids: readonly number[];
  readonly first: number;
  readonly left: boolean;
  readonly error: unknown;
}

/** Watches until it leaves or the watch ends. To leave takes no turn. */
async function watcher(
  runtime: Runtime,
  after: number | null,
  leaves: number | null,
  turn: () => Promise<void>,
): Promise<WatchEnd> {
  const events = runtime.watch(after === null ? {} : { after });
  const first = (after ?? runtime.lastEventId) + 1;
  const ids: number[] = [];
  let [left, error]: [boolean, unknown] = [false, undefined];
  const leaving = leaves === null ? undefined : (async () => {
    for (let passed = 0; passed < leaves; passed++) await turn();
    let settled = false;
    void events.return().then(() => settled = true);
    left = true;
    await Promise.resolve();
    need(settled, "return() of a watch did not settle at once");
  })();
  try {
    for await (const { id } of events) {
      need(!left, "an event came after return()");
      ids.push(id);
    }
  } catch (thrown) {
    error = thrown;
  }
  await leaving;
  return { ids, first, left, error };
}

function checkWatch({ ids, first, left, error }: WatchEnd, health: Runtime["health"]): void {
  ids.forEach((id, index) => need(id === first + index, `a watch gave event ${id}, not ${first + index}`));
  if (error !== undefined) {
    const isLost = health.status === "failed" && health.error === error;
    need(isLost || health.status === "closed", `a watch ended with ${error}`);
    return;
  }
  need(left || health.status !== "failed", "a watch ended quietly though the store is lost");
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
  checkOrder(answers);
  checkBlobs(store, events);
  // A command that was rejected permanently, and not repeated, left no event.
  const acknowledged = new Set(answers.filter(({ eventId }) => eventId !== undefined).map(({ key }) => key));
  for (const key of byKey.keys()) need(acknowledged.has(key), `${key} was done, and nobody was told`);
  need(runtime.lastEventId === events.length, "the runtime does not know what is durable");
}

/** The commands of a caller are events in the order of its calls, whether their content had to be kept first or not. */
function checkOrder(answers: readonly Answer[]): void {
  const last = new Map<number, { readonly key: string; readonly eventId: number }>();
  for (const { caller, key, eventId } of answers) {
    if (eventId === undefined) continue;
    const before = last.get(caller);
    const isLater = before === undefined || eventId > before.eventId || key === before.key;
    need(isLater, `${key} is event ${eventId}, and ${before?.key}, called before, is ${before?.eventId}`);
    last.set(caller, { key, eventId });
  }
}

/** Every blob that an event refers to was durable; large content is in none. */
function checkBlobs(store: ScriptedStore, events: readonly KnownEvent[]): void {
  for (const event of events) {
    for (const { content, contentBlob, blobs = [] } of "entries" in event ? event.entries ?? [] : []) {
      need((content === undefined) === (contentBlob !== undefined), "an entry has content twice, or none");
      for (const { sha256 } of contentBlob === undefined ? blobs : [...blobs, contentBlob]) {
        need(store.blobsPut.has(sha256), `event ${event.id} refers to a blob that was not kept`);
      }
      const isInline = typeof content !== "string" || content.length < LARGE_UNITS;
      need(isInline, `event ${event.id} has content of ${String(content).length} units`);
    }
  }
}
