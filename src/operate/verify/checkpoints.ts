/**
 * Verifying the checkpoints: whole, and saying what the log says.
 *
 * @module
 */
import { isRuntimeError } from "../../core/errors.ts";
import type { WorkerId } from "../../core/ids.ts";
import { canonicalText } from "../../core/json.ts";
import { snapshotTexts } from "../../core/snapshots.ts";
import { type Checkpoint, readCheckpoint } from "../../fs/checkpoint/checkpoint.ts";
import { nameOf } from "../../fs/layout.ts";
import type { Expected } from "./expected.ts";
import type { Findings } from "./finding.ts";
import type { FoundPlace } from "../options.ts";

/** The usable checkpoints, the older first. Throws `store_version`. */
export function readCheckpoints({ fs, layout, runtimeId }: FoundPlace, findings: Findings): Checkpoint[] {
  const checkpoints: Checkpoint[] = [];
  for (const path of [layout.previousCheckpoint, layout.checkpoint]) {
    const file = nameOf(layout, path);
    try {
      const checkpoint = readCheckpoint(fs, path, runtimeId, file);
      if (checkpoint !== undefined) checkpoints.push(checkpoint);
    } catch (error) {
      if (!isRuntimeError(error) || error.code !== "store_corrupt") throw error;
      findings.add({ code: "checkpoint_damaged", severity: "healable", message: error.message, file });
    }
  }
  return checkpoints.sort((a, b) => a.snapshot.through - b.snapshot.through);
}

/** Holds a checkpoint against the fold of the log at the event that it covers. */
export function checkCheckpoint(checkpoint: Checkpoint, expected: Expected, findings: Findings): void {
  const { through } = checkpoint.snapshot;
  const tell = (what: string, workerId?: string): void =>
    findings.add({
      code: "checkpoint_mismatch",
      severity: "healable",
      message: `the checkpoint through event ${through} does not say what the log says of ${what}`,
      eventIds: [through, through],
      ...(workerId === undefined ? {} : { workerId }),
    });
  const snapshot = snapshotTexts(expected.ledger);
  if (!isSame(snapshot.runtimeJson, checkpoint.snapshot.runtimeJson)) tell("the runtime");
  let index = 0;
  for (const { workerId, json } of snapshot.workers) {
    const row = checkpoint.rows[index++];
    const transcript = expected.transcripts.get(workerId as WorkerId);
    const isRight = row !== undefined && row.workerId === workerId && isSame(json, row.snapshot) &&
      row.createdEventId === transcript?.owner.createdEventId &&
      (row.transcriptBytes === undefined ||
        Math.max(row.transcriptBytes, transcript.base) === transcript.bytes);
    if (!isRight) return tell(`worker ${JSON.stringify(workerId)}`, workerId);
  }
  if (index !== checkpoint.rows.length) tell("which workers there are");
}

/** Equal texts, or texts of equal values: member order may differ between versions. */
function isSame(a: string, b: string): boolean {
  return a === b || canonicalText(JSON.parse(a)) === canonicalText(JSON.parse(b));
}
