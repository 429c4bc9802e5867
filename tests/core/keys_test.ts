// Idempotency keys: what events leave in the table, and how it forgets.

import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import type { EventHead } from "../../src/core/event_types.ts";
import {
  endedEntryOf,
  endedKey,
  fingerprint,
  type KeyEntry,
  keyEntryOf,
  keyScopeOf,
  KeyTable,
} from "../../src/core/keys.ts";
import { limits } from "../../src/core/limits.ts";
import { a, AT, born, created, type Event, numbered, said } from "./given.ts";

function keyed(event: Event): EventHead {
  return { id: 9, at: AT, key: "k", request: "f", ...event } as EventHead;
}

function entry(index: number): KeyEntry {
  return { key: `k${index}`, request: "f", eventId: index, at: AT, seq: 0, count: 0, subject: "" };
}

const base = { key: "k", request: "f", eventId: 9, at: AT, seq: 0, count: 0, subject: "" };

Deno.test("keyEntryOf() keeps what answers the command again", () => {
  assertEquals(keyEntryOf(keyed(said(a, 3, 2))), { ...base, seq: 3, count: 2 });
  assertEquals(keyEntryOf(keyed(created(a))), { ...base, subject: "a" });
  assertEquals(keyEntryOf(keyed({ type: "worker.run_started", workerId: a, runId: "r" })), {
    ...base,
    subject: "r",
  });
  assertEquals(keyEntryOf(keyed({ type: "runtime.stopped" })), base);
});

Deno.test("keyEntryOf() keeps nothing of an event without a key, and of a purge", () => {
  for (const event of numbered(born)) assertEquals(keyEntryOf(event), undefined);
  assertEquals(keyEntryOf(keyed({ type: "worker.purged", workerId: a })), undefined);
});

Deno.test("endedEntryOf() keeps the keys of commands that end a worker, told apart by worker", () => {
  for (const type of ["worker.stopped", "worker.cancelled", "worker.purged"] as const) {
    const ending = keyed({ type, workerId: a });
    assertEquals(endedEntryOf(ending), { ...base, key: '["a","k"]' });
    assertEquals(endedEntryOf({ ...ending, key: undefined } as unknown as EventHead), undefined);
  }
  for (const other of [said(a, 1), { type: "runtime.stopped" }] as const) {
    assertEquals(endedEntryOf(keyed(other)), undefined);
  }
  assertNotEquals(endedKey("a", 'b","c'), endedKey('a","b', "c"));
});

Deno.test("keyScopeOf() is the worker, but for creations and what is the runtime's", () => {
  assertEquals(keyScopeOf(keyed(said(a, 1))), "a");
  assertEquals(keyScopeOf(keyed({ type: "custom", workerId: a, name: "n", data: 1 })), "a");
  assertEquals(keyScopeOf(keyed({ type: "custom", name: "n", data: 1 })), undefined);
  assertEquals(keyScopeOf(keyed(created(a))), undefined);
  assertEquals(keyScopeOf(keyed({ type: "runtime.stopped" })), undefined);
});

Deno.test("KeyTable forgets the oldest key past the bound", () => {
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
  // Past the bound: the oldest is forgotten, but not by the snapshot.
  table.add(entry(limits.keysKept));
  table.add({ ...entry(limits.keysKept + 1), key: "k5" });
  assertEquals([...snapshot.values()], before);
  assertEquals([table.get("k0"), table.get("k5")?.eventId], [undefined, limits.keysKept + 1]);
  const next = table.snapshot();
  assertEquals(next.get("k5")?.eventId, limits.keysKept + 1);
  assertEquals(snapshot.get("k5")?.eventId, 5);
});

Deno.test("KeyTable takes keys that are names of members", () => {
  const table = new KeyTable();
  assertEquals(table.get("__proto__"), undefined);
  assertEquals(table.get("constructor"), undefined);
  table.add({ ...entry(1), key: "__proto__" });
  assertEquals(table.get("__proto__")?.eventId, 1);
});

Deno.test("fingerprint() tells texts apart and is the same every time", () => {
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

Deno.test("fingerprint() of many texts like each other has no collision", () => {
  const prints = new Set<string>();
  for (let index = 0; index < 100_000; index++) {
    prints.add(fingerprint(`append_entries [{"content":"${index}"}]`));
  }
  assertEquals(prints.size, 100_000);
});
