// The codec of lines: what it says of a line, and that it sees every change of one.

import { assert, assertEquals } from "@std/assert";
import { crc32 } from "node:zlib";
import {
  encodeLines,
  eventHeadText,
  eventText,
  idOf,
  isIntact,
  lineMarks,
  logText,
  sealedBytes,
  sealedText,
  transcriptMarks,
  transcriptSpan,
} from "../../../src/fs/lines/codec.ts";
import { AT, eventJson, lineOf, saidJson } from "../log/log_lines.ts";

const decoder = new TextDecoder();

/** A line without its newline. */
function bare(json: string, durable: number): Uint8Array {
  return lineOf(json, durable).subarray(0, -1);
}

Deno.test("isIntact() is false after any flip of any bit of a line", () => {
  const line = bare(saidJson(7, "日本", 3, 'é"\\\u2028'), 6);
  assert(isIntact(line, 0, line.length));
  for (let bit = 0; bit < line.length * 8; bit++) {
    const damaged = line.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert(!isIntact(damaged, 0, damaged.length), `bit ${bit} was flipped unseen`);
  }
});

Deno.test("isIntact() is false for a line cut short, stretched or shifted", () => {
  const line = bare(eventJson(1), 0);
  for (let end = 0; end < line.length; end++) assert(!isIntact(line, 0, end), `cut at ${end}`);
  for (let start = 1; start < line.length; start++) assert(!isIntact(line, start, line.length));
  const longer = new Uint8Array(line.length + 1);
  longer.set(line);
  assert(!isIntact(longer, 0, longer.length));
});

Deno.test("isIntact() takes only lower case digits, and finds a line in the middle of other bytes", () => {
  // A checksum with a letter in it, so that the case shows.
  const data = Array.from({ length: 50 }, (_, index) => index)
    .find((data) => /"crc":"[^"]*[a-f]/.test(decoder.decode(lineOf(eventJson(1, data), 0))));
  const line = bare(eventJson(1, data), 0);
  const upper = new TextEncoder().encode(
    decoder.decode(line).replace(/"crc":"(.*)"/, (_, crc) => `"crc":"${crc.toUpperCase()}"`),
  );
  assert(!isIntact(upper, 0, upper.length));
  const around = new Uint8Array(line.length + 20).fill(0x7d);
  around.set(line, 10);
  assert(isIntact(around, 10, 10 + line.length));
});

Deno.test("encodeLines() ends a line with the CRC-32 that zlib computes of the bytes before it", () => {
  const text = decoder.decode(lineOf(eventJson(1, "é"), 0));
  const at = text.indexOf(',"crc"');
  const crc = crc32(new TextEncoder().encode(text.slice(0, at))).toString(16).padStart(8, "0");
  assertEquals(text.slice(at), `,"crc":"${crc}"}\n`);
  assertEquals(JSON.parse(text), { ...JSON.parse(eventJson(1, "é")), durable: 0, crc });
});

Deno.test("encodeLines() tells where each line ends, and gives nothing when they do not fit", () => {
  const jsons = [eventJson(1, "日本"), eventJson(2), eventJson(3)];
  const [first = 0, second = 0, third = 0] = jsons.map((json) => lineOf(json, 0).length);
  const lines = logText(jsons.map((json) => ({ json })), 0);
  const target = new Uint8Array(5 + first + second + third);
  assertEquals(encodeLines(lines, target, 5), [
    5 + first,
    5 + first + second,
    5 + first + second + third,
  ]);
  assert(isIntact(target, 5, 5 + first - 1));
  assert(isIntact(target, 5 + first + second, target.length - 1));
  assertEquals(encodeLines(lines, target, 6), undefined);
});

Deno.test("lineMarks() gives id and durable of an event, and id 0 for a header", () => {
  const event = bare(eventJson(123_456, "x"), 123_400);
  assertEquals(lineMarks(event, 0, event.length), { id: 123_456, durable: 123_400 });
  const header = bare('{"format":"f","n":1}', 9);
  assertEquals(lineMarks(header, 0, header.length), { id: 0, durable: 9 });
  const sealed = sealedBytes('{"id":5,"at":"x"}');
  assertEquals(lineMarks(sealed, 0, sealed.length - 1), undefined);
});

Deno.test("lineMarks() is not deceived by content that looks like the end of a line", () => {
  const data = '","durable":999,"crc":"00000000"}';
  const line = bare(eventJson(5, data), 4);
  assertEquals(lineMarks(line, 0, line.length), { id: 5, durable: 4 });
  assertEquals(JSON.parse(eventText(line, 0, line.length)).data, data);
});

Deno.test("eventText() gives the event without what the line adds, to the letter", () => {
  for (const data of ["", "é日本🦊", "\u2028\u2029", "\n\r\0", '"\\', "\uFEFF", 1, null, { durable: 3 }]) {
    const json = eventJson(9, data);
    const line = bare(json, 8);
    assertEquals(eventText(line, 0, line.length), json);
  }
});

Deno.test("sealedText() gives what sealedBytes() was given", () => {
  const json = '{"format":"f","text":"日本"}';
  const bytes = sealedBytes(json);
  assertEquals(bytes.at(-1), 0x0a);
  assertEquals(sealedText(bytes, 0, bytes.length - 1), json);
});

Deno.test("transcriptMarks() finds worker, sequence and count whatever the worker is called", () => {
  const odd = ["a", '"', "\\", '\\"', '","seq":9,"count":9', "日本語🦊", "\u2028", ',"workerId":"b"', "}"];
  for (const workerId of odd) {
    const line = bare(saidJson(31, workerId, 12, "content", 3), 30);
    const marks = transcriptMarks(line, 0, line.length);
    assertEquals(marks, { workerIdJson: JSON.stringify(workerId), seq: 12, count: 3 });
    assertEquals(idOf(line, 0), 31);
  }
});

Deno.test("transcriptMarks() gives nothing for lines that add to no transcript", () => {
  const others = [
    eventJson(1),
    JSON.stringify({ id: 2, at: AT, type: "worker.purged", workerId: "a", seq: 1, count: 1 }),
    JSON.stringify({ id: 3, at: AT, type: "worker.committed2", workerId: "a", seq: 1, count: 1 }),
    JSON.stringify({ at: AT, type: "worker.committed", workerId: "a", seq: 1, count: 1 }),
    JSON.stringify({ id: 4, at: AT, type: "worker.committed", workerId: "a" }),
    JSON.stringify({
      id: 5,
      at: AT,
      type: "worker.committed",
      by: "a",
      workerId: "a",
      seq: 1,
      count: 1,
    }),
    JSON.stringify({ id: 6, at: AT, type: "worker.committed", workerId: "a", seq: 1, entries: [] }),
  ];
  for (const json of others) {
    const line = bare(json, 0);
    assertEquals([json, transcriptMarks(line, 0, line.length)], [json, undefined]);
  }
  assertEquals(idOf(bare('{"format":1}', 0), 0), 0);
});

Deno.test("eventHeadText() leaves out the entries, whatever is written before them", () => {
  const head = { id: 7, at: AT, type: "worker.committed", workerId: "a", seq: 3, count: 1 };
  const entries = [{ role: "user", content: "x" }];
  const key = { key: "k\\", request: "1f" };
  const data = { entries: [1], text: ',"entries":[', "}": [{ entries: 2 }, '\\"'] };
  for (const more of [{}, { runId: "r" }, { runId: "r", ...key }, { later: 1 }, { data }, { ...key, data }]) {
    const json = JSON.stringify({ ...head, ...more, entries });
    const line = bare(json, 6);
    const span = transcriptSpan(line, 0, line.length);
    assert(span !== undefined);
    assertEquals(eventHeadText(line, 0, line.length, span), JSON.stringify({ ...head, ...more }));
  }
});
