// Types of the host: what compiles, and what must not.

import { assertEquals } from "@std/assert";
import { MemoryRuntimeStore, Runtime, type RuntimeEvent, type Worker } from "../../mod.ts";

interface Review {
  pr: number;
  state: { done: boolean; note?: string };
  tags: string[];
}

interface Part {
  type: "text" | "image";
  text?: string;
}

interface Types {
  data: Review;
  content: string | Part[];
  events: { reviewed: { pr: number }; failed: string };
}

const intent = { kind: "assistant" } as const;

async function start(): Promise<{ runtime: Runtime<Types>; worker: Worker<Types> }> {
  const runtime = await Runtime.open<Types>({ store: new MemoryRuntimeStore({ runtimeId: "local" }) });
  return { runtime, worker: await runtime.ensureWorker({ workerId: "a", intent }) };
}

Deno.test("a runtime with types of the host gives and takes data, content and events of these types", async () => {
  const { runtime, worker } = await start();
  await using _ = runtime;
  await worker.commit({
    data: { pr: 42, state: { done: false, note: null }, tags: null },
    entries: [{ role: "assistant", content: [{ type: "text", text: "Looks good" }] }],
    events: [{ name: "reviewed", data: { pr: 42 } }, { name: "failed", data: "late" }],
  });
  const { data } = worker.state();
  const pr: number | undefined = data.pr;
  const [entry] = (await worker.transcript()).items;
  const content: string | Part[] | undefined = entry?.content;
  assertEquals([pr, data.state, content], [42, { done: false }, [{ type: "text", text: "Looks good" }]]);
  const events: RuntimeEvent<Types>[] = [...(await worker.events()).items];
  const named = events.flatMap((event) => event.type === "worker.committed" ? event.events ?? [] : []);
  for (const event of named) {
    if (event.name === "reviewed") assertEquals(event.data.pr, 42);
    else assertEquals(event.data.length, 4);
  }
  assertEquals(named.length, 2);
  const summary = { role: "user", content: [{ type: "text", text: "All good" }] } as const;
  await worker.compact({ through: 1, summary: { ...summary, content: [...summary.content] } });
  const { entries } = await worker.context();
  const contents: (string | Part[])[] = entries.map(({ content }) => content);
  assertEquals(contents, [[...summary.content]]);
});

Deno.test("a runtime without types of the host takes any JSON", async () => {
  await using runtime = await Runtime.open({ store: new MemoryRuntimeStore({ runtimeId: "local" }) });
  const worker = await runtime.ensureWorker({ workerId: "a", intent });
  await worker.commit({ data: { any: ["thing"] }, events: [{ name: "any", data: null }] });
  await worker.run((run) => run.append([{ role: "x", content: { any: 1 } }]));
  assertEquals(worker.state().data, { any: ["thing"] });
});

/** Calls that must not compile. Never run. */
export async function mustNotCompile(): Promise<void> {
  const { runtime, worker } = await start();
  // @ts-expect-error: another type of a member
  await worker.commit({ data: { pr: "42" } });
  // @ts-expect-error: an unknown member
  await worker.commit({ data: { title: "x" } });
  // @ts-expect-error: an unknown member of a member
  await worker.commit({ data: { state: { over: true } } });
  // @ts-expect-error: a summary of another type
  await worker.compact({ through: 0, summary: { role: "user", content: 42 } });
  // @ts-expect-error: content of another type
  await worker.sendInput({ role: "user", content: 42 });
  // @ts-expect-error: a part of another type
  await worker.append([{ role: "user", content: [{ type: "audio" }] }]);
  // @ts-expect-error: an unknown event
  await worker.commit({ events: [{ name: "merged", data: {} }] });
  // @ts-expect-error: data of another event
  await worker.commit({ events: [{ name: "failed", data: { pr: 42 } }] });
  // @ts-expect-error: first changes of another type
  await runtime.createWorker({ intent }, { commit: { data: { pr: "42" } } });
  await worker.run(async (run) => {
    // @ts-expect-error: changes of a run of another type
    await run.commit({ data: { tags: "x" } });
    // @ts-expect-error: changes at its end of another type
    await run.finish("completed", { entries: [{ role: "x", content: 1 }] });
  });
  // @ts-expect-error: a member may be missing
  worker.state().data.pr.toFixed();
  // @ts-expect-error: the types of the host are an object type
  await Runtime.open<string>({ store: new MemoryRuntimeStore({ runtimeId: "local" }) });
  // @ts-expect-error: data is an object
  await Runtime.open<{ data: string }>({ store: new MemoryRuntimeStore({ runtimeId: "local" }) });
}
