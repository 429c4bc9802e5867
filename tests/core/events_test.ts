// Events as text.

import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { entriesText, type EntryInput } from "../../src/core/commands.ts";
import { RuntimeError } from "../../src/core/errors.ts";
import type { EventHead, TranscriptAppended } from "../../src/core/event_types.ts";
import {
  encodeEvent,
  isKnownEvent,
  isTranscriptEvent,
  parseEvent,
  parseEventHead,
  parseEvents,
} from "../../src/core/events.ts";
import { noUsage } from "../../src/core/usage.ts";
import { oddContents, oddIds } from "../../testing/samples.ts";
import { a, AT, born, type Event, numbered, runtimeId } from "./given.ts";

const TRAP = 'x,"entries":[{"role":"user","content":"y"}]';

/** One event of each kind that is no transcript's. */
const plain: readonly Event[] = [
  ...born,
  { type: "runtime.closed" },
  { type: "runtime.stopped", reason: TRAP },
  { type: "worker.state_updated", workerId: a, patch: { x: 1, entries: [1], y: { z: 2, entries: {} } } },
  { type: "worker.run_started", workerId: a, runId: TRAP },
  { type: "worker.run_finished", workerId: a, runId: "r", outcome: "failed", reason: "\u2028" },
  { type: "worker.run_interrupted", workerId: a, runId: "r", outcome: "interrupted" },
  { type: "worker.usage_recorded", workerId: a, usage: { ...noUsage, model: "m" } },
  { type: "worker.stopped", workerId: a },
  { type: "worker.cancelled", workerId: a, reason: "r" },
  { type: "worker.purged", workerId: a },
  { type: "custom", name: "n", data: { a: 1, entries: [] } },
  { type: "custom", workerId: a, name: TRAP, data: [{ b: 1, entries: TRAP }] },
];

function transcriptHead(extra: Partial<TranscriptAppended> = {}): Omit<TranscriptAppended, "entries"> {
  return { id: 7, at: AT, type: "worker.input_accepted", workerId: a, seq: 3, count: 1, ...extra };
}

function entriesOf(...entries: EntryInput[]): string {
  return entriesText(entries, "worker.transcript_appended");
}

for (const [index, event] of numbered(plain).entries()) {
  Deno.test(`encodeEvent() and parseEvent() round trip ${event.type}, sample ${index + 1}`, () => {
    const record = encodeEvent(event, "");
    assert(isKnownEvent(event));
    assertFalse(isTranscriptEvent(event));
    assertEquals(parseEvent(record.json), event);
    assertEquals(parseEventHead(record.json), event);
    assertEquals([record.id, record.seq, record.count], [event.id, undefined, undefined]);
    assertFalse(/[\n\r\u2028\u2029]/.test(record.json));
  });
}

Deno.test("encodeEvent() returns what an event means for a store", () => {
  const records = numbered(plain).map((event) => encodeEvent(event, ""));
  const relevant = records.filter(({ creates, purges }) => creates || purges);
  assertEquals(relevant.map(({ workerId, creates, purges }) => [workerId as string, creates, purges]), [
    ["a", true, undefined],
    ["b", true, undefined],
    ["a", undefined, true],
  ]);
  const { workerId, creates, purges, seq, count } = encodeEvent(transcriptHead(), "[{}]");
  assertEquals([workerId as string, creates, purges, seq, count], ["a", undefined, undefined, 3, 1]);
});

Deno.test("encodeEvent() of a transcript event by hand is what JSON.stringify gives", () => {
  const samples: [Partial<TranscriptAppended>, EntryInput][] = [
    [{}, { role: "user", content: "x" }],
    [{ runId: 'r"\\' }, { role: "tool", name: "字\n", content: "" }],
    [{ key: TRAP, request: "1f" }, {
      role: "assistant",
      metadata: { a: [null, { b: "\t" }] },
      content: TRAP,
    }],
    [{ runId: TRAP, key: "k", request: "0" }, { role: "system", name: "n", metadata: {}, content: "🦊\0" }],
  ];
  for (const [extra, entry] of samples) {
    const { json } = encodeEvent(transcriptHead(extra), entriesOf(entry));
    const { content, ...rest } = entry;
    assertEquals(json, JSON.stringify({ ...transcriptHead(extra), entries: [{ ...rest, content }] }));
  }
});

Deno.test("parseEventHead() is parseEvent() without the entries", () => {
  const contents = [...Object.values(oddContents).filter(({ length }) => length < 1_000), TRAP, '"', "\\"];
  for (const workerId of oddIds) {
    for (const content of contents) {
      const extra = { workerId: workerId as typeof a, key: content || "k", request: "0", runId: TRAP };
      const entries = entriesOf({
        role: "user",
        name: TRAP,
        metadata: { a: TRAP, entries: [TRAP] },
        content,
      });
      const { json } = encodeEvent(transcriptHead(extra), entries);
      const { entries: parsed, ...head } = parseEvent(json) as TranscriptAppended;
      assertEquals(parseEventHead(json), head);
      assertEquals(parsed[0]?.content, content);
    }
  }
});

Deno.test("parseEvent() and parseEventHead() pass on what a newer version wrote", () => {
  const newer = [
    '{"id":3,"at":"2026-07-31T08:00:00.000Z","type":"worker.dreamt","workerId":"a","of":{"x":1,"entries":[1]}}',
    '{"id":3,"at":"2026-07-31T08:00:00.000Z","type":"audit","entries":[1],"more":true}',
    '{"id":3,"at":"2026-07-31T08:00:00.000Z","type":"custom","name":"n","data":1,"entries":{"x":1},"more":[]}',
  ];
  for (const json of newer) {
    assertEquals<unknown>(parseEvent(json), JSON.parse(json));
    assertEquals<unknown>(parseEventHead(json), JSON.parse(json));
  }
  assertFalse(isKnownEvent({ type: "audit" }));
  assertFalse(isKnownEvent({ type: "constructor" }));
});

Deno.test("parseEventHead() takes a transcript event with members that it does not know", () => {
  const json =
    '{"id":3,"at":"2026-07-31T08:00:00.000Z","type":"worker.input_accepted","workerId":"a","seq":1,"count":1,' +
    '"meta":{"a":1,"entries":[2]},"entries":[{"role":"user","content":"x"}],"later":1}';
  const head = parseEventHead(json) as Extract<EventHead, { seq: number }>;
  assertEquals([head.seq, head.count, head.workerId as string], [1, 1, "a"]);
});

Deno.test("parseEvents() gives what parseEvent() gives of each", () => {
  const jsons = numbered(plain).map((event) => encodeEvent(event, "").json);
  jsons.push(
    ...Object.values(oddContents).map((content) => JSON.stringify({ id: 9, at: AT, type: "later", content })),
  );
  assertEquals(parseEvents(jsons), jsons.map(parseEvent));
  assertEquals(parseEvents([]), []);
});

Deno.test("parseEvents() refuses texts that are events only side by side, as many as there are texts", () => {
  const event = `{"id":3,"at":"${AT}","type":"audit"`;
  const jsons = [`${event},"of":[{}`, `${event}}]},${event}}`];
  assertEquals(JSON.parse(`[${jsons.join()}]`).length, 2);
  assertEquals((assertThrows(() => parseEvents(jsons), RuntimeError) as RuntimeError).code, "store_corrupt");
});

Deno.test("parseEvents() refuses texts that are events only side by side", () => {
  const event = '{"id":3,"at":"t","type":"audit","of":[1';
  for (const jsons of [[event, "2]}"], [`${event}]},${event}]}`], [`${event}]}`, ""]]) {
    const error = assertThrows(() => parseEvents(jsons), RuntimeError) as RuntimeError;
    assertEquals(error.code, "store_corrupt");
  }
});

const corrupt = [
  "",
  "x",
  "null",
  "[]",
  "{}",
  '"id"',
  '{"id":0,"at":"t","type":"custom"}',
  '{"id":1.5,"at":"t","type":"custom"}',
  '{"id":"1","at":"t","type":"custom"}',
  '{"id":1,"type":"custom"}',
  '{"id":1,"at":"t"}',
  '{"id":1,"at":"t","type":"worker.input_accepted","entries":[',
];

for (const json of corrupt) {
  Deno.test(`parseEvent() and parseEventHead() refuse ${JSON.stringify(json)}`, () => {
    const parsers = json.endsWith("[") ? [parseEvent] : [parseEvent, parseEventHead];
    for (const parse of parsers) {
      assertEquals((assertThrows(() => parse(json), RuntimeError) as RuntimeError).code, "store_corrupt");
    }
  });
}

const input = `"type":"worker.input_accepted","workerId":"a","seq":1,"count":1`;
const one = `"entries":[{"role":"user","content":"x"}]`;
/** Texts that parse as JSON to what an event should be, and mean something else to whoever reads bytes. */
const ambiguous: Readonly<Record<string, string>> = {
  "an id that comes again": `{"id":3,"at":"${AT}","type":"audit","id":4}`,
  "an id with an exponent": `{"id":3e0,"at":"${AT}","type":"audit"}`,
  "a type that comes again": `{"id":3,"at":"${AT}","type":"worker.purged","workerId":"a","type":"audit"}`,
  "a type that does not come third": `{"id":3,"at":"${AT}","workerId":"a","type":"worker.purged"}`,
  "a time that comes again": `{"id":3,"at":"${AT}","type":"audit","at":"2027-01-01T00:00:00.000Z"}`,
  "a seq that comes again": `{"id":3,"at":"${AT}",${input},"seq":5,${one}}`,
  "a worker id with an escape": `{"id":3,"at":"${AT}",${input.replace('"a"', '"\\u0061"')},${one}}`,
  "a count behind the entries": `{"id":3,"at":"${AT}",${input},${one},"count":2}`,
  "a run behind the entries": `{"id":3,"at":"${AT}",${input},${one},"runId":"r"}`,
  "entries before the count":
    `{"id":3,"at":"${AT}","type":"worker.input_accepted",${one},"workerId":"a","seq":1,"count":1}`,
};

for (const [what, json] of Object.entries(ambiguous)) {
  Deno.test(`parseEvent() refuses ${what}`, () => {
    assertEquals((assertThrows(() => parseEvent(json), RuntimeError) as RuntimeError).code, "store_corrupt");
    assertThrows(() => parseEvents([json]), RuntimeError);
  });
}

Deno.test("isTranscriptEvent() is for both kinds of entries", () => {
  assert(isTranscriptEvent(transcriptHead()));
  assert(isTranscriptEvent(transcriptHead({ type: "worker.transcript_appended" })));
  assertFalse(isTranscriptEvent({ id: 1, at: AT, type: "runtime.created", runtimeId }));
});
