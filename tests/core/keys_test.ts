// Idempotency keys: the entries of events, and the table that evicts the oldest.

import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import type { EventHead } from "../../src/core/event_types.ts";
import {
  fingerprint,
  type KeyEntry,
  keyEntryOf,
  keyScopeOf,
  KeyTable,
  purgedEntryOf,
  purgedKey,
} from "../../src/core/keys.ts";
import { limits } from "../../src/core/limits.ts";
import {
  a,
  AT,
  began,
  born,
  committed,
  created,
  type Event,
  keyed,
  numbered,
  purged,
  said,
} from "./given.ts";

const retirement: Event = { type: "runtime.retired" };

function withKey(event: Event): EventHead {
  return { id: 9, at: AT, ...keyed(event, "k", "f") } as EventHead;
}

function entry(index: number): KeyEntry {
  return { key: `k${index}`, request: "f", eventId: index, at: AT, seq: 0, count: 0, subject: "" };
}

const base = { key: "k", request: "f", eventId: 9, at: AT, seq: 0, count: 0, subject: "" };

Deno.test("keyEntryOf() returns the facts that repeat the receipt", () => {
  assertEquals(keyEntryOf(withKey(said(a, 3, 2))), { ...base, seq: 3, count: 2 });
  assertEquals(keyEntryOf(withKey(created(a))), { ...base, subject: "a" });
  assertEquals(keyEntryOf(withKey(created(a, { seq: 1, count: 4 }))), {
    ...base,
    seq: 1,
    count: 4,
    subject: "a",
  });
  assertEquals(keyEntryOf(withKey(began(a, "r"))), { ...base, subject: "r" });
  const end = committed(a, { seq: 5, count: 1, runId: "r", run: { ended: "completed" } });
  assertEquals(keyEntryOf(withKey(end)), { ...base, seq: 5, count: 1 });
  assertEquals(keyEntryOf(withKey(committed(a, { data: {} }))), base);
  assertEquals(keyEntryOf(withKey(retirement)), base);
});

Deno.test("keyEntryOf() returns nothing for an event without a key, and for a purge", () => {
  for (const event of numbered(born)) assertEquals(keyEntryOf(event), undefined);
  assertEquals(keyEntryOf(withKey(purged(a))), undefined);
});

Deno.test("purgedEntryOf() returns the keys of purges, separated by worker and by life", () => {
  const purge = keyed(purged(a), "k", "f");
  const event = { id: 9, at: AT, ...purge } as EventHead;
  assertEquals(purgedEntryOf(event, 3), { ...base, key: '["a",3,"k"]' });
  assertEquals(purgedEntryOf(event, undefined), undefined);
  assertEquals(purgedEntryOf({ id: 9, at: AT, ...purged(a) } as EventHead, 3), undefined);
  for (const other of [said(a, 1), committed(a, { status: "stopped" }), retirement]) {
    assertEquals(purgedEntryOf(withKey(other), 3), undefined);
  }
  const names: [string, number, string][] = [["a", 3, "k"], ["a", 31, "k"], ["a", 3, "1,k"], [
    'a",3,"k',
    3,
    "k",
  ], ["b", 3, "k"]];
  assertEquals(new Set(names.map((name) => purgedKey(...name))).size, names.length);
});

Deno.test("keyScopeOf() is the worker, except for creations and events of the runtime", () => {
  assertEquals(keyScopeOf(withKey(said(a, 1))), "a");
  assertEquals(keyScopeOf(withKey(purged(a))), "a");
  assertEquals(keyScopeOf(withKey({ type: "custom", name: "n", data: 1 })), undefined);
  assertEquals(keyScopeOf(withKey(created(a))), undefined);
  assertEquals(keyScopeOf(withKey(retirement)), undefined);
});

Deno.test("KeyTable evicts the oldest key past the bound", () => {
  const table = new KeyTable();
  for (let index = 0; index < limits.keysKept; index++) table.add(entry(index));
  assertEquals(table.get("k0")?.eventId, 0);
  table.add(entry(limits.keysKept));
  assertEquals([table.get("k0"), table.get("k1")?.eventId], [undefined, 1]);
  const kept = [...table.entries()].map(({ eventId }) => eventId);
  assertEquals([kept.length, kept[0], kept.at(-1)], [limits.keysKept, 1, limits.keysKept]);
});

Deno.test("KeyTable.snapshot() keeps the entries of its moment", () => {
  const table = new KeyTable();
  for (let index = 0; index < limits.keysKept; index++) table.add(entry(index));
  const snapshot = table.snapshot();
  const before = [...snapshot.values()];
  // Past the bound: the oldest is evicted, but not from the snapshot.
  table.add(entry(limits.keysKept));
  table.add({ ...entry(limits.keysKept + 1), key: "k5" });
  assertEquals([...snapshot.values()], before);
  assertEquals([table.get("k0"), table.get("k5")?.eventId], [undefined, limits.keysKept + 1]);
  const next = table.snapshot();
  assertEquals(next.get("k5")?.eventId, limits.keysKept + 1);
  assertEquals(snapshot.get("k5")?.eventId, 5);
});

Deno.test("KeyTable accepts keys that are names of members", () => {
  const table = new KeyTable();
  assertEquals(table.get("__proto__"), undefined);
  assertEquals(table.get("constructor"), undefined);
  table.add({ ...entry(1), key: "__proto__" });
  assertEquals(table.get("__proto__")?.eventId, 1);
});

Deno.test("fingerprint() differs for different texts and is the same every time", () => {
  const texts = ["", "a", "b", "ab", "ba", "a\0", "字", "x".repeat(100_000), "x".repeat(100_001)];
  assertEquals(new Set(texts.map(fingerprint)).size, texts.length);
  for (const text of texts) {
    assertEquals(fingerprint(text), fingerprint(text));
    assertMatch(fingerprint(text), /^[0-9a-f]{1,14}$/);
  }
  assertNotEquals(fingerprint("begin_run {}"), fingerprint("begin_run {} "));
  // Kept in logs: another value here would make old keys unknown.
  assertEquals(fingerprint("worker"), "1d1ae7bab1e450");
});

Deno.test("fingerprint() of many similar texts has no collision", () => {
  const prints = new Set<string>();
  for (let index = 0; index < 100_000; index++) {
    prints.add(fingerprint(`append_entries [{"content":"${index}"}]`));
  }
  assertEquals(prints.size, 100_000);
});
