/**
 * Verifying that files are files and directories are directories, where
 * nothing else looks at them. Nothing is opened.
 *
 * @module
 */
import { isRuntimeError } from "../../core/errors.ts";
import { mustBeDirectory, mustBeFile } from "../disk.ts";
import { guarded } from "../faults.ts";
import { nameOf } from "../layout.ts";
import type { Findings } from "./finding.ts";
import type { FoundPlace } from "./options.ts";

/** Reports what lies in the place of the lock and its owner, and of the directories of the store. */
export function checkKinds({ fs, layout }: FoundPlace, findings: Findings): void {
  // The next opening moves an odd owner aside. With anything else it refuses, or cannot do what it has to.
  const places = [
    [layout.lock, mustBeFile, "damaged"],
    [layout.owner, mustBeFile, "healable"],
    [layout.workers, mustBeDirectory, "damaged"],
    [layout.quarantine, mustBeDirectory, "damaged"],
    [layout.salvage, mustBeDirectory, "damaged"],
  ] as const;
  for (const [path, check, severity] of places) {
    const file = nameOf(layout, path);
    try {
      guarded("stat", path, () => check(fs, path, file));
    } catch (error) {
      if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
      findings.add({ code: "wrong_kind", severity, message: error.details.reason, file });
    }
  }
}
