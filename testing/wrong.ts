/**
 * Invalid arguments that must be rejected, by their defect.
 *
 * @module
 */
import { limits } from "../src/core/limits.ts";

/** Invalid values by their defect. */
export type Samples = Readonly<Record<string, unknown>>;

class Point {
  readonly x = 1;
}

function cycle(): unknown {
  const object: Record<string, unknown> = {};
  object.self = object;
  return object;
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

/** Values that are not JSON. */
export const json: Samples = {
  "NaN": NaN,
  "infinity within a list": [1, -Infinity],
  "undefined": undefined,
  "undefined within a list": [undefined],
  "a hole in a list": [1, , 3],
  "a BigInt": { a: 1n },
  "a function": () => {},
  "a symbol": [Symbol("s")],
  "an invalid Date": { toJSON: (): number => NaN },
  "a Map": new Map([[1, 2]]),
  "bytes": new Uint8Array([1]),
  "an instance of a class": { at: new Point() },
  "a BigInt of toJSON": { toJSON: (): unknown => ({ a: 1n }) },
  "a cycle": cycle(),
  "nesting past the bound": nested(limits.jsonDepthMax + 1),
};

/** Values that are not JSON objects. */
export const objects: Samples = {
  "null as an object": null,
  "a list as an object": [],
  "a text as an object": "{}",
  "an object past the bound": { a: "x".repeat(limits.dataBytesMax) },
};

/** Invalid names. */
export const names: Samples = {
  "an empty name": "",
  "a blank name": " \n\t",
  "a name past the bound": "x".repeat(limits.nameBytesMax + 1),
  "a name past the bound in bytes only": "字".repeat(limits.nameBytesMax / 3 + 1),
  "a name with a lone surrogate": "\uD83D",
  "a number as a name": 7,
};

/** Invalid reasons. */
export const texts: Samples = {
  "a number as a reason": 7,
  "null as a reason": null,
};

/** Invalid ids. */
export const ids: Samples = {
  "an empty id": "",
  "a blank id": " \u3000",
  "an id past the bound": "x".repeat(81),
  "an id past the bound in bytes only": "字".repeat(27),
  "an id with a line break": "a\nb",
  "an id with NUL": "a\0",
  "an id with a C1 control": "a\u0085",
  "an id that is not in normal form C": "e\u0301",
  "an id with a lone surrogate": "\uD800",
  "a number as an id": 7,
};

/** Invalid references. */
export const refs: Samples = {
  "null": null,
  "undefined": undefined,
  "a reference without a worker id": { runtimeId: "local" },
  "a reference with a blank worker id": { runtimeId: "local", workerId: " " },
};

const intent = { kind: "assistant" };
const HASH = "0f".repeat(32);

function blob(sha256: string): object {
  return { sha256, bytes: 1, mediaType: "image/png" };
}

/** Invalid specs. */
export const specs: Samples = {
  "no spec": undefined,
  "a spec without an intent": {},
  "an unknown member": { intent, name: "x" },
  "an unknown intent": { intent: { kind: "butler" } },
  "an unknown member of the intent": { intent: { kind: "assistant", objective: "x" } },
  "a task without an objective": { intent: { kind: "task" } },
  "a blank objective": { intent: { kind: "task", objective: " \n" } },
  "a blank role": { intent: { kind: "role", role: "" } },
  "an objective past the bound": { intent: { kind: "task", objective: "x".repeat(limits.textBytesMax + 1) } },
  "a lone surrogate in a purpose": { intent: { kind: "assistant", purpose: "\uD800" } },
  "a blank display name": { intent, displayName: " " },
  "a profile without a name": { intent, profile: { kind: "named" } },
  "a default profile with a name": { intent, profile: { kind: "runtime_default", name: "x" } },
  "a bundle without an id": { intent, configBundle: { digest: "x" } },
  "a capability that is no object": { intent, capabilities: ["net"] },
  "capabilities past the bound": {
    intent,
    capabilities: Array.from({ length: limits.listItemsMax + 1 }, (_, index) => ({ name: `c${index}` })),
  },
  "a mount without a reference": { intent, mounts: [{ name: "x" }] },
  "a label that is no text": { intent, labels: { a: 1 } },
  "a label with a blank name": { intent, labels: { " ": "x" } },
  "an empty parent": { intent, parent: "" },
  "a parent that is no id": { intent, parent: "a\nb" },
  "the label __proto__": { intent, labels: JSON.parse('{"__proto__":"x"}') },
  "labels past the bound": {
    intent,
    labels: Object.fromEntries(
      Array.from({ length: limits.listItemsMax + 1 }, (_, index) => [`l${index}`, "x"]),
    ),
  },
};

/** Invalid entries. */
export const entries: Samples = {
  "null as an entry": null,
  "a text as an entry": "hello",
  "an entry without a role": { content: "x" },
  "an empty role": { role: "", content: "x" },
  "a role past the bound": { role: "x".repeat(limits.nameBytesMax + 1), content: "x" },
  "a role with a lone surrogate": { role: "\uD800", content: "x" },
  "a BigInt as a role": { role: 1n, content: "x" },
  "an entry without content": { role: "user" },
  "undefined as content": { role: "user", content: undefined },
  "an unknown member": { role: "user", content: "x", contents: "y" },
  "a blank entry name": { role: "user", content: "x", name: "" },
  "a blank entry id": { role: "user", content: "x", id: " " },
  "an entry id past the bound": { role: "user", content: "x", id: "x".repeat(limits.nameBytesMax + 1) },
  "a day as a time": { role: "user", content: "x", at: "2026-07-31" },
  "a time without milliseconds": { role: "user", content: "x", at: "2026-07-31T08:00:00Z" },
  "a number as a time": { role: "user", content: "x", at: 0 },
  "a blob that is no list": { role: "user", content: "x", blobs: {} },
  "a blob without a media type": { role: "user", content: "x", blobs: [{ sha256: HASH, bytes: 1 }] },
  "a blob with a short hash": { role: "user", content: "x", blobs: [blob("0f")] },
  "a blob with a hash in upper case": { role: "user", content: "x", blobs: [blob(HASH.toUpperCase())] },
  "a blob of a negative size": { role: "user", content: "x", blobs: [{ ...blob(HASH), bytes: -1 }] },
  "an unknown member of a blob": { role: "user", content: "x", blobs: [{ ...blob(HASH), name: "x" }] },
  "content in a blob": { role: "user", content: "x", contentBlob: blob(HASH) },
  "metadata past the bound": {
    role: "user",
    content: "x",
    metadata: { a: "x".repeat(limits.metadataBytesMax) },
  },
};

/** Invalid lists of entries. */
export const lists: Samples = {
  "no entries": [],
  "entries past the bound": Array.from(
    { length: limits.entriesMax + 1 },
    () => ({ role: "user", content: "x" }),
  ),
  "an entry that is not in a list": { role: "user", content: "x" },
  "null for entries": null,
};

/** Invalid usage. */
export const usage: Samples = {
  "usage without a model": { inputTokens: 1 },
  "a blank model": { model: " " },
  "a negative amount": { model: "m", inputTokens: -1 },
  "a fraction of a token": { model: "m", outputTokens: 0.5 },
  "NaN as an amount": { model: "m", costMicroUsd: NaN },
  "an amount past exact integers": { model: "m", durationMs: Number.MAX_SAFE_INTEGER + 1 },
  "an amount as text": { model: "m", requests: "1" },
  "an unknown amount": { model: "m", tokens: 1 },
};

/** Invalid changes. */
export const commits: Samples = {
  "null as changes": null,
  "no changes": {},
  "undefined changes alone": { entries: undefined, data: undefined },
  "an unknown change": { entry: [] },
  "no usage": { usage: [] },
  "usage past the bound": { usage: Array.from({ length: limits.listItemsMax + 1 }, () => ({ model: "m" })) },
  "events that are no list": { events: { name: "x", data: 1 } },
  "an event without a name": { events: [{ data: 1 }] },
  "an event with a blank name": { events: [{ name: " ", data: 1 }] },
  "an event without data": { events: [{ name: "x" }] },
  "an unknown member of an event": { events: [{ name: "x", data: 1, at: "now" }] },
  "an event past the bound": { events: [{ name: "x", data: "x".repeat(limits.dataBytesMax) }] },
  "a blank display name": { displayName: "" },
  "a number as a display name": { displayName: 7 },
  "a label that is no text": { labels: { a: 1 } },
  "a label with a blank value": { labels: { a: " " } },
  "a list of labels": { labels: ["a"] },
  "the label __proto__": { labels: JSON.parse('{"__proto__":"x"}') },
};

/** Invalid data about a commit. */
export const metas: Samples = {
  "null as meta": null,
  "a list as meta": [],
  "a text as meta": "actor",
  "meta past the bound": { a: "x".repeat(limits.metaBytesMax) },
  "a function in meta": { a: () => {} },
};

/** Invalid media types. */
export const mediaTypes: Samples = {
  "an empty media type": "",
  "a media type past the bound": "x".repeat(limits.nameBytesMax + 1),
  "a number as a media type": 7,
};

/** Invalid sources of blobs. */
export const sources: Samples = {
  "no bytes": undefined,
  "a text as bytes": "bytes",
  "a list of numbers as bytes": [1, 2],
  "a stream of texts": {
    async *[Symbol.asyncIterator](): AsyncGenerator<string> {
      yield "x";
    },
  },
};

/** Invalid options of a page of workers. */
export const workerPages: Samples = {
  "a page of none": { limit: 0 },
  "a page past the bound": { limit: limits.pageItemsMax + 1 },
  "a negative cursor": { after: -1 },
  "an unknown order": { orderBy: "name" },
  "a label without a value": { label: "team" },
};

/** Invalid lists of the members of events. */
export const memberNames: Samples = {
  "a member instead of a list of members": "run",
  "null as members": null,
};

/** Invalid cursors. */
export const cursors: Samples = {
  "a negative cursor": -1,
  "a fraction": 0.5,
  "no number as a cursor": NaN,
};
