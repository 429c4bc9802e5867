// The chat: answers from a real server, streamed; what it loses when it is killed or the server fails.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { Example, exampleTest, openKept, until } from "./kit.ts";
import { serveCompletions } from "./openai_server.ts";

const flags = ["--allow-env", "--allow-net", "--allow-read=./data", "--allow-write=./data"];

function chat(directory: string, url: string): Example {
  const env = { OPENAI_BASE_URL: url, OPENAI_MODEL: "m-1", OPENAI_API_KEY: "secret" };
  return new Example("chat", directory, flags, [], env);
}

/** What was said, by whom. */
async function said(directory: string): Promise<string[]> {
  await using runtime = await openKept(directory, "chat");
  const { items } = await runtime.worker("chat").transcript();
  return items.map(({ role, content }) => `${role}: ${content}`);
}

exampleTest("chat keeps questions, answers and what they took, across starts", async (directory) => {
  const texts = ["Guten Tag, 日本語 🦊 ok", "Yes."];
  await using server = serveCompletions("secret", texts.map((text) => ({ kind: "whole", text })));
  const first = chat(directory, server.url);
  await first.type("Hello");
  const ended = await first.finish();
  assertEquals([ended.code, ended.err], [0, ""]);
  assertEquals(ended.out, `${texts[0]}\n1 answers, 10 tokens in, ${texts[0]?.length} out\n`);

  const second = chat(directory, server.url);
  await second.type("Are you still there?");
  assertStringIncludes((await second.finish()).out, "2 answers");
  assertEquals(server.requests.map(({ model }) => model), ["m-1", "m-1"]);
  assertEquals(server.requests[1]?.messages, [
    { role: "user", content: "Hello" },
    { role: "assistant", content: texts[0] ?? "" },
    { role: "user", content: "Are you still there?" },
  ]);
  await using runtime = await openKept(directory, "chat");
  const { usage, lastRun } = runtime.worker("chat").state();
  assertEquals([usage.requests, usage.inputTokens, usage.cachedTokens], [2, 40, 2]);
  assertEquals(lastRun?.outcome, "completed");
});

exampleTest("chat that is killed in the middle of an answer answers at its next start", async (directory) => {
  await using server = serveCompletions("secret", [
    { kind: "stalled", text: "The answer is not " },
    { kind: "whole", text: "The answer is 42" },
  ]);
  const first = chat(directory, server.url);
  await first.type("What is the answer?");
  await until(() => server.requests.length === 1);
  assertEquals((await first.kill()).signal, "SIGKILL");
  const second = await chat(directory, server.url).finish();
  assertEquals(second.code, 0, second.err);
  assertStringIncludes(second.out, "Still to be answered: What is the answer?\nThe answer is 42\n");
  assertEquals(await said(directory), ["user: What is the answer?", "assistant: The answer is 42"]);
  await using runtime = await openKept(directory, "chat");
  const { items } = await runtime.worker("chat").events({ after: 0 });
  const ends = items.flatMap((event) => "outcome" in event ? [event.outcome] : []);
  assertEquals(ends, ["interrupted", "completed"]);
});

exampleTest("chat keeps no half answer, and tells why a run failed", async (directory) => {
  await using server = serveCompletions("secret", [
    { kind: "broken off", text: "half of an " },
    { kind: "refused", status: 429 },
    { kind: "whole", text: "all of it" },
  ]);
  for (const why of ["the answer broke off", "429"]) {
    const failing = chat(directory, server.url);
    if (why !== "429") await failing.type("Tell me");
    assertStringIncludes((await failing.finish()).err, why);
    assertEquals(await said(directory), ["user: Tell me"]);
  }
  assertEquals((await chat(directory, server.url).finish()).code, 0);
  assertEquals(await said(directory), ["user: Tell me", "assistant: all of it"]);
});
