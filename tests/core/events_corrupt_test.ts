// Texts of events that are rejected: corrupt ones, and those that mean different things to different readers.

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { RuntimeError } from "../../src/core/errors.ts";
import { parseEvent, parseEventHead, parseEvents } from "../../src/core/events.ts";
import { AT } from "./given.ts";

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
  '{"id":1,"at":"t","type":"worker.committed","entries":[',
];

for (const json of corrupt) {
  Deno.test(`parseEvent() and parseEventHead() reject ${JSON.stringify(json)}`, () => {
    for (const parse of [parseEvent, parseEventHead]) assertCorrupt(() => parse(json));
  });
}

const change = `"type":"worker.committed","workerId":"a","seq":1,"count":1`;
const one = `"entries":[{"role":"user","content":"x"}]`;
/** Texts that parse as JSON like an event, and mean something else to a reader of bytes. */
const ambiguous: Readonly<Record<string, string>> = {
  "an id that is there twice": `{"id":3,"at":"${AT}","type":"audit","id":4}`,
  "an id with an exponent": `{"id":3e0,"at":"${AT}","type":"audit"}`,
  "a type that is there twice": `{"id":3,"at":"${AT}","type":"worker.purged","workerId":"a","type":"audit"}`,
  "a type that does not come third": `{"id":3,"at":"${AT}","workerId":"a","type":"worker.purged"}`,
  "a time that is there twice": `{"id":3,"at":"${AT}","type":"audit","at":"2027-01-01T00:00:00.000Z"}`,
  "a seq that is there twice": `{"id":3,"at":"${AT}",${change},"seq":5,${one}}`,
  "a worker id with an escape": `{"id":3,"at":"${AT}",${change.replace('"a"', '"\\u0061"')},${one}}`,
  "a count after the entries": `{"id":3,"at":"${AT}",${change},${one},"count":2}`,
  "a run after the entries": `{"id":3,"at":"${AT}",${change},${one},"runId":"r"}`,
  "data after the entries": `{"id":3,"at":"${AT}",${change},${one},"data":{}}`,
  "data before and after the entries": `{"id":3,"at":"${AT}",${change},"data":{"x":1},${one},"data":{}}`,
  "an unknown member after the entries": `{"id":3,"at":"${AT}",${change},${one},"later":1}`,
  "entries before the count":
    `{"id":3,"at":"${AT}","type":"worker.committed",${one},"workerId":"a","seq":1,"count":1}`,
  "entries with a space": `{"id":3,"at":"${AT}",${change}, ${one}}`,
  "data before the count":
    `{"id":3,"at":"${AT}","type":"worker.committed","workerId":"a","data":{},"seq":1,"count":1,${one}}`,
};

for (const [what, json] of Object.entries(ambiguous)) {
  Deno.test(`parseEvent() rejects ${what}`, () => {
    assertCorrupt(() => parseEvent(json));
    assertThrows(() => parseEvents([json]), RuntimeError);
  });
}

const blob = `{"sha256":"${"0f".repeat(32)}","bytes":1,"mediaType":"m"}`;
const deep = `${"[".repeat(70)}${"]".repeat(70)}`;

/** Members that an event of a worker cannot have, and the beginning of the issue. */
const invalid: readonly (readonly [members: string, issue: string])[] = [
  ['"seq":1', "seq: "],
  ['"count":1', "seq: "],
  ['"seq":0,"count":1,"entries":[]', "seq: an integer from 1"],
  [`"seq":1,"count":2,${one}`, "count: it is 2"],
  ['"seq":1,"count":1,"entries":{}', "entries."],
  ['"seq":1,"count":1,"entries":[null]', "entries."],
  ['"seq":1,"count":1,"entries":[{"content":"x"}]', "entries.0.role: missing"],
  ['"seq":1,"count":1,"entries":[{"role":"user"}]', "entries.0: either content or contentBlob"],
  [
    `"seq":1,"count":1,"entries":[{"role":"user","content":"x","contentBlob":${blob}}]`,
    "entries.0: either content",
  ],
  [`"seq":1,"count":1,"entries":[{"role":"user","contentBlob":{}}]`, "entries.0.contentBlob"],
  [
    `"seq":1,"count":1,"entries":[{"role":"user","content":"x","blobs":[${blob.replace("0f", "0F")}]}]`,
    "entries.0.blobs",
  ],
  [`"seq":1,"count":1,"entries":[{"role":"user","content":"x","blobs":{}}]`, "entries.0.blobs"],
  [`"seq":1,"count":1,"entries":[{"role":"user","content":${deep}}]`, "entries.0.content: nested deeper"],
  ['"seq":1,"count":1,"entries":[{"role":"user","content":"x","at":"today"}]', "entries.0.at"],
  ['"seq":1,"count":1,"entries":[{"role":"user","content":"x","id":1}]', "entries.0.id"],
  ['"seq":1,"count":1,"entries":[{"role":"user","content":"x","metadata":[]}]', "entries.0.metadata"],
  ['"runId":1', "runId: "],
  ['"meta":[]', "meta: "],
  ['"run":{"began":false}', "run.began: "],
  ['"run":{"ended":"exploded"}', "run.ended: "],
  ['"run":"began"', "run: "],
  ['"status":"cancelled"', "status: "],
  ['"reason":1', "reason: "],
  ['"displayName":1', "displayName: "],
  ['"labels":{"x":1}', "labels.x: "],
  ['"labels":[]', "labels: "],
  ['"data":null', "data: "],
  [`"data":{"x":${deep}}`, "data: nested deeper"],
  ['"usage":{}', "usage: "],
  ['"usage":[{"model":"m"}]', "usage.0."],
  ['"events":[{"name":"n"}]', "events.0.data: missing"],
  ['"events":[{"data":1}]', "events.0.name: missing"],
  ['"context":null', "context: "],
  ['"context":{"rewound":-1}', "context.rewound: "],
  ['"context":{"compacted":"1"}', "context.compacted: "],
  ['"key":1,"request":"0"', "key: "],
  [`"later":${deep}`, "later: nested deeper"],
];

for (const [members, issue] of invalid) {
  Deno.test(`parseEvent() rejects ${members.slice(0, 80)}`, () => {
    const json = `{"id":3,"at":"${AT}","type":"worker.committed","workerId":"a",${members}}`;
    const { details } = assertCorrupt(() => parseEvent(json));
    assertStringIncludes(details.reason, `event 3: ${issue}`);
    assertEquals(details.eventIds, [3, 3]);
  });
}

Deno.test("parseEvent() rejects a creation without a record, and a worker event without its worker", () => {
  const base = `"id":3,"at":"${AT}"`;
  assertCorrupt(() => parseEvent(`{${base},"type":"worker.created","workerId":"a"}`));
  assertCorrupt(() => parseEvent(`{${base},"type":"worker.committed"}`));
  assertCorrupt(() => parseEvent(`{${base},"type":"worker.purged"}`));
  assertCorrupt(() => parseEvent(`{${base},"type":"audit","workerId":1}`));
});

function assertCorrupt(work: () => unknown): RuntimeError<"store_corrupt"> {
  const error = assertThrows(work, RuntimeError) as RuntimeError<"store_corrupt">;
  assertEquals(error.code, "store_corrupt");
  return error;
}
