// A small part of each reliability suite; `deno task torture` runs all of them in full. The cases of
// `regressions` once broke an oracle.

import { privileged } from "./privileged.ts";
import { isGood } from "./torture/report.ts";
import type { Suite } from "./torture/suite.ts";
import { suites } from "./torture/suites.ts";

/** Shares that take a few seconds. */
const SHARES: Readonly<Record<string, number>> = {
  "faults": 0.02,
  "crash-states": 0.01,
  "programs": 0.02,
  "recovery-crashes": 0.02,
  "paths": 0.006,
};
const OTHER_SHARE = 0.01;

/** Cases that broke an oracle once, by suite. */
const regressions: Readonly<Record<string, readonly string[]>> = {
  "faults": [
    // A failed sync of runtime.json at the creation of the store was taken for a good one.
    "create/38/EDQUOT/sticky",
    // A close that failed kept the lock, or closed a file twice.
    "create/84/EROFS/sticky",
    // Files of a purged worker stayed when they could not be removed at once.
    "give-up/72/ENOSPC/once",
  ],
  "crash-states": [
    // The copy of a torn end was taken for whole because its name and size were right.
    "full-quarantine/0/82/0.1.1.0.2.1.0",
    // A checkpoint covered a purge whose removals a power cut undid.
    "give-up/0/230/1.1.1.1.0.1.1.1.1.0.2.0",
  ],
  "corruption": [
    // A page of events held lines that were put in, doubled or swapped: each of them was intact.
    "closed:events/0000000000000001.jsonl:insert+3+9",
    "closed:events/0000000000000001.jsonl:swap+3+6",
    "closed:workers/alpha/transcript.jsonl:replace+3+6",
  ],
  "model": [
    // A transcript whose sync had failed was to be rebuilt from a log that was pruned meanwhile.
    "seed-1000609",
    // A sync failed after a prune, and the whole transcript was discarded.
    "seed-1001225",
  ],
};

async function run(suite: Suite): Promise<void> {
  const { name, title } = suite;
  const report = await suite.run({ share: SHARES[name] ?? OTHER_SHARE, seed: 1 });
  if (isGood({ suite: name, title, seconds: 0, report })) return;
  const low = report.counts.filter(({ count, target }) => count < target);
  throw new Error(`Counts below their targets: ${JSON.stringify(low)}`);
}

/** A store whose disk lost its power is left as it is, with the timer of its idle work, as a dead process would. */
function suiteTest(suite: Suite, name: string, fn: () => Promise<void>): void {
  // A real suite starts processes.
  const options = suite.real ? privileged(name, suite.obstacle) : { name };
  Deno.test({ ...options, fn, sanitizeOps: false });
}

for (const suite of suites.filter(({ shareMin }) => shareMin === undefined)) {
  suiteTest(suite, `suite ${suite.name} ${suite.title}`, () => run(suite));
  for (const only of regressions[suite.name] ?? []) {
    suiteTest(suite, `suite ${suite.name} stays sound in case ${only}`, async () => {
      await suite.run({ share: 1, seed: 1, only });
    });
  }
}
