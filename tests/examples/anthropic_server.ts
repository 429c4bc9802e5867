// deno-lint-ignore-file camelcase -- the names of the protocol
/**
 * The streaming part of Anthropic's messages protocol.
 *
 * @module
 */
import {
  type Answer,
  assertResults,
  imageLine,
  type ModelServer,
  type Protocol,
  serveModel,
  type StreamedAnswer,
} from "./model_server.ts";

interface Image {
  readonly type: "image";
  readonly source: { readonly type: "base64"; readonly media_type: string; readonly data: string };
}

type Block =
  | Image
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; readonly input: object }
  | {
    readonly type: "tool_result";
    readonly tool_use_id: string;
    readonly content: string | readonly Image[];
  };

interface Message {
  readonly role: "user" | "assistant";
  readonly content: readonly Block[];
}

interface Body {
  readonly model: string;
  readonly max_tokens: number;
  readonly messages: readonly Message[];
  readonly stream: boolean;
  readonly tools: readonly unknown[];
}

const protocol: Protocol<Body> = {
  path: "/v1/messages",
  linesOf({ messages, stream, tools, max_tokens }, headers): string[] {
    if (headers.get("x-api-key") !== "secret") throw new Error("x-api-key");
    if (headers.get("anthropic-version") === null) throw new Error("anthropic-version");
    if (stream !== true || tools.length === 0 || !(max_tokens > 0)) throw new Error("members");
    return messages.flatMap(({ role, content }, index) => {
      if (role !== (index % 2 === 0 ? "user" : "assistant")) {
        throw new Error(`message ${index} is of ${role}`);
      }
      const calls = content.flatMap((block) => block.type === "tool_use" ? [block.id] : []);
      const next = messages[index + 1]?.content ?? [];
      assertResults(calls, next.flatMap((block) => block.type === "tool_result" ? [block.tool_use_id] : []));
      return content.flatMap((block) => linesOf(role, block));
    });
  },
  eventsOf({ model, messages }, answer): string {
    const usage = {
      input_tokens: messages.length * 10 - 3,
      cache_read_input_tokens: 1,
      cache_creation_input_tokens: 2,
      output_tokens: 1,
    };
    const message = { id: "msg_1", type: "message", role: "assistant", model, content: [], usage };
    const events = [
      event("message_start", { message: { ...message, stop_reason: null, stop_sequence: null } }),
      event("ping", {}),
      ...blocksOf(answer),
    ].join("");
    if (answer.kind === "broken off" || answer.kind === "stalled") return events;
    const [stop_reason, output_tokens] = answer.kind === "whole"
      ? ["end_turn", answer.text.length]
      : ["tool_use", 7];
    const last = { delta: { stop_reason, stop_sequence: null }, usage: { output_tokens } };
    return events + event("message_delta", last) + event("message_stop", {});
  },
};

function linesOf(role: string, block: Block): string[] {
  switch (block.type) {
    case "text":
      return [`${role}: ${block.text}`];
    case "image":
      return [`${role}: ${imageLine(block.source.media_type, block.source.data)}`];
    case "tool_use":
      return [`${role}: ${block.id} ${block.name} ${JSON.stringify(block.input)}`];
    case "tool_result": {
      const { content, tool_use_id: id } = block;
      if (typeof content === "string") return [`result of ${id}: ${content}`];
      return content.map(({ source }) => `result of ${id}: ${imageLine(source.media_type, source.data)}`);
    }
  }
}

/** The events of the blocks of an answer, each in fragments. */
function blocksOf(answer: StreamedAnswer): string[] {
  const blocks = answer.kind === "calls"
    ? answer.calls.map(({ input, ...call }) => ({
      start: { type: "tool_use", ...call, input: {} },
      deltas: (JSON.stringify(input).match(/.{1,9}/gs) ?? [])
        .map((partial_json) => ({ type: "input_json_delta", partial_json })),
    }))
    : [{
      start: { type: "text", text: "" },
      deltas: answer.text.split(/(?<= )/).map((text) => ({ type: "text_delta", text })),
    }];
  return blocks.flatMap(({ start, deltas }, index) => [
    event("content_block_start", { index, content_block: start }),
    ...deltas.map((delta) => event("content_block_delta", { index, delta })),
    event("content_block_stop", { index }),
  ]);
}

function event(type: string, members: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
}

/** Serves answers, one after another. */
export function serveMessages(answers: readonly Answer[]): ModelServer {
  return serveModel(protocol, answers);
}
