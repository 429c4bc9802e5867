/**
 * Relative imports of the modules in the repository, type imports included.
 *
 * @module
 */
import { fromFileUrl, join } from "@std/path";

const root = fromFileUrl(new URL("..", import.meta.url));

/** Text of a file of the repository. */
export function readText(path: string): string {
  return Deno.readTextFileSync(join(root, path));
}

/** TypeScript files below a directory, relative to the repository. */
export function modulesIn(directory: string): string[] {
  return [...Deno.readDirSync(join(root, directory))].flatMap(({ name, isDirectory }) => {
    const path = `${directory}/${name}`;
    return isDirectory ? modulesIn(path) : name.endsWith(".ts") ? [path] : [];
  }).sort();
}

/** The code without comments. */
export function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
}

/** Imports of a module: paths of files in the repository, and specifiers of packages. */
export function importsOf(path: string): { readonly files: string[]; readonly packages: string[] } {
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+)["']([^"'\s]+)["']/gm;
  const specifiers = [...withoutComments(readText(path)).matchAll(pattern)].map(([, text = ""]) => text);
  const isFile = (specifier: string): boolean => specifier.startsWith(".");
  return {
    files: specifiers.filter(isFile).map((specifier) =>
      new URL(specifier, `file:///${path}`).pathname.slice(1)
    ),
    packages: specifiers.filter((specifier) => !isFile(specifier)),
  };
}

/** Groups of nodes that reach each other, each sorted. */
export function cyclesIn(graph: ReadonlyMap<string, Iterable<string>>): string[][] {
  const reached = new Map([...graph.keys()].map((node) => [node, reachedFrom(graph, node)]));
  const cycles = new Map<string, string[]>();
  for (const [node, reach] of reached) {
    if (!reach.has(node)) continue;
    const group = [...reach].filter((other) => reached.get(other)?.has(node)).sort();
    cycles.set(group.join(), group);
  }
  return [...cycles.values()];
}

function reachedFrom(graph: ReadonlyMap<string, Iterable<string>>, start: string): Set<string> {
  const reached = new Set<string>();
  const waiting = [...graph.get(start) ?? []];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (reached.has(node)) continue;
    reached.add(node);
    waiting.push(...graph.get(node) ?? []);
  }
  return reached;
}
