// verify(): finds and classifies every kind of damage, and changes nothing.

import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { type FindingCode, verify, type VerifyReport } from "../../operate.ts";
import { append, command, flip, segments, snapshot, withDirectory } from "./kit.ts";
import { everyEvent, everyEventStore, openRuntime } from "./stores.ts";

/** A way to damage a store, and what is to be found then. */
interface Damage {
  readonly name: string;
  readonly harm: (directory: string) => void;
  readonly verdict: VerifyReport["verdict"];
  readonly code: FindingCode;
  /** First and last event concerned. */
  readonly eventIds?: readonly [number, number];
}

const first = (directory: string): string => segments(directory)[0] ?? "";
const last = (directory: string): string => segments(directory).at(-1) ?? "";
const worker = (directory: string, name: string): string => join(directory, "workers", "reviewer", name);

/** A torn line. */
const torn = '{"id":33,"at":"2026-07-30T22:00:00.000Z","type":"runtime.opened","epo';

const damages: readonly Damage[] = [
  {
    name: "a flipped bit in a line of the log",
    harm: (dir) => flip(first(dir), "Looks good"),
    verdict: "damaged",
    code: "log_damaged",
    eventIds: [6, 6],
  },
  {
    name: "a flipped bit in a line that a checkpoint covers",
    harm: (dir) => flip(last(dir), "the project is over"),
    verdict: "damaged",
    code: "log_damaged",
    eventIds: [31, 31],
  },
  {
    name: "a hole of zeros over several events",
    harm: (dir) => {
      const bytes = Deno.readFileSync(first(dir));
      bytes.fill(0, 1_200, 2_400);
      Deno.writeFileSync(first(dir), bytes);
    },
    verdict: "damaged",
    code: "log_damaged",
  },
  {
    name: "a flipped bit in the header of a segment",
    harm: (dir) => flip(first(dir), "worker-runtime/events"),
    verdict: "damaged",
    code: "log_damaged",
  },
  {
    name: "a missing segment",
    harm: (dir) => Deno.removeSync(first(dir)),
    verdict: "damaged",
    code: "log_gap",
    eventIds: [1, 25],
  },
  {
    name: "a duplicate line",
    harm: (dir) => {
      const lines = Deno.readTextFileSync(last(dir)).split("\n");
      lines.splice(3, 0, lines[2] ?? "");
      Deno.writeTextFileSync(last(dir), lines.join("\n"));
    },
    verdict: "damaged",
    code: "log_damaged",
  },
  {
    name: "a log that was cut",
    harm: (dir) => Deno.truncateSync(last(dir), 500),
    verdict: "damaged",
    code: "log_behind_checkpoint",
  },
  {
    name: "an unfinished line at the end",
    harm: (dir) => append(last(dir), torn),
    verdict: "healable",
    code: "torn_tail",
    eventIds: [33, 33],
  },
  {
    name: "a segment that was never finished",
    harm: (dir) => Deno.writeTextFileSync(join(dir, "events", "0000000000000033.jsonl"), '{"format"'),
    verdict: "healable",
    code: "unfinished_segment",
  },
  {
    name: "a flipped bit in the checkpoint",
    harm: (dir) => flip(join(dir, "checkpoint.json"), '"transcriptLength":4'),
    verdict: "healable",
    code: "checkpoint_damaged",
  },
  {
    name: "a transcript that is missing",
    harm: (dir) => Deno.removeSync(worker(dir, "transcript.jsonl")),
    verdict: "healable",
    code: "transcript_missing",
  },
  {
    name: "a flipped bit in a transcript",
    harm: (dir) => flip(worker(dir, "transcript.jsonl"), "Looks good"),
    verdict: "healable",
    code: "transcript_damaged",
  },
  {
    name: "a transcript that was cut",
    harm: (dir) => Deno.truncateSync(worker(dir, "transcript.jsonl"), 300),
    verdict: "healable",
    code: "transcript_behind",
  },
  {
    name: "the transcript of another worker",
    harm: (dir) =>
      Deno.copyFileSync(join(dir, "workers", "id-2", "transcript.jsonl"), worker(dir, "transcript.jsonl")),
    verdict: "healable",
    code: "transcript_damaged",
  },
  {
    name: "a flipped bit in a projection",
    harm: (dir) => flip(worker(dir, "worker.json"), "approve"),
    verdict: "healable",
    code: "projection_damaged",
  },
  {
    name: "a projection that is missing",
    harm: (dir) => Deno.removeSync(worker(dir, "worker.json")),
    verdict: "healable",
    code: "projection_missing",
  },
  {
    name: "runtime.json that is missing",
    harm: (dir) => Deno.removeSync(join(dir, "runtime.json")),
    verdict: "damaged",
    code: "identity_damaged",
  },
  {
    name: "a config that is wrong",
    harm: (dir) => Deno.writeTextFileSync(join(dir, "config.jsonc"), '{ "limits": { "segmentBytes": -1 } }'),
    verdict: "healable",
    code: "config_invalid",
  },
  {
    name: "a file that is none of the store's",
    harm: (dir) => Deno.writeTextFileSync(join(dir, "events", "notes.txt"), "x"),
    verdict: "clean",
    code: "foreign_entry",
  },
];

for (const { name, harm, verdict, code, eventIds } of damages) {
  Deno.test(`verify() finds ${name}, and changes nothing`, async () => {
    await withDirectory(async (root) => {
      await everyEventStore({ root });
      const directory = join(root, "runtimes", "local");
      harm(directory);
      const before = snapshot(root);
      const report = await verify({ root, runtimeId: "local" });
      const found = report.findings.find((finding) => finding.code === code);
      assert(found !== undefined, `${code} in ${JSON.stringify(report.findings)}`);
      assertEquals(report.verdict, verdict, JSON.stringify(report.findings));
      if (eventIds !== undefined) assertEquals(found.eventIds, eventIds);
      assertEquals(snapshot(root), before);
    });
  });
}

Deno.test("verify exits with 0, 2 and 3 for clean, healable and damaged", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    const directory = join(root, "runtimes", "local");
    assertEquals((await command("verify", root)).code, 0);
    flip(worker(directory, "transcript.jsonl"), "Looks good");
    const healable = await command("verify", root);
    assertEquals(healable.code, 2);
    assert(healable.out.includes("transcript_damaged"), healable.out);
    flip(first(directory), "Looks good");
    const damaged = await command("verify", root, "--json");
    assertEquals([damaged.code, damaged.json.verdict], [3, "damaged"]);
  });
});

Deno.test("verify() reports progress, and ends when it is aborted", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    const stages = new Set<string>();
    await verify({ root, runtimeId: "local" }, { onProgress: ({ stage }) => stages.add(stage) });
    assertEquals([...stages], ["log", "files"]);
    const error = await verify({ root, runtimeId: "local" }, { signal: AbortSignal.abort("enough") })
      .catch((reason) => reason);
    assertEquals(error, "enough");
  });
});

Deno.test("verify() is clean beside a writer that rotates, checkpoints and purges", async () => {
  await withDirectory(async (root) => {
    const directory = join(root, "runtimes", "local");
    Deno.mkdirSync(directory, { recursive: true });
    const limits = { segmentBytes: 4_096, checkpointBytes: 4_096, transcriptBufferBytes: 4_096 };
    Deno.writeTextFileSync(join(directory, "config.jsonc"), JSON.stringify({ limits }));
    const runtime = await openRuntime({ root });
    await everyEvent(runtime);
    let writing = true;
    const writer = (async () => {
      for (let n = 0; writing; n++) {
        const name = `w${n % 20}`;
        const w = await runtime.createWorker({ workerId: name, intent: { kind: "assistant" } });
        for (let i = 0; i < 5; i++) await w.sendInput({ role: "user", content: "x".repeat(n * 7 % 300) });
        await w.stop();
        if (n % 3 === 0) await runtime.flush();
        await w.purge();
      }
    })();
    const verdicts: unknown[] = [];
    for (let round = 0; round < 8; round++) {
      const { verdict, findings } = await verify({ root, runtimeId: "local" });
      verdicts.push([
        verdict,
        findings.filter(({ severity }) => severity !== "pending" && severity !== "info"),
      ]);
    }
    writing = false;
    await writer;
    await runtime.close();
    assertEquals(verdicts, verdicts.map(() => ["clean", []]));
    assertEquals((await verify({ root, runtimeId: "local" })).verdict, "clean");
  });
});
