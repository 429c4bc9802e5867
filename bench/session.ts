/**
 * A long session of one agent: 5,000 entries in parts, sized as in the field
 * (a third are tool results, two in a hundred of them hold most of the bytes,
 * some entries have an image), is stored, paged, reported, exported and imported.
 *
 * ```sh
 * deno task bench:session [ENTRIES]
 * ```
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { FsRuntimeStore } from "../fs_store.ts";
import { type BlobRef, type EntryInput, type Json, Runtime, type Worker } from "../mod.ts";
import { exportRuntime, importRuntime, storeSizes } from "../operate.ts";
import { main } from "../cli/mod.ts";
import { type Random, random, texts } from "./harness/random.ts";

const MIB = 1_048_576;
const prose = texts("50 B - 8 KiB").join(" ");

/** A size between two, log-uniformly distributed. */
function size(next: Random, from: number, to: number): number {
  return Math.round(from * (to / from) ** (next(10_000) / 9_999));
}

/** Some prose of so many characters. */
function text(next: Random, length: number): string {
  const start = next(prose.length);
  return prose.slice(start).padEnd(length, prose).slice(0, length);
}

/** Content of an entry, in the parts of Anthropic's messages. */
function content(next: Random, index: number): { role: string; part: Json } {
  const kind = next(100);
  if (kind < 35) {
    const isLarge = next(50) === 0;
    const output = text(next, isLarge ? size(next, 262_144, 5_500_000) : size(next, 100, 8_192));
    return { role: "user", part: { type: "tool_result", tool_use_id: `call-${index}`, content: output } };
  }
  if (kind < 69) {
    const input = { path: `src/${index}.ts`, edit: text(next, size(next, 40, 2_048)) };
    return { role: "assistant", part: { type: "tool_use", id: `call-${index}`, name: "edit", input } };
  }
  if (kind < 90) {
    return { role: "assistant", part: { type: "text", text: text(next, size(next, 40, 4_096)) } };
  }
  return { role: "assistant", part: { type: "thinking", thinking: text(next, size(next, 100, 4_096)) } };
}

async function entry(next: Random, index: number, worker: Worker): Promise<EntryInput> {
  const { role, part } = content(next, index);
  const blobs: BlobRef[] = [];
  if (next(800) === 0) {
    const image = crypto.getRandomValues(new Uint8Array(65_536));
    blobs.push(await worker.putBlob(chunks(image, 29), { mediaType: "image/png" }));
  }
  return { role, content: [part], ...(blobs.length === 0 ? {} : { blobs }) };
}

async function* chunks(chunk: Uint8Array, count: number): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index++) yield chunk;
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  console.log(`${what.padEnd(34)} ${(performance.now() - start).toFixed(0).padStart(7)} ms`);
  return result;
}

async function measure(root: string, entries: number): Promise<void> {
  const next = random(17);
  const store = new FsRuntimeStore({ root, runtimeId: "session" });
  const runtime = await Runtime.open({ store });
  const worker = await runtime.ensureWorker({ workerId: "agent", intent: { kind: "assistant" } });
  await timed(`${entries} commits`, async () => {
    for (let index = 0; index < entries; index++) {
      const usage = { model: "m-1", inputTokens: 5_000, outputTokens: 200 };
      await worker.commit({ entries: [await entry(next, index, worker)], usage });
    }
  });
  let spilled = 0;
  const times: number[] = [];
  for (let after: number | null = 0; after !== null;) {
    const start = performance.now();
    const page: Awaited<ReturnType<Worker["transcript"]>> = await worker.transcript({ after, limit: 50 });
    times.push(performance.now() - start);
    spilled += page.items.filter(({ contentBlob }) => contentBlob !== undefined).length;
    after = page.next;
  }
  times.sort((a, b) => a - b);
  const [median = 0, worst = 0] = [times[Math.floor(times.length / 2)], times.at(-1)];
  console.log(
    `pages of 50: median ${median.toFixed(2)} ms, worst ${
      worst.toFixed(2)
    } ms; ${spilled} contents are blobs`,
  );
  await timed("content() of every entry", async () => {
    for await (const entry of worker.entries()) await worker.content(entry);
  });
  await timed("close", () => runtime.close());
  const { total, log, transcripts } = storeSizes({ directory: store.directory }, ["agent"]);
  const sizes = { total, log, transcripts };
  console.log(
    Object.entries(sizes).map(([name, bytes]) => `${name} ${(bytes / MIB).toFixed(1)} MiB`).join(", "),
  );
  await timed(
    "open",
    async () =>
      await (await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "session" }) })).close(),
  );
  const report = `${root}/report.html`;
  await timed("report", async () => void await main(["report", store.directory, "-o", report]));
  console.log(`report ${((await Deno.stat(report)).size / MIB).toFixed(1)} MiB`);
  const file = `${root}/export.jsonl`;
  await timed(
    "export",
    async () =>
      await Deno.writeFile(file, ReadableStream.from(exportRuntime({ directory: store.directory }))),
  );
  console.log(`export ${((await Deno.stat(file)).size / MIB).toFixed(1)} MiB`);
  await timed(
    "import",
    async () => void await importRuntime(`${root}/imported`, (await Deno.open(file)).readable),
  );
}

if (import.meta.main) {
  const root = await Deno.makeTempDir({ prefix: "session-" });
  try {
    await measure(root, Number(Deno.args[0] ?? 5_000));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
