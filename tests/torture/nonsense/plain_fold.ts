/**
 * The state folded from events, or the result that they are nonsense: independent
 * of the library, and as simple as possible.
 *
 * @module
 */

// deno-lint-ignore no-explicit-any -- everything is checked by hand
type Any = any;

interface PlainWorker {
  readonly id: string;
  status: string;
  run: string | null;
  length: number;
  data: Any;
  tokens: number;
}

/** The state. */
export interface PlainState {
  status: string;
  epoch: number;
  tokens: number;
  lastEventId: number;
  readonly workers: Map<string, PlainWorker>;
}

class Nonsense extends Error {}

/** The state after the events; `undefined` if one of them is nonsense. */
export function plainFold(texts: readonly string[], runtimeId: string): PlainState | undefined {
  const state: PlainState = { status: "running", epoch: 0, tokens: 0, lastEventId: 0, workers: new Map() };
  try {
    for (const text of texts) apply(state, JSON.parse(text), runtimeId, text);
    return state;
  } catch (error) {
    if (error instanceof Nonsense || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A state as text, to compare. */
export function textOfState(state: PlainState): string {
  const { status, epoch, tokens, lastEventId, workers } = state;
  const rows = [...workers.values()].map(({ id, status, run, length, data, tokens }) => [
    id,
    status,
    run,
    length,
    sorted(data),
    tokens,
  ]);
  return JSON.stringify([status, epoch, tokens, lastEventId, rows]);
}

/** A JSON value with the members of objects in a canonical order. */
export function sorted(value: Any): Any {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [name, sorted(member)]);
  return entries.sort(([a], [b]) => String(a) < String(b) ? -1 : 1);
}

function must(holds: boolean): void {
  if (!holds) throw new Nonsense();
}

function apply(state: PlainState, event: Any, runtimeId: string, text: string): void {
  must(isObject(event) && event.id === state.lastEventId + 1 && isTime(event.at));
  must(typeof event.type === "string" && (event.type === "runtime.created") === (event.id === 1));
  must(text.startsWith(`{"id":${event.id},"at":"${event.at}","type":${JSON.stringify(event.type)}`));
  must(event.key === undefined || isText(event.key, 256));
  must(event.request === undefined || isText(event.request, 256));
  must(event.workerId === undefined || isText(event.workerId, 80));
  state.lastEventId = event.id;
  const act = ofRuntime[event.type];
  if (act !== undefined) return act(state, event, runtimeId);
  const change = ofWorker[event.type];
  if (change === undefined) return;
  const worker = state.workers.get(event.workerId);
  must(state.status === "running" && worker !== undefined);
  if (worker !== undefined) change(worker, event, state);
}

const ofRuntime: Record<string, (state: PlainState, event: Any, runtimeId: string) => void> = {
  "runtime.created": (_, event, runtimeId) => must(event.runtimeId === runtimeId),
  "runtime.opened": (state, event) => {
    must(event.epoch === state.epoch + 1);
    state.epoch++;
  },
  "runtime.closed": () => {},
  "runtime.stopped": (state, event) => {
    must(state.status === "running" && isReason(event.reason));
    state.status = "stopped";
    for (const worker of state.workers.values()) {
      if (worker.status === "running") [worker.status, worker.run] = ["stopped", null];
    }
  },
  "worker.created": (state, { workerId: id, record }) => {
    must(state.status === "running" && isText(id, 80) && !state.workers.has(id));
    must(isObject(record) && record.workerId === id && isWorkerRecord(record));
    state.workers.set(id, { id, status: "running", run: null, length: 0, data: {}, tokens: 0 });
  },
  "custom": (state, { name, data }) => {
    must(state.status === "running" && isText(name, 256) && data !== undefined && depth(data) <= 64);
  },
};

const ofWorker: Record<string, (worker: PlainWorker, event: Any, state: PlainState) => void> = {
  "worker.input_accepted": (worker, event) => append(worker, event, ["user", "system"]),
  "worker.transcript_appended": (worker, event) =>
    append(worker, event, ["user", "system", "assistant", "tool"]),
  "worker.state_updated": (worker, { patch }) => {
    must(worker.status === "running" && isObject(patch) && depth(patch) <= 64);
    worker.data = merged(worker.data, patch);
  },
  "worker.run_started": (worker, { runId }) => {
    must(worker.status === "running" && worker.run === null && isText(runId, 256));
    worker.run = runId;
  },
  "worker.run_finished": (worker, event) => endRun(worker, event, ["completed", "failed", "cancelled"]),
  "worker.run_interrupted": (worker, event) => endRun(worker, event, ["interrupted"]),
  "worker.usage_recorded": (worker, { usage, runId }, state) => {
    must(isObject(usage) && isText(usage.model, 256) && (runId ?? null) === worker.run);
    for (const amount of AMOUNTS) must(isCount(usage[amount], 0));
    worker.tokens = Math.min(worker.tokens + usage.inputTokens, Number.MAX_SAFE_INTEGER);
    state.tokens = Math.min(state.tokens + usage.inputTokens, Number.MAX_SAFE_INTEGER);
  },
  "worker.stopped": (worker, event) => {
    must(worker.run === null);
    end(worker, event, "stopped");
  },
  "worker.cancelled": (worker, event) => end(worker, event, "cancelled"),
  "worker.purged": (worker, _, state) => {
    must(worker.status !== "running");
    state.workers.delete(worker.id);
  },
};

const AMOUNTS = [
  "inputTokens",
  "outputTokens",
  "cachedTokens",
  "reasoningTokens",
  "requests",
  "costMicroUsd",
  "durationMs",
];

function append(worker: PlainWorker, { seq, count, entries, runId }: Any, roles: readonly string[]): void {
  must(worker.status === "running" && (runId ?? null) === worker.run && seq === worker.length + 1);
  must(isCount(count, 1) && Array.isArray(entries) && entries.length === count);
  for (const entry of entries) {
    must(isObject(entry) && roles.includes(entry.role) && typeof entry.content === "string");
    must(entry.name === undefined || isText(entry.name, 256));
    must(entry.metadata === undefined || (isObject(entry.metadata) && depth(entry.metadata) <= 64));
  }
  worker.length += count;
}

function endRun(worker: PlainWorker, { runId, outcome, reason }: Any, outcomes: readonly string[]): void {
  must(worker.run !== null && worker.run === runId && outcomes.includes(outcome) && isReason(reason));
  worker.run = null;
}

function end(worker: PlainWorker, { reason }: Any, status: string): void {
  must(worker.status === "running" && isReason(reason));
  [worker.status, worker.run] = [status, null];
}

function merged(target: Any, patch: Any): Any {
  if (!isObject(patch)) return patch;
  const result = new Map<string, unknown>(isObject(target) ? Object.entries(target) : []);
  for (const [name, member] of Object.entries(patch)) {
    if (member === null) result.delete(name);
    else result.set(name, merged(result.get(name), member));
  }
  return Object.fromEntries(result);
}

function isWorkerRecord(record: Any): boolean {
  const { intent, profile, capabilities, workspaces, mounts, labels, displayName, configBundle } = record;
  const needed: Record<string, boolean> = {
    assistant: intent?.purpose === undefined || isText(intent.purpose, 65_536),
    task: isText(intent?.objective, 65_536),
    role: isText(intent?.role, 256) && (intent.purpose === undefined || isText(intent.purpose, 65_536)),
  };
  return isObject(intent) && Object.hasOwn(needed, intent.kind) && needed[intent.kind] === true &&
    isObject(profile) && (profile.kind === "runtime_default" ||
      (["builtin", "named"].includes(profile.kind) && isText(profile.name, 256))) &&
    [capabilities, workspaces, mounts].every(Array.isArray) && isObject(labels) &&
    Object.entries(labels).every(([name, label]) => isText(name, 256) && isText(label, 256)) &&
    capabilities.every((item: Any) => isObject(item) && isText(item.name, 256)) &&
    [...workspaces, ...mounts].every((item) =>
      isObject(item) && isText(item.name, 256) && isText(item.reference, 65_536)
    ) &&
    (displayName === undefined || isText(displayName, 256)) &&
    (configBundle === undefined || (isObject(configBundle) && isText(configBundle.id, 256)));
}

function isObject(value: Any): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: Any, bytesMax: number): boolean {
  return typeof value === "string" && new TextEncoder().encode(value).length <= bytesMax;
}

function isReason(value: Any): boolean {
  return value === undefined || isText(value, 65_536);
}

function isCount(value: Any, min: number): boolean {
  return Number.isSafeInteger(value) && value >= min;
}

function isTime(value: Any): boolean {
  return typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) &&
    !Number.isNaN(Date.parse(value));
}

/** Levels of a value; counts no further than 100. */
function depth(value: Any): number {
  let level = 0;
  for (let found = [value]; found.length > 0 && level <= 100; level++) {
    found = found.flatMap((each) => typeof each === "object" && each !== null ? Object.values(each) : []);
  }
  return level - 1;
}
