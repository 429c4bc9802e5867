// Diagnostics: numbered, bounded, reported to a listener.

import { assertEquals, assertMatch } from "@std/assert";
import { type Diagnostic, DiagnosticLog, type Notice } from "../../src/core/diagnostics.ts";
import { limits } from "../../src/core/limits.ts";

const notice: Notice = { code: "slow_sync", severity: "warning", message: "A sync took long" };

Deno.test("DiagnosticLog numbers and dates its notices", () => {
  let now = Date.parse("2026-01-02T03:04:05.678Z");
  const log = new DiagnosticLog(() => now++, undefined);
  log.add({ ...notice, file: "events/1.jsonl", byteOffset: 7, eventIds: [1, 2], workerId: "a" });
  log.add(notice);
  assertEquals(log.report(), {
    items: [
      {
        id: 1,
        at: "2026-01-02T03:04:05.678Z",
        ...notice,
        file: "events/1.jsonl",
        byteOffset: 7,
        eventIds: [1, 2],
        workerId: "a",
      },
      { id: 2, at: "2026-01-02T03:04:05.679Z", ...notice },
    ],
    dropped: 0,
  });
});

Deno.test("DiagnosticLog drops the oldest past the bound and counts the drop", () => {
  const heard: Diagnostic[] = [];
  const log = new DiagnosticLog(() => 0, (diagnostic) => heard.push(diagnostic));
  for (let count = 0; count < limits.diagnosticsKept + 5; count++) log.add(notice);
  const { items, dropped } = log.report();
  assertEquals([items.length, dropped, items[0]?.id, items.at(-1)?.id], [
    limits.diagnosticsKept,
    5,
    6,
    limits.diagnosticsKept + 5,
  ]);
  assertEquals(
    heard.map(({ id }) => id),
    Array.from({ length: limits.diagnosticsKept + 5 }, (_, n) => n + 1),
  );
});

Deno.test("DiagnosticLog gives a copy", () => {
  const log = new DiagnosticLog(() => 0, undefined);
  const before = log.report();
  log.add(notice);
  assertEquals([before.items.length, log.report().items.length], [0, 1]);
});

for (
  const [what, listener] of Object.entries({
    throws: () => {
      throw new Error("bug");
    },
    rejects: () => Promise.reject(new Error("bug")),
    "throws nothing that has a text": () => {
      throw Object.create(null);
    },
  })
) {
  Deno.test(`DiagnosticLog keeps its findings, and one more, when the listener ${what}`, async () => {
    const log = new DiagnosticLog(() => 0, listener);
    for (let count = 0; count < 3; count++) log.add(notice);
    await new Promise((resolve) => setTimeout(resolve, 0));
    const { items } = log.report();
    const codes = items.map(({ code }) => code).toSorted();
    assertEquals(codes, ["listener_failed", "slow_sync", "slow_sync", "slow_sync"]);
    assertEquals(items.map(({ id }) => id), [1, 2, 3, 4]);
  });
}

for (const now of [() => NaN, () => Infinity, () => Promise.reject(new Error("no"))]) {
  Deno.test(`DiagnosticLog dates findings by the system's clock if its own is ${now}`, () => {
    const log = new DiagnosticLog(now as () => number, undefined);
    log.add(notice);
    assertMatch(log.report().items[0]?.at ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });
}
