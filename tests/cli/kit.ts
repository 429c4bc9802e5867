/**
 * Helpers for tests of the command and of the operations: the command in
 * this process or in one of its own, a directory as one value, and damage.
 *
 * @module
 */
import { join } from "@std/path";
import { type Io, main } from "../../cli/mod.ts";
import type { Runtime } from "../../mod.ts";

/** The module to run as a process. */
export const entry: string = new URL("../../cli/mod.ts", import.meta.url).pathname;

/** Result of a command. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  // deno-lint-ignore no-explicit-any -- the tests look into it
  readonly json: any;
}

/** An {@linkcode Io} that keeps the output; it is no terminal unless `io` says so. */
export function capture(io: Partial<Io> = {}): Io & { readonly text: () => { out: string; err: string } } {
  const out: Uint8Array[] = [];
  let err = "";
  const encoder = new TextEncoder();
  return {
    out: (text) => void out.push(encoder.encode(text)),
    // The caller may use its buffer again.
    outBytes: (bytes) => void out.push(bytes.slice()),
    err: (text) => void (err += text),
    columns: Infinity,
    color: false,
    progress: false,
    now: () => Date.now(),
    signal: new AbortController().signal,
    ...io,
    text: () => ({ out: new TextDecoder().decode(joined(out)), err }),
  };
}

/** Runs the command in this process. */
export async function command(...args: readonly string[]): Promise<Ran> {
  const io = capture();
  const code = await main(args, io);
  return ranOf(args, code, io.text());
}

/** A call of each command that only reads, on a store with the worker "reviewer". */
export function readingCommands(root: string): string[][] {
  return [
    ["inspect", root],
    ["show", root, "reviewer"],
    ["transcript", root, "reviewer", "--all"],
    ["transcript", root, "reviewer", "--context"],
    ["events", root, "--worker", "reviewer"],
    ["usage", root],
    ["blobs", root, "reviewer"],
    ["verify", root],
    ["repair", root],
    ["prune", root],
    ["purge", root, "reviewer"],
    ["report", root],
    ["export", root],
  ];
}

function ranOf(args: readonly string[], code: number, { out, err }: { out: string; err: string }): Ran {
  const json = args.includes("--json") && out.startsWith("{") ? JSON.parse(out) : undefined;
  return { code, out, err, json };
}

/** Runs the command as a process of its own, with only these permissions. */
export async function cli(permissions: readonly string[], ...args: readonly string[]): Promise<Ran> {
  const all = ["run", "--no-prompt", "--no-check", ...permissions, entry, ...args];
  const env = { DENO_NO_UPDATE_CHECK: "1" };
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: all, env, stdin: "null" })
    .output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return ranOf(args, code, { out: text(stdout), err: text(stderr) });
}

/** Runs `work` on a new directory, which is removed afterwards. */
export async function withDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "worker-runtime-cli-" });
  try {
    await work(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Every file below a directory, with size, time of change and content, as text to compare. */
export function snapshot(directory: string, prefix = ""): Map<string, string> {
  const files = new Map<string, string>();
  for (const { name, isDirectory } of Deno.readDirSync(directory)) {
    const path = join(directory, name);
    if (isDirectory) {
      for (const [inner, content] of snapshot(path, `${prefix}${name}/`)) files.set(inner, content);
      continue;
    }
    const { size, mtime } = Deno.statSync(path);
    const content = new TextDecoder("latin1").decode(Deno.readFileSync(path));
    files.set(`${prefix}${name}`, `${size} ${mtime?.getTime()} ${content}`);
  }
  return files;
}

/** Changes a byte of a file in the middle of a text that it holds. */
export function flip(path: string, text: string): void {
  const bytes = Deno.readFileSync(path);
  const at = new TextDecoder("latin1").decode(bytes).indexOf(text);
  if (at === -1) throw new Error(`${path} does not hold ${text}`);
  bytes[at + text.length - 1] = (bytes[at + text.length - 1] ?? 0) ^ 1;
  Deno.writeFileSync(path, bytes);
}

/** Adds bytes at the end of a file. */
export function append(path: string, text: string): void {
  Deno.writeTextFileSync(path, text, { append: true });
}

/** Paths of the segments of a runtime's log, in order. */
export function segments(directory: string): string[] {
  const names = [...Deno.readDirSync(join(directory, "events"))].map(({ name }) => name).sort();
  return names.map((name) => join(directory, "events", name));
}

/** All of a stream of bytes, as text. */
export async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk.slice());
  return new TextDecoder().decode(joined(chunks));
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Text as a stream of bytes, in pieces of an odd size. */
export async function* streamOf(text: string): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += 1_009) yield await Promise.resolve(bytes.slice(at, at + 1_009));
}

/** Reads the output of `events --follow`: records an event once it follows, and interrupts it once that is printed. */
export async function followed(child: Deno.ChildProcess, runtime: Runtime): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    if (!text.includes('"runtime.opened"') && chunk.includes('"runtime.opened"')) {
      await runtime.record("late", { n: 1 });
    }
    text += chunk;
    if (text.includes('"late"')) {
      child.kill("SIGINT");
      break;
    }
  }
  return text;
}
