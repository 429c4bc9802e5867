/**
 * Programs of the cluster as processes, without a service manager.
 *
 * @module
 */

/** A running program, which ends with this process. Runs as `postgres` if this process is root. Its output goes to a file. */
export class Program {
  /** Its process id. */
  readonly pid: number;
  readonly #process: Deno.ChildProcess;

  /** Starts a command. */
  constructor(command: readonly string[], log: string) {
    const user = Deno.uid() === 0 ? ["--reuid=postgres", "--regid=postgres", "--init-groups"] : [];
    const args = ["--pdeathsig=TERM", ...user, ...command];
    this.#process = new Deno.Command("setpriv", { args, stdin: "null", stdout: "piped", stderr: "piped" })
      .spawn();
    this.pid = this.#process.pid;
    const { stdout, stderr } = this.#process;
    // Programs that it has started may hold its output open.
    for (const output of [stdout, stderr]) void append(output, log);
  }

  /** Waits for its end. */
  async end(): Promise<void> {
    await this.#process.status;
  }
}

async function append(output: ReadableStream<Uint8Array>, log: string): Promise<void> {
  using file = await Deno.open(log, { append: true, create: true });
  for await (const chunk of output) await file.write(chunk);
}

/** Returns true if a program is installed. */
export async function isInstalled(program: string): Promise<boolean> {
  const command = new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" });
  try {
    return (await command.output()).success;
  } catch {
    return false;
  }
}
