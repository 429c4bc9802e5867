// A chat with a tool, at any endpoint that speaks the OpenAI chat completions protocol. Kill it at any moment and start
// it again: it continues there, even in the middle of an answer, and asks for nothing again that was answered.
//
//     OPENAI_API_KEY=... deno run --allow-env --allow-net --allow-read=. --allow-write=./data examples/chat.ts
//
// Each line is a message. `@photo.png What is this?` sends an image with it.

// deno-lint-ignore-file no-console
import OpenAI from "openai";
import { type EntryInput, type Run, Runtime, type Worker } from "@yoi/worker-runtime";
import { FsRuntimeStore } from "@yoi/worker-runtime/fs-store";
import process from "node:process";
import { createInterface } from "node:readline/promises";

type Message = OpenAI.ChatCompletionMessageParam;
/** Contents are messages as the protocol has them. */
type Chat = { readonly content: Message };
type Call = OpenAI.ChatCompletionMessageToolCall;

const model = Deno.env.get("OPENAI_MODEL") ?? "gpt-4o-mini";
const client = new OpenAI();
/** Asks for the rest of an answer that was broken off. */
const CONTINUE = "You were interrupted. Continue your answer exactly where it ends; repeat nothing of it.";
const tools: OpenAI.ChatCompletionTool[] = [{
  type: "function",
  function: {
    name: "fetch_page",
    description: "Fetches the text of a web page.",
    parameters: { type: "object", properties: { url: { type: "string" } }, required: ["url"] },
  },
}];

/** The messages of the context. Their images are blobs. */
async function context(worker: Worker<Chat>): Promise<Message[]> {
  const { entries } = await worker.context();
  return await Promise.all(
    entries.map(async ({ content: message, blobs = [] }) => {
      const images = await Promise.all(blobs.map(async (ref) => {
        const bytes = await new Response(await worker.blob(ref)).bytes();
        return {
          type: "image_url" as const,
          image_url: { url: `data:${ref.mediaType};base64,${bytes.toBase64()}` },
        };
      }));
      if (message.role !== "user" || typeof message.content === "string") return message;
      return { ...message, content: [...message.content, ...images] };
    }),
  );
}

/** Calls of the last answer that have no result yet. */
function openCalls(messages: readonly Message[]): readonly Call[] {
  const at = messages.findLastIndex(({ role }) => role === "assistant");
  const answer = messages[at];
  const results = new Set(
    messages.slice(at).map((message) => message.role === "tool" && message.tool_call_id),
  );
  const calls = answer?.role === "assistant" ? answer.tool_calls ?? [] : [];
  return calls.filter(({ id }) => !results.has(id));
}

function isAnswered(messages: readonly Message[]): boolean {
  return messages.length === 0 || messages.at(-1)?.role === "assistant" && openCalls(messages).length === 0;
}

function show(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

/**
 * Asks the model. What it has said so far is a draft, which it continues after a kill. Its answer, what it cost, and
 * the end of the run are one event: all of it is kept, or nothing.
 */
async function ask(run: Run<Chat>, worker: Worker<Chat>, messages: Message[]): Promise<void> {
  const startedAt = performance.now();
  const { text: begun = "" } = await worker.draft() ?? {};
  const rest: Message[] = begun === "" ? [] : [
    { role: "assistant", content: begun },
    { role: "user", content: [{ type: "text", text: CONTINUE }] },
  ];
  show(begun);
  const stream = client.chat.completions.stream(
    { model, messages: [...messages, ...rest], tools, stream_options: { include_usage: true } },
    { signal: run.signal },
  );
  stream.on("content", (text) => {
    show(text);
    // Not awaited: those that wait become one event. A store that fails rejects the commit of the answer, too.
    run.commit({ draft: text }).catch(() => {});
  });
  const { choices: [choice], usage } = await stream.finalChatCompletion();
  if (choice === undefined) throw new Error(`Cannot ask ${model}: it answered nothing`);
  const { role, content, tool_calls } = choice.message;
  const whole = begun === "" ? content : begun + (content ?? "");
  const isLast = tool_calls === undefined || tool_calls.length === 0;
  if (isLast) console.log();
  await run.commit({
    entries: [{ role, content: { role, content: whole, ...(isLast ? {} : { tool_calls }) } }],
    usage: {
      model,
      inputTokens: usage?.prompt_tokens ?? 0,
      outputTokens: usage?.completion_tokens ?? 0,
      cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? 0,
      durationMs: Math.round(performance.now() - startedAt),
    },
    ...(isLast ? { finish: { outcome: "completed" } } : { draft: null }),
  });
}

/** Calls a tool and keeps its result, however large. After a crash in between, the tool is called again. */
async function perform(run: Run<Chat>, call: Call): Promise<void> {
  const { name, arguments: given } = call.type === "function" ? call.function : { name: "", arguments: "" };
  const result = { role: "tool", tool_call_id: call.id } as const;
  try {
    if (name !== "fetch_page") throw new Error(`There is no tool ${name}`);
    const response = await fetch(JSON.parse(given).url, { signal: run.signal });
    await run.append([{ role: "tool", name, content: { ...result, content: await response.text() } }]);
  } catch (error) {
    run.signal.throwIfAborted();
    await run.append([{ role: "tool", name, content: { ...result, content: String(error) } }]);
  }
}

/** Does what is left to do until the last message is an answer. */
async function answer(worker: Worker<Chat>): Promise<void> {
  try {
    // The part of an answer before a kill.
    const draft = (await worker.draft())?.text;
    await worker.run(async (run) => {
      for (let messages = await context(worker); !isAnswered(messages); messages = await context(worker)) {
        const calls = openCalls(messages);
        for (const call of calls) await perform(run, call);
        if (calls.length === 0) await ask(run, worker, messages);
      }
    }, { draft });
  } catch (error) {
    // The run has ended as failed, with this reason; the question stays.
    console.error(String(error));
  }
}

/** A line as an entry; `@FILE` at its beginning adds an image. */
async function entryOf(worker: Worker<Chat>, line: string): Promise<EntryInput<Chat>> {
  const [, path, text = line] = /^@(\S+)\s*(.*)$/.exec(line) ?? [];
  const content: Message = { role: "user", content: [{ type: "text", text }] };
  if (path === undefined) return { role: "user", content };
  const mediaType = `image/${path.split(".").at(-1)?.replace("jpg", "jpeg")}`;
  const file = await Deno.open(path);
  return { role: "user", content, blobs: [await worker.putBlob(file.readable, { mediaType })] };
}

await using runtime = await Runtime.open<Chat>({
  store: new FsRuntimeStore({ root: "./data", runtimeId: "chat" }),
});
const worker = await runtime.ensureWorker({ workerId: "chat", intent: { kind: "assistant" } });
if (!isAnswered(await context(worker))) {
  console.log("The last question is still to be answered");
  await answer(worker);
}
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === "") continue;
  await worker.sendInput(await entryOf(worker, line));
  await answer(worker);
}
const { inputTokens, outputTokens, requests } = worker.state().usage;
console.log(`${requests} requests, ${inputTokens} tokens in, ${outputTokens} out`);
