/// <reference lib="deno.worker" />
/**
 * The other end of `parallel.ts`: runs portions in a Deno Worker.
 *
 * @module
 */
import { BrokenOracle } from "../suite.ts";
import type { Message } from "./parallel.ts";

/** Reports the current case, at most a few times a second. */
export type Begin = (caseName: string) => void;

const TELL_EVERY_MS = 250;
/** The real clock, even if a suite replaces it. */
const now: () => number = performance.now.bind(performance);

/** Runs every portion that comes. */
export function serve<Portion, Result>(
  work: (portion: Portion, begin: Begin) => Promise<Result>,
): void {
  let toldAt = 0;
  let current = "before the first case";
  const tell = (message: Message<Result>): void => self.postMessage(message);
  const begin: Begin = (caseName) => {
    current = caseName;
    if (now() - toldAt < TELL_EVERY_MS) return;
    toldAt = now();
    tell({ kind: "begin", caseName });
  };
  const broken = (error: unknown): void => {
    const { oracle, caseName } = error instanceof BrokenOracle ? error : { oracle: "I7", caseName: current };
    tell({ kind: "broken", oracle, caseName, why: whyOf(error), stack: stackOf(error) });
  };
  self.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    broken(new BrokenOracle("I7", current, `nobody caught ${whyOf(event.reason)}`, { cause: event.reason }));
  });
  self.onmessage = ({ data }: MessageEvent<Portion>) => {
    work(data, begin).then((result) => tell({ kind: "done", result }), broken);
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
