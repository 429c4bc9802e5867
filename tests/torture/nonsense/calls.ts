/**
 * Arbitrary arguments for the methods of a runtime, a worker and a run: a rejected
 * call throws a typed error and changes nothing, and what was accepted is kept as
 * JSON keeps it.
 *
 * @module
 */
import { isRuntimeError, type Runtime, RuntimeReader, type Worker } from "../../../mod.ts";
import { FsRuntimeSource } from "../../../fs_store.ts";
import { verify } from "../../../operate.ts";
import { type Random, SimulatedDisk } from "../../disk/mod.ts";
import { HOME, openOn, ROOT } from "../../kit/opened.ts";
import { Finding } from "../script/history.ts";
import { settled } from "../script/stage.ts";
import { nonsense } from "./nonsense.ts";
import { sorted } from "./plain_fold.ts";

/** Calls on one runtime. */
export const CALLS = 25;

/** The error of a host's own getter or iterator. */
const OWN = new Error("The host's own error");

// deno-lint-ignore no-explicit-any -- the arguments are of no type
type Any = any;

/** Values that JSON does not have, or has otherwise. */
const odd: readonly ((random: Random) => unknown)[] = [
  () => undefined,
  () => () => 1,
  () => Symbol("s"),
  () => 10n,
  () => NaN,
  () => -0,
  () => new Date(0),
  () => new Map([[1, 2]]),
  () => new Uint8Array([1, 2]),
  () => [undefined],
  () => ({ a: undefined }),
  () => "\ud800",
  () => ({ "\udfff": "\ud800" }),
  () => ({ toJSON: () => "told" }),
  () => ({ toJSON: () => undefined }),
  () => "x".repeat(300),
  () => Array.from({ length: 300 }, () => 1),
  () => Object.create(null),
  () => {
    const cycle: Record<string, unknown> = {};
    return Object.assign(cycle, { cycle });
  },
  () =>
    Object.defineProperty({}, "own", {
      enumerable: true,
      get: () => {
        throw OWN;
      },
    }),
  (random) => JSON.parse(deep(random)),
];

function deep(random: Random): string {
  const depth = 60 + random.below(10);
  return `${"[".repeat(depth)}${"]".repeat(depth)}`;
}

function anything(random: Random): unknown {
  return random.chance(0.6) ? random.pick(odd)(random) : nonsense(random);
}

/** Changes one or no member somewhere inside a value. */
function changed(random: Random, value: Any): Any {
  if (random.chance(0.3)) return value;
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value ?? 1) === Object.prototype;
  const entries = isPlain ? Object.entries(value) : [];
  const inner = entries.filter(([, member]) => typeof member === "object" && member !== null);
  if (inner.length > 0 && random.chance(0.6)) {
    const [name, member] = random.pick(inner);
    value[name] = changed(random, member);
    return value;
  }
  if (entries.length === 0 || random.chance(0.1)) return anything(random);
  value[random.chance(0.15) ? "unknown" : random.pick(entries)[0]] = anything(random);
  return value;
}

function changedAll(random: Random, values: readonly Any[]): Any[] {
  return values.map((value) => changed(random, value));
}

/** Valid arguments, made anew. */
const entry = (): Any => ({ role: "user", content: { text: "x" }, name: "n", id: "i", metadata: { m: 1 } });
const changes = (): Any => ({
  entries: [entry(), { role: "tool", content: "said" }],
  usage: { model: "m", inputTokens: 1 },
  data: { a: { b: 1 } },
  events: [{ name: "note", data: [1] }],
  displayName: "D",
  labels: { a: "b", c: null },
});
const options = (random: Random): Any => ({
  ...random.chance(0.3) ? { key: `k${random.below(4)}` } : {},
  ...random.chance(0.3) ? { meta: { by: "test" } } : {},
});

interface Call {
  readonly name: string;
  /** Entries that are kept if it is accepted. */
  readonly entries?: readonly Any[];
  readonly run: () => unknown;
}

type MakeCall = (random: Random, runtime: Runtime, worker: Worker) => Call;

/** All methods. */
const methods: readonly MakeCall[] = [
  (random, _, worker) => {
    const [given, how] = [changed(random, changes()), changed(random, options(random))];
    return { name: "commit", entries: given?.entries, run: () => worker.commit(given, how ?? undefined) };
  },
  (random, _, worker) => {
    const entries = changed(random, [entry(), entry()]);
    return { name: "append", entries, run: () => worker.append(entries) };
  },
  (random, _, worker) => {
    const one = changed(random, entry());
    return { name: "sendInput", entries: [one], run: () => worker.sendInput(one) };
  },
  (random, _, worker) => {
    const how = changed(random, { runId: `r${random.below(9)}`, ...options(random) });
    return { name: "beginRun", run: () => worker.beginRun(how ?? undefined) };
  },
  (random, _, worker) => {
    const given = changed(random, { ...changes(), finish: { outcome: "completed", reason: "done" } });
    return { name: "Run.commit", entries: given?.entries, run: () => worker.openRun?.commit(given) };
  },
  (random, _, worker) => {
    const [outcome, input] = changedAll(random, ["failed", { reason: "no", usage: { model: "m" } }]);
    return { name: "Run.finish", run: () => worker.openRun?.finish(outcome, input ?? undefined) };
  },
  (random, _, worker) => {
    const how = changed(random, { reason: "x", cancelRun: true, ...options(random) });
    const name = random.pick(["stop", "restart"] as const);
    return { name, run: () => worker[name](how ?? undefined) };
  },
  (random, _, worker) => {
    const { transcriptLength } = worker.state();
    const [input, how] = changedAll(random, [
      { through: random.below(transcriptLength + 1), summary: entry() },
      options(random),
    ]);
    const by = random.chance(0.5) ? worker : worker.openRun ?? worker;
    return { name: "compact", run: () => by.compact(input, how ?? undefined) };
  },
  (random, _, worker) => {
    const { transcriptLength } = worker.state();
    const [input, how] = changedAll(random, [
      { toSeq: random.below(transcriptLength + 1) },
      { cancelRun: random.chance(0.7), ...options(random) },
    ]);
    return { name: "rewind", run: () => worker.rewind(input, how ?? undefined) };
  },
  (random, _, worker) => {
    const how = changed(random, { bytesMax: 1_000 });
    return { name: "context", run: () => worker.context(how ?? undefined) };
  },
  (random, _, worker) => {
    const [source, how] = changedAll(random, [sourceOf(random), { mediaType: "image/png" }]);
    return { name: "putBlob", run: () => worker.putBlob(source, how ?? undefined) };
  },
  (random, _, worker) => {
    const blobs = changed(random, [{ sha256: "0".repeat(64), bytes: 1, mediaType: "x" }]);
    return { name: "append", entries: [], run: () => worker.append([{ ...entry(), blobs }]) };
  },
  (random, runtime) => {
    const spec = changed(random, {
      workerId: `w${random.below(6)}`,
      intent: { kind: "assistant" },
      labels: { a: "b" },
      displayName: "W",
      parent: "p",
    });
    const how = changed(random, { commit: changes(), ...options(random) });
    const name = random.pick(["createWorker", "ensureWorker"] as const);
    return { name, run: () => runtime[name](spec, how ?? undefined) };
  },
  (random, runtime) => {
    const [name, data] = changedAll(random, ["host.note", { a: 1 }]);
    return { name: "record", run: () => runtime.record(name, data) };
  },
];

function sourceOf(random: Random): unknown {
  return random.pick<() => unknown>([
    () => new Uint8Array([1, 2, 3]),
    () => new Blob(["abc"]),
    () => ReadableStream.from(["text"]),
    () => ReadableStream.from([new Uint8Array([4])]),
    () => failing(),
  ])();
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(new Uint8Array([1]));
  throw OWN;
}

/** Makes random calls on a new runtime. Returns the number of those that were accepted. */
export async function makeCalls(random: Random): Promise<number> {
  const disk = new SimulatedDisk();
  const { runtime } = await openOn(disk);
  await runtime.createWorker({ workerId: "w0", intent: { kind: "assistant" } });
  let accepted = 0;
  for (let count = 0; count < CALLS; count++) {
    const ids = runtime.workers({ limit: 100 }).items.map(({ record }) => record.workerId);
    const worker = runtime.worker(random.pick(ids));
    const call = random.pick(methods)(random, runtime, worker);
    if (await isAccepted(runtime, call)) {
      accepted++;
      await mustBeKept(worker, call);
    }
  }
  await mustBeSame(runtime, disk);
  return accepted;
}

async function isAccepted(runtime: Runtime, { name, run }: Call): Promise<boolean> {
  const before = stateOf(runtime);
  try {
    await settled(Promise.resolve().then(run));
    return true;
  } catch (error) {
    if (error !== OWN && !isRuntimeError(error)) {
      throw new Finding("I1", `${name}() lets a raw error out: ${error}`, { cause: error });
    }
    if (stateOf(runtime) !== before) throw new Finding("I2", `${name}() is rejected and changes the state`);
    return false;
  }
}

/** The newest entries are those given, as JSON keeps them. */
async function mustBeKept(worker: Worker, { name, entries = [] }: Call): Promise<void> {
  if (!Array.isArray(entries) || entries.length === 0 || name === "Run.commit") return;
  const { items } = await worker.transcript({ limit: entries.length });
  const found = JSON.stringify(items.map(({ content }) => content));
  const given = JSON.stringify(entries.map(({ content }: Any) => content));
  // A repeated key returns an earlier event.
  if (items.length < entries.length || found === given) return;
  const all = await worker.transcript({ after: 0, limit: 1_000 });
  if (JSON.stringify(all.items.map(({ content }) => content)).includes(given.slice(1, -1))) return;
  throw new Finding("I1", `${name}() keeps ${found}, and was given ${given}`);
}

/** The state is the same for a reader and after another opening, and verify finds nothing. */
async function mustBeSame(runtime: Runtime, disk: SimulatedDisk): Promise<void> {
  await runtime.close();
  const place = { root: ROOT, runtimeId: "t" };
  const { verdict, findings } = await verify(place, { fileSystem: disk });
  if (verdict !== "clean") throw new Finding("I5", `verify: ${verdict} ${JSON.stringify(findings)}`);
  const source = new FsRuntimeSource({ directory: HOME }, { fileSystem: disk });
  await using reader = await RuntimeReader.open({ source });
  const again = stateOf(reader);
  const own = stateOf(runtime);
  if (own !== again) throw new Finding("I5", `the state is ${own}, and read again ${again}`);
}

function stateOf(reads: Pick<Runtime, "overview" | "workers">): string {
  const { usage, workers } = reads.overview();
  return JSON.stringify(sorted([usage, workers, reads.workers({ limit: 100 }).items]));
}
