// Sends every event to another system, at least once. The cursor is saved after an event was accepted; a crash in
// between sends that event again, with the same id, by which the receiver recognizes it. `watch` yields durable events
// only, so an id never names another event.
//
//     deno run --allow-net --allow-read=./data --allow-write=./data examples/webhook.ts http://localhost:8080/events

// deno-lint-ignore-file no-console
import { isRuntimeError, Runtime, type RuntimeEvent } from "@yoi/worker-runtime";
import { FsRuntimeStore } from "@yoi/worker-runtime/fs-store";

const CURSOR = "./data/webhook.cursor";
const RETRY_MS = 500;
const [url = "http://localhost:8080/events"] = Deno.args;

/** The last event that was accepted; 0 if none was. */
async function loadCursor(): Promise<number> {
  try {
    return Number(await Deno.readTextFile(CURSOR));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/** Replaces the file in one step: a crash leaves the old cursor or the new one, and an older one does no harm. */
async function saveCursor(eventId: number): Promise<void> {
  await Deno.writeTextFile(`${CURSOR}.tmp`, String(eventId));
  await Deno.rename(`${CURSOR}.tmp`, CURSOR);
}

/** Sends an event until it is accepted; false if `signal` aborted before. */
async function deliver(event: RuntimeEvent, runtimeId: string, signal: AbortSignal): Promise<boolean> {
  const request = {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": `${runtimeId}/${event.id}` },
    body: JSON.stringify(event),
    signal,
  };
  while (!signal.aborted) {
    try {
      const response = await fetch(url, request);
      await response.body?.cancel();
      if (response.ok) return true;
      console.error(`event ${event.id}: ${response.status}, trying again`);
    } catch (error) {
      if (!signal.aborted) console.error(`event ${event.id}: ${error}, trying again`);
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  return false;
}

/** Sends what comes after the cursor, then what comes in, until `signal` aborts. */
async function forward(runtime: Runtime, signal: AbortSignal): Promise<void> {
  try {
    for await (const event of runtime.watch({ after: await loadCursor(), signal })) {
      if (await deliver(event, runtime.runtimeId, signal)) await saveCursor(event.id);
    }
  } catch (error) {
    if (!isRuntimeError(error) || error.code !== "cursor_expired") throw error;
    console.error(`events before ${error.details.firstEventId} were pruned before they were sent`);
  }
}

await using runtime = await Runtime.open({
  store: new FsRuntimeStore({ root: "./data", runtimeId: "orders" }),
});
const ending = new AbortController();
const forwarding = forward(runtime, ending.signal);

// The host's own work: whatever is typed. It never waits for the other system.
const worker = await runtime.ensureWorker({ workerId: "clerk", intent: { kind: "role", role: "clerk" } });
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  for (const content of text.split("\n").filter((line) => line.trim() !== "")) {
    await worker.sendInput({ role: "user", content });
  }
}
// The next start sends what was not accepted by now.
ending.abort();
await forwarding;
