/**
 * Servers on the loopback interface that stand for a model and for the web.
 *
 * @module
 */

/** A call of a tool that a model asks for. */
export interface ToolCall {
  /** Its id. */
  readonly id: string;
  /** The tool. */
  readonly name: string;
  /** Its arguments. */
  readonly input: Readonly<Record<string, string>>;
}

/** An answer of the server. One that is broken off ends too early, one that is stalled never ends. */
export type Answer =
  | { readonly kind: "whole" | "broken off" | "stalled"; readonly text: string }
  | { readonly kind: "calls"; readonly calls: readonly ToolCall[] }
  | { readonly kind: "refused"; readonly status: number };

/** An answer that is streamed. */
export type StreamedAnswer = Exclude<Answer, { kind: "refused" }>;

/** A running server of a model. */
export interface ModelServer extends AsyncDisposable {
  /** Its address, without a path. */
  readonly url: string;
  /** The conversation of each request, a line for each text, image, call and result. */
  readonly requests: string[][];
}

/** A protocol: the conversation of a valid request, or the status that rejects it; and the events of an answer. */
export interface Protocol<Body> {
  /** Path of its only resource. */
  readonly path: string;
  /** Lines of a request's conversation. Throws an error for one that the real service would reject. */
  linesOf(body: Body, headers: Headers): string[];
  /** The events of an answer as text. */
  eventsOf(body: Body, answer: StreamedAnswer, lines: readonly string[]): string;
}

/** Serves answers, one after another. */
export function serveModel<Body>(protocol: Protocol<Body>, answers: readonly Answer[]): ModelServer {
  const requests: string[][] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname } = new URL(request.url);
    if (request.method !== "POST" || pathname !== protocol.path) return refusal(404, pathname);
    const body: Body = await request.json();
    let lines: string[];
    try {
      lines = protocol.linesOf(body, request.headers);
    } catch (error) {
      return refusal(400, String(error));
    }
    const answer = answers[requests.length] ?? { kind: "refused", status: 500 };
    requests.push(lines);
    if (answer.kind === "refused") return refusal(answer.status, "not now");
    return streamed(protocol.eventsOf(body, answer, lines), answer.kind === "stalled");
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** A response that rejects a request; clients must not retry it. */
function refusal(status: number, message: string): Response {
  const headers = { "x-should-retry": "false" };
  return Response.json({ type: "error", error: { message, type: "test" } }, { status, headers });
}

/** A body in small pieces, as networks have them: they end within lines, and within characters. */
function streamed(text: string, isStalled: boolean): Response {
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream<Uint8Array>({
    async start(controller): Promise<void> {
      for (let at = 0; at < bytes.length; at += 61) {
        controller.enqueue(bytes.subarray(at, at + 61));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      if (!isStalled) controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

/** An image of a request, as a line. */
export function imageLine(mediaType: string, base64: string): string {
  return `[${mediaType} ${Uint8Array.fromBase64(base64).length}]`;
}

/** Throws unless each call has exactly one result. */
export function assertResults(calls: readonly string[], results: readonly string[]): void {
  if (calls.length === 0 && results.length === 0) return;
  if (JSON.stringify(calls) !== JSON.stringify(results)) {
    throw new Error(`calls [${calls}] are followed by results [${results}]`);
  }
}

/** A running server of pages. */
export interface PageServer extends AsyncDisposable {
  /** Address of a page. */
  url(path: string): string;
  /** Paths that were requested. */
  readonly requests: string[];
}

/** Serves pages. The first request of a stalling path is never answered. */
export function servePages(
  pages: Readonly<Record<string, () => Response>>,
  stalling: readonly string[] = [],
): PageServer {
  const requests: string[] = [];
  const ending = new AbortController();
  const waiting = new Set(stalling);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {}, signal: ending.signal },
    async (request) => {
      const { pathname } = new URL(request.url);
      requests.push(pathname);
      if (waiting.delete(pathname)) {
        await new Promise((resolve) => ending.signal.addEventListener("abort", resolve, { once: true }));
      }
      return pages[pathname]?.() ?? new Response("not found", { status: 404 });
    },
  );
  return {
    url: (path) => `http://127.0.0.1:${server.addr.port}${path}`,
    requests,
    async [Symbol.asyncDispose](): Promise<void> {
      ending.abort();
      await server.finished;
    },
  };
}
