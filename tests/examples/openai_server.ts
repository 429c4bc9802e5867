// deno-lint-ignore-file camelcase -- the names of the protocol
/**
 * A small server on the loopback interface that speaks the streaming part of
 * the OpenAI chat completions protocol, cut into awkward pieces as networks
 * do: within lines, and within characters.
 *
 * @module
 */

/** A request to complete a chat, as far as the server looks at it. */
export interface CompletionRequest {
  /** What the model is asked for. */
  readonly model: string;
  /** What was said so far. */
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

/** How the server answers a request. */
export type Answer =
  | { readonly kind: "whole"; readonly text: string }
  | { readonly kind: "refused"; readonly status: number }
  | { readonly kind: "broken off"; readonly text: string }
  | { readonly kind: "stalled"; readonly text: string };

/** A running server. */
export interface CompletionServer extends AsyncDisposable {
  /** What an example is given as `OPENAI_BASE_URL`. */
  readonly url: string;
  /** The requests so far. */
  readonly requests: CompletionRequest[];
}

/** Serves answers, one after another. */
export function serveCompletions(apiKey: string, answers: readonly Answer[]): CompletionServer {
  const requests: CompletionRequest[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname } = new URL(request.url);
    if (request.method !== "POST" || pathname !== "/v1/chat/completions") return refusal(404);
    if (request.headers.get("authorization") !== `Bearer ${apiKey}`) return refusal(401);
    const body = await request.json();
    if (body.stream !== true || body.stream_options?.include_usage !== true) return refusal(400);
    const answer = answers[requests.length] ?? { kind: "refused", status: 500 };
    requests.push(body);
    return answer.kind === "refused" ? refusal(answer.status) : streamed(body, answer);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/v1`,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function refusal(status: number): Response {
  return Response.json({ error: { message: "refused", type: "test" } }, { status });
}

function streamed(
  request: CompletionRequest,
  answer: Exclude<Answer, { kind: "refused" }>,
): Response {
  const open = new ReadableStream<Uint8Array>({
    async start(controller): Promise<void> {
      for (const piece of pieces(eventsOf(request, answer))) {
        controller.enqueue(piece);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      if (answer.kind !== "stalled") controller.close();
    },
  });
  return new Response(open, { headers: { "content-type": "text/event-stream" } });
}

/** The events of an answer, as the protocol has them: a role, the text, why it ended, what it took, and the end. */
function eventsOf(
  { model, messages }: CompletionRequest,
  { kind, text }: { kind: string; text: string },
): string {
  const common = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_767_225_600, model };
  const chunk = (delta: object, finish: string | null = null): string =>
    data({ ...common, choices: [{ index: 0, delta, finish_reason: finish }], usage: null });
  let events = `: a comment\r\n\r\n${chunk({ role: "assistant", content: "" })}`;
  for (const word of text.split(/(?<= )/)) events += chunk({ content: word });
  if (kind !== "whole") return events;
  const usage = {
    prompt_tokens: messages.length * 10,
    completion_tokens: text.length,
    prompt_tokens_details: { cached_tokens: 1 },
  };
  return `${events}${chunk({}, "stop")}${data({ ...common, choices: [], usage })}data: [DONE]\n\n`;
}

function data(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

function* pieces(text: string): Generator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += 61) yield bytes.subarray(at, at + 61);
}
