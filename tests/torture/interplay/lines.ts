/**
 * The two ends of a conversation in lines between a case and its processes.
 *
 * @module
 */
import { Finding } from "../script/history.ts";

/** Request to a process. */
export interface Request {
  /** The seed of the case. */
  readonly seed: number;
  /** The round. */
  readonly round: number;
  /** Directory of the case. */
  readonly directory: string;
}

/** Writes a line. */
export function say(...words: readonly (string | number)[]): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${words.join(" ")}\n`));
}

/** Reports what was found. */
export function sayBroken(error: unknown): void {
  const finding = error instanceof Finding
    ? error
    : new Finding("I7", error instanceof Error ? `${error.stack}` : `${error}`);
  say("broken", finding.oracle, JSON.stringify(finding.message));
}

/** Answers every line, and ends the process with the last. An unhandled rejection is reported. */
export async function answerLines(answer: (line: string) => void): Promise<void> {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    const { reason } = event;
    sayBroken(new Finding("I7", `nobody caught ${reason instanceof Error ? reason.stack : reason}`));
  });
  say("started");
  let rest = "";
  for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) answer(line);
  }
  Deno.exit();
}
