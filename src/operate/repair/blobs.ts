/**
 * Repair of blobs. Nothing else holds their bytes, so a damaged or missing one
 * cannot be restored here: a damaged one is moved to `salvage/`, and comes back
 * when the host puts the same bytes again.
 *
 * @module
 */
import { basename, dirname, join } from "@std/path";
import { moveAside } from "../../fs/aside.ts";
import { guarded } from "../../fs/disk/faults.ts";
import { decodeName } from "../../fs/names.ts";
import type { FoundPlace } from "../../fs/place/find.ts";
import { blobProblem } from "../verify/blobs.ts";

/** Moves a damaged blob aside. One that was put again since it was found damaged stays. */
export async function setBlobAside(place: FoundPlace, file: string): Promise<void> {
  const path = join(place.layout.directory, file);
  const stat = guarded("stat", path, () => place.fs.stat(path));
  if (stat === undefined) return;
  const workerId = decodeName(basename(dirname(dirname(path)))) ?? "";
  const sha256 = basename(path);
  const problem = await blobProblem(place, workerId, { sha256, bytes: stat.size }, () => {});
  if (problem !== undefined) await moveAside(place, path);
}
