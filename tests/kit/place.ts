// Stores on the real disk for tests: a temporary directory, the stores and runtimes opened in it, and its files.

import { assert, assertEquals, fail } from "@std/assert";
import { dirname, join } from "@std/path";
import {
  type AnyRuntimeError,
  type DiagnosticCode,
  isRuntimeError,
  Runtime,
  type RuntimeErrorCode,
  type RuntimeOptions,
} from "../../mod.ts";
import type { RuntimeStore } from "../../store.ts";
import { FsRuntimeStore, type FsStoreEnvironment, type FsStoreOptions } from "../../fs_store.ts";
import { type RuntimeLayout, runtimeLayout, segmentPath, workerLayout } from "../../src/fs/layout.ts";
import { acquire } from "./acquire.ts";
import { isGranted } from "../privileged.ts";
import { withoutRoom } from "../fs/lines/bytes_file.ts";

const encoder = new TextEncoder();

/** Options of a test that may read and write files only. */
export const onFiles: Pick<Deno.TestDefinition, "permissions" | "ignore"> = {
  permissions: { read: true, write: true },
  ignore: !isGranted("read") || !isGranted("write"),
};

/** Options of a test on the real disk. */
type DiskTestOptions = Pick<Deno.TestDefinition, "permissions" | "ignore">;

/** A test with its own place on the real disk; `options` is `privileged` if it needs more than files. */
export function diskTest(
  name: string,
  body: (place: TestPlace) => void | Promise<void>,
  options: DiskTestOptions | ((name: string) => DiskTestOptions) = onFiles,
): void {
  Deno.test({
    name,
    ...(typeof options === "function" ? options(name) : options),
    fn: async () => {
      await using place = new TestPlace();
      await body(place);
    },
  });
}

/** A temporary directory with the runtime "local" in it. */
export class TestPlace implements AsyncDisposable {
  /** The root directory of the store. */
  readonly root: string = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "worker-runtime-test-" }));
  /** Paths of the runtime. */
  readonly layout: RuntimeLayout = runtimeLayout(this.root, "local");
  readonly #opened: (() => Promise<void>)[] = [];

  /** Opens the runtime. */
  async open(options: Partial<RuntimeOptions> = {}, environment: FsStoreEnvironment = {}): Promise<Runtime> {
    const runtime = await Runtime.open({ store: this.store({}, environment), ...options });
    this.#opened.push(() => runtime.close());
    return runtime;
  }

  /** A store that is not open. */
  store(options: Partial<FsStoreOptions> = {}, environment: FsStoreEnvironment = {}): FsRuntimeStore {
    return new FsRuntimeStore({ root: this.root, runtimeId: "local", ...options }, environment);
  }

  /** Opens the store alone. */
  async openStore(options: Partial<FsStoreOptions> = {}): Promise<FsRuntimeStore> {
    const store = await acquire(this.store(options));
    this.#opened.push(() => store.close());
    return store;
  }

  /** The path of a file of the runtime. */
  path(name: string): string {
    return join(this.layout.directory, name);
  }

  /** The path of a segment. */
  segment(firstEventId: number): string {
    return segmentPath(this.layout, firstEventId);
  }

  /** The path of a worker's transcript. */
  transcript(workerId: string): string {
    return workerLayout(this.layout, workerId).transcript;
  }

  /** Writes the operator's config. */
  configure(config: unknown): void {
    Deno.mkdirSync(this.layout.directory, { recursive: true });
    Deno.writeTextFileSync(this.layout.config, JSON.stringify(config));
  }

  /** Ends a runtime like a kill of its process: the next one finds what is on disk now. */
  async kill(runtime: Runtime): Promise<void> {
    const copy = `${this.root}.killed`;
    copyTree(this.root, copy);
    await runtime.close();
    Deno.removeSync(this.root, { recursive: true });
    Deno.renameSync(copy, this.root);
  }

  /** Names in a directory of the runtime, sorted; none if it does not exist. */
  names(directory: string): string[] {
    try {
      return [...Deno.readDirSync(this.path(directory))].map(({ name }) => name).sort();
    } catch {
      return [];
    }
  }

  /** Closes everything and removes the directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#opened) await close();
    Deno.removeSync(this.root, { recursive: true });
  }
}

/** Copies a directory. */
export function copyTree(from: string, to: string): void {
  Deno.mkdirSync(to, { mode: 0o700 });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copyTree(join(from, name), join(to, name));
    else Deno.copyFileSync(join(from, name), join(to, name));
  }
}

/** A store that acts differently at some calls of its runtime, to simulate concurrent operations. */
export function acting(
  store: FsRuntimeStore,
  act: Partial<Pick<RuntimeStore, "append" | "prune">>,
): RuntimeStore {
  return new Proxy<RuntimeStore>(store, {
    get(target, name): unknown {
      const member: unknown = Reflect.get(act, name) ?? Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** Flips one bit of a file. */
export function flipBit(path: string, offset: number, mask = 1): void {
  const bytes = Deno.readFileSync(path);
  const at = offset < 0 ? bytes.length + offset : offset;
  assert(at < bytes.length, `byte ${at} is in the file`);
  bytes[at] = (bytes[at] ?? 0) ^ mask;
  Deno.writeFileSync(path, bytes);
}

/** Appends bytes to the content of a file, in place of its padding. */
export function appendTo(path: string, bytes: Uint8Array | string): void {
  using file = Deno.openSync(path, { read: true, write: true });
  const end = contentLength(path);
  file.truncateSync(end);
  file.seekSync(end, Deno.SeekMode.Start);
  const added = typeof bytes === "string" ? encoder.encode(bytes) : bytes;
  assertEquals(file.writeSync(added), added.length);
}

/** Bytes of a file without padding. */
export function contentLength(path: string): number {
  return withoutRoom(Deno.readFileSync(path)).length;
}

/** Files below a directory and their content, as text. */
export function treeOf(directory: string, below = ""): Map<string, string> {
  const tree = new Map<string, string>();
  for (const { name, isDirectory } of Deno.readDirSync(join(directory, below))) {
    const path = below === "" ? name : `${below}/${name}`;
    if (isDirectory) { for (const [inner, text] of treeOf(directory, path)) tree.set(inner, text); }
    else tree.set(path, Deno.readTextFileSync(join(directory, path)));
  }
  return tree;
}

/** Asserts that `work` is rejected with `code`; returns the error. */
export async function refused<Code extends RuntimeErrorCode>(
  code: Code,
  work: () => unknown,
): Promise<Extract<AnyRuntimeError, { code: Code }>> {
  try {
    await work();
  } catch (error) {
    if (!isRuntimeError(error)) throw error;
    assertEquals(error.code, code, error.message);
    return error as Extract<AnyRuntimeError, { code: Code }>;
  }
  fail(`it was not rejected, ${code} was expected`);
}

/** The codes of a runtime's diagnostics, in order. */
export function codesOf(runtime: Runtime): DiagnosticCode[] {
  return runtime.diagnostics().items.map(({ code }) => code);
}

/** The only diagnostic of this code. */
export function diagnosticOf(
  runtime: Runtime,
  code: DiagnosticCode,
): ReturnType<Runtime["diagnostics"]>["items"][number] {
  const found = runtime.diagnostics().items.filter((item) => item.code === code);
  const [first] = found;
  assert(first !== undefined && found.length === 1, `one ${code} among ${codesOf(runtime).join(", ")}`);
  return first;
}

/** The contents of a whole transcript. */
export async function contentsOf(runtime: Runtime, workerId: string): Promise<string[]> {
  const contents: string[] = [];
  let after = 0;
  for (;;) {
    const page = await runtime.worker(workerId).transcript({ after, limit: 1_000 });
    contents.push(...page.items.map(({ content }) => String(content)));
    if (page.next === null) return contents;
    after = page.next;
  }
}

/** Sends these inputs to a worker, which is created if it does not exist. */
export async function speak(runtime: Runtime, workerId: string, contents: readonly string[]): Promise<void> {
  if (!runtime.workers({ limit: 1_000 }).items.some(({ record }) => record.workerId === workerId)) {
    await runtime.createWorker({ workerId, intent: { kind: "assistant" } });
  }
  const worker = runtime.worker(workerId);
  await Promise.all(contents.map((content) => worker.sendInput({ role: "user", content })));
}

/** The path of a file in `tests/fs`. */
export function beside(name: string): string {
  return join(dirname(import.meta.dirname ?? ""), "fs", name);
}
