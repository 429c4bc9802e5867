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
  reason: string | null;
  run: string | null;
  last: string | null;
  /** First event and bytes of the draft of the open run, or of the last one. */
  draft: readonly [number, number] | null;
  length: number;
  /** Sequences of the context. */
  context: number[];
  summary: number | undefined;
  data: Any;
  labels: Any;
  name: string | null;
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
  const rows = [...workers.values()].map((worker) => [
    worker.id,
    worker.status,
    worker.reason,
    worker.run,
    worker.last,
    worker.draft,
    worker.length,
    worker.context,
    sorted(worker.data),
    sorted(worker.labels),
    worker.name,
    worker.tokens,
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
  must(event.workerId === undefined || event.type === "runtime.created" || isText(event.workerId, 80));
  state.lastEventId = event.id;
  const act = effects[event.type];
  if (act !== undefined) return act(state, event, runtimeId);
}

const effects: Record<string, (state: PlainState, event: Any, runtimeId: string) => void> = {
  "runtime.created": (_, event, runtimeId) => must(event.runtimeId === runtimeId),
  "runtime.opened": (state, event) => {
    must(event.epoch === state.epoch + 1);
    state.epoch++;
  },
  "runtime.closed": () => {},
  "runtime.retired": (state, { reason }) => {
    must(state.status === "running" && isReason(reason));
    state.status = "retired";
    for (const worker of state.workers.values()) {
      if (worker.status === "retired") continue;
      if (worker.run !== null) worker.last = "cancelled";
      [worker.status, worker.reason, worker.run, worker.draft] = ["retired", reason ?? null, null, null];
    }
  },
  "worker.created": (state, event) => {
    const { workerId: id, record, run, runId, status, draft } = event;
    must(state.status === "running" && isText(id, 80) && !state.workers.has(id));
    must(isObject(record) && record.workerId === id && isWorkerRecord(record));
    must(run === undefined && runId === undefined && status === undefined && draft === undefined);
    must(event.context === undefined);
    const worker: PlainWorker = {
      id,
      status: "running",
      reason: null,
      run: null,
      last: null,
      draft: null,
      length: 0,
      context: [],
      summary: undefined,
      data: {},
      labels: {},
      name: null,
      tokens: 0,
    };
    change(worker, event, state);
    state.workers.set(id, worker);
  },
  "worker.committed": (state, event) => {
    const worker = state.workers.get(event.workerId);
    must(state.status === "running" && worker !== undefined);
    if (worker === undefined) return;
    changeStatus(worker, event);
    checkDraft(worker, event);
    changeRun(worker, event);
    changeDraft(worker, event);
    must(worker.status === "running" || worker.run === null);
    change(worker, event, state);
  },
  "worker.purged": (state, { workerId }) => {
    const worker = state.workers.get(workerId);
    must(state.status === "running" && worker !== undefined && worker.status !== "running");
    state.workers.delete(workerId);
  },
  "custom": (state, { name, data }) => {
    must(state.status === "running" && isText(name, 256) && data !== undefined && depth(data) <= 64);
  },
};

const NEXT: Record<string, readonly string[]> = {
  running: ["stopped", "retired"],
  stopped: ["running", "retired"],
  retired: [],
};

/** Members of events that a worker accepts only while it is running. */
const ACTIVE = [
  "seq",
  "count",
  "entries",
  "runId",
  "run",
  "displayName",
  "labels",
  "data",
  "events",
  "context",
];

function changeStatus(worker: PlainWorker, event: Any): void {
  const { status, reason } = event;
  must(isReason(reason));
  if (status === undefined) return must(worker.status === "running" || !ACTIVE.some((name) => name in event));
  must(NEXT[worker.status]?.includes(status) === true);
  [worker.status, worker.reason] = [status, reason ?? null];
}

function changeRun(worker: PlainWorker, { run, runId }: Any): void {
  must(runId === undefined || isText(runId, 256));
  if (run === undefined) return must(runId === undefined || runId === worker.run);
  must(isObject(run) && isReason(run.reason) && (run.began === undefined) !== (run.ended === undefined));
  must(runId !== undefined);
  if (run.began !== undefined) {
    must(run.began === true && worker.run === null);
    worker.run = runId;
    return;
  }
  must(["completed", "failed", "cancelled", "interrupted"].includes(run.ended) && worker.run === runId);
  [worker.run, worker.last] = [null, run.ended];
}

const DRAFT_MAX = 1_048_576;

function checkDraft({ draft: before }: PlainWorker, { run, runId, draft }: Any): void {
  if (draft === undefined) return;
  must(runId !== undefined && (draft === null || isText(draft, DRAFT_MAX)));
  const kept = run?.began === true ? 0 : before?.[1] ?? 0;
  must(draft === null || kept + new TextEncoder().encode(draft).length <= DRAFT_MAX);
}

function changeDraft(worker: PlainWorker, { id, run, context, draft }: Any): void {
  const isKept = (run === undefined || run.ended === "interrupted") && context?.rewound === undefined;
  if (!isKept || worker.status !== "running") worker.draft = null;
  if (worker.run === null || draft === undefined) return;
  const [first, bytes] = worker.draft ?? [id, 0];
  worker.draft = draft === null ? null : [first, bytes + new TextEncoder().encode(draft).length];
}

function change(worker: PlainWorker, event: Any, state: PlainState): void {
  const { seq, count, entries, meta, displayName, labels, data, usage = [], events = [], context } = event;
  const adds = entries !== undefined;
  must(adds === (seq !== undefined) && adds === (count !== undefined));
  const before = [...worker.context];
  if (adds) append(worker, event);
  if (context !== undefined) changeContext(worker, before, event);
  must(meta === undefined || isObject(meta) && depth(meta) <= 64);
  must(displayName === undefined || displayName === null || isText(displayName, 256));
  if (displayName !== undefined) worker.name = displayName;
  must(labels === undefined || isLabels(labels));
  if (labels !== undefined) worker.labels = merged(worker.labels, labels);
  must(data === undefined || isObject(data) && depth(data) <= 64);
  if (data !== undefined) worker.data = merged(worker.data, data);
  must(Array.isArray(events) && events.length <= 256);
  for (const each of events) {
    must(isObject(each) && isText(each.name, 256) && each.data !== undefined && depth(each.data) <= 64);
  }
  must(Array.isArray(usage) && usage.length <= 256);
  for (const each of usage) {
    must(isObject(each) && isText(each.model, 256));
    for (const amount of AMOUNTS) must(isCount(each[amount], 0));
    worker.tokens = Math.min(worker.tokens + each.inputTokens, Number.MAX_SAFE_INTEGER);
    state.tokens = Math.min(state.tokens + each.inputTokens, Number.MAX_SAFE_INTEGER);
  }
}

const AMOUNTS = [
  "inputTokens",
  "outputTokens",
  "cachedTokens",
  "cacheWriteTokens",
  "reasoningTokens",
  "requests",
  "costMicroUsd",
  "durationMs",
];

function append(worker: PlainWorker, { seq, count, entries }: Any): void {
  must(seq === worker.length + 1);
  must(isCount(count, 1) && Array.isArray(entries) && entries.length === count);
  for (const entry of entries) {
    must(isObject(entry) && isText(entry.role, 256));
    for (const name of ["name", "id"]) must(entry[name] === undefined || isText(entry[name], 256));
    must(entry.at === undefined || isTime(entry.at));
    must(entry.metadata === undefined || (isObject(entry.metadata) && depth(entry.metadata) <= 64));
    must(("content" in entry) !== ("contentBlob" in entry));
    must(entry.content === undefined || depth(entry.content) <= 64);
    const blobs = entry.blobs ?? [];
    must(entry.blobs !== null && Array.isArray(blobs) && blobs.length <= 256 && blobs.every(isBlob));
    must(entry.contentBlob === undefined || isBlob(entry.contentBlob));
  }
  worker.length += count;
  for (let added = 0; added < count; added++) worker.context.push(seq + added);
}

function changeContext(worker: PlainWorker, before: readonly number[], { context, count }: Any): void {
  must(isObject(context));
  const { compacted, rewound } = context;
  if (compacted !== undefined) {
    must(rewound === undefined && isCount(compacted, 0) && count === 1 && compacted < worker.length);
    const kept = before.filter((seq) => seq > compacted && seq !== worker.summary);
    must(kept.length < before.length);
    [worker.context, worker.summary] = [[worker.length, ...kept], worker.length];
  } else {
    must(isCount(rewound, 0) && count === undefined && worker.run === null);
    must(rewound === 0 || before.includes(rewound));
    worker.context = before.slice(0, before.indexOf(rewound) + 1);
    if (rewound === 0) worker.summary = undefined;
  }
  const others = worker.context.filter((seq) => seq !== worker.summary);
  const ends = others.filter((seq) => !others.includes(seq + 1) && seq !== worker.length);
  must(ends.length < 64);
}

function isBlob(blob: Any): boolean {
  return isObject(blob) && typeof blob.sha256 === "string" && /^[0-9a-f]{64}$/.test(blob.sha256) &&
    isCount(blob.bytes, 0) && isText(blob.mediaType, 256);
}

function isLabels(labels: Any): boolean {
  return isObject(labels) && Object.keys(labels).length <= 256 &&
    Object.entries(labels).every(([name, label]) =>
      isText(name, 256) && (label === null || isText(label, 256))
    );
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
  const { intent, profile, capabilities, workspaces, mounts, parent, configBundle } = record;
  const needed: Record<string, boolean> = {
    assistant: intent?.purpose === undefined || isText(intent.purpose, 65_536),
    task: isText(intent?.objective, 65_536),
    role: isText(intent?.role, 256) && (intent.purpose === undefined || isText(intent.purpose, 65_536)),
  };
  return isObject(intent) && Object.hasOwn(needed, intent.kind) && needed[intent.kind] === true &&
    isObject(profile) && (profile.kind === "runtime_default" ||
      (["builtin", "named"].includes(profile.kind) && isText(profile.name, 256))) &&
    [capabilities, workspaces, mounts].every(Array.isArray) &&
    capabilities.every((item: Any) => isObject(item) && isText(item.name, 256)) &&
    [...workspaces, ...mounts].every((item) =>
      isObject(item) && isText(item.name, 256) && isText(item.reference, 65_536)
    ) &&
    (parent === undefined || isText(parent, 80)) &&
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
