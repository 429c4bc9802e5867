// Transitions between the states of a transcript.

import { assertEquals } from "@std/assert";
import { WaitingLines } from "../../../src/fs/lines/buffer.ts";
import {
  appended,
  doubted,
  lost,
  NOTHING,
  restored,
  shortened,
  type TranscriptState,
  withSynced,
  type Written,
} from "../../../src/fs/transcripts/state.ts";

const encoder = new TextEncoder();
const ready: Written = { kind: "ready", bytes: 100, entries: 5, mark: '0123abcd"}\n' };
const row = { createdEventId: 1, transcriptBytes: 100, transcriptLength: 5 };

function waiting(text: string, entries: number): WaitingLines {
  const lines = new WaitingLines();
  const block = encoder.encode(text);
  lines.add({ block, start: 0, end: block.length }, entries);
  return lines;
}

Deno.test("restored() returns the state that a checkpoint leaves to verify", () => {
  const synced = { bytes: 60, entries: 2 };
  const cases: readonly [Parameters<typeof restored>[0], TranscriptState][] = [
    [row, { kind: "unverified", bytes: 100, entries: 5 }],
    [{ ...row, transcriptSynced: synced }, { kind: "unverified", bytes: 100, entries: 5, synced }],
    [{ ...row, transcriptBytes: 0, transcriptLength: 0 }, { kind: "unwritten", bytes: 0, entries: 0 }],
    [{ ...row, transcriptBytes: undefined }, { kind: "lost", entries: 5 }],
    [{ ...row, transcriptBytes: undefined, transcriptSynced: synced }, { kind: "lost", entries: 5 }],
  ];
  for (const [length, state] of cases) assertEquals(restored(length), state);
});

Deno.test("shortened() has a file begun again of which nothing is left", () => {
  assertEquals(shortened(NOTHING).kind, "unwritten");
  assertEquals(shortened({ bytes: 60, entries: 2 }).kind, "unverified");
});

Deno.test("appended() moves the end of the file to the last line", () => {
  const line = '{"id":9,"crc":"89abcdef"}\n';
  const state = appended(ready, 100 + line.length, waiting(line, 2));
  assertEquals(state, { kind: "ready", bytes: 126, entries: 7, mark: '89abcdef"}\n' });
  assertEquals(appended(ready, 100, new WaitingLines()), ready);
});

Deno.test("doubted() has only a file verified again that was ready", () => {
  assertEquals(doubted(ready), { ...ready, kind: "unverified" });
  const others = [
    restored(row),
    restored({ ...row, transcriptSynced: NOTHING }),
    lost(ready, new WaitingLines()),
  ];
  for (const state of others) assertEquals(doubted(state), state);
});

Deno.test("lost() counts the entries of the file and those that were to be appended", () => {
  assertEquals(lost(ready, waiting("line\n", 3)), { kind: "lost", entries: 8 });
});

Deno.test("withSynced() records what is not synced yet, and no length of a transcript that is lost", () => {
  const synced = { bytes: 60, entries: 2 };
  assertEquals(withSynced(row, { state: ready, synced: { bytes: 100, entries: 5 } }), row);
  assertEquals(withSynced(row, { state: ready, synced }), { ...row, transcriptSynced: synced });
  assertEquals(withSynced(row, { state: ready, synced: undefined }), { ...row, transcriptSynced: NOTHING });
  assertEquals(
    withSynced(row, undefined),
    { ...row, transcriptSynced: NOTHING },
    "another worker has the id",
  );
  const state = lost(ready, new WaitingLines());
  const lostRow = { ...row, transcriptBytes: undefined };
  assertEquals(withSynced(row, { state, synced }), { ...lostRow, transcriptSynced: synced });
  assertEquals(withSynced(lostRow, { state: ready, synced }), { ...lostRow, transcriptSynced: synced });
});
