/**
 * Verification that files are files and directories are directories, for paths
 * that no other check covers. Nothing is opened.
 *
 * @module
 */
import { isPresent } from "../../fs/disk/files.ts";
import { guarded, ifCorrupt } from "../../fs/disk/faults.ts";
import { nameOf } from "../../fs/layout.ts";
import type { Findings } from "./finding.ts";
import type { FoundPlace } from "../../fs/place/find.ts";

/** Reports a wrong kind at the paths of the lock, its owner and the directories of the store. */
export function checkKinds({ fs, layout }: FoundPlace, findings: Findings): void {
  // The next opening moves a wrong owner.json aside; it fails on anything else, at once or later.
  const places = [
    [layout.lock, "file", "damaged"],
    [layout.owner, "file", "healable"],
    [layout.workers, "directory", "damaged"],
    [layout.quarantine, "directory", "damaged"],
    [layout.salvage, "directory", "damaged"],
  ] as const;
  for (const [path, kind, severity] of places) {
    const file = nameOf(layout, path);
    ifCorrupt<unknown>(
      () => guarded("stat", path, () => isPresent(fs, path, kind, file)),
      ({ details: { reason } }) => findings.add("wrong_kind", severity, reason, { file }),
    );
  }
}
