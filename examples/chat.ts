// A chat that outlives its process, with any endpoint that speaks the OpenAI chat completions protocol. Kill it in the
// middle of an answer and start it again: the question is there, and is answered.
//
//     OPENAI_BASE_URL=http://localhost:11434/v1 OPENAI_MODEL=llama3.2 deno run \
//       --allow-env --allow-net --allow-read=./data --allow-write=./data examples/chat.ts

// deno-lint-ignore-file no-console
import { Runtime, type UsageReport, type Worker } from "@yoi/worker-runtime";
import { FsRuntimeStore } from "@yoi/worker-runtime/fs-store";

const baseUrl = Deno.env.get("OPENAI_BASE_URL") ?? "https://api.openai.com/v1";
const model = Deno.env.get("OPENAI_MODEL") ?? "gpt-4o-mini";
const apiKey = Deno.env.get("OPENAI_API_KEY");
/** Entries of the transcript that the model is shown. */
const CONTEXT_ENTRIES = 40;

/** Asks the model: pieces of its answer as they come, and in the end what it took. */
async function* complete(messages: object[], signal: AbortSignal): AsyncGenerator<string, UsageReport, void> {
  const startedAt = performance.now();
  const response = await fetch(`${baseUrl}/chat/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
    body: JSON.stringify({ model, messages, stream: true, stream_options: { include_usage: true } }),
    signal,
  });
  if (!response.ok || response.body === null) {
    throw new Error(`Cannot ask ${model}: ${response.status} ${await response.text()}`);
  }
  let usage;
  for await (const line of lines(response.body)) {
    if (!line.startsWith("data:")) continue;
    const data = line.slice("data:".length).trim();
    if (data === "[DONE]") {
      return {
        model,
        inputTokens: usage?.prompt_tokens ?? 0,
        outputTokens: usage?.completion_tokens ?? 0,
        cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? 0,
        durationMs: Math.round(performance.now() - startedAt),
      };
    }
    const chunk = JSON.parse(data);
    usage = chunk.usage ?? usage;
    const text = chunk.choices?.[0]?.delta?.content;
    if (text) yield text;
  }
  throw new Error(`Cannot ask ${model}: the answer broke off`);
}

/** The lines of a stream of bytes, wherever it is cut into pieces. */
async function* lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string, void, void> {
  let rest = "";
  for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + piece).split(/\r?\n/);
    rest = parts.pop() ?? "";
    yield* parts;
  }
  if (rest !== "") yield rest;
}

/** Answers what was said last. Either all of the answer is kept, or none of it and the question stays open. */
async function answer(worker: Worker): Promise<void> {
  const { items } = await worker.transcript({ limit: CONTEXT_ENTRIES });
  const messages = items.map(({ role, content }) => ({ role, content }));
  const run = await worker.beginRun();
  try {
    const pieces = complete(messages, run.signal);
    let content = "";
    let piece = await pieces.next();
    for (; !piece.done; piece = await pieces.next()) {
      content += piece.value;
      await Deno.stdout.write(new TextEncoder().encode(piece.value));
    }
    console.log();
    await worker.append([{ role: "assistant", content }]);
    await worker.recordUsage(piece.value);
    await run.finish("completed");
  } catch (error) {
    console.error(String(error));
    await run.finish("failed", { reason: String(error) });
  }
}

await using runtime = await Runtime.open({
  store: new FsRuntimeStore({ root: "./data", runtimeId: "chat" }),
});
const worker = await runtime.createWorker(
  { workerId: "chat", intent: { kind: "assistant" } },
  { key: "create chat" },
);

// The process may have died, or the model failed, between a question and its answer.
const { items: [last] } = await worker.transcript({ limit: 1 });
if (last?.role === "user") {
  console.log(`Still to be answered: ${last.content}`);
  await answer(worker);
}
for await (const line of lines(Deno.stdin.readable)) {
  if (line.trim() === "") continue;
  await worker.sendInput({ role: "user", content: line });
  await answer(worker);
}
const { inputTokens, outputTokens, requests } = worker.state().usage;
console.log(`${requests} answers, ${inputTokens} tokens in, ${outputTokens} out`);
