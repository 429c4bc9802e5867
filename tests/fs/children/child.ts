// A process of its own that has a store open: with the flags that the store needs, and nothing else.

import { fromFileUrl } from "@std/path";

const config = fromFileUrl(new URL("../../../deno.json", import.meta.url));

/** A child process that runs a script of this directory. */
export class Child {
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #text = "";
  #killed = false;

  constructor(script: string, root: string, ...args: readonly string[]) {
    const path = fromFileUrl(new URL(script, import.meta.url));
    const flags = [
      "--no-prompt",
      "--quiet",
      `--config=${config}`,
      `--allow-read=${root}`,
      `--allow-write=${root}`,
    ];
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", ...flags, path, root, ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Its process id. */
  get pid(): number {
    return this.#process.pid;
  }

  /** The next line that it prints; `undefined` after the last whole one. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end !== -1) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      const { value, done } = await this.#lines.read();
      if (done) return undefined;
      this.#text += value;
    }
  }

  /** All whole lines that are still to come. */
  async rest(): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.line(); line !== undefined; line = await this.line()) lines.push(line);
    return lines;
  }

  /** SIGKILL, once so many more lines began with `mark`. Returns all whole lines. */
  async killAfter(count: number, mark: string): Promise<string[]> {
    const lines: string[] = [];
    for (let left = count; left > 0;) {
      const line = await this.line();
      if (line === undefined) break;
      lines.push(line);
      if (line.startsWith(mark)) left--;
    }
    this.kill();
    return [...lines, ...await this.rest()];
  }

  /** SIGKILL. */
  kill(): void {
    this.#killed = true;
    this.#process.kill("SIGKILL");
  }

  /** Waits for its end. */
  async ended(): Promise<Deno.CommandStatus> {
    return await this.#process.status;
  }

  /** Waits for its end, which it is helped to if it holds on; lets go of what it printed. */
  async end(): Promise<void> {
    if (!this.#killed) {
      try {
        this.kill();
      } catch {
        // It has ended already.
      }
    }
    await this.#lines.cancel();
    await this.ended();
  }
}
