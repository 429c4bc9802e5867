// The end of the log after a kill or a power cut: every row of the recovery table through real files.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { segmentHeader } from "../../../src/fs/log/segments.ts";
import { TORN_BYTES_MAX } from "../../../src/fs/log/tail_table.ts";
import {
  appendTo,
  codesOf,
  contentLength,
  contentsOf,
  diagnosticOf,
  diskTest,
  flipBit,
  refused,
  speak,
  type TestPlace,
  treeOf,
} from "../../kit/place.ts";
import { eventJson, lineOf } from "../log/log_lines.ts";

/** A store whose process was killed after "one" and "two" were acknowledged; gives its last event. */
async function killed(place: TestPlace): Promise<number> {
  const runtime = await place.open();
  await speak(runtime, "a", ["one"]);
  await runtime.worker("a").sendInput({ role: "user", content: "two" });
  const { lastEventId } = runtime;
  await place.kill(runtime);
  return lastEventId;
}

function logOf(place: TestPlace): Map<string, string> {
  return treeOf(join(place.layout.directory, "events"));
}

diskTest(
  "Runtime.open() cuts a torn tail, keeps it in quarantine, and goes on in a new segment",
  async (place) => {
    const last = await killed(place);
    const size = contentLength(place.segment(1));
    const torn = lineOf(eventJson(last + 1), last).subarray(0, 50);
    appendTo(place.segment(1), torn);
    const runtime = await place.open();
    const found = diagnosticOf(runtime, "torn_tail_cut");
    assertEquals([found.file, found.byteOffset], ["events/0000000000000001.jsonl", size]);
    assertEquals(found.eventIds, [last + 1, last + 1]);
    const [kept = ""] = place.names("quarantine");
    assertEquals(Deno.readFileSync(join(place.layout.quarantine, kept)), torn);
    assert(found.message.includes(kept));
    assertEquals(Deno.statSync(place.segment(1)).size, size);
    assertEquals(Deno.statSync(place.segment(last + 1)).isFile, true);
    assertEquals(await contentsOf(runtime, "a"), ["one", "two"]);
    await speak(runtime, "a", ["three"]);
    await runtime.close();
    const again = await place.open();
    assertEquals(codesOf(again), []);
    assertEquals(await contentsOf(again, "a"), ["one", "two", "three"]);
  },
);

diskTest("Runtime.open() cuts zeros that a grown file was left with", async (place) => {
  await killed(place);
  appendTo(place.segment(1), new Uint8Array(4_096));
  const runtime = await place.open();
  assertMatch(diagnosticOf(runtime, "torn_tail_cut").message, /^Truncated 4096 bytes /);
  assertEquals(await contentsOf(runtime, "a"), ["one", "two"]);
});

diskTest(
  "Runtime.open() throws store_corrupt for a flip that a later line proves damage, and changes nothing",
  async (place) => {
    await killed(place);
    const offset = Deno.readTextFileSync(place.segment(1)).indexOf('"one"');
    flipBit(place.segment(1), offset);
    const before = logOf(place);
    const { details } = await refused("store_corrupt", () => place.open());
    assertEquals(details.file, "events/0000000000000001.jsonl");
    assertEquals(details.eventIds, [4, 4]);
    assert(details.byteOffset !== undefined && details.byteOffset < offset);
    assertEquals(logOf(place), before);
    // Mended by hand, it opens: it was not made worse.
    flipBit(place.segment(1), offset);
    assertEquals(await contentsOf(await place.open(), "a"), ["one", "two"]);
  },
);

diskTest(
  "Runtime.open() throws store_corrupt when more lies behind the last line than one write can leave",
  async (place) => {
    await killed(place);
    appendTo(place.segment(1), new Uint8Array(TORN_BYTES_MAX + 1));
    const { details } = await refused("store_corrupt", () => place.open());
    assertMatch(details.reason, /more bytes follow it/);
    assertEquals(place.names("quarantine"), []);
  },
);

diskTest("Runtime.open() cuts as much as one write can leave", async (place) => {
  await killed(place);
  appendTo(place.segment(1), new Uint8Array(TORN_BYTES_MAX));
  const runtime = await place.open();
  assertMatch(
    diagnosticOf(runtime, "torn_tail_cut").message,
    new RegExp(`^Truncated ${TORN_BYTES_MAX} bytes`),
  );
  const sizes = place.names("quarantine").map((name) =>
    Deno.statSync(join(place.layout.quarantine, name)).size
  );
  assertEquals(sizes.reduce((sum, size) => sum + size, 0), TORN_BYTES_MAX);
});

diskTest(
  "Runtime.open() throws store_corrupt for a damaged header that has events behind it",
  async (place) => {
    const runtime = await place.open();
    await place.kill(runtime);
    flipBit(place.segment(1), 12);
    const { details } = await refused("store_corrupt", () => place.open());
    assertMatch(details.reason, /events follow the header/);
  },
);

for (const bytes of [0, 1, 100, -1]) {
  const what = bytes === -1 ? "all but the newline" : `${bytes} bytes`;
  diskTest(
    `Runtime.open() removes a segment that has ${what} of its header, and creates it again`,
    async (place) => {
      const last = await killed(place);
      const header = segmentHeader("local", last + 1);
      Deno.writeFileSync(
        place.segment(last + 1),
        header.subarray(0, bytes === -1 ? header.length - 1 : bytes),
      );
      const runtime = await place.open();
      const found = diagnosticOf(runtime, "unfinished_segment_removed");
      assertEquals(found.file, `events/${String(last + 1).padStart(16, "0")}.jsonl`);
      assertEquals(place.names("quarantine").length, bytes === 0 ? 0 : 1);
      assertEquals(await contentsOf(runtime, "a"), ["one", "two"]);
      await runtime.close();
      assertEquals(codesOf(await place.open()), []);
    },
  );
}

diskTest(
  "Runtime.open() throws store_corrupt when the log ends before what the checkpoint covers",
  async (place) => {
    const runtime = await place.open();
    await speak(runtime, "a", ["one", "two"]);
    await runtime.close();
    const { size } = Deno.statSync(place.segment(1));
    Deno.truncateSync(place.segment(1), size - 1);
    const before = logOf(place);
    const { details } = await refused("store_corrupt", () => place.open());
    assertEquals(details.eventIds, [runtime.lastEventId, runtime.lastEventId]);
    assertEquals(logOf(place), before);
  },
);

diskTest(
  "Runtime.open() throws store_corrupt for an older copy of the log under a newer checkpoint",
  async (place) => {
    const runtime = await place.open();
    await speak(runtime, "a", ["one"]);
    await runtime.close();
    const older = Deno.readFileSync(place.segment(1));
    const second = await place.open();
    await speak(second, "a", ["two", "three"]);
    await second.close();
    Deno.writeFileSync(place.segment(1), older);
    const { details } = await refused("store_corrupt", () => place.open());
    assertMatch(details.reason, /an older copy, or one taken while the store was in use\?/);
  },
);

diskTest("Runtime.open() throws store_corrupt when a segment of the middle is missing", async (place) => {
  for (const content of ["one", "two", "three"]) {
    const runtime = await place.open();
    await speak(runtime, "a", [content]);
    await place.kill(runtime);
  }
  const [, second = ""] = place.names("events");
  Deno.removeSync(join(place.layout.events, second));
  const { details } = await refused("store_corrupt", () => place.open());
  assertEquals(details.eventIds?.[0], Number.parseInt(second, 10));
});

diskTest("Runtime.open() mends a tail again when it was killed while mending", async (place) => {
  const last = await killed(place);
  appendTo(place.segment(1), "torn");
  // Kept in quarantine, and then killed: before the cut, and after the cut.
  const first = await place.open();
  await place.kill(first);
  assertEquals(place.names("quarantine").length, 1);
  Deno.removeSync(place.segment(last + 1));
  appendTo(place.segment(1), "torn");
  const runtime = await place.open();
  assertEquals(codesOf(runtime).filter((code) => code === "torn_tail_cut").length, 1);
  assertEquals(place.names("quarantine").length, 1, "the same bytes are kept once");
  assertEquals(await contentsOf(runtime, "a"), ["one", "two"]);
});
