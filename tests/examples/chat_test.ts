// The chats: answers from real servers, streamed by the official clients; killed and started again.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { RunOutcome, TranscriptEntry } from "../../mod.ts";
import { PNG } from "../cli/stores.ts";
import { openReader } from "../fs/reading/reader.ts";
import { serveMessages } from "./anthropic_server.ts";
import { Example, exampleTest, openKept, until } from "./kit.ts";
import { type Answer, type ModelServer, servePages } from "./model_server.ts";
import { serveCompletions } from "./openai_server.ts";

/** A chat, and what differs between them. */
interface Chat {
  readonly name: "chat" | "chat_anthropic";
  readonly serve: (answers: readonly Answer[]) => ModelServer;
  readonly env: (url: string) => Record<string, string>;
  readonly tool: string;
  /** A question that leads to a call of the tool. */
  readonly question: string;
  /** The question, the call, and its result, as the model is shown them. */
  readonly shown: (url: string) => string[];
  /** Entries of the transcript that have blobs, and those whose content is in a blob. */
  readonly blobs: { readonly image: number; readonly content: number | undefined };
  /** Tokens written to the cache by a request. */
  readonly cacheWriteTokens: number;
}

const image = Uint8Array.fromBase64(PNG);
const page = "a long page ".repeat(30_000);

const chats: readonly Chat[] = [
  {
    name: "chat",
    serve: serveCompletions,
    env: (url) => ({ OPENAI_BASE_URL: `${url}/v1`, OPENAI_MODEL: "m-1", OPENAI_API_KEY: "secret" }),
    tool: "fetch_page",
    question: "@pixel.png What is this?",
    shown: (url) => [
      "user: What is this?",
      `user: [image/png ${image.length}]`,
      `assistant: call_1 fetch_page {"url":"${url}"}`,
      `result of call_1: ${page}`,
    ],
    blobs: { image: 1, content: 3 },
    cacheWriteTokens: 0,
  },
  {
    name: "chat_anthropic",
    serve: serveMessages,
    env: (url) => ({ ANTHROPIC_BASE_URL: url, ANTHROPIC_MODEL: "m-1", ANTHROPIC_API_KEY: "secret" }),
    tool: "fetch_url",
    question: "What is this?",
    shown: (url) => [
      "user: What is this?",
      `assistant: call_1 fetch_url {"url":"${url}"}`,
      `result of call_1: [image/png ${image.length}]`,
    ],
    blobs: { image: 3, content: undefined },
    cacheWriteTokens: 2,
  },
];

function start({ name, env }: Chat, directory: string, url: string): Example {
  const flags = ["--allow-env", "--allow-net", "--allow-read=.", "--allow-write=./data"];
  return new Example(name, directory, flags, [], env(url));
}

interface Kept {
  readonly entries: readonly TranscriptEntry[];
  /** Text of each entry, wherever it is. */
  readonly texts: readonly string[];
  /** Outcomes of the runs. */
  readonly ends: readonly RunOutcome[];
  /** Amounts of usage: requests, input, output, cached, written to the cache. */
  readonly usage: readonly number[];
}

/** Everything that a chat kept. */
async function kept(directory: string): Promise<Kept> {
  await using runtime = await openKept(directory, "chat");
  const worker = runtime.worker("chat");
  const entries = await Array.fromAsync(worker.entries());
  const texts = await Promise.all(entries.map(async (entry) => JSON.stringify(await worker.content(entry))));
  const { items } = await worker.events({ after: 0, limit: 1_000 });
  const ends = items.flatMap((event) => "run" in event && event.run?.ended ? [event.run.ended] : []);
  const { requests, inputTokens, outputTokens, cachedTokens, cacheWriteTokens } = worker.state().usage;
  return {
    entries,
    texts,
    ends,
    usage: [requests, inputTokens, outputTokens, cachedTokens, cacheWriteTokens],
  };
}

/** Runs completed so far, as a process beside the chat sees them. */
async function isCompleted(directory: string): Promise<boolean> {
  try {
    await using reader = await openReader({ root: `${directory}/data`, runtimeId: "chat" });
    return reader.worker("chat").lastRun?.outcome === "completed";
  } catch {
    return false;
  }
}

/** The draft so far, as a process beside the chat sees it. */
async function draftIn(directory: string): Promise<string | undefined> {
  try {
    await using reader = await openReader({ root: `${directory}/data`, runtimeId: "chat" });
    return (await reader.draft("chat"))?.text;
  } catch {
    return undefined;
  }
}

/** The message with which the chats ask for the rest of an answer. */
const CONTINUE = "You were interrupted. Continue your answer exactly where it ends; repeat nothing of it.";

const whole = (text: string): Answer => ({ kind: "whole", text });

for (const chat of chats) {
  const { name, serve, tool, question } = chat;
  const written = chat.cacheWriteTokens;

  exampleTest(`${name} keeps questions, answers and their cost across starts`, async (directory) => {
    const [first = "", second = ""] = ["Guten Tag, 日本語 🦊 ok", "Yes."];
    await using server = serve([whole(first), whole(second)]);
    const process = start(chat, directory, server.url);
    await process.type("Hello");
    const ended = await process.finish();
    assertEquals([ended.code, ended.err], [0, ""]);
    assertEquals(ended.out, `${first}\n1 requests, 10 tokens in, ${first.length} out\n`);

    const next = start(chat, directory, server.url);
    await next.type("Are you still there?");
    assertStringIncludes((await next.finish()).out, "2 requests");
    assertEquals(server.requests, [
      ["user: Hello"],
      ["user: Hello", `assistant: ${first}`, "user: Are you still there?"],
    ]);
    const { usage, ends } = await kept(directory);
    assertEquals(usage, [2, 40, first.length + second.length, 2, 2 * written]);
    assertEquals(ends, ["completed", "completed"]);
  });

  exampleTest(
    `${name} that is killed in an answer, twice, continues it, with all costs`,
    async (directory) => {
      const png = () => new Response(image, { headers: { "content-type": "image/png" } });
      await using pages = servePages({ "/page": () => new Response(page), "/image": png });
      const url = pages.url(name === "chat" ? "/page" : "/image");
      await using server = serve([
        { kind: "calls", calls: [{ id: "call_1", name: tool, input: { url } }] },
        { kind: "stalled", text: "The answer is not " },
        { kind: "stalled", text: "on this " },
        whole("page"),
      ]);
      Deno.writeFileSync(`${directory}/pixel.png`, image);
      const first = start(chat, directory, server.url);
      await first.type(question);
      for (
        const [process, draft] of [[first, "The answer is not "], [
          undefined,
          "The answer is not on this ",
        ]] as const
      ) {
        const running = process ?? start(chat, directory, server.url);
        await until(async () => await draftIn(directory) === draft);
        assertEquals((await running.kill()).signal, "SIGKILL");
      }

      const last = await start(chat, directory, server.url).finish();
      assertEquals([last.code, last.err], [0, ""]);
      const answer = "The answer is not on this page";
      assertStringIncludes(last.out, `The last question is still to be answered\n${answer}\n`);
      const shown = chat.shown(url);
      const rest = (begun: string) => [...shown, `assistant: ${begun}`, `user: ${CONTINUE}`];
      assertEquals(server.requests, [
        shown.filter((line) => line.startsWith("user: ")),
        shown,
        rest("The answer is not "),
        rest("The answer is not on this "),
      ]);
      assertEquals(pages.requests.length, 1, "the result of the tool was kept");

      const { entries, texts, ends, usage } = await kept(directory);
      assertEquals(entries.map(({ role }) => role), ["user", "assistant", "tool", "assistant"]);
      assertStringIncludes(texts.at(-1) ?? "", `"${answer}"`);
      assertEquals(ends, ["interrupted", "interrupted", "completed"]);
      // 10 for each message: one of the first request, five of the one that was answered.
      assertEquals(usage, [2, 60, 7 + "page".length, 2, 2 * written]);
      const seqs = (has: (entry: TranscriptEntry) => boolean) => entries.filter(has).map(({ seq }) => seq);
      assertEquals(seqs(({ blobs }) => blobs !== undefined), [chat.blobs.image]);
      assertEquals(
        seqs(({ contentBlob }) => contentBlob !== undefined),
        chat.blobs.content === undefined ? [] : [chat.blobs.content],
      );
    },
  );

  exampleTest(
    `${name} that is killed in a tool calls it again, and asks nothing again`,
    async (directory) => {
      await using pages = servePages({ "/slow": () => new Response("at last") }, ["/slow"]);
      const input = { url: pages.url("/slow") };
      const calls = [{ id: "call_1", name: tool, input }, { id: "call_2", name: "unknown", input: {} }];
      await using server = serve([{ kind: "calls", calls }, whole("Done")]);
      const first = start(chat, directory, server.url);
      await first.type("Read it");
      await until(() => pages.requests.length === 1);
      assertEquals((await first.kill()).signal, "SIGKILL");

      const second = await start(chat, directory, server.url).finish();
      assertEquals([second.code, second.err], [0, ""]);
      assertEquals(pages.requests, ["/slow", "/slow"]);
      assertEquals(server.requests, [
        ["user: Read it"],
        [
          "user: Read it",
          `assistant: call_1 ${tool} ${JSON.stringify(input)}`,
          "assistant: call_2 unknown {}",
          "result of call_1: at last",
          "result of call_2: Error: There is no tool unknown",
        ],
      ]);
      assertEquals((await kept(directory)).ends, ["interrupted", "completed"]);
    },
  );

  exampleTest(`${name} that is killed after an answer asks nothing again`, async (directory) => {
    await using server = serve([whole("Hi")]);
    const first = start(chat, directory, server.url);
    await first.type("Hello");
    await until(() => isCompleted(directory));
    assertEquals((await first.kill()).signal, "SIGKILL");
    const { out, err } = await start(chat, directory, server.url).finish();
    assertEquals([out, err], ["1 requests, 10 tokens in, 2 out\n", ""]);
    assertEquals(server.requests.length, 1);
    assertEquals((await kept(directory)).ends, ["completed"]);
  });

  exampleTest(`${name} keeps no half answer, and says why a run failed`, async (directory) => {
    await using server = serve([
      { kind: "broken off", text: "half of an " },
      { kind: "refused", status: 429 },
      whole("all of it"),
    ]);
    for (const reason of [/missing finish_reason|stream ended/, /429/]) {
      const failing = start(chat, directory, server.url);
      if (server.requests.length === 0) await failing.type("Tell me");
      assertMatch((await failing.finish()).err, reason);
      assertEquals((await kept(directory)).entries.length, 1);
    }
    assertEquals((await start(chat, directory, server.url).finish()).code, 0);
    const { entries, texts, ends, usage } = await kept(directory);
    assertEquals(entries.length, 2);
    assert(texts[1]?.includes("all of it"));
    assertEquals(ends, ["failed", "failed", "completed"]);
    assertEquals(usage, [1, 10, "all of it".length, 1, written]);
  });
}
