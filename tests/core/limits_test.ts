// Bounds, and the code's assumptions about them.

import { assert, assertEquals } from "@std/assert";
import { encodeEvent } from "../../src/core/events.ts";
import { limits } from "../../src/core/limits.ts";
import { byteLength, fitsBytes } from "../../src/core/text.ts";
import { encodeEntries } from "../../src/core/entries.ts";
import { a, AT } from "./given.ts";

Deno.test("limits are positive integers that cannot be changed by accident", () => {
  for (const [name, limit] of Object.entries(limits)) assert(Number.isSafeInteger(limit) && limit > 0, name);
});

Deno.test("limits let the largest entry into an event, if its content is not large enough for a blob", () => {
  const content = "x".repeat(limits.contentInlineBytesMax - 2);
  const metadata = { m: "\u2028".repeat(Math.floor((limits.metadataBytesMax - 8) / 6)) };
  const name = "\u0001".repeat(limits.nameBytesMax);
  const blob = { sha256: "0f".repeat(32), bytes: 2 ** 53 - 1, mediaType: name };
  const entry = {
    role: name,
    name,
    id: name,
    at: AT,
    metadata,
    blobs: Array(limits.listItemsMax).fill(blob),
    content,
  };
  const entries = encodeEntries([entry], "test");
  assertEquals(entries.oversized(), entries.text().length > limits.eventInlineBytesMax ? [0] : []);
  const head = {
    id: 2 ** 53 - 1,
    at: AT,
    type: "worker.committed",
    workerId: a,
    seq: 1,
    count: 1,
  } as const;
  const { json } = encodeEvent(
    { ...head, key: "\u0001".repeat(limits.keyBytesMax), request: "f" },
    entries.text(),
  );
  assert(byteLength(json) < limits.eventBytesMax);
});

Deno.test("limits hold together", () => {
  // A control character takes six bytes as JSON.
  assert(limits.contentInlineBytesMax + limits.metadataBytesMax * 6 < limits.eventBytesMax);
  assert(limits.contentInlineBytesMax <= limits.eventInlineBytesMax);
  assert(limits.eventInlineBytesMax <= limits.eventBytesMax);
  assert(limits.contentBytesMax <= limits.blobBytesMax);
  assert(limits.dataBytesMax * 6 < limits.eventBytesMax);
  assert(limits.pageItemsDefault <= limits.pageItemsMax);
  assert(limits.batchUnitsMax * 3 <= limits.eventBytesMax);
  assert(limits.watchItemsMax <= limits.pageItemsMax);
  assert(limits.batchEventsMax <= limits.queueCommandsMax);
  assert(limits.batchUnitsMax <= limits.queueUnitsMax);
  assert(limits.pageBytesMax <= limits.pageScanBytesMax);
  assert(limits.metadataBytesMax <= limits.contentBytesMax);
});

Deno.test("fitsBytes() agrees with byteLength()", () => {
  for (const text of ["a", "é", "字", "🦊", "a字🦊", "x".repeat(100)]) {
    const bytes = byteLength(text);
    const bounds = [bytes - 1, bytes, bytes + 1, bytes * 3];
    assertEquals(bounds.map((max) => fitsBytes(text, max)), [false, true, true, true]);
  }
  assertEquals(byteLength("a字🦊"), 8);
});
