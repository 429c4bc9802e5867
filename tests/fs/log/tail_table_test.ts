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
  durableBehind: 9,
  witnessedThrough: 9,
  bytesBehind: 100,
  headerBytes: 0,
};

interface Case {
  readonly verdict: TailVerdict;
  /** Evidence on which the row decides. */
  readonly decides: readonly Partial<TailEvidence>[];
}

const cases: Record<TailRow["name"], Case> = {
  checkpoint_covers_it: {
    verdict: "corrupt",
    decides: [
      { checkpointThrough: 10 },
      { checkpointThrough: 11, durableBehind: 50, bytesBehind: 0, headerBytes: 120 },
    ],
  },
  later_line_saw_it_synced: {
    verdict: "corrupt",
    decides: [{ durableBehind: 10 }, {
      durableBehind: 11,
      bytesBehind: TORN_BYTES_MAX + 1,
      headerBytes: 120,
    }],
  },
  transcript_holds_it: {
    verdict: "corrupt",
    decides: [
      { witnessedThrough: 10 },
      { witnessedThrough: 10, bytesBehind: 0 },
      { witnessedThrough: 99, bytesBehind: 0, headerBytes: 120 },
    ],
  },
  too_much_behind_it: {
    verdict: "corrupt",
    decides: [{ bytesBehind: TORN_BYTES_MAX + 1 }, { bytesBehind: Infinity, headerBytes: 120 }],
  },
  segment_in_use: {
    verdict: "corrupt",
    decides: [{ headerBytes: 99 }, { headerBytes: 99, bytesBehind: TORN_BYTES_MAX }],
  },
  unfinished_segment: {
    verdict: "remove_segment",
    decides: [{ headerBytes: 100 }, { headerBytes: 120 }, { headerBytes: 120, bytesBehind: 0 }],
  },
  torn_tail: {
    verdict: "cut",
    decides: [{}, { bytesBehind: 1 }, { bytesBehind: TORN_BYTES_MAX }, {
      checkpointThrough: 0,
      durableBehind: 0,
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
