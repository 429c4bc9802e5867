// Errors: the brand, and every code of the core once.

import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { MemoryStorage } from "../../memory_store.ts";
import { isRuntimeError, limits, MemoryRuntimeStore, Runtime, RuntimeError } from "../../mod.ts";
import { invalidRequest, limitExceeded } from "../../src/core/errors.ts";

Deno.test("RuntimeError holds code, details, cause and a name", () => {
  const cause = new Error("below");
  const error = new RuntimeError("conflict", "Cannot x: y", { expected: 1, actual: 2 }, { cause });
  assert(error instanceof Error);
  assertEquals([error.name, error.code, error.message], ["RuntimeError", "conflict", "Cannot x: y"]);
  assertEquals([error.details, error.cause], [{ expected: 1, actual: 2 }, cause]);
  assertEquals(Object.keys(error).toSorted(), ["code", "details", "name"]);
  assertStringIncludes(error.stack ?? "", "Cannot x: y");
});

Deno.test("isRuntimeError() knows errors by their brand, also of another copy of the library", () => {
  const foreign = new Error("Cannot x: y");
  Object.defineProperty(foreign, Symbol.for("@yoi/worker-runtime/error"), { value: true });
  assert(isRuntimeError(new RuntimeError("invalid_request", "", { issues: [] })));
  assert(isRuntimeError(foreign));
  const others = [new Error("x"), { code: "conflict", name: "RuntimeError" }, null, undefined, "conflict", 1];
  for (const other of others) assertFalse(isRuntimeError(other));
});

Deno.test("invalidRequest() and limitExceeded() have messages in the common form", () => {
  const { message, details } = invalidRequest("do it", "a: wrong", "b: too");
  assertEquals([message, details], ["Cannot do it: a: wrong; b: too", { issues: ["a: wrong", "b: too"] }]);
  assertEquals(
    limitExceeded("do it", "models", 2, 3).message,
    "Cannot do it: models is 3, at most 2 are allowed",
  );
});

type Work = (runtime: Runtime, storage: MemoryStorage) => unknown;

const intent = { kind: "assistant" } as const;

/** Uses that lead to each code of the core. */
const codes: readonly [string, Work][] = [
  ["invalid_request", (runtime) => runtime.record("", null)],
  ["runtime_retired", async (runtime) => {
    await runtime.retire();
    await runtime.createWorker({ intent });
  }],
  ["runtime_closed", async (runtime) => {
    await runtime.close();
    await runtime.events();
  }],
  ["wrong_runtime", (runtime) => runtime.worker({ runtimeId: "other", workerId: "a" })],
  ["worker_not_found", (runtime) => runtime.worker("nobody").state()],
  ["worker_exists", (runtime) => runtime.createWorker({ workerId: "a", intent })],
  ["worker_busy", async (runtime) => {
    await runtime.worker("a").beginRun();
    await runtime.worker("a").stop();
  }],
  ["worker_not_running", async (runtime) => {
    await runtime.worker("a").retire();
    await runtime.worker("a").commit({ data: {} });
  }],
  ["run_ended", async (runtime) => {
    const run = await runtime.worker("a").beginRun();
    await run.finish("completed");
    await run.append([{ role: "tool", content: "late" }]);
  }],
  ["blob_missing", async (runtime) => {
    const blob = { sha256: "0f".repeat(32), bytes: 1, mediaType: "image/png" };
    await runtime.worker("a").sendInput({ role: "user", content: "", blobs: [blob] });
  }],
  ["conflict", (runtime) => runtime.record("n", null, { expect: { lastEventId: 1 } })],
  [
    "key_reused",
    (runtime) => Promise.all([runtime.record("n", 1, { key: "k" }), runtime.record("n", 2, { key: "k" })]),
  ],
  ["limit_exceeded", async (runtime) => {
    const half = "x".repeat(limits.dataBytesMax / 2);
    for (const name of ["a", "b"]) await runtime.worker("a").commit({ data: { [name]: half } });
  }],
  [
    "store_locked",
    (_runtime, storage) => Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "local", storage }) }),
  ],
];

for (const [code, work] of codes) {
  Deno.test(`isRuntimeError() narrows ${code}`, async () => {
    const storage = new MemoryStorage();
    await using runtime = await Runtime.open({
      store: new MemoryRuntimeStore({ runtimeId: "local", storage }),
    });
    await runtime.createWorker({ workerId: "a", intent });
    let met: unknown;
    try {
      await work(runtime, storage);
    } catch (error) {
      met = error;
    }
    assert(isRuntimeError(met));
    assertEquals(met.code as string, code);
    assertEquals(met.details as unknown, JSON.parse(JSON.stringify(met.details)));
  });
}
