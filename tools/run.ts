/**
 * Runs a command in the foreground, in place of the tool itself.
 *
 * @module
 */

const SIGNALS: Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/** Working directory, and additions to the environment. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

/** Runs the command with this process's input and output, forwards signals, and resolves to its exit code. */
export async function run(command: string[], options: RunOptions = {}): Promise<number> {
  const [name = "", ...args] = command;
  // The running Deno, because another may not be installed.
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
  // A terminal sends Ctrl-C to the child as well, and a second one often means "immediately".
  if (signal === "SIGINT" && Deno.stdin.isTerminal()) return;
  try {
    child.kill(signal);
  } catch {
    // The child has ended already.
  }
}
