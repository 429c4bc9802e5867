// Lines of a transcript that prove the log lost its end, and those that do not.

import { assertEquals } from "@std/assert";
import { type Place, runtimeLayout } from "../../../src/fs/layout.ts";
import { sealedBytes } from "../../../src/fs/lines/codec.ts";
import { transcriptHeader } from "../../../src/fs/transcripts/file.ts";
import { aheadOfLog, workersOnDisk } from "../../../src/fs/recovery/witness.ts";
import { SimulatedDisk } from "../../disk/mod.ts";
import { HOME, ROOT } from "../../kit/opened.ts";
import { joined } from "../lines/bytes_file.ts";
import { lineOf } from "../log/log_lines.ts";

const PATH = `${HOME}/workers/a/transcript.jsonl`;
const header = transcriptHeader({ runtimeId: "t", workerId: "a", createdEventId: 2, before: 0 });

/** A line of input for a worker. */
function input(id: number, workerId = "a"): Uint8Array {
  const head = `{"id":${id},"at":"2027-01-15T08:00:00.000Z","type":"worker.committed"`;
  const entries = '"entries":[{"role":"user","content":"x"}]';
  return lineOf(`${head},"workerId":"${workerId}","seq":${id},"count":1,${entries}}`, id - 1);
}

function placeOf(fs: SimulatedDisk): Place {
  return { fs, layout: runtimeLayout(ROOT, "t"), runtimeId: "t" };
}

function damaged(line: Uint8Array): Uint8Array {
  return line.map((byte, index) => index === 20 ? byte ^ 1 : byte);
}

/** What is found past event 5 in a transcript of these bytes. */
function foundIn(bytes: Uint8Array, plant: (disk: SimulatedDisk) => void = () => {}): unknown[] {
  const disk = new SimulatedDisk();
  disk.plant.file(PATH, bytes);
  plant(disk);
  return aheadOfLog(placeOf(disk), "a", header.length, 5)
    .map(({ offset, lastEventId, durable }) => [offset - header.length, lastEventId, durable]);
}

Deno.test("aheadOfLog() finds the worker's whole lines past the end of the log", () => {
  const [known, first, last] = [input(5), input(6), input(7)];
  assertEquals(foundIn(joined(header, known)), []);
  assertEquals(foundIn(joined(header, known, first, last)), [[known.length, 7, 6]]);
  assertEquals(foundIn(joined(header, damaged(first), last)), [[first.length, 7, 6]]);
});

Deno.test("aheadOfLog() takes nothing for proof that may be of another worker or runtime", () => {
  const event = lineOf('{"id":9,"at":"2027-01-15T08:00:00.000Z","type":"custom","name":"n","data":1}', 8);
  assertEquals(foundIn(joined(header, input(6, "b"), event, damaged(input(6)), input(7).slice(0, -1))), []);
  const others = [
    transcriptHeader({ runtimeId: "t", workerId: "b", createdEventId: 2, before: 0 }),
    transcriptHeader({ runtimeId: "u", workerId: "a", createdEventId: 2, before: 0 }),
    sealedBytes('{"runtimeId":"t","workerId":"a","createdEventId":"2"}'),
    damaged(header),
  ];
  for (const other of others) assertEquals(foundIn(joined(other, input(6), input(7))), []);
});

Deno.test("aheadOfLog() finds nothing in a file that cannot be read", () => {
  assertEquals(foundIn(joined(header, input(6)), (disk) => disk.plant.mode(PATH, 0)), []);
  assertEquals(foundIn(header, (disk) => disk.plant.directory(PATH)), []);
});

Deno.test("workersOnDisk() gives directories that are a worker's, known or not", () => {
  const disk = new SimulatedDisk();
  for (const name of ["a", "~42", "Not.One"]) disk.plant.directory(`${HOME}/workers/${name}`);
  disk.plant.file(`${HOME}/workers/file`, header);
  assertEquals(workersOnDisk(placeOf(disk), ["a", "c"]).sort(), ["B", "a"]);
});
