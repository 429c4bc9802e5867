// Identities.

import { assertEquals, assertThrows } from "@std/assert";
import { RuntimeError } from "../../src/core/errors.ts";
import { parseRuntimeId, parseWorkerId, workerIdOf } from "../../src/core/ids.ts";
import { oddIds } from "../../testing/samples.ts";
import * as wrong from "../../testing/wrong.ts";
import { runtimeId } from "./given.ts";

function codeOf(work: () => unknown): string {
  return (assertThrows(work, RuntimeError) as RuntimeError).code;
}

Deno.test("parseRuntimeId() and parseWorkerId() take odd ids as they are", () => {
  for (const id of oddIds) assertEquals([parseRuntimeId(id), parseWorkerId(id)] as string[], [id, id]);
});

for (const [what, id] of Object.entries(wrong.ids)) {
  Deno.test(`parseRuntimeId() and parseWorkerId() reject ${what}`, () => {
    assertEquals(codeOf(() => parseRuntimeId(id as string)), "invalid_request");
    assertEquals(codeOf(() => parseWorkerId(id as string)), "invalid_request");
  });
}

Deno.test("workerIdOf() takes a worker id, or a reference of its runtime", () => {
  assertEquals(workerIdOf("a", runtimeId) as string, "a");
  assertEquals(workerIdOf({ runtimeId: "local", workerId: "a" }, runtimeId) as string, "a");
});

Deno.test("workerIdOf() rejects a reference of another runtime before it validates the worker id", () => {
  for (const other of ["Local", "local ", "", "\uD800"]) {
    const work = (): unknown => workerIdOf({ runtimeId: other, workerId: "" }, runtimeId);
    const error = assertThrows(work, RuntimeError) as RuntimeError<"wrong_runtime">;
    assertEquals(error.code, "wrong_runtime");
    assertEquals(error.details, { expected: "local", actual: other });
  }
});

Deno.test("workerIdOf() rejects other values", () => {
  for (const value of Object.values(wrong.refs)) {
    assertEquals(codeOf(() => workerIdOf(value as string, runtimeId)), "invalid_request");
  }
});
