/**
 * Snapshots in the database: parts, which count once the runtime's row names them.
 *
 * @module
 */
import type { Snapshot } from "../core/store.ts";
import { FENCE, type Fence, HOLDS } from "./fence.ts";

/** Size of a part in UTF-16 code units. */
const PART_UNITS = 262_144;

/** Writes a snapshot, and puts it in the place of the one before. Returns its units. */
export async function writeSnapshot(
  fence: Fence,
  { through, runtimeJson, workers }: Omit<Snapshot, "changed">,
): Promise<number> {
  let [body, part, units] = [runtimeJson, 0, 0];
  const text = `WITH ${FENCE} INSERT INTO worker_runtime.snapshots (rt, through, part, body)
    SELECT no, $3, $4, $5 FROM fence ON CONFLICT (rt, through, part) DO UPDATE SET body = excluded.body
    RETURNING rt`;
  const save = async () => {
    await fence.run("save snapshot", text, [through, part++, body]);
    units += body.length;
    body = "";
  };
  for await (const { json } of workers) {
    body += body === "" ? json : `\n${json}`;
    if (body.length >= PART_UNITS) await save();
  }
  if (body !== "") await save();
  const use = `UPDATE worker_runtime.runtimes SET snapshot_through = greatest(snapshot_through, $3)
    WHERE ${HOLDS} RETURNING no`;
  await fence.run("save snapshot", use, [through]);
  return units;
}
