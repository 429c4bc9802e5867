// The same as chat.ts in Anthropic's message format, with a tool whose result may be an image. Kill it at any moment
// and start it again: it continues there, even in the middle of an answer, and asks for nothing again that was answered.
//
//     ANTHROPIC_API_KEY=... deno run --allow-env --allow-net --allow-read=./data --allow-write=./data \
//       examples/chat_anthropic.ts

// deno-lint-ignore-file no-console camelcase -- the names of the protocol
import Anthropic from "@anthropic-ai/sdk";
import { type ContextEntry, type Run, Runtime, type Worker } from "@yoi/worker-runtime";
import { FsRuntimeStore } from "@yoi/worker-runtime/fs-store";
import process from "node:process";
import { createInterface } from "node:readline/promises";

type Block = Anthropic.ContentBlockParam;
/** Contents are blocks as the protocol has them. */
type Chat = { readonly content: Block[] };
type Message = Anthropic.MessageParam & { readonly content: Block[] };
type MediaType = Anthropic.Base64ImageSource["media_type"];

const model = Deno.env.get("ANTHROPIC_MODEL") ?? "claude-haiku-4-5";
const client = new Anthropic();
/** Asks for the rest of an answer that was broken off. */
const CONTINUE = "You were interrupted. Continue your answer exactly where it ends; repeat nothing of it.";
const tools: Anthropic.Tool[] = [{
  name: "fetch_url",
  description: "Fetches a web page or an image.",
  input_schema: { type: "object", properties: { url: { type: "string" } }, required: ["url"] },
}];

/** The blocks of an entry. Images are blobs: those of a tool belong to its result. */
async function blocksOf(
  worker: Worker<Chat>,
  { content: blocks, blobs = [] }: ContextEntry<Chat>,
): Promise<Block[]> {
  const images = await Promise.all(blobs.map(async (ref) => {
    const data = (await new Response(await worker.blob(ref)).bytes()).toBase64();
    const source = { type: "base64" as const, media_type: ref.mediaType as MediaType, data };
    return { type: "image" as const, source };
  }));
  return images.length === 0
    ? blocks
    : blocks.map((block) => block.type === "tool_result" ? { ...block, content: images } : block);
}

/** The messages of the context: entries of one role in a row are one message. */
async function context(worker: Worker<Chat>): Promise<Message[]> {
  const { entries } = await worker.context();
  const messages: Message[] = [];
  for (const entry of entries) {
    const role = entry.role === "assistant" ? "assistant" : "user";
    if (messages.at(-1)?.role !== role) messages.push({ role, content: [] });
    messages.at(-1)?.content.push(...await blocksOf(worker, entry));
  }
  return messages;
}

/** Calls of the last answer that have no result yet. */
function openCalls(messages: readonly Message[]): Anthropic.ToolUseBlockParam[] {
  const at = messages.findLastIndex(({ role }) => role === "assistant");
  const [calls = [], results = []] = at < 0 ? [] : messages.slice(at).map(({ content }) => content);
  const done = new Set(results.map((block) => block.type === "tool_result" && block.tool_use_id));
  return calls.filter((block) => block.type === "tool_use").filter(({ id }) => !done.has(id));
}

function isAnswered(messages: readonly Message[]): boolean {
  return messages.length === 0 || messages.at(-1)?.role === "assistant" && openCalls(messages).length === 0;
}

function show(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

/** The blocks of an answer of which the beginning was kept as a draft. */
function continued(begun: string, [first, ...others]: Block[]): Block[] {
  if (first?.type === "text") return [{ type: "text", text: begun + first.text }, ...others];
  return [{ type: "text", text: begun }, ...first === undefined ? [] : [first], ...others];
}

/**
 * Asks the model. What it has said so far is a draft, which it continues after a kill. Its answer, what it cost, and
 * the end of the run are one event: all of it is kept, or nothing.
 */
async function ask(run: Run<Chat>, worker: Worker<Chat>, messages: Message[]): Promise<void> {
  const startedAt = performance.now();
  const { text: begun = "" } = await worker.draft() ?? {};
  const rest: Message[] = begun === "" ? [] : [
    { role: "assistant", content: [{ type: "text", text: begun }] },
    { role: "user", content: [{ type: "text", text: CONTINUE }] },
  ];
  show(begun);
  const stream = client.messages.stream(
    { model, max_tokens: 4_096, messages: [...messages, ...rest], tools },
    { signal: run.signal },
  );
  stream.on("text", (text) => {
    show(text);
    // Not awaited: those that wait become one event. A store that fails rejects the commit of the answer, too.
    run.commit({ draft: text }).catch(() => {});
  });
  const { content, usage } = await stream.finalMessage();
  const isLast = !content.some(({ type }) => type === "tool_use");
  if (isLast) console.log();
  const [cachedTokens, cacheWriteTokens] = [
    usage.cache_read_input_tokens ?? 0,
    usage.cache_creation_input_tokens ?? 0,
  ];
  await run.commit({
    entries: [{ role: "assistant", content: begun === "" ? content : continued(begun, content) }],
    usage: {
      model,
      inputTokens: usage.input_tokens + cachedTokens + cacheWriteTokens,
      outputTokens: usage.output_tokens,
      cachedTokens,
      cacheWriteTokens,
      durationMs: Math.round(performance.now() - startedAt),
    },
    ...(isLast ? { finish: { outcome: "completed" } } : { draft: null }),
  });
}

/** Calls a tool and keeps its result, however large; an image becomes a blob. After a crash in between, it is called again. */
async function perform(
  run: Run<Chat>,
  worker: Worker<Chat>,
  { id, name, input }: Anthropic.ToolUseBlockParam,
): Promise<void> {
  const result = { type: "tool_result", tool_use_id: id } as const;
  try {
    if (name !== "fetch_url") throw new Error(`There is no tool ${name}`);
    const response = await fetch((input as { url: string }).url, { signal: run.signal });
    const mediaType = response.headers.get("content-type") ?? "";
    if (mediaType.startsWith("image/") && response.body !== null) {
      const image = await worker.putBlob(response.body, { mediaType });
      await run.append([{ role: "tool", name, content: [result], blobs: [image] }]);
    } else {
      await run.append([{ role: "tool", name, content: [{ ...result, content: await response.text() }] }]);
    }
  } catch (error) {
    run.signal.throwIfAborted();
    await run.append([{
      role: "tool",
      name,
      content: [{ ...result, content: String(error), is_error: true }],
    }]);
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
        for (const call of calls) await perform(run, worker, call);
        if (calls.length === 0) await ask(run, worker, messages);
      }
    }, { draft });
  } catch (error) {
    // The run has ended as failed, with this reason; the question stays.
    console.error(String(error));
  }
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
  await worker.sendInput({ role: "user", content: [{ type: "text", text: line }] });
  await answer(worker);
}
const { inputTokens, outputTokens, requests } = worker.state().usage;
console.log(`${requests} requests, ${inputTokens} tokens in, ${outputTokens} out`);
