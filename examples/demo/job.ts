/**
 * One worker for one file: it is given the text, and a run answers with an outline. Inputs have keys made of the
 * file's path and content, so that a process that continues the work of a dead one repeats nothing.
 *
 * @module
 */
import { limits, type Runtime, type Worker } from "../../mod.ts";
import type { SourceFile } from "./files.ts";
import { outlineOf } from "./outline.ts";

/** The name under which usage is recorded. */
export const MODEL = "local-outline";
/** Characters of one entry; a longer text becomes several. */
const ENTRY_CHARACTERS = 16_384;

/** The text of a file in pieces, none of them ending inside a character. */
export function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  let at = 0;
  do {
    let end = Math.min(at + ENTRY_CHARACTERS, text.length);
    if (!text.slice(at, end).isWellFormed()) end--;
    pieces.push(text.slice(at, end));
    at = end;
  } while (at < text.length);
  return pieces;
}

/** Tokens, as a rule of thumb. */
export function tokensOf(text: string): number {
  return Math.ceil(text.length / 4);
}

/** The id of a file's worker: its path where that can be an id. */
export function workerIdOf({ path, digest }: SourceFile): string {
  const fits = new TextEncoder().encode(path).length <= limits.idBytesMax;
  return fits && path.normalize("NFC") === path ? path : `file-${digest}`;
}

/** Answers for a model, after a while; may never answer. */
export type Answer = (file: SourceFile, signal: AbortSignal) => Promise<string>;

/** Does the work of one file as far as it is not done. Returns true if there was anything to do. */
export async function work(runtime: Runtime, file: SourceFile, answer: Answer): Promise<boolean> {
  const worker = await ensureWorker(runtime, file);
  const pieces = piecesOf(file.text);
  for (const [index, content] of pieces.entries()) {
    const metadata = { part: index + 1, parts: pieces.length };
    await worker.sendInput({ role: "user", content, metadata }, { key: `${file.digest}:input:${index}` });
  }
  if (worker.state().lastRun?.outcome === "completed") return false;
  await worker.run(async (run) => {
    const startedAt = performance.now();
    const content = await answer(file, run.signal);
    const durationMs = Math.round(performance.now() - startedAt);
    // One event: a kill leaves either all of it, or none and the run open.
    await run.commit({
      entries: [{ role: "assistant", name: MODEL, content: [{ type: "text", text: content }] }],
      usage: { model: MODEL, inputTokens: tokensOf(file.text), outputTokens: tokensOf(content), durationMs },
      finish: { outcome: "completed" },
    });
  });
  return true;
}

async function ensureWorker(runtime: Runtime, file: SourceFile): Promise<Worker> {
  return await runtime.ensureWorker({
    workerId: workerIdOf(file),
    displayName: file.path.slice(-80),
    intent: { kind: "task", objective: `Outline ${file.path}` },
    profile: { kind: "named", name: MODEL },
    labels: { digest: file.digest },
  });
}

/** The outline of a file after a pause of 20 to 83 ms, as if it came from far away. */
export const localAnswer: Answer = ({ path, text, digest }, signal) =>
  new Promise((resolve, reject) => {
    const pauseMs = 20 + parseInt(digest.slice(0, 2), 16) / 4;
    const timer = setTimeout(() => resolve(outlineOf(path, text)), pauseMs);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
