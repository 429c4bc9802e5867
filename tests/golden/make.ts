/**
 * Creates the golden directory of this version of the format, once: what a
 * released version wrote is never written again.
 *
 *     deno run -A tools/jsr.ts deno run -A tests/golden/make.ts
 *
 * @module
 */
import { join } from "@std/path";
import type { Runtime } from "../../mod.ts";
import { everyEventStore, openRuntime, PNG } from "../cli/stores.ts";
import { steadyClock } from "../kit/opened.ts";
import { golden, seenIn, shortened } from "./golden.ts";

/** Lone surrogates, an escaped pair, `__proto__`, an empty name, line separators, numbers at their limits. */
const UNUSUAL = '{"\\ud800":"\\udfff","\\ud83e\\udd8a":"\\u2028","__proto__":{"":[]},"a\\"b":"\\u0000\\\\",' +
  '"numbers":[0,-1.5e-7,1e21,5e-324,1.7976931348623157e308,9007199254740991]}';

const version = "v1";
const directory = golden(version);
Deno.mkdirSync(join(directory, "runtimes", "local"), { recursive: true });
const config = `{
  // An operator's comment.
  "displayName": "Golden ${version}",
  "limits": { "segmentBytes": 4096 },
}
`;
Deno.writeTextFileSync(join(directory, "runtimes", "local", "config.jsonc"), config, { createNew: true });
const now = steadyClock("2026-07-29T10:00:00.000Z", 3_600_000);
const runtime = await openRuntime({ root: directory, now });
await everyMember(runtime);
await runtime.close();
await everyEventStore({ root: directory, now });
// The owner differs from run to run.
for (const name of ["lock", "owner.json"]) Deno.removeSync(join(directory, "runtimes", "local", name));
const expected = JSON.stringify(shortened(await seenIn(directory)), null, 2);
Deno.writeTextFileSync(join(directory, "expected.json"), `${expected}\n`);

/** Commits every member of an event and of an entry: parts, blobs, a spilled content, unusual JSON, a context with a gap. */
async function everyMember(runtime: Runtime): Promise<void> {
  const coder = await runtime.createWorker({
    workerId: "coder",
    displayName: "Coder",
    intent: { kind: "assistant" },
    labels: { team: "core", tier: "free" },
    parent: "reviewer",
  }, { commit: { entries: [{ role: "system", content: "You write code" }] } });
  const image = await coder.putBlob(Uint8Array.fromBase64(PNG), { mediaType: "image/png" });
  await coder.sendInput({
    role: "user",
    name: "ann",
    id: "mail-7",
    at: "2026-07-28T09:00:00.000Z",
    metadata: { unread: false },
    blobs: [image, await coder.putBlob(new Uint8Array(0))],
    content: [{ type: "text", text: "Why is it red?" }, { type: "image" }],
  }, { key: "mail:7", meta: { actor: "ann", trace: ["a", 1] } });
  const run = await coder.beginRun({ runId: "run-1" });
  await run.commit({
    entries: [
      {
        role: "assistant",
        content: [{ type: "tool_use", id: "call-1", name: "read", input: { path: "a.ts", "entries": [] } }],
      },
      { role: "tool", name: "read", content: `a long file ${"字".repeat(90_000)}` },
      // Members that names and escapes could confuse.
      { role: "tool", content: JSON.parse(UNUSUAL) },
    ],
    usage: [{ model: "m-1", inputTokens: 812, cacheWriteTokens: 5 }, { model: "m-2", outputTokens: 7 }],
    data: { open: { files: ["a.ts"] }, ',"entries":': 1 },
    events: [{ name: "file.read", data: null }],
    displayName: "Coder of a.ts",
    labels: { tier: null, file: "a.ts" },
  });
  await run.finish("failed", { reason: "the model is overloaded", data: { open: null } });
  await coder.stop({ reason: "for the night" });
  await coder.restart();
  await coder.commit({ displayName: null });
  await coder.append(["Why is it red?", "And now?"].map((content) => ({ role: "user", content })));
  await coder.rewind({ toSeq: 6 });
  await coder.compact({ through: 4, summary: { role: "user", content: "A test of a.ts fails" } });
  await coder.sendInput({ role: "user", content: "Go on" });
  await runtime.forkWorker("coder", { workerId: "coder-2" }, { meta: { actor: "ann" } });
  // Left open: the next opening interrupts it.
  const second = await coder.beginRun({ runId: "run-2", draft: "I will" });
  for (const draft of [null, "It is red because \uD83E", "\uDD8A", ""]) await second.commit({ draft });
}
