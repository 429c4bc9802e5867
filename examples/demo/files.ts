/**
 * The files that the demo works on: Markdown and source files below a directory, bounded in number and size.
 *
 * @module
 */
import { extname, join } from "@std/path";

const FILES_MAX = 400;
const BYTES_MAX = 524_288;
const EXTENSIONS: ReadonlySet<string> = new Set(
  (".md .markdown .txt .rst .ts .tsx .mts .js .jsx .mjs .cjs .py .rs .go .java .kt .scala .c .h .cc .cpp .hpp .cs " +
    ".rb .php .swift .lua .sh .sql .html .css .scss .vue .svelte .zig .ex .exs .hs .ml .clj").split(" "),
);

/** A file as a worker is given it. */
export interface SourceFile {
  /** Path below the directory, with slashes. */
  readonly path: string;
  /** What is in it. */
  readonly text: string;
  /** Stands for path and content: the start of a SHA-256. */
  readonly digest: string;
}

/** What was found. */
export interface FoundFiles {
  /** In the order of their paths. */
  readonly files: readonly SourceFile[];
  /** How many were passed over, by reason. */
  readonly skipped: ReadonlyMap<string, number>;
}

/** Finds the files below a directory. */
export async function findFiles(directory: string): Promise<FoundFiles> {
  const skipped = new Map<string, number>();
  const skip = (why: string): void => void skipped.set(why, (skipped.get(why) ?? 0) + 1);
  const files: SourceFile[] = [];
  for await (const path of pathsBelow(directory, "", skip)) {
    if (files.length >= FILES_MAX) {
      skip(`past the first ${FILES_MAX}`);
      continue;
    }
    const text = await textOf(join(directory, path));
    if (text === undefined) skip(`larger than ${BYTES_MAX / 1024} KiB, or no text`);
    else files.push({ path, text, digest: await digestOf(`${path}\0${text}`) });
  }
  return { files, skipped };
}

async function* pathsBelow(
  directory: string,
  below: string,
  skip: (why: string) => void,
): AsyncGenerator<string> {
  const entries = await Array.fromAsync(Deno.readDir(join(directory, below)));
  for (const { name, isFile, isDirectory } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    const path = below === "" ? name : `${below}/${name}`;
    if (name.startsWith(".") || name === "node_modules") skip("hidden, or node_modules");
    else if (isDirectory) yield* pathsBelow(directory, path, skip);
    else if (!isFile || !EXTENSIONS.has(extname(name).toLowerCase())) skip("neither Markdown nor source");
    else yield path;
  }
}

/** The text of a file, unless it is too large or holds bytes that are no text. */
async function textOf(path: string): Promise<string | undefined> {
  if ((await Deno.stat(path)).size > BYTES_MAX) return undefined;
  const bytes = await Deno.readFile(path);
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The first 16 hexadecimal digits of the SHA-256 of a text. */
export async function digestOf(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(hash).toHex().slice(0, 16);
}
