// The webhook: killed between the delivery of an event and the saving of its cursor, it sends that event again.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Example, exampleTest, openKept, until } from "./kit.ts";

const flags = ["--allow-net", "--allow-read=./data", "--allow-write=./data"];

/** The other system: keeps what it is sent by the key of the sender, and may be slow or unwell. */
class Receiver implements AsyncDisposable {
  /** Keys in the order in which they came, repetitions too. */
  readonly deliveries: string[] = [];
  /** Contents by key. */
  readonly kept = new Map<string, unknown>();
  /** Keys whose answer is held back until the process is gone. */
  readonly stalling: Set<string>;
  /** Keys that are refused once. */
  readonly refusing: Set<string>;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #ending = new AbortController();
  readonly #over = Promise.withResolvers<void>();

  constructor(how: { readonly stalling?: string[]; readonly refusing?: string[] } = {}) {
    this.stalling = new Set(how.stalling);
    this.refusing = new Set(how.refusing);
    const { signal } = this.#ending;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {}, signal },
      (request) => this.#take(request),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/events`;
  }

  async #take(request: Request): Promise<Response> {
    const key = request.headers.get("idempotency-key") ?? "";
    const body = await request.json();
    this.deliveries.push(key);
    if (this.refusing.delete(key)) return new Response(null, { status: 503 });
    if (this.kept.has(key)) assertEquals(body, this.kept.get(key), "one id, one event");
    this.kept.set(key, body);
    // Taken, but the sender never hears of it.
    if (this.stalling.delete(key)) await this.#over.promise;
    return new Response(null, { status: 204 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.resolve();
    this.#ending.abort();
    await this.#server.finished;
  }
}

/** All events of the store, as JSON. */
async function eventsIn(directory: string): Promise<unknown[]> {
  await using runtime = await openKept(directory, "orders");
  const { items } = await runtime.events({ after: 0, limit: 1_000 });
  return JSON.parse(JSON.stringify(items));
}

exampleTest("webhook sends every event, again where a crash left it in doubt", async (directory) => {
  await using receiver = new Receiver({ stalling: ["orders/5"], refusing: ["orders/2"] });
  const first = new Example("webhook", directory, flags, [receiver.url]);
  await first.type("one", "two", "three");
  // Events 1 to 3 are the creations and the opening: "two" was taken, its cursor was not saved.
  await until(() => receiver.kept.has("orders/5"));
  const killed = await first.kill();
  assertEquals(killed.signal, "SIGKILL");
  assertStringIncludes(killed.err, "event 2: 503, trying again");
  assertEquals(Deno.readTextFileSync(`${directory}/data/webhook.cursor`), "4");

  const second = new Example("webhook", directory, flags, [receiver.url]);
  await second.type("four");
  await until(() => [...receiver.kept.values()].some((event) => JSON.stringify(event).includes('"four"')));
  const { code, err } = await second.finish();
  assertEquals(code, 0, err);

  const events = await eventsIn(directory);
  const sent = [...receiver.kept.values()];
  assertEquals(sent, events.slice(0, sent.length), "every event once, in order");
  const contents = JSON.stringify(sent);
  for (const line of ["one", "four"]) assertStringIncludes(contents, `"content":"${line}"`);
  const times = receiver.deliveries.filter((key) => key === "orders/5").length;
  assert(times === 2, `event 5 came ${times} times`);
});

exampleTest("webhook says so when events were pruned before they were sent", async (directory) => {
  await using receiver = new Receiver();
  Deno.mkdirSync(`${directory}/data/runtimes/orders`, { recursive: true });
  Deno.writeTextFileSync(
    `${directory}/data/runtimes/orders/config.jsonc`,
    '{ "limits": { "segmentBytes": 4096 } }',
  );
  for (let round = 0; round < 2; round++) {
    const filling = new Example("webhook", directory, flags, ["http://127.0.0.1:9/nobody"]);
    await filling.type(...Array.from({ length: 40 }, (_, index) => `${index} ${"x".repeat(300)}`));
    assertEquals((await filling.finish()).code, 0);
  }
  {
    await using runtime = await openKept(directory, "orders");
    assert((await runtime.prune()).events > 0);
  }
  const behind = new Example("webhook", directory, flags, [receiver.url]);
  await behind.complains("were pruned before they were sent");
  const { code, err } = await behind.finish();
  assertEquals(code, 0, err);
  assertEquals(receiver.deliveries, []);
});
