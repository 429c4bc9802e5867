/**
 * Starting the working process, listening to it, killing it.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import type { Message } from "./process.ts";

const script = fromFileUrl(new URL("./process.ts", import.meta.url));
const config = fromFileUrl(new URL("../../deno.json", import.meta.url));

/** What the working process works on. */
export interface Job {
  /** Where the files are. */
  readonly directory: string;
  /** The store's root. */
  readonly root: string;
  /** The runtime. */
  readonly runtimeId: string;
  /** Answers that the stand-in for a model gives before it falls silent. */
  readonly answers: number;
}

/** A working process. */
export class WorkingProcess implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  #ended = false;

  /** Starts it, with the permissions that it needs: to read the files, and to read and write the store. */
  constructor({ directory, root, runtimeId, answers }: Job) {
    const flags = [
      allow("read", directory, root),
      allow("write", root),
      "--no-prompt",
      "--quiet",
      `--config=${config}`,
    ];
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", ...flags, script, directory, root, runtimeId, String(answers)],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#process.status.then(() => this.#ended = true);
  }

  /** Its process id. */
  get pid(): number {
    return this.#process.pid;
  }

  /** What it says, until it ends. */
  async *messages(): AsyncGenerator<Message> {
    let text = "";
    for await (const chunk of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = `${text}${chunk}`.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) yield JSON.parse(line);
    }
  }

  /** SIGKILL: no handler runs, nothing is flushed. */
  kill(): void {
    if (!this.#ended) this.#process.kill("SIGKILL");
  }

  /** How it ended. */
  async status(): Promise<Deno.CommandStatus> {
    return await this.#process.status;
  }

  /** Sees to it that it ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.#process.status;
  }
}

/** A flag for these paths. A path with a comma cannot be in a list of paths: then for all paths. */
function allow(what: "read" | "write", ...paths: readonly string[]): string {
  const listable = !paths.some((path) => path.includes(","));
  return listable ? `--allow-${what}=${paths.join(",")}` : `--allow-${what}`;
}
