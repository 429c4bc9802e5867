/**
 * Properties of a disk that the file system store relies on, for any implementation
 * of `FileSystem`. The same tests run on the real disk and on the simulated one:
 * they validate the results of the simulation.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { FileSystem, OpenFile } from "../../src/fs/disk/file_system.ts";
import { codeOf } from "./errors.ts";

/** A disk under test with an empty directory on it. */
export interface Ground extends Disposable {
  readonly fs: FileSystem;
  readonly root: string;
  /** Makes a symbolic link. */
  link(path: string, target: string): void;
  /** Makes a special file: one that is neither file, directory nor link. */
  special(path: string): void;
  /** Sets permission bits. */
  chmod(path: string, mode: number): void;
}

/** A disk to test. */
export interface Subject {
  readonly name: string;
  readonly ignore: boolean;
  /** True if links and error codes are those of POSIX, and permissions apply (not to root). */
  readonly posix: boolean;
  readonly permissions: boolean;
  /** True if special files can be created. */
  readonly special: boolean;
  ground(): Ground;
}

/** One test. */
export interface Case {
  readonly name: string;
  readonly needs?: "posix" | "permissions" | "special";
  run(ground: Ground): void | Promise<void>;
}

/** Registers the tests. */
export function testContract(subject: Subject, cases: readonly Case[]): void {
  for (const { name, needs, run } of cases) {
    const lacking = (needs === "posix" && !subject.posix) ||
      (needs === "permissions" && !subject.permissions) || (needs === "special" && !subject.special);
    Deno.test({
      name: `${subject.name}.${name}`,
      ignore: subject.ignore || lacking,
      fn: async () => {
        using ground = subject.ground();
        await run(ground);
      },
    });
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The bytes of a text. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Makes a file with this text. */
export function put(fs: FileSystem, path: string, text: string): void {
  const file = fs.open(path, "create");
  file.write(bytesOf(text), 0);
  file.close();
}

/** The text of a file. */
export function textAt(fs: FileSystem, path: string): string {
  const file = fs.open(path, "read");
  try {
    return textOf(file);
  } finally {
    file.close();
  }
}

/** The text of an open file. */
export function textOf(file: OpenFile): string {
  const bytes = new Uint8Array(file.stat().size);
  return decoder.decode(bytes.subarray(0, file.read(bytes, 0)));
}

/** Returns the result of a call, or the code of its error (`ensureDirectory` has one without a code). */
export async function outcomeOf(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    const code = codeOf(error);
    if (typeof code === "string") return code;
    if (error instanceof Error && error.message.startsWith("Failed to ensure directory")) {
      return error.message;
    }
    throw error;
  }
}

/** Checks that a call fails with a code. */
export async function assertCode(call: () => unknown, code: string): Promise<void> {
  assertEquals(await outcomeOf(call), code);
}

/** Opens and closes a file: the result of a lookup for opening. */
export function tryOpen(fs: FileSystem, path: string, mode: "read" | "update" | "create"): string {
  const file = fs.open(path, mode);
  const { kind } = file.stat();
  file.close();
  return kind;
}
