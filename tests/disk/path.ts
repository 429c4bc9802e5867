/**
 * Paths of the simulated disk. They are absolute, and parted by `/`; on
 * Windows by `\` too, with a drive letter that is ignored, because the suites
 * join paths as the platform does.
 *
 * @module
 */

const known = new Map<string, readonly string[]>();

/** The components of an absolute path. The same paths come again and again, so they are kept. */
export function partsOf(path: string): readonly string[] {
  const parts = known.get(path);
  if (parts !== undefined) return parts;
  if (known.size > 10_000) known.clear();
  const fresh = split(path);
  known.set(path, fresh);
  return fresh;
}

function split(path: string): string[] {
  const windows = Deno.build.os === "windows";
  const plain = windows ? path.replace(/^[A-Za-z]:/, "").replaceAll("\\", "/") : path;
  if (!plain.startsWith("/")) {
    throw new TypeError(`Cannot use path ${JSON.stringify(path)}: it is not absolute`);
  }
  const parts: string[] = [];
  for (const part of plain.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts;
}

/** The components that a link at `parts` leads to. */
export function linkTarget(parts: readonly string[], target: string): readonly string[] {
  return partsOf(target.startsWith("/") ? target : `/${parts.slice(0, -1).join("/")}/${target}`);
}
