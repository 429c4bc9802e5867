// The program on docs/chat.md: its blocks, as the page has them, against a model on the loopback interface.

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { FsRuntimeStore } from "../../fs_store.ts";
import { Runtime, type RuntimeReader } from "../../mod.ts";
import { openReader } from "../fs/reading/reader.ts";
import { Example, exampleTest, openKept, until } from "./kit.ts";
import type { Answer, ModelServer } from "./model_server.ts";
import { serveCompletions } from "./openai_server.ts";

const page = new URL("../../docs/chat.md", import.meta.url);

/** Writes the program of the page into a directory. */
function writeProgram(directory: string): void {
  const blocks = [...Deno.readTextFileSync(page).matchAll(/^```ts\n([^]*?)^```$/gm)];
  Deno.writeTextFileSync(`${directory}/host.ts`, blocks.map(([, code]) => code).join("\n"));
}

function start(directory: string, { url }: ModelServer, worker: string, ...flags: string[]): Example {
  const permissions = ["--allow-env", "--allow-net", "--allow-read=./data", "--allow-write=./data"];
  const env = { OPENAI_BASE_URL: `${url}/v1`, OPENAI_MODEL: "m-1", OPENAI_API_KEY: "secret" };
  return new Example(`${directory}/host.ts`, directory, [...flags, ...permissions], [worker], env);
}

/** Reads a store beside its host, as another process; the store may not exist yet. */
async function read<T>(
  directory: string,
  of: (reader: RuntimeReader) => T | Promise<T>,
): Promise<T | undefined> {
  try {
    await using reader = await openReader({ root: `${directory}/data`, runtimeId: "chats" });
    return await of(reader);
  } catch {
    return undefined;
  }
}

const lengthIn = (directory: string) => read(directory, (reader) => reader.worker("ada").transcriptLength);
const draftIn = (directory: string) => read(directory, async (reader) => (await reader.draft("ada"))?.text);

/** A conversation that nobody has used for a hundred days. */
async function keepOld(directory: string): Promise<void> {
  const store = new FsRuntimeStore({ root: `${directory}/data`, runtimeId: "chats" });
  const now = () => Date.now() - 100 * 86_400_000;
  await using runtime = await Runtime.open({ store, now });
  await runtime.createWorker({ workerId: "old", intent: { kind: "assistant" } });
}

const whole = (text: string): Answer => ({ kind: "whole", text });
const stalled = (text: string): Answer => ({ kind: "stalled", text });

exampleTest(
  "docs/chat.md answers, compacts, edits, continues after SIGKILL, forks, finds and forgets",
  async (directory) => {
    writeProgram(directory);
    await keepOld(directory);
    const [clocks, queues] = ["clocks ".repeat(9_000).trimEnd(), "queues ".repeat(9_000).trimEnd()];
    await using server = serveCompletions([
      whole("Good day"),
      whole("Many of them"),
      whole("Some of them"),
      whole("We spoke about clocks"), // the summary
      stalled("The wrong "),
      stalled("The right "),
      whole("answer"),
      whole("They spoke about clocks"), // the summary of the fork
      whole("The first"),
    ]);

    const checked = start(directory, server, "ada", "--check");
    await checked.type("m1 Hello");
    const greeted = await checked.finish();
    assertEquals([greeted.code, greeted.err, greeted.out], [0, "", "Good day\n"]);

    const first = start(directory, server, "ada");
    await first.type("m1 Hello", `m2 ${clocks}`, `m3 ${queues}`, "m4 Which one?");
    await until(async () => await draftIn(directory) === "The wrong ");
    await first.type("m5 /edit m4 Which two?");
    await until(async () => await draftIn(directory) === "The right ");
    const killed = await first.kill();
    assertEquals([killed.signal, killed.err], ["SIGKILL", ""]);
    assertMatch(killed.out, /^Many of them\nSome of them\nThe wrong \([^)]+\)\nThe right $/);

    const second = start(directory, server, "ada");
    await until(async () => await lengthIn(directory) === 10);
    await second.type(
      "m5 /edit m4 Which two?",
      "m6 /search CLOCKS",
      "m7 /search wrong",
      "m8 /fork m4",
      "m8 /fork m4",
    );
    const { code, out, err } = await second.finish();
    assertEquals([code, err], [0, ""]);
    assertStringIncludes(out, "The right answer\n#3 user: clocks clocks ");
    const [, fork = ""] = /\n#8 system: We spoke about clocks\n(\S+)\n\1\n$/.exec(out) ?? [];
    const third = await start(directory, server, fork).finish();
    assertEquals([third.code, third.err, third.out], [0, "", "The first\n"]);

    const summary = "system: We spoke about clocks";
    const [hello, answered] = [["user: Hello"], ["user: Hello", "assistant: Good day"]];
    const context = [summary, "assistant: Many of them", `user: ${queues}`, "assistant: Some of them"];
    const longer = [...answered, `user: ${clocks}`, "assistant: Many of them", `user: ${queues}`];
    const CONTINUE = "user: You were interrupted. Continue exactly where your answer ends.";
    assertEquals(server.requests, [
      hello,
      [...answered, `user: ${clocks}`],
      longer,
      [...answered, `user: ${clocks}`, "user: Summarize our conversation for yourself."],
      [...context, "user: Which one?"],
      [...context, "user: Which two?"],
      [...context, "user: Which two?", "assistant: The right ", CONTINUE],
      [...answered, `user: ${clocks}`, "user: Summarize our conversation for yourself."],
      ["system: They spoke about clocks", ...context.slice(1), "user: Which one?"],
    ]);

    await using runtime = await openKept(directory, "chats");
    assertEquals([...runtime.allWorkers()].map(({ record }) => record.workerId), ["ada", fork]);
    const worker = runtime.worker("ada");
    const { entries } = await worker.context();
    assertEquals(entries.map(({ seq }) => seq), [8, 4, 5, 6, 9, 10]);
    const { items } = await worker.events({ after: 0, limit: 1_000 });
    const ends = items.flatMap((event) => "run" in event && event.run?.ended ? [event.run.ended] : []);
    assertEquals(ends, ["completed", "completed", "completed", "cancelled", "interrupted", "completed"]);
    const { usage, lastRun } = worker.state();
    assertEquals([usage.requests, lastRun?.draft, await worker.draft()], [5, undefined, null]);
  },
);
