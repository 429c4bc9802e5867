/**
 * A child process that communicates in lines.
 *
 * @module
 */

/** Options of a child process. */
export interface ChildOptions {
  /** Permissions. @default `-A` */
  readonly flags?: readonly string[];
  /** Prefix of the command, such as strace and its arguments. */
  readonly behind?: readonly string[];
}

/** A Deno process that runs a module. */
export class Child {
  /** Its process id. */
  readonly pid: number;
  /** Every whole line of its output that was not taken yet. */
  readonly lines: string[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #done: Promise<void>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #heard = Promise.withResolvers<void>();
  #ended = false;

  /** Starts it. */
  constructor(module: URL, args: readonly string[], options: ChildOptions = {}) {
    const { flags = ["-A"], behind = [] } = options;
    const config = new URL("../../../deno.json", import.meta.url).pathname;
    const deno = [Deno.execPath(), "run", "--quiet", "--no-prompt", "--no-check", `--config=${config}`];
    // The cache is a file too, and a wrapper such as strace would count its writes.
    if (behind.length > 0) deno.push("--no-code-cache");
    const [command = "", ...rest] = [...behind, ...deno, ...flags, module.pathname, ...args];
    const process = new Deno.Command(command, {
      args: rest,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    });
    this.#process = process.spawn();
    this.pid = this.#process.pid;
    this.#writer = this.#process.stdin.getWriter();
    this.#done = this.#listen();
  }

  /** Sends a line. */
  async tell(line: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Sends a signal. */
  signal(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Waits for the next line that begins with one of the words, and takes it; `undefined` at the end. */
  async hear(...words: readonly string[]): Promise<string | undefined> {
    for (;;) {
      const at = this.lines.findIndex((line) => words.some((word) => line.startsWith(word)));
      if (at !== -1) return this.lines.splice(at, 1)[0];
      if (this.#ended) return undefined;
      await this.#heard.promise;
    }
  }

  /** Waits for its end; gives its exit code. */
  async end(): Promise<number> {
    await this.#writer.close().catch(() => {});
    await this.#done;
    return (await this.#process.status).code;
  }

  /** Kills it, and waits until it is gone. */
  async kill(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It is gone already.
    }
    await this.end();
  }

  async #listen(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.#process.stdout) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      this.lines.push(...parts);
      this.#tellListeners();
    }
    this.#ended = true;
    this.#tellListeners();
  }

  #tellListeners(): void {
    const { resolve } = this.#heard;
    this.#heard = Promise.withResolvers<void>();
    resolve();
  }
}
