// Commands: changes of callers, validated and copied into the members of an event.

import { assertEquals, assertThrows } from "@std/assert";
import {
  changesOf,
  command,
  type CommitInput,
  type OwnChanges,
  reasonOf,
  Requested,
} from "../../src/core/commands.ts";
import { RuntimeError } from "../../src/core/errors.ts";
import { parseEvent } from "../../src/core/events.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { limits } from "../../src/core/limits.ts";
import { byteLength } from "../../src/core/text.ts";
import { noUsage } from "../../src/core/usage.ts";
import * as wrong from "../../testing/wrong.ts";
import { a, AT } from "./given.ts";

function membersOf(changes: CommitInput, own: OwnChanges = {}, meta?: JsonObject): Record<string, unknown> {
  return { ...changesOf(changes, own, meta, "commit").members };
}

function issueOf(work: () => unknown): string {
  const error = assertThrows(work, RuntimeError) as RuntimeError<"invalid_request">;
  assertEquals(error.code, "invalid_request");
  return error.details.issues.join();
}

const all: CommitInput = {
  labels: { a: "1", b: null },
  events: [{ name: "e", data: [null] }],
  displayName: "A",
  usage: { model: "m", inputTokens: 2 },
  data: { x: { y: null } },
};

Deno.test("changesOf() returns all members in the order of the text", () => {
  const own = { reason: "why", status: "stopped", run: { ended: "failed", reason: "bug" } } as const;
  const members = membersOf(all, own, { by: "me" });
  assertEquals(Object.entries(members), [
    ["meta", { by: "me" }],
    ["run", { ended: "failed", reason: "bug" }],
    ["status", "stopped"],
    ["reason", "why"],
    ["displayName", "A"],
    ["labels", { a: "1", b: null }],
    ["data", { x: { y: null } }],
    ["usage", [{ ...noUsage, model: "m", inputTokens: 2, requests: 1 }]],
    ["events", [{ name: "e", data: [null] }]],
  ]);
});

Deno.test("changesOf() returns members that an event can be read back with", () => {
  const { members } = changesOf(
    all,
    { status: "stopped", reason: "\ud800" },
    { "\udfff": "\u2028" },
    "commit",
  );
  const event = { id: 3, at: AT, type: "worker.committed", workerId: a, ...members };
  assertEquals<unknown>(parseEvent(JSON.stringify(event)), event);
});

Deno.test("changesOf() copies changes, so that later changes of the caller's objects have no effect", () => {
  const changes = {
    data: { x: [1] },
    labels: { a: "1" },
    events: [{ name: "e", data: { y: 1 } }],
    usage: [{ model: "m" }],
  };
  const meta = { by: { name: "me" } };
  const members = membersOf(changes, {}, meta);
  const before = JSON.stringify(members);
  changes.data.x.push(2);
  changes.labels.a = "2";
  Object.assign(changes.events[0] ?? {}, { name: "f" });
  Object.assign(changes.events[0]?.data ?? {}, { y: 2 });
  Object.assign(changes.usage[0] ?? {}, { model: "n" });
  meta.by.name = "you";
  assertEquals(JSON.stringify(members), before);
});

Deno.test("changesOf() takes one report of usage or several", () => {
  const report = { ...noUsage, model: "m", requests: 1 };
  assertEquals(membersOf({ usage: { model: "m" } }).usage, [report]);
  assertEquals(membersOf({ usage: [{ model: "m" }, { model: "n", requests: 0 }] }).usage, [
    report,
    { ...noUsage, model: "n" },
  ]);
});

Deno.test("changesOf() converts data, events and meta as JSON.stringify does", () => {
  const odd = { at: new Date(0), gone: undefined, lone: "\ud800", "\udfff": -0 } as unknown as JsonObject;
  const json = JSON.parse(JSON.stringify(odd));
  assertEquals(membersOf({ data: odd, events: [{ name: "e", data: odd }] }, {}, odd), {
    meta: json,
    data: json,
    events: [{ name: "e", data: json }],
  });
});

Deno.test("changesOf() has no members if there are entries alone, and no entries without them", () => {
  const { members, entries } = changesOf({ entries: [{ role: "user", content: "x" }] }, {}, undefined, "x");
  assertEquals([members, entries?.text()], [undefined, '[{"role":"user","content":"x"}]']);
  assertEquals(changesOf({ data: {} }, {}, undefined, "x").entries, undefined);
});

const commits: Readonly<Record<string, unknown>> = {
  "null as changes": null,
  "an unknown change": { entry: [] },
  "the end of a run": { data: {}, run: { ended: "completed" } },
  "a status": { status: "retired" },
  "a reason": { data: {}, reason: "x" },
  "no usage": { usage: [] },
  "usage past the bound": { usage: Array.from({ length: limits.listItemsMax + 1 }, () => ({ model: "m" })) },
  "events that are no list": { events: { name: "x", data: 1 } },
  "events past the bound": { events: Array(limits.listItemsMax + 1).fill({ name: "x", data: 1 }) },
  "an event without a name": { events: [{ data: 1 }] },
  "an event with a blank name": { events: [{ name: " ", data: 1 }] },
  "an event without data": { events: [{ name: "x" }] },
  "an event with undefined data": { events: [{ name: "x", data: undefined }] },
  "an unknown member of an event": { events: [{ name: "x", data: 1, at: "now" }] },
  "an event past the bound": { events: [{ name: "x", data: "x".repeat(limits.dataBytesMax) }] },
  "a blank display name": { displayName: "" },
  "a display name with a lone surrogate": { displayName: "\ud800" },
  "a number as a display name": { displayName: 7 },
  "a label that is no text": { labels: { a: 1 } },
  "a label that is undefined": { labels: { a: undefined } },
  "a label with a blank value": { labels: { a: " " } },
  "a label with a blank name": { labels: { " ": "x" } },
  "a list of labels": { labels: ["a"] },
  "the label __proto__": { labels: JSON.parse('{"__proto__":"x"}') },
  "data past the bound": { data: { a: "x".repeat(limits.dataBytesMax) } },
};

for (const [what, changes] of Object.entries(commits)) {
  Deno.test(`changesOf() rejects ${what}`, () => {
    issueOf(() => membersOf(changes as CommitInput));
  });
}

for (const [what, value] of [...Object.entries(wrong.json), ...Object.entries(wrong.objects)]) {
  Deno.test(`changesOf() rejects ${what} in data, events and meta`, () => {
    const inside = { a: value } as JsonObject;
    const isObject = what in wrong.objects;
    // A member that is undefined is dropped.
    if (value === undefined) return assertEquals(membersOf({ data: inside }), { data: {} });
    const data = (isObject ? value : inside) as JsonObject;
    issueOf(() => membersOf({ data }));
    issueOf(() => membersOf({ displayName: "A" }, {}, data));
    if (!isObject) issueOf(() => membersOf({ events: [{ name: "e", data }] }));
  });
}

Deno.test("changesOf() bounds meta at 4 KiB", () => {
  const meta = (size: number): JsonObject => ({ a: "x".repeat(size - 8) });
  assertEquals(
    membersOf({ displayName: "A" }, {}, meta(limits.metaBytesMax)).meta,
    meta(limits.metaBytesMax),
  );
  issueOf(() => membersOf({ displayName: "A" }, {}, meta(limits.metaBytesMax + 1)));
});

Deno.test("reasonOf() truncates to whole code points, replaces lone surrogates, and drops blank reasons", () => {
  assertEquals([reasonOf(undefined, "x"), reasonOf("", "x"), reasonOf(" \n", "x")], [{}, {}, {}]);
  assertEquals([reasonOf("why", "x"), reasonOf("\ud800", "x")], [{ reason: "why" }, { reason: "\ufffd" }]);
  const { reason = "" } = reasonOf("x" + "😀".repeat(limits.textBytesMax), "x");
  assertEquals([byteLength(reason), reason.isWellFormed()], [limits.textBytesMax - 3, true]);
  for (const wrong of [null, 7, {}]) {
    assertEquals(issueOf(() => reasonOf(wrong, "x")), "reason: a string is needed");
  }
});

Deno.test("command() has the units of its members and entries, and a fingerprint of its content alone", () => {
  const { members, entries } = changesOf(
    { ...all, entries: [{ role: "user", content: "x" }] },
    {},
    undefined,
    "x",
  );
  const requested = new Requested("worker.committed", "x", a, 3, members, entries);
  const keyed = (content: unknown, by = requested): string | undefined =>
    command(by, { key: "k" }, content).key?.request;
  assertEquals(command(requested, {}, null).units, JSON.stringify(members).length + (entries?.units ?? 0));
  assertEquals(command(requested, {}, null).key, undefined);
  assertEquals(keyed({ a: 1, b: { c: 2, d: 3 } }), keyed({ b: { d: 3, c: 2 }, a: 1, gone: undefined }));
  assertEquals(keyed({ a: 1 }) === keyed({ a: 2 }), false);
  assertEquals(keyed(null) === keyed(null, new Requested("worker.purged", "x", a, 3)), false);
  for (const key of ["", " ", "\ud800", "x".repeat(limits.keyBytesMax + 1), 7 as never]) {
    issueOf(() => command(requested, { key }, null));
  }
  for (const lastEventId of [-1, 0.5, NaN, "1" as never]) {
    issueOf(() => command(requested, { expect: { lastEventId } }, null));
  }
});
