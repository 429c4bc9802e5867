/**
 * A process that owns runtimes in the cluster and works on them until it is ended:
 * its callers send inputs with keys, and repeat each until it is acknowledged. A
 * runtime that ends with a final error is opened again. It prints a line for each
 * opening, acknowledgement and error, with the time in milliseconds.
 *
 * @module
 */
import { isRuntimeError, Runtime, type Worker } from "../../../mod.ts";
import { type PostgresClient, PostgresRuntimeStore } from "../../../postgres_store.ts";
import { type Access, openClient } from "./access.ts";
import { contentOf, type HostPlan, type RuntimePlan } from "./plan.ts";

/** Share of acknowledged inputs that are read. */
const READS = 0.1;
const encoder = new TextEncoder();
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function say(...words: readonly (string | number)[]): void {
  Deno.stdout.writeSync(encoder.encode(`${words.join(" ").replaceAll("\n", " ")}\n`));
}

function codeOf(error: unknown): string {
  return isRuntimeError(error) ? error.code : "untyped";
}

/** Callers of a runtime, whose counts go on when it is opened again. */
class Load {
  readonly #name: string;
  readonly #client: PostgresClient;
  readonly #plan: RuntimePlan;
  readonly #counts: number[];

  constructor(name: string, client: PostgresClient, plan: RuntimePlan) {
    this.#name = name;
    this.#client = client;
    this.#plan = plan;
    this.#counts = Array.from({ length: plan.callers }, () => 0);
  }

  async run(): Promise<never> {
    for (;;) {
      try {
        await this.#own();
      } catch (error) {
        if (codeOf(error) !== "store_locked") {
          say("refused", Date.now(), this.#plan.runtimeId, codeOf(error), String(error));
        }
      }
      await pause(200);
    }
  }

  async #own(): Promise<void> {
    const { runtimeId, leaseMs } = this.#plan;
    const client = this.#client;
    const store = new PostgresRuntimeStore({ client, runtimeId, leaseMs, owner: this.#name });
    await using runtime = await Runtime.open({ store });
    say("opened", Date.now(), runtimeId);
    // Keys are remembered for a worker's last 1,024: another owner must not displace those of this process.
    const ids = ["0", "1", "2", "3"].map((index) => `${this.#name}-${index}`);
    const workers = await Promise.all(
      ids.map((workerId) => runtime.ensureWorker({ workerId, intent: { kind: "assistant" } })),
    );
    const { length } = workers;
    await Promise.all(this.#counts.map((_, caller) => this.#call(runtime, workers[caller % length], caller)));
    const { health } = runtime;
    if (health.status === "failed") {
      say("ended", Date.now(), runtimeId, health.error.code, health.error.message);
    }
  }

  async #call(runtime: Runtime, worker: Worker | undefined, caller: number): Promise<void> {
    const { runtimeId } = this.#plan;
    while (worker !== undefined && runtime.health.status === "ok") {
      const key = `${this.#name}.${caller}.${this.#counts[caller]}`;
      try {
        const receipt = await worker.sendInput({ role: "user", content: contentOf(key) }, { key });
        const { eventId, firstSeq, duplicate } = receipt;
        say("ack", Date.now(), runtimeId, worker.workerId, key, eventId, firstSeq, Number(duplicate));
        this.#counts[caller] = (this.#counts[caller] ?? 0) + 1;
        if (Math.random() < READS) await this.#read(worker, firstSeq, contentOf(key));
      } catch (error) {
        say("error", Date.now(), runtimeId, codeOf(error), String(error));
        await pause(50);
      }
      await pause(Math.random() * this.#plan.pauseMs);
    }
  }

  /** Reads an entry that was acknowledged. */
  async #read(worker: Worker, seq: number, content: string): Promise<void> {
    const { items } = await worker.transcript({ after: seq - 1, limit: 1 });
    if (items[0]?.content === content) return;
    say(
      "wrong",
      Date.now(),
      this.#plan.runtimeId,
      `entry ${seq} of ${worker.workerId}`,
      String(items[0]?.content),
    );
  }
}

const plan: HostPlan = JSON.parse(Deno.args[0] ?? "");
const access: Access = plan.access;
const client = await openClient(access);
say("ready");
await Promise.all(plan.runtimes.map((each) => new Load(plan.name, client, each).run()));
