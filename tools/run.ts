/**
 * How the tools run a command: in the foreground, in place of the tool itself.
 *
 * @module
 */

const SIGNALS: Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/** Where to run it, and what to add to the environment. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

/** Runs the command with this process's input and output, hands on signals, and resolves to its exit code. */
export async function run(command: string[], options: RunOptions = {}): Promise<number> {
  const [name = "", ...args] = command;
  // `deno` is the Deno that runs this: there may be no other.
  const executable = name === "deno" ? Deno.execPath() : name;
  const child = new Deno.Command(executable, { ...options, args, stdin: "inherit" }).spawn();
  using _forwarding = forwardSignals(child);
  return (await child.status).code;
}

function forwardSignals(child: Deno.ChildProcess): Disposable {
  const handlers = SIGNALS.map((signal) => [signal, () => forward(child, signal)] as const);
  for (const [signal, handler] of handlers) Deno.addSignalListener(signal, handler);
  return {
    [Symbol.dispose](): void {
      for (const [signal, handler] of handlers) Deno.removeSignalListener(signal, handler);
    },
  };
}

function forward(child: Deno.ChildProcess, signal: Deno.Signal): void {
  // A terminal has sent Ctrl-C to the child as well; a second one often means "at once".
  if (signal === "SIGINT" && Deno.stdin.isTerminal()) return;
  try {
    child.kill(signal);
  } catch {
    // It has ended already.
  }
}
