// Group commit: batches, waiting, cancellation.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Runtime } from "../../mod.ts";
import { Command, Requested } from "../../src/core/commands.ts";
import { RuntimeError } from "../../src/core/errors.ts";
import { Folding } from "../../src/core/folding.ts";
import { Committer, type Outcome } from "../../src/core/group_commit.ts";
import type { Ledger } from "../../src/core/ledger.ts";
import { limits } from "../../src/core/limits.ts";
import { opening } from "../../src/core/opening.ts";
import { runtimeId } from "./given.ts";
import { Gate, ScriptedStore, turns } from "./scripted_store.ts";

function note(data: string, key?: string): Command {
  const requested = new Requested("custom", "record event", undefined, 0, { name: "n", data } as never);
  return new Command(requested, 10, key === undefined ? undefined : { key, request: data }, undefined);
}

/** Submits a command as if it had this size. */
function submit(
  committer: Committer,
  command: Command,
  units: number,
  signal?: AbortSignal,
): Promise<Outcome> {
  return committer.submit({ ...command, units }, signal, (outcome) => outcome);
}

async function start(
  store: ScriptedStore,
): Promise<{ committer: Committer; ledger: Ledger; reported: unknown[] }> {
  const folding = new Folding(runtimeId);
  const { view: ledger } = folding;
  const reported: unknown[] = [];
  await store.acquire(folding);
  const committer = new Committer(ledger, store, () => 0, {
    committed: (heads) => reported.push(heads.length),
    failed: (error) => reported.push(error),
  });
  await committer.commitOwn(opening);
  return { committer, ledger, reported };
}

Deno.test("submit() commits the commands of a turn together", async () => {
  const store = new ScriptedStore();
  const { committer, reported } = await start(store);
  const outcomes = await Promise.all(
    ["a", "b", "c"].map((text) => submit(committer, note(text), 10)),
  );
  assertEquals(outcomes.map(({ eventId }) => eventId), [3, 4, 5]);
  assertEquals(store.batches.map(({ length }) => length), [2, 3]);
  assertEquals(reported, [2, 3]);
});

Deno.test("submit() creates a worker in a later batch than the purge of its id", async () => {
  const store = new ScriptedStore();
  await using runtime = await Runtime.open({ store });
  const { batches } = store;
  const spec = { intent: { kind: "assistant" } } as const;
  const a = await runtime.createWorker({ workerId: "a", ...spec });
  await a.stop();
  batches.length = 0;
  await Promise.all([
    a.purge(),
    runtime.createWorker({ workerId: "b", ...spec }),
    runtime.createWorker({ workerId: "a", ...spec }),
    runtime.createWorker({ workerId: "c", ...spec }),
  ]);
  assertEquals(batches.map((batch) => batch.map(({ workerId }) => `${workerId}`)), [["a", "b"], ["a", "c"]]);
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
  const first = submit(committer, note("first"), 10);
  await turns();
  const rest = Array.from(
    { length: 50 },
    (_, index) => submit(committer, note(`${index}`), 10),
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
  await Promise.all(sizes.map((units) => submit(committer, note("x"), units)));
  assertEquals(store.batches.map(({ length }) => length), [2, 1, 1, 1, 2]);
  store.batches.length = 0;
  const many = Array.from(
    { length: limits.batchEventsMax + 1 },
    () => submit(committer, note("x"), 0),
  );
  await Promise.all(many);
  assert(store.batches.every(({ length }) => length <= limits.batchEventsMax));
});

Deno.test("submit() decides on the state after the commands before it in the batch", async () => {
  const store = new ScriptedStore();
  const { committer } = await start(store);
  const outcomes = await Promise.allSettled([
    submit(committer, note("a", "k"), 10),
    submit(committer, note("a", "k"), 10),
    submit(committer, note("b", "k"), 10),
    submit(
      committer,
      new Command(new Requested("runtime.retired", "retire runtime"), 1, undefined, { lastEventId: 3 }),
      1,
    ),
    submit(committer, note("late"), 10),
  ]);
  const brief = outcomes.map((outcome) =>
    outcome.status === "fulfilled" ? [outcome.value.eventId, outcome.value.duplicate] : outcome.reason.code
  );
  assertEquals(brief, [[3, false], [3, true], "key_reused", [4, false], "runtime_retired"]);
});

Deno.test("submit() settles no command of a batch before it is durable, whether accepted or rejected", async () => {
  const gate = new Gate();
  const store = new ScriptedStore();
  const { committer, ledger } = await start(store);
  store.script.append = async (_batch, keep) => {
    await gate.passed;
    return await keep();
  };
  let answers = 0;
  const works = ["a", "a", "b"].map((text) =>
    submit(committer, note(text, "k"), 1).then(() => answers++, () => answers++)
  );
  await turns();
  assertEquals([answers, ledger.runtime.lastEventId], [0, 2]);
  gate.open();
  await Promise.all(works);
  assertEquals([answers, ledger.runtime.lastEventId], [3, 3]);
});

Deno.test("submit() writes nothing when every command is rejected or a duplicate", async () => {
  const store = new ScriptedStore();
  const { committer } = await start(store);
  await submit(committer, note("a", "k"), 1);
  const batches = store.batches.length;
  assertEquals((await submit(committer, note("a", "k"), 1)).duplicate, true);
  await assertRejects(() => submit(committer, note("b", "k"), 1), RuntimeError);
  assertEquals(store.batches.length, batches);
});

Deno.test("a failed append rejects all its commands and changes no state", async () => {
  const store = new ScriptedStore();
  const { committer, ledger, reported } = await start(store);
  const error = new RuntimeError("store_io", "Cannot append: no", {
    operation: "write",
    path: "x",
    systemCode: "EIO",
  });
  store.script.append = () => Promise.reject(error);
  const works = [note("a", "k"), note("a", "k"), note("b", "k")].map((command) =>
    submit(committer, command, 1)
  );
  for (const work of works) assertEquals(await assertRejects(() => work), error);
  assertEquals([ledger.runtime.lastEventId, reported.at(-1)], [2, error]);
  delete store.script.append;
  const { eventId, duplicate } = await submit(committer, note("b", "k"), 1);
  assertEquals([eventId, duplicate], [3, false]);
});

Deno.test("a command whose signal aborts in the queue is never written", async () => {
  const store = new ScriptedStore();
  const { committer } = await start(store);
  const controller = new AbortController();
  const [kept, cancelled] = [
    submit(committer, note("kept"), 1),
    submit(committer, note("aborted"), 1, controller.signal),
  ];
  const reason = new Error("enough");
  controller.abort(reason);
  assertEquals(await assertRejects(() => cancelled), reason);
  await kept;
  assertEquals(store.batches.flat().map(({ json }) => json.includes("aborted")).includes(true), false);
  assertEquals(await assertRejects(() => submit(committer, note("x"), 1, controller.signal)), reason);
});

Deno.test("a command whose signal aborts while it is written takes effect", async () => {
  const gate = new Gate();
  const store = new ScriptedStore();
  const { committer } = await start(store);
  store.script.append = async (_batch, keep) => {
    await gate.passed;
    return await keep();
  };
  const controller = new AbortController();
  const work = submit(committer, note("x"), 1, controller.signal);
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
    () => submit(committer, note("x"), 0),
  );
  const error = await assertRejects(
    () => submit(committer, note("x"), 0),
    RuntimeError,
  ) as RuntimeError;
  assertEquals(error.code, "limit_exceeded");
  gate.open();
  await Promise.all(works);
  await submit(committer, note("x"), 0);
});

Deno.test("the queue is bounded in units, and the error names that bound", async () => {
  const { committer } = await start(new ScriptedStore());
  const work = submit(committer, note("x"), limits.queueUnitsMax);
  const error = await assertRejects(() => submit(committer, note("x"), 1), RuntimeError);
  const { code, details } = error as RuntimeError<"limit_exceeded">;
  assertEquals(code, "limit_exceeded");
  await work;
  await committer.idle();
  assert(details.actual > details.max, `actual ${details.actual} is more than max ${details.max}`);
});

Deno.test("idle() waits for everything that was submitted", async () => {
  const { committer, ledger } = await start(new ScriptedStore());
  await committer.idle();
  const works = [1, 2, 3].map((n) => submit(committer, note(`${n}`), limits.batchUnitsMax));
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
