/**
 * Reads JSR packages from a directory with the layout of the standard library's repository: one directory per
 * package, with a `deno.json` that has its name, version and exports.
 *
 * @module
 */

/** A package as a registry publishes it. */
export interface JsrPackage {
  /** Scope and name, such as `@std/path`. */
  readonly name: string;
  /** The only available version. */
  readonly version: string;
  /** Entry points and their files. */
  readonly exports: Record<string, string>;
  /** Contents by path, such as `/mod.ts`. */
  readonly files: Map<string, Uint8Array<ArrayBuffer>>;
}

/** Loads the packages directly below `dir`, by name. */
export function loadPackages(dir: string): Map<string, JsrPackage> {
  const packages = new Map<string, JsrPackage>();
  for (const entry of sortedEntries(dir)) {
    const found = entry.isDirectory ? loadPackage(`${dir}/${entry.name}`) : undefined;
    if (found !== undefined) packages.set(found.name, found);
  }
  if (packages.size > 0) return packages;
  throw new Error(`Cannot serve packages from "${dir}": no directory in it has a deno.json with a name`);
}

function loadPackage(dir: string): JsrPackage | undefined {
  const config = readConfig(`${dir}/deno.json`);
  if (config === undefined) return undefined;
  const { name, version, exports } = config;
  const files = new Map(sourceFiles(dir, "").map((path) => [path, published(`${dir}${path}`)]));
  return { name, version, exports: typeof exports === "string" ? { ".": exports } : exports, files };
}

interface PackageConfig {
  name: string;
  version: string;
  exports: string | Record<string, string>;
}

function readConfig(path: string): PackageConfig | undefined {
  try {
    const config: Partial<PackageConfig> = JSON.parse(Deno.readTextFileSync(path));
    const { name, version, exports } = config;
    return name && version && exports ? { name, version, exports } : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function sourceFiles(root: string, path: string): string[] {
  return sortedEntries(root + path).flatMap((entry) => {
    const child = `${path}/${entry.name}`;
    if (entry.isDirectory) return entry.name === "testdata" ? [] : sourceFiles(root, child);
    return entry.isFile && /\.(ts|js|mjs|json|wasm)$/.test(child) && !/_test\.ts$/.test(child) ? [child] : [];
  });
}

/**
 * Bytes of a file as JSR would publish them. Within the standard library's repository, packages are imported as
 * `@std/x`, which only its own import map resolves; published code imports `jsr:@std/x`.
 */
function published(path: string): Uint8Array<ArrayBuffer> {
  const bytes = Deno.readFileSync(path);
  if (!/\.(ts|js|mjs)$/.test(path)) return bytes;
  const text = new TextDecoder().decode(bytes);
  return new TextEncoder().encode(text.replaceAll(/\b(from|import)(\s*\(?\s*")(@std\/)/g, "$1$2jsr:$3"));
}

/** Entries sorted by name: the order of a directory listing depends on the file system. */
function sortedEntries(dir: string): Deno.DirEntry[] {
  return [...Deno.readDirSync(dir)].sort((a, b) => (a.name < b.name ? -1 : 1));
}
