/**
 * I5: once they are flushed, the projections equal the fold of the log, and there
 * are no others.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { overviewOf, workerRow } from "../../../src/core/overview.ts";
import type { WorkerState } from "../../../src/core/state.ts";
import type { SimulatedDisk } from "../../disk/mod.ts";
import { HOME } from "../../kit/opened.ts";
import { foldOf, stableText, transcriptEventsOf } from "../kit/fold.ts";
import { Finding, type History } from "./history.ts";

const decoder = new TextDecoder();

/** Throws unless every projection is current. */
export function checkProjections(disk: SimulatedDisk, history: History): void {
  const fold = foldOf(history.texts);
  const through = fold.runtime.lastEventId;
  const overview = { overview: overviewOf(fold, undefined), rows: [...fold.workers()].map(workerRow) };
  expect(disk, "overview.json", { through, ...overview });
  const transcripts = transcriptEventsOf(history.texts);
  const expected = new Set<string>();
  const known = new Set<string>();
  for (const state of fold.workers()) {
    const directory = `workers/${encoded(state.record.workerId)}`;
    expected.add(`${directory}/worker.json`);
    known.add(directory);
    if (state.transcriptLength > 0) expected.add(`${directory}/transcript.jsonl`);
    checkWorker(disk, directory, state, transcripts.get(state.record.workerId) ?? []);
  }
  for (const path of disk.dump().keys()) {
    const name = path.slice(HOME.length + 1);
    // An empty directory contains no data.
    if (name.endsWith("/")) continue;
    // It is not the store's, and remains.
    if (name.endsWith("/blobs/notes.txt")) continue;
    // Blobs are compared with those that were put.
    if (known.has(name.slice(0, name.lastIndexOf("/blobs/")))) continue;
    // A temporary file left by a crash is removed when its file is written the next time.
    if (path.startsWith(`${HOME}/workers/`) && !expected.has(name.replace(/\.tmp$/, ""))) {
      throw new Finding("I5", `${name} belongs to no worker`);
    }
  }
}

function checkWorker(
  disk: SimulatedDisk,
  directory: string,
  state: WorkerState,
  events: readonly number[],
): void {
  const { record, usage, usageByModel, ...rest } = state;
  const { workerId } = record;
  const content = { record, state: rest, usage: { total: usage, byModel: usageByModel } };
  expect(disk, `${directory}/worker.json`, { through: state.lastEventId, workerId, ...content });
  if (events.length > 0) checkTranscript(disk, `${directory}/transcript.jsonl`, state, events);
}

function checkTranscript(
  disk: SimulatedDisk,
  name: string,
  state: WorkerState,
  events: readonly number[],
): void {
  const lines = textOf(disk, name).split("\n");
  if (lines.pop() !== "") throw new Finding("I5", `${name} does not end in a newline`);
  const [header, ...found] = lines.map((line) => sealed(line, name));
  if (header?.workerId !== state.record.workerId || header.createdEventId !== state.createdEventId) {
    throw new Finding("I5", `${name} is another worker's`);
  }
  const ids = found.map(({ id }) => id);
  if (String(ids) !== String(events)) throw new Finding("I5", `${name} holds events ${ids}, not ${events}`);
}

function expect(disk: SimulatedDisk, name: string, members: object): void {
  const { format: _, version: __, runtimeId: ___, crc: ____, ...found } = sealed(
    textOf(disk, name).trimEnd(),
    name,
  );
  const [one, other] = [stableText(found), stableText(members)];
  if (one !== other) throw new Finding("I5", `${name}: ${one}\n is not ${other}`);
}

function textOf(disk: SimulatedDisk, name: string): string {
  const bytes = disk.peek(`${HOME}/${name}`);
  if (bytes === undefined) throw new Finding("I5", `${name} is missing`);
  return decoder.decode(bytes);
}

/** The object in a line whose checksum holds. */
function sealed(line: string, name: string): Record<string, unknown> {
  const at = line.lastIndexOf(',"crc":"');
  const crc = crc32(line.slice(0, at)).toString(16).padStart(8, "0");
  if (line.slice(at) !== `,"crc":"${crc}"}`) throw new Finding("I5", `${name} has a bad checksum`);
  return JSON.parse(line);
}

/** The name of a worker's directory. */
export function encoded(workerId: string): string {
  return [...new TextEncoder().encode(workerId)]
    .map((byte) =>
      /[a-z0-9_-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `~${byte.toString(16)}`
    )
    .join("");
}
