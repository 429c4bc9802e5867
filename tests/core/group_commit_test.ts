// Group commit: batching, waiting, giving up.

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Command, CommandBody } from "../../src/core/commands.ts";
import { RuntimeError } from "../../src/core/errors.ts";
import { Folding } from "../../src/core/folding.ts";
import { Committer, itself } from "../../src/core/group_commit.ts";
import type { Ledger } from "../../src/core/ledger.ts";
import { limits } from "../../src/core/limits.ts";
import { opening } from "../../src/core/opening.ts";
import { runtimeId } from "./given.ts";
import { Gate, ScriptedStore, turns } from "./scripted_store.ts";

function note(data: string, key?: string): Command {
  const body: CommandBody = { type: "record_custom", workerId: undefined, name: "n", data };
  return {
    body,
    key: key === undefined ? undefined : { key, request: data },
    expectedLastEventId: undefined,
  };
}

async function start(
  store: ScriptedStore,
): Promise<{ committer: Committer; ledger: Ledger; told: unknown[] }> {
  const folding = new Folding(runtimeId);
  const { view: ledger } = folding;
  const told: unknown[] = [];
  await store.acquire(folding);
  const committer = new Committer(ledger, store, () => 0, {
    committed: (heads) => told.push(heads.length),
    failed: (error) => told.push(error),
  });
  await committer.commitOwn(opening);
  return { committer, ledger, told };
}

Deno.test("submit() commits the commands of a turn together", async () => {
  const store = new ScriptedStore();
  const { committer, told } = await start(store);
  const outcomes = await Promise.all(
    ["a", "b", "c"].map((text) => committer.submit(note(text), 10, undefined, itself)),
  );
  assertEquals(outcomes.map(({ eventId }) => eventId), [3, 4, 5]);
  assertEquals(store.batches.map(({ length }) => length), [2, 3]);
  assertEquals(told, [2, 3]);
});

Deno.test("submit() commits together what arrives while a commit is in flight, one commit at a time", async () => {
  const gate = new Gate();
  let inFlight = 0;
  const store = new ScriptedStore();
  const { committer } = await start(store);
  store.script.append = async (_batch, keep) => {
    assertEquals(++inFlight, 1);
    await gate.passed;
    inFlight--;
    return await keep();
  };
  const first = committer.submit(note("first"), 10, undefined, itself);
  await turns();
  const rest = Array.from(
    { length: 50 },
    (_, index) => committer.submit(note(`${index}`), 10, undefined, itself),
  );
  await turns();
  gate.open();
  await Promise.all([first, ...rest]);
  assertEquals(store.batches.map(({ length }) => length), [2, 1, 50]);
});

Deno.test("submit() splits batches by size and by number", async () => {
  const store = new ScriptedStore();
  const { committer } = await start(store);
  const half = limits.batchUnitsMax / 2;
  const sizes = [half, half, limits.batchUnitsMax * 3, 10, 10];
  await Promise.all(sizes.map((units) => committer.submit(note("x"), units, undefined, itself)));
  assertEquals(store.batches.map(({ length }) => length), [2, 1, 1, 1, 2]);
  store.batches.length = 0;
  const many = Array.from(
    { length: limits.batchEventsMax + 1 },
    () => committer.submit(note("x"), 0, undefined, itself),
  );
  await Promise.all(many);
  assert(store.batches.every(({ length }) => length <= limits.batchEventsMax));
});

Deno.test("submit() decides on the state that the batch makes", async () => {
  const store = new ScriptedStore();
  const { committer } = await start(store);
  const outcomes = await Promise.allSettled([
    committer.submit(note("a", "k"), 10, undefined, itself),
    committer.submit(note("a", "k"), 10, undefined, itself),
    committer.submit(note("b", "k"), 10, undefined, itself),
    committer.submit(
      { body: { type: "stop_runtime", reason: undefined }, key: undefined, expectedLastEventId: 3 },
      1,
      undefined,
      itself,
    ),
    committer.submit(note("late"), 10, undefined, itself),
  ]);
  const brief = outcomes.map((outcome) =>
    outcome.status === "fulfilled" ? [outcome.value.eventId, outcome.value.duplicate] : outcome.reason.code
  );
  assertEquals(brief, [[3, false], [3, true], "key_reused", [4, false], "runtime_stopped"]);
});

Deno.test("submit() answers nobody of a batch before it is durable, neither success nor refusal", async () => {
  const gate = new Gate();
  const store = new ScriptedStore();
  const { committer, ledger } = await start(store);
  store.script.append = async (_batch, keep) => {
    await gate.passed;
    return await keep();
  };
  let answers = 0;
  const works = ["a", "a", "b"].map((text) =>
    committer.submit(note(text, "k"), 1, undefined, itself).then(() => answers++, () => answers++)
  );
  await turns();
  assertEquals([answers, ledger.runtime.lastEventId], [0, 2]);
  gate.open();
  await Promise.all(works);
  assertEquals([answers, ledger.runtime.lastEventId], [3, 3]);
});

Deno.test("submit() writes nothing when every command is refused or a duplicate", async () => {
  const store = new ScriptedStore();
  const { committer } = await start(store);
  await committer.submit(note("a", "k"), 1, undefined, itself);
  const batches = store.batches.length;
  assertEquals((await committer.submit(note("a", "k"), 1, undefined, itself)).duplicate, true);
  await assertRejects(() => committer.submit(note("b", "k"), 1, undefined, itself), RuntimeError);
  assertEquals(store.batches.length, batches);
});

Deno.test("a failed append is told to all its callers, and nothing of it is in the state", async () => {
  const store = new ScriptedStore();
  const { committer, ledger, told } = await start(store);
  const error = new RuntimeError("store_io", "Cannot append: no", {
    operation: "write",
    path: "x",
    systemCode: "EIO",
  });
  store.script.append = () => Promise.reject(error);
  const works = [note("a", "k"), note("a", "k"), note("b", "k")].map((command) =>
    committer.submit(command, 1, undefined, itself)
  );
  for (const work of works) assertEquals(await assertRejects(() => work), error);
  assertEquals([ledger.runtime.lastEventId, told.at(-1)], [2, error]);
  delete store.script.append;
  const { eventId, duplicate } = await committer.submit(note("b", "k"), 1, undefined, itself);
  assertEquals([eventId, duplicate], [3, false]);
});

Deno.test("a command whose signal aborts in the queue is never written", async () => {
  const store = new ScriptedStore();
  const { committer } = await start(store);
  const controller = new AbortController();
  const [kept, given] = [
    committer.submit(note("kept"), 1, undefined, itself),
    committer.submit(note("given up"), 1, controller.signal, itself),
  ];
  const reason = new Error("enough");
  controller.abort(reason);
  assertEquals(await assertRejects(() => given), reason);
  await kept;
  assertEquals(store.batches.flat().map(({ json }) => json.includes("given up")).includes(true), false);
  assertEquals(await assertRejects(() => committer.submit(note("x"), 1, controller.signal, itself)), reason);
});

Deno.test("a command whose signal aborts while it is written is done all the same", async () => {
  const gate = new Gate();
  const store = new ScriptedStore();
  const { committer } = await start(store);
  store.script.append = async (_batch, keep) => {
    await gate.passed;
    return await keep();
  };
  const controller = new AbortController();
  const work = committer.submit(note("x"), 1, controller.signal, itself);
  await turns();
  controller.abort();
  gate.open();
  assertEquals((await work).eventId, 3);
});

Deno.test("the queue is bounded in commands", async () => {
  const gate = new Gate();
  const store = new ScriptedStore();
  const { committer } = await start(store);
  store.script.append = async (_batch, keep) => {
    await gate.passed;
    return await keep();
  };
  const works = Array.from(
    { length: limits.queueCommandsMax },
    () => committer.submit(note("x"), 0, undefined, itself),
  );
  const error = await assertRejects(
    () => committer.submit(note("x"), 0, undefined, itself),
    RuntimeError,
  ) as RuntimeError;
  assertEquals(error.code, "limit_exceeded");
  gate.open();
  await Promise.all(works);
  await committer.submit(note("x"), 0, undefined, itself);
});

Deno.test("the queue is bounded in units, and tells that bound", async () => {
  const { committer } = await start(new ScriptedStore());
  const work = committer.submit(note("x"), limits.queueUnitsMax, undefined, itself);
  const error = await assertRejects(() => committer.submit(note("x"), 1, undefined, itself), RuntimeError);
  const { code, details } = error as RuntimeError<"limit_exceeded">;
  assertEquals(code, "limit_exceeded");
  await work;
  await committer.idle();
  assert(details.actual > details.max, `actual ${details.actual} is more than max ${details.max}`);
});

Deno.test("idle() waits for everything that was submitted", async () => {
  const { committer, ledger } = await start(new ScriptedStore());
  await committer.idle();
  const works = [1, 2, 3].map((n) => committer.submit(note(`${n}`), limits.batchUnitsMax, undefined, itself));
  await committer.idle();
  assertEquals(ledger.runtime.lastEventId, 5);
  await Promise.all(works);
});

Deno.test("commitOwn() splits what is more than a batch", async () => {
  const store = new ScriptedStore();
  const { committer, ledger } = await start(store);
  const count = limits.batchEventsMax + 10;
  await committer.commitOwn((view, at) =>
    Array.from({ length: count }, (_, index) => {
      const id = view.runtime.lastEventId + 1 + index;
      return { id, at, type: "custom" as const, name: "n", data: index };
    })
  );
  assertEquals(store.batches.map(({ length }) => length), [2, limits.batchEventsMax, 10]);
  assertEquals(ledger.runtime.lastEventId, count + 2);
});
