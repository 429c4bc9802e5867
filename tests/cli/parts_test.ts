// deno-lint-ignore-file camelcase -- members of the messages of OpenAI and Anthropic
// partsOf(): the messages of OpenAI and of Anthropic part by part, anything else as JSON, and nothing hostile in the way.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { excerptOf, type Part, partsOf } from "../../cli/parts.ts";
import type { Json } from "../../mod.ts";
import { PNG } from "./stores.ts";

const seen = (parts: readonly Part[]) => parts.map(({ kind, title, text }) => [kind, title, text]);

Deno.test("partsOf() takes a string as one text, and that of a tool as a result", () => {
  assertEquals(partsOf("Grüße"), [{ kind: "text", title: "", text: "Grüße", bytes: 7 }]);
  assertEquals(seen(partsOf("diff --git", "tool")), [["result", "", "diff --git"]]);
  assertEquals(partsOf(""), []);
});

Deno.test("partsOf() reads the messages of OpenAI's chat completions", () => {
  const answer = {
    role: "assistant",
    content: null,
    refusal: null,
    annotations: [],
    tool_calls: [{
      id: "call_9pw",
      type: "function",
      function: { name: "get_weather", arguments: '{"city":"Wien","days":3}' },
    }, { id: "call_2", type: "function", function: { name: "broken", arguments: '{"city":' } }],
  };
  assertEquals(seen(partsOf(answer, "assistant")), [
    ["call", "get_weather", '{\n  "city": "Wien",\n  "days": 3\n}'],
    ["call", "broken", '{"city":'],
  ]);
  const legacy = { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } };
  assertEquals(seen(partsOf(legacy)), [["call", "f", "{}"]]);
  const result = { role: "tool", tool_call_id: "call_9pw", content: '{"celsius":21}' };
  assertEquals(seen(partsOf(result, "tool")), [["result", "call_9pw", '{"celsius":21}']]);
  const parts = [
    { type: "text", text: "What is this?" },
    { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}`, detail: "low" } },
    { type: "image_url", image_url: { url: "https://example.org/a.png" } },
  ];
  const [text, inline, linked] = partsOf(parts, "user");
  assertEquals([text?.text, inline?.title, inline?.base64, inline?.bytes], [
    "What is this?",
    "image/png",
    PNG,
    atob(PNG).length,
  ]);
  assertEquals([linked?.kind, linked?.text, linked?.base64], [
    "image",
    "https://example.org/a.png",
    undefined,
  ]);
  assertEquals(seen(partsOf({ role: "assistant", content: "Hi", refusal: "No", reasoning_content: "Hm" })), [
    ["thinking", "", "Hm"],
    ["text", "", "Hi"],
    ["text", "refusal", "No"],
  ]);
});

Deno.test("partsOf() reads the items of OpenAI's responses", () => {
  const items = [
    {
      type: "message",
      id: "msg_1",
      role: "assistant",
      content: [{ type: "output_text", text: "Let me see." }],
    },
    { type: "function_call", call_id: "c1", name: "grep", arguments: '{"q":"x"}' },
    { type: "function_call_output", call_id: "c1", output: "3 lines" },
    {
      type: "message",
      role: "user",
      content: [{ type: "input_image", image_url: "https://example.org/b.png" }],
    },
  ];
  assertEquals(seen(partsOf(items)), [
    ["text", "", "Let me see."],
    ["call", "grep", '{\n  "q": "x"\n}'],
    ["result", "c1", "3 lines"],
    ["image", "", "https://example.org/b.png"],
  ]);
});

Deno.test("partsOf() reads the blocks of Anthropic's messages", () => {
  const answer = {
    id: "msg_01",
    type: "message",
    role: "assistant",
    content: [
      { type: "thinking", thinking: "The user wants the diff.", signature: "EqoB" },
      { type: "redacted_thinking", data: "ZZZZ" },
      { type: "text", text: "I look at it.", citations: null },
      { type: "tool_use", id: "toolu_1", name: "git", input: { args: ["diff"] } },
    ],
    stop_reason: "tool_use",
  };
  assertEquals(seen(partsOf(answer)), [
    ["thinking", "", "The user wants the diff."],
    ["thinking", "redacted", ""],
    ["text", "", "I look at it."],
    ["call", "git", '{\n  "args": [\n    "diff"\n  ]\n}'],
    ["json", "other members", '{\n  "stop_reason": "tool_use"\n}'],
  ]);
  const image = { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } };
  const results = [
    { type: "tool_result", tool_use_id: "toolu_1", content: "diff --git a/x b/x" },
    {
      type: "tool_result",
      tool_use_id: "toolu_2",
      is_error: true,
      content: [{ type: "text", text: "No" }, image],
    },
    { type: "tool_result", tool_use_id: "toolu_3" },
    { type: "image", source: { type: "url", url: "https://example.org/a.png" } },
  ];
  assertEquals(seen(partsOf(results, "user")), [
    ["result", "toolu_1", "diff --git a/x b/x"],
    ["result", "error toolu_2", "No"],
    ["image", "image/png", ""],
    ["result", "toolu_3", ""],
    ["image", "", "https://example.org/a.png"],
  ]);
});

Deno.test("partsOf() shows anything else as JSON, and loses no member", () => {
  const others: readonly Json[] = [null, 0, true, [], {}, [1, "a"], { answer: 42 }, { type: "constructor" }];
  for (const value of others) {
    const [part, ...more] = partsOf(value);
    assertEquals([part?.kind, JSON.parse(part?.text ?? ""), more], ["json", value, []]);
  }
  const odd: readonly Json[] = [
    [{ type: "text", text: 7 }],
    [{ type: "tool_use", name: null, input: {} }],
    [{ type: "image", source: { type: "base64", media_type: "image/png", data: '"><script>' } }],
    [{ type: "image_url", image_url: { url: "data:image/png;base64,%%%" } }],
    { tool_calls: ["x"] },
    [{ type: "text", text: "a" }, "b"],
    { role: "user", content: 7 },
  ];
  for (const value of odd) {
    const kinds = partsOf(value).map(({ kind }) => kind);
    assertEquals(kinds, ["json"], JSON.stringify(value));
  }
  assertEquals(seen(partsOf({ role: "user", content: "Hi", refusal: 1, tool_calls: "x" })).slice(1), [
    ["json", "other members", '{\n  "refusal": 1,\n  "tool_calls": "x"\n}'],
  ]);
  assertEquals(seen(partsOf({ role: "user", content: "Hi", mood: "good" })), [
    ["text", "", "Hi"],
    ["json", "other members", '{\n  "mood": "good"\n}'],
  ]);
});

Deno.test("partsOf() keeps hostile texts as they are, and bounds titles", () => {
  const hostile = '<script>alert(1)</script>\u001b[2J\u202E\ud800"';
  assertEquals(partsOf(hostile)[0]?.text, hostile);
  const [call] = partsOf([{ type: "tool_use", name: hostile.repeat(100), input: hostile }]);
  assertEquals([call?.title.length, call?.text], [120, hostile]);
});

Deno.test("partsOf() reads deep and wide content in bounded depth and number", () => {
  let deep: Json = "x";
  for (let level = 0; level < 20_000; level++) deep = [{ type: "tool_result", content: deep }];
  const [part] = partsOf(deep);
  assertEquals([part?.kind, partsOf(deep).length], ["result", 1]);
  const wide = Array.from({ length: 5_000 }, (_, n) => ({ type: "text", text: String(n) }));
  const parts = partsOf(wide);
  assertEquals([parts.length, parts.at(-1)?.title], [1_001, "4000 more parts"]);
  assertEquals(JSON.parse(parts.at(-1)?.text ?? "").length, 4_000);
  const within = partsOf([{ type: "tool_result", content: wide }, { type: "text", text: "more" }]);
  assertEquals([within.length, within.at(-1)?.title], [1_002, "1 more parts"]);
});

Deno.test("partsOf() takes 16 MiB as one part, without growing it", () => {
  const units = 16 * 1_048_576;
  const [text] = partsOf("ü".repeat(units / 2));
  assertEquals(text?.bytes, units);
  let nested: Json = Array.from({ length: 1_000_000 }, () => 0);
  for (let level = 0; level < 60; level++) nested = [nested];
  const [json] = partsOf(nested);
  assert((json?.text.length ?? Infinity) < 2_100_000, "not indented");
  const [call] = partsOf([{ type: "function_call", name: "f", arguments: JSON.stringify(nested) }]);
  assertEquals(call?.text, JSON.stringify(nested));
});

Deno.test("excerptOf() names calls, images and content in blobs", () => {
  const blob = { sha256: "0".repeat(64), bytes: 3_145_728, mediaType: "image/png" };
  const content = [{ type: "text", text: "Look" }, { type: "tool_use", name: "git", input: {} }];
  assertEquals(
    excerptOf({ role: "assistant", content, blobs: [blob] }),
    "Look [call git] [image/png, 3.0 MiB]",
  );
  assertStringIncludes(excerptOf({ role: "tool", contentBlob: blob }), "[content, 3.0 MiB]");
});

/** JSON that resembles messages: their members and types, with values of any kind. */
const { message } = fc.letrec<{ message: Json; value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: "small" },
    fc.constantFrom<Json>(
      "",
      "<b>\u001b\ud800",
      "data:image/png;base64,AAAA",
      "https://example.org",
      null,
      7,
    ),
    fc.array(tie("message"), { maxLength: 4 }),
    tie("message"),
  ),
  message: fc.dictionary(
    fc.constantFrom(
      ...["type", "role", "content", "text", "thinking", "data", "name", "input", "arguments", "function"],
      ...[
        "tool_calls",
        "tool_call_id",
        "tool_use_id",
        "refusal",
        "output",
        "image_url",
        "source",
        "url",
        "media_type",
        "__proto__",
      ],
    ),
    fc.oneof(
      fc.constantFrom<Json>(
        "text",
        "image",
        "image_url",
        "tool_use",
        "tool_result",
        "thinking",
        "message",
        "tool",
      ),
      tie("value"),
    ),
    { maxKeys: 5 },
  ) as fc.Arbitrary<Json>,
}));

Deno.test("partsOf() shows every string of what resembles a message, except opaque ones", () => {
  fc.assert(
    fc.property(fc.oneof(fc.array(message), message), fc.constantFrom("user", "tool"), (content, role) => {
      const parts = partsOf(content, role);
      for (const { title, bytes } of parts) assert(title.length <= 120 && bytes >= 0);
      const shown = JSON.stringify(parts);
      const isShown = !JSON.stringify(content).includes("<b>") || shown.includes("<b>");
      // Types, ids and the data of redacted thoughts are not shown.
      assert(isShown || hides(content), shown);
    }),
    { numRuns: 5_000, seed: 17 },
  );
});

/** True if the marked string stands only where it is not shown. */
function hides(content: Json): boolean {
  const silent = new Set(["type", "role", "tool_call_id", "tool_use_id", "data", "media_type"]);
  const text = JSON.stringify(content, (name, value) => silent.has(name) ? undefined : value);
  return !text?.includes("<b>");
}
