// deno-lint-ignore-file camelcase -- the cases are keyed by the names of the rows
// Torn tail or damage: one test for every row of the table, by its evidence.

import { assertEquals } from "@std/assert";
import { limits } from "../../../mod.ts";
import {
  judgeTail,
  type TailEvidence,
  type TailRow,
  tailTable,
  type TailVerdict,
  TORN_BYTES_MAX,
} from "../../../src/fs/log/tail_table.ts";

/** No witness that event 10 was acknowledged. */
const nothing: TailEvidence = {
  k: 10,
  checkpointThrough: 9,
  durableAfter: 9,
  witnessedThrough: 9,
  bytesAfter: 100,
  nextSegment: 0,
  headerBytes: 0,
};

interface Case {
  readonly verdict: TailVerdict;
  /** Evidence on which the row decides. */
  readonly decides: readonly Partial<TailEvidence>[];
}

const cases: Record<TailRow["name"], Case> = {
  log_continues: {
    verdict: "corrupt",
    decides: [{ nextSegment: 10 }, { nextSegment: 10, checkpointThrough: 50, durableAfter: 50 }],
  },
  checkpoint_covers_it: {
    verdict: "corrupt",
    decides: [
      { checkpointThrough: 10 },
      { checkpointThrough: 11, durableAfter: 50, bytesAfter: 0, headerBytes: 120 },
    ],
  },
  later_line_saw_it_synced: {
    verdict: "corrupt",
    decides: [{ durableAfter: 10 }, {
      durableAfter: 11,
      bytesAfter: TORN_BYTES_MAX + 1,
      headerBytes: 120,
    }],
  },
  transcript_holds_it: {
    verdict: "corrupt",
    decides: [
      { witnessedThrough: 10 },
      { witnessedThrough: 10, bytesAfter: 0 },
      { witnessedThrough: 99, bytesAfter: 0, headerBytes: 120 },
    ],
  },
  too_much_after_it: {
    verdict: "corrupt",
    decides: [{ bytesAfter: TORN_BYTES_MAX + 1 }, { bytesAfter: Infinity, headerBytes: 120 }],
  },
  segment_in_use: {
    verdict: "corrupt",
    decides: [{ headerBytes: 99 }, { headerBytes: 99, bytesAfter: TORN_BYTES_MAX }],
  },
  unfinished_segment: {
    verdict: "remove_segment",
    decides: [{ headerBytes: 100 }, { headerBytes: 120 }, { headerBytes: 120, bytesAfter: 0 }],
  },
  torn_tail: {
    verdict: "cut",
    decides: [{}, { nextSegment: 11 }, { bytesAfter: 1 }, { bytesAfter: TORN_BYTES_MAX }, {
      checkpointThrough: 0,
      durableAfter: 0,
      witnessedThrough: 0,
    }],
  },
};

for (const [name, { verdict, decides }] of Object.entries(cases)) {
  Deno.test(`judgeTail() decides ${verdict} by ${name}`, () => {
    for (const evidence of decides) {
      const row = judgeTail({ ...nothing, ...evidence });
      assertEquals([row.name, row.verdict], [name, verdict], JSON.stringify(evidence));
    }
  });
}

Deno.test("tailTable has the rows that are tested, in this order", () => {
  assertEquals(tailTable.map(({ name }) => name), Object.keys(cases));
});

Deno.test("TORN_BYTES_MAX is room for the largest event with its seal", () => {
  const seal = ',"durable":9007199254740991,"crc":"00000000"}\n'.length;
  assertEquals(TORN_BYTES_MAX >= limits.eventBytesMax + seal, true);
});
