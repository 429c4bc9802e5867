/**
 * A measuring process, as the benchmark sees it.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { ContenderId } from "../contenders/contender.ts";
import type { Jobs, Response } from "./jobs.ts";
import { TextLineStream } from "./text_lines.ts";

const CHILD = fileURLToPath(new URL("./child.ts", import.meta.url));

/** A process that does one job after another. */
export class MeasuringProcess implements AsyncDisposable {
  static readonly #running = new Set<MeasuringProcess>();
  readonly #child: Deno.ChildProcess;
  readonly #requests: WritableStreamDefaultWriter<Uint8Array>;
  readonly #responses: ReadableStreamDefaultReader<string>;

  private constructor() {
    const args = ["run", "-A", "--quiet", "--unstable-kv", "--v8-flags=--expose-gc", CHILD];
    const command = new Deno.Command(Deno.execPath(), {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    });
    this.#child = command.spawn();
    MeasuringProcess.#running.add(this);
    this.#requests = this.#child.stdin.getWriter();
    const text = this.#child.stdout.pipeThrough(new TextDecoderStream());
    this.#responses = text.pipeThrough(new TextLineStream()).getReader();
  }

  /** Starts a process for a contender, or for none. */
  static async start(contender?: ContenderId): Promise<MeasuringProcess> {
    const process = new MeasuringProcess();
    if (contender !== undefined) await process.do("load", { contender });
    return process;
  }

  /** Starts a process and opens a store in it. */
  static async open(contender: ContenderId, place: string): Promise<MeasuringProcess> {
    const process = await MeasuringProcess.start(contender);
    await process.do("open", { place });
    return process;
  }

  /** Kills whatever still runs: the benchmark itself has ended early. */
  static async killAll(): Promise<void> {
    await Promise.all([...MeasuringProcess.#running].map((process) => process.kill()));
  }

  /** Has a job done. Throws what the job throws. */
  async do<Name extends keyof Jobs>(
    job: Name,
    given: Jobs[Name]["arguments"],
  ): Promise<Jobs[Name]["result"]> {
    const request = JSON.stringify({ job, arguments: given });
    await this.#requests.write(new TextEncoder().encode(`${request}\n`));
    const { value } = await this.#responses.read();
    if (value === undefined) throw new Error(`Cannot finish ${job}: the measuring process is gone`);
    const response: Response = JSON.parse(value);
    if ("error" in response) throw new Error(`Cannot finish ${job}: ${response.error}`);
    return response.result as Jobs[Name]["result"];
  }

  /** Closes the store, and ends the process. */
  async close(): Promise<void> {
    await this.do("close", null);
    await this[Symbol.asyncDispose]();
  }

  /** Kills the process as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#end();
  }

  /** Ends the process; the store is left as it is. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#requests.close().catch(() => undefined);
    await this.#end();
  }

  async #end(): Promise<void> {
    await this.#child.status;
    MeasuringProcess.#running.delete(this);
    await this.#responses.cancel().catch(() => undefined);
  }
}
