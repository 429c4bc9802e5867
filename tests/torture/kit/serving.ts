/// <reference lib="deno.worker" />
/**
 * Worker side of `parallel.ts`: runs portions in a Deno Worker.
 *
 * @module
 */
import { BrokenOracle } from "../suite.ts";
import type { Message } from "./parallel.ts";

const REPORT_EVERY_MS = 250;
/** The real clock, even if a suite replaces it. */
const now: () => number = performance.now.bind(performance);

let isServing = false;
let current = "before the first case";
let reportedAt = 0;

/** Reports the current case to the thread that waits for it, at most a few times a second. */
export function begin(caseName: string): void {
  current = caseName;
  if (!isServing || now() - reportedAt < REPORT_EVERY_MS) return;
  reportedAt = now();
  self.postMessage({ kind: "begin", caseName } satisfies Message<never>);
}

/** Runs every portion that this thread receives. */
export function serve<Portion, Result>(work: (portion: Portion) => Promise<Result>): void {
  isServing = true;
  const send = (message: Message<Result>): void => self.postMessage(message);
  const broken = (error: unknown): void => {
    const { oracle, caseName } = error instanceof BrokenOracle ? error : { oracle: "I7", caseName: current };
    send({ kind: "broken", oracle, caseName, why: whyOf(error), stack: stackOf(error) });
  };
  self.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    const { reason } = event;
    broken(new BrokenOracle("I7", current, `an unhandled rejection: ${whyOf(reason)}`, { cause: reason }));
  });
  self.onmessage = ({ data }: MessageEvent<Portion>) => {
    work(data).then((result) => send({ kind: "done", result }), broken);
  };
}

function whyOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack ?? ""}${cause}`;
}
