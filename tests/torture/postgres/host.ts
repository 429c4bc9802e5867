/**
 * A process that owns a runtime, or waits for it, or hosts its share of many. Its
 * standard output is the journal of the case. It writes:
 *
 * - `opened SESSION RUNTIME` once it owns a runtime, `running SESSION` once a run is open
 * - `aborted SESSION PACE` when the run is aborted; PACE is `starved` if the machine left the process no time
 * - `ack SESSION KEY EVENT` once an input is acknowledged
 * - `rejected KEY CODE` for an input that did not happen, `unknown KEY CODE` for one that may have
 * - `refused CODE` for an opening that failed
 * - `ended SESSION CODE DETAILS` after a final error, `closed SESSION` once the runtime is closed
 *
 * The line `stop` on its standard input ends it.
 *
 * @module
 */
import { isRuntimeError, Runtime, type RuntimeError, type Worker } from "../../../mod.ts";
import { type PostgresClient, PostgresRuntimeStore, RuntimeHost } from "../../../postgres_store.ts";
import { isFinal } from "../../../src/core/group_commit.ts";
import { poolOf } from "./client.ts";
import { type Plan, RUNTIME } from "./plan.ts";

const plan: Plan = JSON.parse(Deno.args[0] ?? "{}");
const { name, leaseMs, padding = 0, pauseMs = 4 } = plan;
const client: PostgresClient = poolOf({
  port: plan.port,
  limitMs: Math.max(leaseMs / 3, 300),
  settings: plan.settings,
  max: plan.space === undefined ? 4 : 12,
});
const encoder = new TextEncoder();
let isStopping = false;

function say(...words: readonly (string | number)[]): void {
  Deno.stdout.writeSync(encoder.encode(`${name} ${words.join(" ")}\n`));
}

function sayBroken(error: unknown): void {
  say("broken", String(error instanceof Error ? error.stack : error).replaceAll(/\s+/g, " "));
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const TICK_MS = 4;
/** A process whose timers are this late has no time for its lease: a short one has a margin of 10 ms. */
const STARVED_MS = 8;
const STARVED_FOR_MS = 200;
/** Waits so long for the name of the next owner. */
const NAMING_MS = 5_000;
let tickedAt = performance.now();
let starvedAt = -Infinity;
setInterval(() => {
  const now = performance.now();
  if (now - tickedAt > STARVED_MS) starvedAt = now;
  tickedAt = now;
}, TICK_MS);

/** Returns "starved" while timers fire late. */
function pace(): "starved" | "prompt" {
  const now = performance.now();
  return now - tickedAt > STARVED_MS || now - starvedAt < STARVED_FOR_MS ? "starved" : "prompt";
}

/** Text that PostgreSQL cannot compress much. */
function noise(length: number): string {
  let text = "";
  while (text.length < length) text += crypto.randomUUID();
  return text.slice(0, length);
}

/** Sends inputs until the runtime fails or the process stops. */
async function call(runtime: Runtime, session: string, caller: number): Promise<void> {
  let worker: Worker | undefined;
  for (let count = 1; !isStopping && runtime.health.status === "ok"; count++) {
    const key = `${session}/${caller}/${count}`;
    try {
      worker ??= await runtime.ensureWorker({ workerId: `w${caller}`, intent: { kind: "assistant" } });
      const { eventId } = await worker.sendInput({ role: "user", content: `${key} ${noise(padding)}` });
      say("ack", session, key, eventId);
    } catch (error) {
      if (!isRuntimeError(error)) return sayBroken(error);
      if (isFinal(error) || error.code === "runtime_closed") return say("unknown", key, error.code);
      if (error.code !== "store_io" && error.code !== "no_space") return sayBroken(error);
      say("rejected", key, error.code);
      await pause(50);
    }
    await pause(Math.random() * pauseMs);
  }
}

/** The final error of a runtime. The next owner is named as soon as the database was asked. */
async function endOf(runtime: Runtime): Promise<RuntimeError | undefined> {
  for (let waited = 0;; waited += TICK_MS) {
    const { health } = runtime;
    if (health.status !== "failed") return undefined;
    const { details } = health.error;
    if (!("owner" in details) || details.owner !== "nobody" || waited > NAMING_MS) return health.error;
    await pause(TICK_MS);
  }
}

/** Works with a runtime until it is lost or the process stops. */
async function work(runtime: Runtime, session: string): Promise<void> {
  say("opened", session, runtime.runtimeId);
  const calls = Array.from({ length: plan.callers }, (_, caller) => call(runtime, session, caller));
  const running = run(runtime, session);
  await Promise.all([...calls, running]);
  const end = await endOf(runtime);
  if (end !== undefined) say("ended", session, end.code, JSON.stringify(end.details));
}

/** Keeps a run open, and says when it is aborted. */
async function run(runtime: Runtime, session: string): Promise<void> {
  while (!isStopping && runtime.health.status === "ok") {
    try {
      const worker = await runtime.ensureWorker({ workerId: "r", intent: { kind: "assistant" } });
      const { signal } = await worker.beginRun();
      signal.addEventListener("abort", () => say("aborted", session, pace()));
      say("running", session);
      while (!isStopping && !signal.aborted) await pause(5);
      return;
    } catch (error) {
      if (!isRuntimeError(error)) return sayBroken(error);
      await pause(50);
    }
  }
}

/** Owns the runtime, as often as it can. */
async function compete(): Promise<void> {
  for (let number = 1; !isStopping; number++) {
    const session = `${name}/${number}`;
    const store = new PostgresRuntimeStore({
      client,
      runtimeId: RUNTIME,
      owner: name,
      leaseMs,
      lockWaitMs: 1_000,
    });
    try {
      const runtime = await Runtime.open({ store });
      await work(runtime, session);
      await runtime.close().catch(() => {});
      say("closed", session);
      if (!plan.again) return;
    } catch (error) {
      if (!isRuntimeError(error)) throw error;
      const { code } = error as RuntimeError;
      if (!["store_locked", "store_io", "no_space", "store_fenced"].includes(code)) throw error;
      if (code !== "store_locked") say("refused", code);
      await pause(100);
    }
  }
}

/** Hosts a share of many runtimes. */
async function share(space: string): Promise<void> {
  let opened = 0;
  const working = new Set<Promise<void>>();
  await using _host = await RuntimeHost.start({
    client,
    space,
    owner: name,
    leaseMs,
    opened: (runtime) => {
      working.add(work(runtime, `${name}/${++opened}`).catch(sayBroken));
    },
  });
  while (!isStopping) await pause(20);
  await Promise.all(working);
}

async function listen(): Promise<void> {
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    if (text.includes("stop")) isStopping = true;
  }
}

globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  sayBroken(event.reason);
});
void listen();
say("started");
await (plan.space === undefined ? compete() : share(plan.space)).catch(sayBroken);
say("stopped");
Deno.exit();
