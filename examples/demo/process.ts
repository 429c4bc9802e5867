/**
 * The process that does the work, to be killed half way. It prints what it does as lines of JSON.
 *
 * Arguments: the directory, the store's root, the runtime's id, and after how many answers the stand-in for a model
 * falls silent (so that there is somebody to kill, however fast the machine is).
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { type Diagnostic, Runtime } from "../../mod.ts";
import { FsRuntimeStore } from "../../fs_store.ts";
import { findFiles, type SourceFile } from "./files.ts";
import { type Answer, localAnswer, work } from "./job.ts";

/** What the process says. */
export type Message =
  | { readonly type: "opened"; readonly epoch: number; readonly lastEventId: number }
  | { readonly type: "done"; readonly path: string; readonly isNew: boolean }
  | { readonly type: "finished"; readonly lastEventId: number; readonly diagnostics: readonly Diagnostic[] };

/** Workers at work at the same time. */
const CONCURRENCY = 8;

function say(message: Message): void {
  console.log(JSON.stringify(message));
}

/** Answers so many times, then never again. */
function answering(times: number): Answer {
  let given = 0;
  return (file, signal) => given++ < times ? localAnswer(file, signal) : silence();
}

function silence(): Promise<never> {
  return new Promise(() => setInterval(() => {}, 1_000));
}

async function main(
  [directory = "", root = "", runtimeId = "", times = ""]: readonly string[],
): Promise<void> {
  const { files } = await findFiles(directory);
  await using runtime = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId }) });
  const { epoch, lastEventId } = runtime.overview();
  say({ type: "opened", epoch, lastEventId });
  const answer = answering(Number(times));
  const queue = files.values();
  await Promise.all(Array.from({ length: CONCURRENCY }, () => takeFrom(queue, runtime, answer)));
  await runtime.flush();
  const { items } = runtime.diagnostics();
  say({ type: "finished", lastEventId: runtime.lastEventId, diagnostics: items });
}

async function takeFrom(queue: Iterable<SourceFile>, runtime: Runtime, answer: Answer): Promise<void> {
  for (const file of queue) {
    const isNew = await work(runtime, file, answer);
    say({ type: "done", path: file.path, isNew });
  }
}

if (import.meta.main) await main(Deno.args);
