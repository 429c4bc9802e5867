// deno-lint-ignore-file camelcase -- the names of the protocol
/**
 * The streaming part of the OpenAI chat completions protocol.
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

type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } };

type Message =
  | { readonly role: "system"; readonly content: string }
  | { readonly role: "user"; readonly content: string | readonly Part[] }
  | {
    readonly role: "assistant";
    readonly content: string | null;
    readonly tool_calls?: readonly {
      readonly id: string;
      readonly function: { readonly name: string; readonly arguments: string };
    }[];
  }
  | { readonly role: "tool"; readonly tool_call_id: string; readonly content: string };

interface Body {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly stream: boolean;
  readonly stream_options?: { readonly include_usage: boolean };
  readonly tools?: readonly unknown[];
}

const protocol: Protocol<Body> = {
  path: "/v1/chat/completions",
  linesOf({ messages, stream, stream_options, tools }, headers): string[] {
    if (headers.get("authorization") !== "Bearer secret") throw new Error("authorization");
    if (stream !== true || stream_options?.include_usage !== true) throw new Error("stream");
    if (tools?.length === 0) throw new Error("tools");
    return messages.flatMap((message, index) => {
      const followers = messages.slice(index + 1);
      const end = followers.findIndex(({ role }) => role !== "tool");
      const results = followers.slice(0, end < 0 ? undefined : end);
      return linesOf(message, results.map((result) => result.role === "tool" ? result.tool_call_id : ""));
    });
  },
  eventsOf({ model, messages }, answer): string {
    const common = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_767_225_600, model };
    const chunk = (delta: object, finish: string | null = null): string =>
      data({ ...common, choices: [{ index: 0, delta, finish_reason: finish }], usage: null });
    const events = `: a comment\r\n\r\n${chunk({ role: "assistant", content: "" })}${
      deltasOf(answer).map((delta) => chunk(delta)).join("")
    }`;
    if (answer.kind === "broken off" || answer.kind === "stalled") return events;
    const usage = {
      prompt_tokens: messages.length * 10,
      completion_tokens: answer.kind === "whole" ? answer.text.length : 7,
      prompt_tokens_details: { cached_tokens: 1 },
    };
    const finish = answer.kind === "whole" ? "stop" : "tool_calls";
    return `${events}${chunk({}, finish)}${data({ ...common, choices: [], usage })}data: [DONE]\n\n`;
  },
};

function linesOf(message: Message, results: readonly string[]): string[] {
  if (message.role === "tool") return [`result of ${message.tool_call_id}: ${message.content}`];
  if (message.role === "system") return [`system: ${message.content}`];
  if (message.role === "user") {
    const { content } = message;
    if (typeof content === "string") return [`user: ${content}`];
    return content.map((part) => `user: ${textOf(part)}`);
  }
  const { content, tool_calls: calls = [] } = message;
  assertResults(calls.map(({ id }) => id), results);
  return [
    ...(content === null || content === "" ? [] : [`assistant: ${content}`]),
    ...calls.map(({ id, function: { name, arguments: given } }) => `assistant: ${id} ${name} ${given}`),
  ];
}

function textOf(part: Part): string {
  if (part.type === "text") return part.text;
  const [, mediaType = "", base64 = ""] = /^data:([^;]+);base64,(.+)$/.exec(part.image_url.url) ?? [];
  return imageLine(mediaType, base64);
}

/** Words of a text; name and fragments of the arguments of a call. */
function deltasOf(answer: StreamedAnswer): object[] {
  if (answer.kind !== "calls") return answer.text.split(/(?<= )/).map((content) => ({ content }));
  return answer.calls.flatMap(({ id, name, input }, index) => {
    const delta = (call: object): object => ({ tool_calls: [{ index, ...call }] });
    const fragments = JSON.stringify(input).match(/.{1,9}/gs) ?? [];
    return [
      delta({ id, type: "function", function: { name, arguments: "" } }),
      ...fragments.map((fragment) => delta({ function: { arguments: fragment } })),
    ];
  });
}

function data(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/** Serves answers, one after another. */
export function serveCompletions(answers: readonly Answer[]): ModelServer {
  return serveModel(protocol, answers);
}
