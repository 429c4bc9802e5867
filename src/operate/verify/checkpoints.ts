/**
 * Verification of the checkpoints: each is intact, and equals the fold of the log.
 *
 * @module
 */
import type { WorkerId } from "../../core/ids.ts";
import { canonicalText } from "../../core/json.ts";
import { snapshotTexts } from "../../core/snapshots.ts";
import { type Checkpoint, readCheckpoint } from "../../fs/checkpoint/checkpoint.ts";
import { nameOf } from "../../fs/layout.ts";
import type { Expected } from "./expected.ts";
import type { Findings } from "./finding.ts";
import type { FoundPlace } from "../../fs/place/find.ts";

/** The usable checkpoints, the older first. Throws `store_version`. */
export function readCheckpoints(place: FoundPlace, findings: Findings): Checkpoint[] {
  const { layout } = place;
  const checkpoints = [layout.previousCheckpoint, layout.checkpoint].map((path) => {
    const file = nameOf(layout, path);
    const read = () => readCheckpoint(place, path, file);
    return findings.ifCorrupt("checkpoint_damaged", "healable", { file }, undefined, read);
  });
  return checkpoints.filter((checkpoint) => checkpoint !== undefined).sort((a, b) =>
    a.snapshot.through - b.snapshot.through
  );
}

/** Compares a checkpoint with the fold of the log through the event that it covers. */
export function checkCheckpoint(checkpoint: Checkpoint, expected: Expected, findings: Findings): void {
  const { through } = checkpoint.snapshot;
  const report = (what: string, workerId?: string): void =>
    findings.add(
      "checkpoint_mismatch",
      "healable",
      `the checkpoint through event ${through} contradicts the log about ${what}`,
      { eventIds: [through, through], workerId },
    );
  const snapshot = snapshotTexts(expected.ledger);
  if (!isSame(snapshot.runtimeJson, checkpoint.snapshot.runtimeJson)) report("the runtime");
  let index = 0;
  for (const { workerId, json } of snapshot.workers) {
    const row = checkpoint.rows[index++];
    const transcript = expected.transcripts.get(workerId as WorkerId);
    const isRight = row !== undefined && row.workerId === workerId && isSame(json, row.snapshot) &&
      row.createdEventId === transcript?.owner.createdEventId &&
      (row.transcriptBytes === undefined ||
        Math.max(row.transcriptBytes, transcript.base) === transcript.bytes);
    if (!isRight) return report(`worker ${JSON.stringify(workerId)}`, workerId);
  }
  if (index !== checkpoint.rows.length) report("which workers exist");
}

/** Equal texts, or texts of equal values: member order may differ between versions. */
function isSame(a: string, b: string): boolean {
  return a === b || canonicalText(JSON.parse(a)) === canonicalText(JSON.parse(b));
}
