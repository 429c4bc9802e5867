/**
 * The temporary name under which a runtime is imported.
 *
 * @module
 */
import type { RuntimeLayout } from "../layout.ts";
import { decodeName } from "../names.ts";

/** No encoded name has this suffix, because dots are always escaped. */
const SUFFIX = ".importing";

/** The runtime whose unfinished import has a directory of this name, if any. */
export function importedRuntime(name: string): string | undefined {
  return name.endsWith(SUFFIX) ? decodeName(name.slice(0, -SUFFIX.length)) : undefined;
}

/** Directory of the unfinished import of a runtime. */
export function importDirectory({ directory }: RuntimeLayout): string {
  return `${directory}${SUFFIX}`;
}
