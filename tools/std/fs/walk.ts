import { basename, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

/** Options for {@linkcode walk}. */
export interface WalkOptions {
  /** How many levels to go down; 0 is the root alone. */
  maxDepth?: number;
  /** Whether to yield files. */
  includeFiles?: boolean;
  /** Whether to yield directories. */
  includeDirs?: boolean;
  /** Whether to yield symbolic links; they are not followed. */
  includeSymlinks?: boolean;
  /** Yield only what ends so, directories too; with or without the period. */
  exts?: string[];
  /** Yield only paths that match one of these. */
  match?: RegExp[];
  /** Neither yield nor enter what matches one of these. */
  skip?: RegExp[];
}

/** What {@linkcode walk} yields. */
export interface WalkEntry extends Deno.DirEntry {
  /** The root followed by the way to the entry. */
  path: string;
}

/**
 * Yields the root and everything below it, each directory before its contents.
 *
 * Requires `--allow-read` permission.
 */
export async function* walk(root: string | URL, options: WalkOptions = {}): AsyncIterableIterator<WalkEntry> {
  const { maxDepth = Infinity, includeFiles = true, includeDirs = true, includeSymlinks = true } = options;
  const path = root instanceof URL ? fileURLToPath(root) : root;
  if (maxDepth < 0) return;
  if (includeDirs && isIncluded(path, options)) yield await rootEntry(path);
  if (maxDepth < 1 || isSkipped(path, options)) return;
  for await (const entry of Deno.readDir(path)) {
    const child = { path: join(path, entry.name), ...entry };
    if (entry.isDirectory) yield* walk(child.path, { ...options, maxDepth: maxDepth - 1 });
    else if ((entry.isSymlink ? includeSymlinks : includeFiles) && isIncluded(child.path, options)) {
      yield child;
    }
  }
}

async function rootEntry(root: string): Promise<WalkEntry> {
  const path = normalize(root);
  const { isFile, isDirectory, isSymlink } = await Deno.stat(path);
  return { path, name: basename(path), isFile, isDirectory, isSymlink };
}

function isIncluded(path: string, options: WalkOptions): boolean {
  const { exts, match } = options;
  if (exts && !exts.some((ext) => path.endsWith(ext.startsWith(".") ? ext : `.${ext}`))) return false;
  if (match && !match.some((pattern) => path.match(pattern))) return false;
  return !isSkipped(path, options);
}

function isSkipped(path: string, { skip }: WalkOptions): boolean {
  return skip?.some((pattern) => path.match(pattern)) ?? false;
}
