// Drafts of open and interrupted runs: what show, transcript, events and the report print of them, and what prune keeps.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { FsRuntimeStore } from "../../fs_store.ts";
import { Runtime } from "../../mod.ts";
import { openReader } from "../fs/reading/reader.ts";
import { command, segments, withDirectory } from "./kit.ts";

const HOSTILE = "<b>half</b> of\u001b[2J an\nanswer ";

/** Opens the store and leaves it as a crash does, after some work. */
async function crashed(root: string, work: (runtime: Runtime) => Promise<unknown>): Promise<void> {
  const store = new FsRuntimeStore({ root, runtimeId: "local" });
  await work(await Runtime.open({ store }));
  await store.close();
}

/** A worker whose run has a draft. */
async function drafted(runtime: Runtime, ...texts: readonly (string | null)[]): Promise<void> {
  const worker = await runtime.ensureWorker({ workerId: "w", intent: { kind: "assistant" } });
  await worker.sendInput({ role: "user", content: "Well?" });
  const run = await worker.beginRun({ runId: "r-1" });
  for (const draft of texts) await run.commit({ draft });
}

Deno.test("show, transcript, events and report show the draft of an open and of an interrupted run", async () => {
  await withDirectory(async (root) => {
    await crashed(root, (runtime) => drafted(runtime, "gone", null, HOSTILE));
    for (const kind of ["open", "interrupted"]) {
      const title = `29 B of the ${kind} run r-1`;
      const line = "<b>half</b> of␛[2J an answer";
      const shown = await command("show", root, "w");
      assertStringIncludes(shown.out, `${title}: ${line}\n`);
      const { json } = await command("show", root, "w", "--json");
      assertEquals((json.run ?? json.lastRun).draft.bytes, 29);
      for (const options of [[], ["--all"], ["--after", "0"]]) {
        const { code, out } = await command("transcript", root, "w", ...options);
        assertEquals(code, 0);
        assertStringIncludes(out, "Well?");
        assert(out.endsWith(`draft  ${title}\n  ${line}\n`), out);
      }
      const page = await command("report", root);
      assertStringIncludes(page.out, `<b>draft</b> ${title}`);
      assertStringIncludes(page.out, `dir="auto">&lt;b&gt;half&lt;/b&gt; of␛[2J an\nanswer </div>`);
      await crashed(root, () => Promise.resolve());
    }
    const { out } = await command("events", root, "--worker", "w");
    for (const text of ["draft: gone", "draft dropped", "draft: <b>half</b> of"]) {
      assertStringIncludes(out, text);
    }
    const older = await command("transcript", root, "w", "--before", "1");
    assert(!older.out.includes("draft"), older.out);
    for (const all of [[], ["--all"]]) {
      assert(!(await command("transcript", root, "w", "--json", ...all)).out.includes("half"));
    }
  });
});

Deno.test("show, transcript and report cut a long draft", async () => {
  await withDirectory(async (root) => {
    await crashed(root, (runtime) => drafted(runtime, `${"word ".repeat(1_000)}end`));
    for (const name of ["show", "transcript"]) {
      const { out } = await command(name, root, "w");
      assertStringIncludes(out, `${"word ".repeat(40)}...\n`);
    }
    assertStringIncludes((await command("report", root)).out, `${"word ".repeat(800)} ...</div>`);
  });
});

Deno.test("show, transcript and report say that events of a draft are missing, and show the rest", async () => {
  await withDirectory(async (root) => {
    await crashed(root, (runtime) => drafted(runtime, "half of an answer"));
    for (let opening = 0; opening < 2; opening++) {
      const runtime = await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "local" }) });
      await runtime.close();
    }
    // As if another program had pruned it: the checkpoints cover its events.
    Deno.removeSync(segments(join(root, "runtimes", "local"))[0] ?? "");
    const reason = "oldest that is kept";
    const shown = await command("show", root, "w");
    assertEquals(shown.code, 0);
    assertStringIncludes(shown.out, reason);
    const transcript = await command("transcript", root, "w");
    assertEquals(transcript.code, 3);
    for (const text of ["Well?", reason]) assertStringIncludes(transcript.out, text);
    const page = await command("report", root);
    for (const text of ["Well?", reason]) assertStringIncludes(page.out, text);
  });
});

Deno.test("prune keeps the events of a draft until the next run begins", async () => {
  await withDirectory(async (root) => {
    const opened = (): Promise<Runtime> =>
      Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "local" }) });
    const reopened = async (work: (runtime: Runtime) => Promise<unknown>): Promise<void> => {
      await crashed(root, work);
      await (await opened()).close();
    };
    await reopened((runtime) => drafted(runtime, "half of ", "an answer"));
    for (let round = 0; round < 3; round++) {
      await reopened((runtime) => runtime.record("note", "x".repeat(1_000)));
    }
    await using view = await openReader({ root, runtimeId: "local" });
    const first = view.worker("w").lastRun?.draft?.eventId ?? 0;
    const planned = await command("prune", root, "--json");
    assertEquals([planned.json.lastUnneeded, planned.json.events], [first - 1, 0]);
    assertEquals((await command("prune", root, "--apply", "--json")).json.applied, false);
    assertEquals((await view.draft("w"))?.text, "half of an answer");
    await reopened(async (runtime) => {
      await (await runtime.worker("w").beginRun()).finish("completed");
    });
    for (let round = 0; round < 3; round++) await reopened((runtime) => runtime.record("note", null));
    const done = await command("prune", root, "--apply", "--json");
    assertEquals([done.json.applied, done.json.firstEventId > first], [true, true], done.err);
    assertEquals((await command("verify", root, "--json")).json.verdict, "clean");
  });
});
