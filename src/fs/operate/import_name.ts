/**
 * The temporary name under which a runtime is imported.
 *
 * @module
 */
import type { RuntimeLayout } from "../layout.ts";
import { decodeName } from "../names.ts";

/** No encoded name ends like this, because a dot is always escaped. */
const SUFFIX = ".importing";

/** The runtime whose unfinished import a directory of this name holds, if it does. */
export function importedRuntime(name: string): string | undefined {
  return name.endsWith(SUFFIX) ? decodeName(name.slice(0, -SUFFIX.length)) : undefined;
}

/** Where the unfinished import of a runtime lies. */
export function importDirectory({ directory }: RuntimeLayout): string {
  return `${directory}${SUFFIX}`;
}
