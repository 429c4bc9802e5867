/**
 * Checkpoints: all state through one event, in one file, so that the cost of
 * opening is that of the checkpoint and a bounded tail of the log, whatever the
 * length of the history. The previous checkpoint is kept as a fallback. One line
 * for the runtime, then one for each worker; together one sealed JSON object.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { idShape, type RuntimeId } from "../../core/ids.ts";
import { integer, jsonObject, list, object, type Shape, tuple } from "../../core/shape.ts";
import { CheckedSnapshot } from "../../core/snapshots.ts";
import type { WorkerState } from "../../core/state.ts";
import type { Snapshot } from "../../core/store.ts";
import { conversionHint } from "../lines/conversion.ts";
import { readBytes, readIfThere, writeNew } from "../disk/files.ts";
import { corrupt, located } from "../disk/faults.ts";
import type { OpenFile } from "../disk/file_system.ts";
import type { LogPosition } from "../log/segments.ts";
import { nameOf, type Place } from "../layout.ts";
import { scanLines } from "../lines/scanner.ts";
import { checkSeal, parseObject, sealHead, sealInSlices } from "../lines/sealed.ts";
import type { TranscriptLength } from "../transcripts/state.ts";

const FORMAT = "worker-runtime/checkpoint";
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** The longest line: a worker with all its keys. */
const LINE_BYTES_MAX = 67_108_864;
const CHUNK_BYTES = 262_144;

/** The row of a worker. */
export interface CheckpointRow extends TranscriptLength {
  /** The worker. */
  readonly workerId: string;
  /** The worker's part of the snapshot, as text. */
  readonly snapshot: string;
}

/** A checkpoint that was read. */
export interface Checkpoint {
  /** Position of its last event. */
  readonly position: LogPosition;
  /** For the runtime. */
  readonly snapshot: CheckedSnapshot;
  /** For the store: a row per worker. */
  readonly rows: readonly CheckpointRow[];
  /** Purged workers whose files could not be removed yet, and the events that purged them. */
  readonly purgedLeft: readonly (readonly [string, number])[];
  /** Bytes of the file. */
  readonly bytes: number;
}

/** A checkpoint to write. */
export interface CheckpointContent
  extends Pick<Checkpoint, "position">, Partial<Pick<Checkpoint, "purgedLeft">> {
  /** The state. */
  readonly snapshot: Snapshot;
  /** Lengths of the transcripts. */
  readonly lengths: ReadonlyMap<string, TranscriptLength>;
}

/** The members of a checkpoint's first line. */
type CheckpointHead = Omit<CheckpointContent, "snapshot" | "lengths"> & {
  readonly through: number;
  readonly runtime: object;
};

/** Writes a checkpoint into a file that must not exist, synced; returns its size. */
export async function writeCheckpoint(
  { fs, runtimeId }: Place,
  path: string,
  content: CheckpointContent,
): Promise<number> {
  return await writeNew(fs, path, sealInSlices(texts(runtimeId, content)), { durable: true });
}

async function* texts(
  runtimeId: string,
  { snapshot: state, position, lengths, purgedLeft = [] }: CheckpointContent,
): AsyncGenerator<string> {
  const { through, runtimeJson } = state;
  const left = purgedLeft.length === 0 ? {} : { purgedLeft };
  const seal = { format: FORMAT, runtimeId };
  const head = sealHead(seal, { requires: [], through, position, ...left });
  yield `${head},"runtime":${runtimeJson},"workers":[`;
  let comma = "\n";
  for await (const { workerId, json } of state.workers) {
    const length = lengths.get(workerId);
    if (length === undefined) {
      throw new Error(`Cannot write checkpoint: the transcript of ${workerId} is not known`);
    }
    yield `${comma}${JSON.stringify({ workerId, ...length }).slice(0, -1)},"snapshot":${json}}`;
    comma = ",\n";
  }
  yield "\n]";
}

/** Reads a checkpoint; `undefined` if there is none. Throws `store_corrupt`, `store_version`. */
export function readCheckpoint(
  { fs, layout, runtimeId }: Place,
  path: string,
  name: string = nameOf(layout, path),
): Checkpoint | undefined {
  // Both reads use one open file: while a writer is active, the name may refer to another file a
  // moment later, or to none.
  return readIfThere(fs, path, name, (file) => {
    const { size } = file.stat();
    checkSum(file, name, size);
    return parsed(file, runtimeId, name, size);
  });
}

/** Bytes of the end of the file from `,"crc"` on. */
const TRAILER_BYTES = 19;

function checkSum(file: OpenFile, name: string, size: number): void {
  const end = size - TRAILER_BYTES;
  let crc = 0;
  for (let at = 0; at < end; at += CHUNK_BYTES) {
    crc = crc32(readBytes(file, at, Math.min(CHUNK_BYTES, end - at)), crc);
  }
  const expected = `,"crc":"${crc.toString(16).padStart(8, "0")}"}\n`;
  const trailer = new TextDecoder().decode(readBytes(file, Math.max(0, end), TRAILER_BYTES));
  if (end < 0 || trailer !== expected) {
    throw corrupt(name, `its checksum does not match${conversionHint(file)}`, { byteOffset: 0 });
  }
}

const headShape = object({
  through: integer(1),
  position: object({ segment: integer(1), offset: integer(1), lineOffset: integer(0) }),
  runtime: jsonObject,
}, { purgedLeft: list(tuple(idShape, integer(1))) });

function parsed(file: OpenFile, runtimeId: string, name: string, size: number): Checkpoint {
  const [head, ...lines] = Array.from(
    scanLines(file, 0, size, LINE_BYTES_MAX),
    ({ bytes, start, end }) => decoder.decode(bytes.subarray(start, end)),
  );
  const content = checkSeal(parseObject(`${head}]}`, name), { format: FORMAT, runtimeId }, name);
  assertHas(headShape, content, name);
  const { through, position, runtime, purgedLeft = [] } = content as unknown as CheckpointHead;
  const rows = lines.slice(0, -1).map((line) => parseRow(line, name));
  const runtimeJson = JSON.stringify(runtime);
  const workers = rows.map((row) => row.snapshot);
  const snapshot = located(
    { file: name },
    () => new CheckedSnapshot(runtimeId as RuntimeId, { through, runtimeJson, workers }),
  );
  for (const [index, { state }] of snapshot.workerParts.entries()) assertRowOf(rows[index], state, name);
  return { position, snapshot, rows, purgedLeft, bytes: size };
}

/** Throws `store_corrupt` unless a row agrees with its snapshot. */
function assertRowOf(row: CheckpointRow | undefined, state: WorkerState, name: string): void {
  const { record: { workerId }, createdEventId, transcriptLength, fork } = state;
  const isSame = row?.workerId === workerId && row.createdEventId === createdEventId &&
    (row.transcriptBefore ?? 0) === (fork?.seq ?? 0) &&
    (row.transcriptBytes === undefined || row.transcriptLength === transcriptLength);
  if (!isSame) throw corrupt(name, `the row of worker ${JSON.stringify(workerId)} contradicts its snapshot`);
}

function assertHas(shape: Shape, value: unknown, name: string): void {
  const issues = shape(value, "stored");
  if (issues !== undefined) throw corrupt(name, issues.join("; "));
}

const SNAPSHOT = ',"snapshot":';
const rowShape = object(
  { workerId: idShape, createdEventId: integer(1), transcriptLength: integer(0) },
  {
    transcriptBytes: integer(0),
    transcriptBefore: integer(1),
    transcriptSynced: object({ bytes: integer(0), entries: integer(0) }),
  },
);

/** Parses the members of a row itself; the snapshot that follows is parsed by the runtime. */
function parseRow(line: string, name: string): CheckpointRow {
  const text = line.endsWith(",") ? line.slice(0, -1) : line;
  const at = text.indexOf(SNAPSHOT);
  const row = parseObject(`${text.slice(0, at)}}`, name);
  if (at === -1) throw corrupt(name, "one of its rows has no snapshot");
  assertHas(rowShape, row, name);
  return { ...row as unknown as CheckpointRow, snapshot: text.slice(at + SNAPSHOT.length, -1) };
}
