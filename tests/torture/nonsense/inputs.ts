/**
 * Stores and streams with nonsensical content and valid checksums.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { exportRuntime } from "../../../operate.ts";
import { encodeLines, eventText, logText } from "../../../src/fs/lines/codec.ts";
import { scanLines } from "../../../src/fs/lines/scanner.ts";
import { segmentHeader } from "../../../src/fs/log/segments.ts";
import { type Random, SimulatedDisk } from "../../disk/mod.ts";
import { baseStore } from "../kit/base_store.ts";
import { HOME, openOn } from "../../kit/opened.ts";
import { doubled, extended, mutatedValue, nonsense, reordered } from "./nonsense.ts";

/** Valid data that inputs are derived from. */
export interface Material {
  /** Every file of a store that was closed, by its path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The texts of its events. */
  readonly texts: readonly string[];
  /** Lines of its export, without the last one. */
  readonly stream: readonly string[];
  /** The same of a store whose log was pruned. */
  readonly prunedFiles: ReadonlyMap<string, Uint8Array>;
  readonly prunedStream: readonly string[];
}

/** A store to examine. */
export interface Input {
  /** The disk. */
  readonly disk: SimulatedDisk;
  /** The texts of the events in its log; `undefined` if the log does not hold all of them. */
  readonly texts: readonly string[] | undefined;
  /** True if everything in it must be accepted. */
  readonly isSound: boolean;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

let made: Promise<Material> | undefined;

/** The material; created once. */
export function material(): Promise<Material> {
  return made ??= makeMaterial();
}

async function makeMaterial(): Promise<Material> {
  const { image } = await baseStore("closed");
  const disk = new SimulatedDisk({ contents: image });
  await addChanges(disk);
  const files = disk.dump();
  const stream = await streamLines(disk);
  const { runtime } = await openOn(disk);
  await runtime.prune();
  await runtime.close();
  const prunedStream = await streamLines(disk);
  return { files, texts: textsOf(files), stream, prunedFiles: disk.dump(), prunedStream };
}

/** Adds an event of every kind that the base store lacks. */
async function addChanges(disk: SimulatedDisk): Promise<void> {
  const { runtime } = await openOn(disk);
  const worker = await runtime.createWorker(
    {
      workerId: "delta",
      intent: { kind: "role", role: "critic" },
      displayName: "D",
      labels: { a: "b" },
      parent: "alpha",
    },
    {
      commit: { entries: [{ role: "system", content: { first: [1] } }], data: { n: 1 } },
      meta: { by: "test" },
    },
  );
  await worker.beginRun();
  await worker.stop({ cancelRun: true, reason: "enough" });
  await worker.commit({ usage: [{ model: "m-1", inputTokens: 3 }] }, { meta: { late: true } });
  await worker.restart({ reason: "again" });
  await worker.commit({
    displayName: null,
    labels: { a: null, c: "d" },
    events: [{ name: "note", data: { entries: [1] } }],
    entries: [{ role: "user", name: "n", id: "i", at: "2026-01-02T03:04:05.678Z", content: null }],
  });
  await worker.append([{ role: "user", content: "again" }, { role: "tool", content: [1] }]);
  await worker.rewind({ toSeq: 3 });
  await worker.compact({ through: 1, summary: { role: "user", content: "so far" } });
  await worker.beginRun();
  await worker.rewind({ toSeq: 2 }, { cancelRun: true });
  await worker.sendInput({ role: "user", content: "and now?" });
  await worker.beginRun();
  await runtime.close();
}

async function streamLines(fileSystem: SimulatedDisk): Promise<string[]> {
  const lines = decoder.decode(await bytesOf(exportRuntime({ directory: HOME }, { fileSystem }))).split("\n");
  return lines.slice(0, -2);
}

/** All bytes of a stream. */
export async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: BlobPart[] = [];
  for await (const chunk of stream) chunks.push(chunk.slice());
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** Texts of the events in all segments among some files, in order. */
function textsOf(files: ReadonlyMap<string, Uint8Array>): string[] {
  const segments = [...files].filter(([path]) => path.startsWith(`${HOME}/events/`)).sort();
  return segments.flatMap(([, bytes]) => {
    const texts: string[] = [];
    const file = { read: (target: Uint8Array, at: number) => readInto(bytes, target, at) };
    for (const line of scanLines(file as never, 0, bytes.length, bytes.length)) {
      const text = eventText(line.bytes, line.start, line.end);
      if (text.startsWith('{"id":')) texts.push(text);
    }
    return texts;
  });
}

function readInto(bytes: Uint8Array, target: Uint8Array, at: number): number {
  const part = bytes.subarray(at, at + target.length);
  target.set(part);
  return part.length;
}

/** A store whose log contains nonsense. Half of them keep their original transcripts. */
export function logInput(random: Random, { files, texts }: Material): Input {
  const isSound = random.chance(0.1);
  const until = 2 + random.below(texts.length - 1);
  let changed: string[] = texts.slice(0, until);
  for (let count = 1 + random.below(3); count > 0; count--) {
    changed = isSound ? soundChange(random, changed) : wildChange(random, changed);
  }
  if (isSound || random.chance(0.8)) changed = changed.map((text, index) => numbered(text, index + 1));
  const keepsTranscripts = random.chance(0.5) && !isSound;
  const contents = new Map(
    [...files].filter(([path]) =>
      /runtime\.json$|config\.jsonc$|\/blobs\//.test(path) ||
      (keepsTranscripts && path.endsWith("/transcript.jsonl"))
    ),
  );
  contents.set(`${HOME}/events/${"1".padStart(16, "0")}.jsonl`, segmentOf(changed));
  return { disk: new SimulatedDisk({ contents }), texts: changed, isSound };
}

function soundChange(random: Random, texts: readonly string[]): string[] {
  const at = random.below(texts.length);
  if (random.chance(0.6)) return texts.map((text, index) => index === at ? extended(random, text) : text);
  return [...texts.slice(0, at + 1), unknownEvent(random), ...texts.slice(at + 1)];
}

function wildChange(random: Random, texts: readonly string[]): string[] {
  const at = random.below(texts.length);
  const change = (make: (text: string) => string) =>
    texts.map((text, index) => index === at ? make(text) : text);
  const other = texts[random.below(texts.length)] ?? "";
  switch (random.below(10)) {
    case 0:
      return change((text) => doubled(random, text));
    case 1:
      return change((text) => reordered(random, text));
    case 2:
      return texts.filter((_, index) => index !== at);
    case 3:
      return [...texts.slice(0, at), other, ...texts.slice(at)];
    case 4:
      return [...texts.slice(0, at + 1), unknownEvent(random), ...texts.slice(at + 1)];
    case 5:
      return change((text) => extended(random, text));
    default:
      return change((text) => mutatedValue(random, text));
  }
}

function unknownEvent(random: Random): string {
  const at = "2026-07-31T08:00:00.000Z";
  const workerId = random.pick([undefined, "alpha", "nobody"]);
  return JSON.stringify({ id: 1, at, type: "worker.dreamt", workerId, entries: [1], count: "many" });
}

/** An event under another number, whatever else it is. */
function numbered(text: string, id: number): string {
  return text.replace(/^\{"id":\d+,/, () => `{"id":${id},`);
}

function segmentOf(texts: readonly string[]): Uint8Array {
  const header = segmentHeader("t", 1);
  const parts = texts.map((json) => {
    const id = Number(/^\{"id":(\d+)/.exec(json)?.[1] ?? 1);
    const line = logText([{ json }], Math.max(0, id - 1));
    const bytes = new Uint8Array(line.text.length * 3);
    return bytes.subarray(0, encodeLines(line, bytes, 0)?.[0]);
  });
  return joined([header, ...parts]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A store with one sealed file that holds nonsense; a checkpoint, or any other. */
export function sealedInput(random: Random, { files, prunedFiles }: Material, isCheckpoint: boolean): Input {
  const isPruned = random.chance(0.5);
  const contents = new Map(isPruned ? prunedFiles : files);
  const paths = [...contents.keys()].filter((path) =>
    isCheckpoint ? /\/checkpoint(?:\.previous)?\.json$/.test(path) : /\.json$/.test(path)
  );
  const path = random.pick(paths);
  contents.set(path, resealed(random, contents.get(path) ?? new Uint8Array()));
  if (isCheckpoint && random.chance(0.3)) contents.delete(`${HOME}/checkpoint.previous.json`);
  const texts = isPruned ? undefined : textsOf(contents);
  return { disk: new SimulatedDisk({ contents }), texts, isSound: false };
}

/** A sealed file with a change in one of its lines, and the checksum that belongs to it. */
function resealed(random: Random, bytes: Uint8Array): Uint8Array {
  const text = decoder.decode(bytes);
  const lines = text.slice(0, text.lastIndexOf(',"crc":"')).split("\n");
  const at = random.below(lines.length);
  lines[at] = changedPart(random, lines[at] ?? "");
  const body = lines.join("\n");
  const crc = crc32(encoder.encode(body)).toString(16).padStart(8, "0");
  return encoder.encode(`${body},"crc":"${crc}"}\n`);
}

/** Part of a JSON text, closed for the length of a change: the first line of a checkpoint is open, its rows end in commas. */
function changedPart(random: Random, part: string): string {
  for (const [begin, end] of [["", "]}"], ["", "}"], ["", ""], ["", ","]] as const) {
    const whole = end === "," ? part.slice(0, -1) : `${begin}${part}${end}`;
    try {
      JSON.parse(whole);
    } catch {
      continue;
    }
    const changed = random.chance(0.15) ? doubled(random, whole) : mutatedValue(random, whole);
    return end === "," ? `${changed},` : changed.slice(0, changed.length - end.length);
  }
  return random.chance(0.5) ? part : `${JSON.stringify(nonsense(random))}`;
}

/** An export stream that holds nonsense, with the sum that belongs to it. */
export function streamInput(random: Random, { stream, prunedStream }: Material): Uint8Array {
  const lines = [...random.chance(0.5) ? stream : prunedStream];
  for (let count = 1 + random.below(2); count > 0; count--) {
    const at = random.chance(0.2) ? 0 : random.below(lines.length);
    const line = lines[at] ?? "";
    const kind = random.below(10);
    if (kind === 0) lines.splice(at, 1);
    else if (kind === 1) lines.splice(random.below(lines.length), 0, line);
    else if (kind === 2) lines[at] = doubled(random, line);
    else if (kind === 3) lines[at] = extended(random, line);
    else lines[at] = mutatedValue(random, line);
  }
  const body = lines.map((line) => `${line}\n`).join("");
  const crc = crc32(encoder.encode(body)).toString(16).padStart(8, "0");
  const end = `{"end":{"lines":${lines.length},"crc":"${crc}"}}\n`;
  return encoder.encode(body + end);
}
