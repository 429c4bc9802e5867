// Events as text.

import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { encodeEntries, type EntryInput } from "../../src/core/entries.ts";
import { RuntimeError } from "../../src/core/errors.ts";
import type { EventHead, KnownEvent, UnknownEvent, WorkerCommitted } from "../../src/core/event_types.ts";
import {
  addsEntries,
  encodeEvent,
  isKnownEvent,
  isWorkerChange,
  parseEvent,
  parseEventHead,
  parseEvents,
} from "../../src/core/events.ts";
import { workerRecord } from "../../src/core/records.ts";
import { noUsage } from "../../src/core/usage.ts";
import { oddContents, oddIds } from "../../testing/samples.ts";
import {
  a,
  AT,
  began,
  born,
  type Changes,
  committed,
  created,
  type Event,
  numbered,
  purged,
} from "./given.ts";

const TRAP = 'x,"entries":[{"role":"user","content":"y"}]';
const LINE = /[\n\r\u2028\u2029]/;

/** One event of each kind without entries. */
const plain: readonly Event[] = [
  ...born,
  { type: "runtime.closed" },
  { type: "runtime.retired", reason: TRAP },
  committed(a, { data: { x: 1, entries: [1], y: { z: 2, entries: {} } } }),
  began(a, TRAP),
  committed(a, { runId: "r", run: { ended: "failed", reason: "\u2028" } }),
  committed(a, { usage: [{ ...noUsage, model: "m" }] }),
  committed(a, { status: "stopped" }),
  purged(a),
  { type: "custom", name: "n", data: { a: 1, entries: [] } },
  { type: "custom", name: TRAP, data: [{ b: 1, entries: TRAP }] },
];

function head(extra: Changes & { key?: string; request?: string; workerId?: typeof a } = {}): EventHead {
  return { id: 7, at: AT, type: "worker.committed", workerId: a, seq: 3, count: 1, ...extra } as EventHead;
}

function entriesOf(...entries: EntryInput[]): string {
  return encodeEntries(entries, "test").text();
}

for (const [index, event] of numbered(plain).entries()) {
  Deno.test(`encodeEvent() and parseEvent() round trip ${event.type}, sample ${index + 1}`, () => {
    const record = encodeEvent(event, "");
    assert(isKnownEvent(event));
    assertFalse(addsEntries(event));
    assertEquals<unknown>(parseEvent(record.json), event);
    assertEquals(parseEventHead(record.json), event);
    assertEquals([record.id, record.seq, record.count], [event.id, undefined, undefined]);
    assertFalse(LINE.test(record.json));
  });
}

/** A value of each member, with the text of the entries inside. */
const members: readonly (readonly [string, Changes & { key?: string; request?: string }])[] = [
  ["runId", { runId: TRAP }],
  ["key", { key: TRAP, request: "1f" }],
  ["meta", { meta: { entries: [{ a: [TRAP] }], "\u2028": "}]\\" } }],
  ["run", { runId: "r", run: { ended: "failed", reason: TRAP } }],
  ["status", { status: "stopped", reason: `${TRAP}\u2029` }],
  ["displayName", { displayName: TRAP }],
  ["labels", { labels: { entries: TRAP, [TRAP]: null } }],
  ["data", { data: { a: { entries: [] }, entries: [{ role: "user", content: "\ud800" }], n: -0.5 } }],
  ["usage", { usage: [{ ...noUsage, model: TRAP }] }],
  ["events", { events: [{ name: TRAP, data: { entries: [[]] } }, { name: "n", data: '"\\' }] }],
];
const entry: EntryInput = { role: "user", content: { entries: [TRAP] }, metadata: { a: 1, entries: TRAP } };

for (let bits = 0; bits < 2 ** members.length; bits++) {
  const chosen = members.filter((_, index) => (bits >> index) % 2 === 1);
  const changes: Changes = Object.assign({}, ...chosen.map(([, change]) => change));
  // One test for all of the same first member, to keep the list of tests short.
  if (bits % 64 !== 0) continue;
  const names = chosen.map(([name]) => name).join(", ") || "no member";
  Deno.test(`events with ${names}, and each combination of the others, round trip with and without entries`, () => {
    for (let rest = 0; rest < 64; rest++) {
      const others = members.filter((_, index) => (rest >> index) % 2 === 1).map(([, change]) => change);
      assertRoundTrip(Object.assign({}, ...others, changes));
    }
  });
}

function assertRoundTrip(changes: Changes): void {
  const text = entriesOf(entry);
  const entries = JSON.parse(text);
  const { run: _run, status: _status, runId: _runId, reason: _reason, ...first } = changes;
  const record = workerRecord({ intent: { kind: "task", objective: TRAP } }, a);
  const base = { id: 7, at: AT } as const;
  const heads = [
    { ...base, type: "worker.committed", workerId: a, ...changes },
    { ...base, type: "worker.committed", workerId: a, seq: 3, count: 1, ...changes },
    { ...base, type: "worker.created", workerId: a, ...first, record },
    { ...base, type: "worker.created", workerId: a, seq: 1, count: 1, ...first, record },
  ] as EventHead[];
  for (const head of heads) {
    const { json, seq, count, creates, workerId } = encodeEvent(head, text);
    const whole = addsEntries(head) ? { ...head, entries } : head;
    assertEquals<unknown>([parseEvent(json), parseEvents([json, json])], [whole, [whole, whole]]);
    assertEquals(parseEventHead(json), head);
    assertEquals(parseEventHead(encodeEvent(head, "[]").json), head);
    assertEquals([seq, count], addsEntries(head) ? [head.seq, head.count] : [undefined, undefined]);
    assertEquals([creates ?? false, workerId], [head.type === "worker.created", a]);
    assertFalse(LINE.test(json));
  }
}

Deno.test("parseEventHead() of the most frequent events has the members that are present, and no others", () => {
  const samples: Changes[] = [{}, { runId: "r" }].flatMap((
    run,
  ) => [run, { ...run, key: "k", request: "1f" }]);
  for (const sample of samples) {
    const { json } = encodeEvent(head(sample), entriesOf(entry));
    assertEquals(Object.entries(parseEventHead(json)), Object.entries(head(sample)));
    assertEquals(json, JSON.stringify({ ...head(sample), entries: JSON.parse(entriesOf(entry)) }));
  }
});

Deno.test("encodeEvent() returns the facets of an event for a store", () => {
  const records = numbered(plain).map((event) => encodeEvent(event, ""));
  const relevant = records.filter(({ creates, purges }) => creates || purges);
  assertEquals(relevant.map(({ workerId, creates, purges }) => [workerId as string, creates, purges]), [
    ["a", true, undefined],
    ["b", true, undefined],
    ["a", undefined, true],
  ]);
  const blobs = [{ sha256: "0f".repeat(32), bytes: 1, mediaType: "image/png" }];
  const { workerId, creates, purges, seq, count, blobs: refs } = encodeEvent(head(), "[{}]", blobs);
  assertEquals([workerId as string, creates, purges, seq, count], ["a", undefined, undefined, 3, 1]);
  assertEquals([refs, records[0]?.blobs], [blobs, undefined]);
});

Deno.test("encodeEvent() of the most frequent event gives the text of JSON.stringify", () => {
  const samples: [Parameters<typeof head>[0], EntryInput][] = [
    [{}, { role: "user", content: "x" }],
    [{ runId: 'r"\\' }, { role: "tool", name: "字\n", content: "" }],
    [{ key: TRAP, request: "1f" }, {
      role: "assistant",
      metadata: { a: [null, { b: "\t" }] },
      content: TRAP,
    }],
    [{ runId: TRAP, key: "k", request: "0" }, { role: "system", name: "n", metadata: {}, content: "🦊\0" }],
    [{}, {
      role: "a role",
      name: "n",
      id: "i",
      at: AT,
      metadata: { m: 1 },
      blobs: [{ sha256: "0f".repeat(32), bytes: 1, mediaType: "image/png" }],
      content: [{ a: null }],
    }],
  ];
  for (const [extra, entry] of samples) {
    const { json } = encodeEvent(head(extra), entriesOf(entry));
    const { content, ...rest } = entry;
    assertEquals(json, JSON.stringify({ ...head(extra), entries: [{ ...rest, content }] }));
  }
});

Deno.test("parseEventHead() is parseEvent() without the entries", () => {
  const contents = [...Object.values(oddContents).filter(({ length }) => length < 1_000), TRAP, '"', "\\"];
  for (const workerId of oddIds) {
    for (const content of contents) {
      for (const meta of [undefined, { m: content, entries: [content] }]) {
        const extra = { workerId: workerId as typeof a, key: content || "k", request: "0", runId: TRAP };
        const entries = entriesOf({
          role: "user",
          name: TRAP,
          metadata: { a: TRAP, entries: [TRAP] },
          content,
        });
        const { json } = encodeEvent(head(meta === undefined ? extra : { ...extra, meta }), entries);
        const { entries: parsed, ...rest } = parseEvent(json) as WorkerCommitted;
        assertEquals<unknown>(parseEventHead(json), rest);
        assertEquals(parsed?.[0]?.content, content);
      }
    }
  }
});

const AT_TEXT = '"at":"2026-07-31T08:00:00.000Z"';

Deno.test("parseEvent() returns an event of an unknown type as it was written", () => {
  const texts = [
    `{"id":3,${AT_TEXT},"type":"worker.dreamt","workerId":"a","of":{"x":1,"entries":[1]}}`,
    `{"id":3,${AT_TEXT},"type":"audit","entries":[1],"more":true}`,
    `{"id":3,${AT_TEXT},"type":"unknown"}`,
    `{"id":3,${AT_TEXT},"type":"constructor","key":"k","request":"0"}`,
  ];
  for (const json of texts) {
    const event = JSON.parse(json);
    const unknown = parseEvent(json) as UnknownEvent;
    const { workerId } = event;
    const expected = {
      id: 3,
      at: event.at,
      type: "unknown",
      event,
      ...(workerId === undefined ? {} : { workerId }),
    };
    assertEquals<unknown>(unknown, expected);
    assertEquals(parseEvents([json]), [unknown]);
    assertFalse(isKnownEvent(event));
  }
  // The member `entries` of an unknown event is not special, but a head may lack it.
  assertEquals<unknown>(parseEventHead(texts[0] ?? ""), JSON.parse(texts[0] ?? ""));
  assertEquals<unknown>(parseEventHead(texts[1] ?? ""), {
    id: 3,
    at: "2026-07-31T08:00:00.000Z",
    type: "audit",
  });
});

Deno.test("parseEvent() keeps members that a newer version added to a known type", () => {
  const texts = [
    `{"id":3,${AT_TEXT},"type":"custom","name":"n","data":1,"later":{"x":1},"more":[]}`,
    `{"id":3,${AT_TEXT},"type":"worker.committed","workerId":"a","later":{"entries":[1]}}`,
    `{"id":3,${AT_TEXT},"type":"worker.committed","workerId":"a","seq":1,"count":1,` +
    '"later":{"a":1,"entries":[2]},"entries":[{"role":"user","later":1,"content":"x"}]}',
  ];
  for (const json of texts) {
    const event = JSON.parse(json);
    assertEquals<unknown>(parseEvent(json), event);
    const { entries, ...head } = event;
    assertEquals<unknown>(parseEventHead(json), entries === undefined ? event : head);
  }
});

Deno.test("parseEvents() is parseEvent() of each text", () => {
  const jsons = numbered(plain).map((event) => encodeEvent(event, "").json);
  jsons.push(
    ...Object.values(oddContents).map((content) => JSON.stringify({ id: 9, at: AT, type: "later", content })),
  );
  assertEquals(parseEvents(jsons), jsons.map(parseEvent));
  assertEquals(parseEvents([]), []);
});

Deno.test("parseEvents() rejects texts that are events only side by side, as many as there are texts", () => {
  const event = `{"id":3,"at":"${AT}","type":"audit"`;
  const jsons = [`${event},"of":[{}`, `${event}}]},${event}}`];
  assertEquals(JSON.parse(`[${jsons.join()}]`).length, 2);
  assertEquals((assertThrows(() => parseEvents(jsons), RuntimeError) as RuntimeError).code, "store_corrupt");
});

Deno.test("parseEvents() rejects texts that are events only side by side", () => {
  const event = '{"id":3,"at":"t","type":"audit","of":[1';
  for (const jsons of [[event, "2]}"], [`${event}]},${event}]}`], [`${event}]}`, ""]]) {
    const error = assertThrows(() => parseEvents(jsons), RuntimeError) as RuntimeError;
    assertEquals(error.code, "store_corrupt");
  }
});

Deno.test("isWorkerChange() and addsEntries() separate the heads", () => {
  const heads = numbered([
    ...born,
    committed(a, {}),
    committed(a, { seq: 1, count: 1 }),
    created(a, { seq: 1, count: 1 }),
  ]);
  assertEquals(heads.map(isWorkerChange), [false, false, true, true, true, true, true]);
  assertEquals(heads.map(addsEntries), [false, false, false, false, false, true, true]);
});

Deno.test("parseEvent() returns a known event with its members for its type", () => {
  const event = parseEvent(encodeEvent(head({ labels: { x: "1" } }), entriesOf(entry)).json) as KnownEvent;
  assert(event.type === "worker.committed");
  assertEquals([event.labels, event.count], [{ x: "1" }, 1]);
});
