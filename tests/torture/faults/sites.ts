/**
 * The places in the store that call the file system: those that are written
 * in the source, and those from which a call came.
 *
 * @module
 */
import type { DiskOperation } from "../../disk/mod.ts";

const CALL =
  /(?<![\w#])(?:this\.#fs|fs|file|this\.#files\.get\(path\))\.(open|stat|identity|openDirectory|list|ensureDirectory|makeDirectory|remove|removeDirectory|rename|syncDirectory|lock|read|write|truncate|syncDataNow|syncData|sync|close)\(/g;

/** Files of the store that implement, declare or wrap the file system instead of calling it. */
const OTHERS: ReadonlySet<string> = new Set([
  "disk/deno_file_system.ts",
  "disk/file_system.ts",
  "place/guarded_disk.ts",
]);
const DIRECTORY = new URL("../../../src/fs/", import.meta.url);

/** A place in the source, such as `disk/files.ts:16 write`. */
export type Site = string;

/** All calls that are written in the source. */
export function writtenSites(): Site[] {
  const sites = new Set<Site>();
  for (const name of sources("")) {
    if (OTHERS.has(name)) continue;
    Deno.readTextFileSync(new URL(name, DIRECTORY)).split("\n").forEach((line, index) => {
      if (/^\s*(\*|\/\/)/.test(line)) return;
      for (const [, operation] of line.matchAll(CALL)) sites.add(`${name}:${index + 1} ${operation}`);
    });
  }
  return [...sites].sort();
}

/** Source files below a folder of `src/fs/`, which ends in `/` or is empty. */
function sources(folder: string): string[] {
  return [...Deno.readDirSync(new URL(`./${folder}`, DIRECTORY))].flatMap(({ name, isDirectory }) =>
    isDirectory ? sources(`${folder}${name}/`) : name.endsWith(".ts") ? [`${folder}${name}`] : []
  );
}

/** The location of a call, and that of its caller. Slow. */
export function callingSites(operation: DiskOperation): { readonly site: Site; readonly path: string } {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 40;
  const { stack = "" } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  const frames = stack.matchAll(/src\/fs\/([\w./]+):(\d+):\d+/g);
  const [first, second] = [...frames].filter(([, file = ""]) => !OTHERS.has(file))
    .map(([, file, line]) => `${file}:${line}`);
  const name = operation === "fileStat" ? "stat" : operation === "handleIdentity" ? "identity" : operation;
  return { site: `${first} ${name}`, path: `${name} ${first} < ${second ?? "outside"}` };
}
