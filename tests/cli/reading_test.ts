// The reading commands, on a clean store and on one in use.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { main } from "../../cli/mod.ts";
import { limits, type Runtime, type Worker } from "../../mod.ts";
import { copyTree } from "../kit/place.ts";
import { capture, command, readingCommands, snapshot, withDirectory } from "./kit.ts";
import { everyEvent, everyEventStore, everyPart, openRuntime, PNG } from "./stores.ts";

Deno.test("reading commands change nothing", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    const before = snapshot(root);
    for (const args of readingCommands(root)) {
      const { code, err } = await command(...args);
      assertEquals([args, code, err], [args, 0, ""]);
    }
    assertEquals(snapshot(root), before);
  });
});

Deno.test("inspect takes the root of a host, or the directory of a runtime", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    const { json } = await command("inspect", root, "--json");
    assertEquals(json.overview.workers.total, 3);
    assertEquals([json.closed, json.damage, json.firstEventId], [true, null, 1]);
    assertEquals(json.overview.usage.costMicroUsd, 12_655);
    const inside = await command("inspect", join(root, "runtimes", "local"), "--json");
    assertEquals(inside.json.overview, json.overview);
  });
});

Deno.test("commands with --json print one JSON value of a known shape", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    const shapes: Record<string, string[]> = {
      "show reviewer": ["createdAt", "record", "runtimeId", "status", "usage"],
      "transcript reviewer": ["items", "length", "next", "previous"],
      "events": ["firstEventId", "items", "lastEventId", "next", "previous"],
      "usage": ["byDay", "byModel", "byWorker", "runtimeId", "total"],
      "verify": ["closed", "counts", "findings", "lastEventId", "verdict"],
      "repair": ["applied", "before", "lost", "steps"],
      "prune": ["applied", "events", "firstEventId", "through"],
    };
    for (const [call, members] of Object.entries(shapes)) {
      const [name = "", ...rest] = call.split(" ");
      const { code, json, out } = await command(name, root, ...rest, "--json");
      assertEquals(code, 0, out);
      for (const member of members) assert(member in json, `${call}: ${member} in ${Object.keys(json)}`);
    }
  });
});

Deno.test("inspect works on a store in use, and sees what the writer did", async () => {
  await withDirectory(async (root) => {
    const runtime = await openRuntime({ root });
    try {
      await everyEvent(runtime);
      await runtime.worker("reviewer").beginRun();
      const { code, json } = await command("inspect", root, "--json");
      assertEquals([code, json.closed, json.damage], [0, false, null]);
      assertEquals(json.overview.workers, { total: 3, busy: 1, running: 1, stopped: 1, retired: 1 });
      assertStringIncludes(json.owner, "process");
      const verified = await command("verify", root, "--json");
      assertEquals([verified.code, verified.json.verdict], [0, "clean"]);
      const said = await command("transcript", root, "reviewer", "--json");
      assertEquals(said.json.length, 3);
    } finally {
      await runtime.close();
    }
  });
});

Deno.test("events --follow prints events as they come, and ends when its signal aborts", async () => {
  await withDirectory(async (root) => {
    const runtime = await openRuntime({ root });
    const ending = new AbortController();
    const printed: number[] = [];
    const io = capture({
      signal: ending.signal,
      out: (line) => {
        const { id, name } = JSON.parse(line);
        printed.push(id);
        if (id === 2) runtime.record("late", { n: 1 }).catch((error) => ending.abort(error));
        if (name === "late") ending.abort();
      },
    });
    assertEquals(await main(["events", root, "-f", "--json"], io), 0);
    await runtime.close();
    assertEquals([printed, io.text().err], [[1, 2, 3], ""]);
  });
});

Deno.test("inspect lists several runtimes, and one that cannot be read hides no other", async () => {
  await withDirectory(async (root) => {
    for (const runtimeId of ["a", "B"]) await (await openRuntime({ root, runtimeId })).close();
    await Deno.remove(join(root, "runtimes", "a", "events"), { recursive: true });
    await Deno.remove(join(root, "runtimes", "a", "runtime.json"));
    const { code, json } = await command("inspect", root, "--json");
    assertEquals(code, 1);
    assertEquals(json.runtimes.map((row: { runtimeId: string }) => row.runtimeId), ["B", "a"]);
    const show = await command("events", root);
    assertEquals(show.code, 1);
    assertStringIncludes(show.err, "--runtime");
    assertEquals((await command("events", root, "-r", "B")).code, 0);
  });
});

Deno.test("errors say what to do next", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    const wanting: [string[], string][] = [
      [["show", root, "nobody"], "inspect"],
      [["inspect", join(root, "nowhere")], "root directory"],
      [["inspekt", root], "Did you mean inspect?"],
      [["events", root, "--limit", "x"], "a count from 0"],
    ];
    for (const [args, hint] of wanting) {
      const { code, err } = await command(...args);
      assertEquals(code, 1);
      assertStringIncludes(err, hint);
    }
  });
});

Deno.test("--help lists the commands, and each command its options", async () => {
  const { code, out } = await command("--help");
  assertEquals(code, 0);
  const commands = [...out.matchAll(/^ {2}([a-z]+) \[options\]/gm)].map(([, name = ""]) => name);
  assertEquals(commands.length, 16);
  const helps = await Promise.all(commands.map((name) => command(name, "--help")));
  for (const help of helps) {
    assertEquals(help.code, 0);
    assertStringIncludes(help.out, "--json");
  }
});

Deno.test("output holds no escape sequences of a worker's own", async () => {
  await withDirectory(async (root) => {
    const runtime = await openRuntime({ root });
    const worker = await runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
    await worker.append([{ role: "tool", content: "\u001b[2Jgone\u202Ereversed\u0007" }]);
    await runtime.close();
    for (const args of [["transcript", root, "w"], ["events", root]]) {
      const { out } = await command(...args);
      // deno-lint-ignore no-control-regex -- that is the point
      assertEquals(/[\u0000-\u0008\u000b-\u001f\u007f\u202e]/.test(out), false, JSON.stringify(out));
      assertStringIncludes(out, "gone");
    }
  });
});

Deno.test("events --worker reads as far back or forward as it takes", async () => {
  await withDirectory(async (root) => {
    const runtime = await openRuntime({ root });
    const [alice, bob] = [
      await runtime.createWorker({ workerId: "alice", intent: { kind: "assistant" } }),
      await runtime.createWorker({ workerId: "bob", intent: { kind: "assistant" } }),
    ];
    const content = "x".repeat(limits.contentInlineBytesMax - 1_000);
    const count = Math.ceil(1.2 * limits.pageScanBytesMax / content.length);
    for (let n = 0; n < count; n++) await bob.append([{ role: "tool", content }]);
    await alice.append([{ role: "user", content: "still here" }]);
    for (let n = 0; n < count; n++) await bob.append([{ role: "tool", content }]);
    await runtime.close();
    const ids = async (...args: string[]): Promise<number[]> => {
      const { json } = await command("events", root, "--worker", "alice", "--json", ...args);
      return json.items.map(({ id }: { id: number }) => id);
    };
    const all = [3, count + 5];
    assertEquals([await ids(), await ids("--limit", "1"), await ids("--after", "0")], [
      all,
      all.slice(1),
      all,
    ]);
  });
});

Deno.test("transcript cuts a long entry unless --full is given", async () => {
  await withDirectory(async (root) => {
    const runtime = await openRuntime({ root });
    const worker = await runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
    const content = "0123456789".repeat(1_000);
    await worker.append([{ role: "tool", content, metadata: { raw: content } }]);
    await runtime.close();
    for (const all of [[], ["--all"]]) {
      const cut = await command("transcript", root, "w", ...all);
      assert(cut.out.length < 9_000, `${cut.out.length} characters`);
      assertStringIncludes(cut.out, "4,000 of 10,000 characters; --full shows all");
      const full = await command("transcript", root, "w", "--full", ...all);
      assertEquals(full.out.split(content).length, 3);
    }
  });
});

Deno.test("inspect lists the copy of a runtime as what verify says it is", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    const copy = join(root, "runtimes", "copied");
    copyTree(join(root, "runtimes", "local"), copy);
    assertEquals((await command("verify", copy)).code, 0);
    const { code, out } = await command("inspect", root);
    assertEquals(code, 0, out);
    assertStringIncludes(out, "copy of local");
    Deno.removeSync(join(copy, "runtime.json"));
    assertEquals((await command("inspect", root)).code, 3);
  });
});

Deno.test("transcript shows the parts of messages, and content in blobs with --full", async () => {
  await withDirectory(async (root) => {
    const runtime = await openRuntime({ root });
    await everyPart(runtime);
    await runtime.close();
    const { code, out, err } = await command("transcript", root, "coder");
    assertEquals([code, err], [0, ""]);
    const size = atob(PNG).length;
    const wanted = [
      `  Fix it. Here it is\n  [image image/png, ${size} B]\n  [image]\n  http://127.0.0.1:9/leak.png\n`,
      '  [call Here it is, 15 B]\n  {\n    "path": "a.ts"\n  }\n',
      "  [result call_1, 10 B]\n  Here it is\n",
      '  [thinking, 10 B]\n  Here it is\n  [call grep, 22 B]\n  {\n    "query": "Here it is"\n  }\n',
      "  [result toolu_1, 19.5 KiB]\n  Here it is long long",
      '  {\n    "verdict": "Here it is",\n    "score": 0.5\n  }\n  [image image/svg+xml, 41 B]\n',
      "  [file text/plain, 5 B]\n",
      "  [result, 312.5 KiB]\n  Here it is spilled spilled",
      "  ... 4,000 of 320,011 characters; --full shows all\n",
      "  The content of 1.9 MiB is kept in a blob. --full shows it\n",
    ];
    for (const text of wanted) assertStringIncludes(out, text);
    const full = await command("transcript", root, "coder", "--full");
    assertStringIncludes(full.out, "blob".repeat(500_000));
    const { json } = await command("transcript", root, "coder", "--json");
    assertEquals(json.items[7].contentBlob.bytes, 2_000_013);
    assertEquals(json.items[1].content.tool_calls[0].function.arguments, '{"path":"a.ts"}');
  });
});

/** Appends eight entries, rewinds to the sixth, and compacts through the third; then one more. */
async function contextOf(runtime: Runtime): Promise<Worker> {
  const worker = await runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
  await worker.append(
    Array.from({ length: 8 }, (_, index) => ({ role: "user", content: `entry ${index + 1}` })),
  );
  await worker.rewind({ toSeq: 6 });
  const content = `entry 9 ${"so far ".repeat(50_000)}`;
  await worker.compact({ through: 3, summary: { role: "note", content } });
  await worker.sendInput({ role: "user", content: "entry 10" });
  return worker;
}

Deno.test("transcript and show say what is in the context, and transcript --context shows that alone", async () => {
  await withDirectory(async (root) => {
    const runtime = await openRuntime({ root });
    const worker = await contextOf(runtime);
    await runtime.flush();
    const heads = async (...args: string[]): Promise<string[]> => {
      const { code, out, err } = await command("transcript", root, "w", ...args);
      assertEquals([code, err], [0, ""]);
      return out.split("\n").filter((line) => /^\w+ {2}#/.test(line)).map((line) =>
        line.replace(/ {2}2026\S+ \S+/, "")
      );
    };
    const outside = "  not in the context";
    const all = [
      ...[1, 2, 3].map((seq) => `user  #${seq}${outside}`),
      ...[4, 5, 6].map((seq) => `user  #${seq}`),
      ...[7, 8].map((seq) => `user  #${seq}${outside}`),
      "note  #9  summary through #3",
      "user  #10",
    ];
    assertEquals(await heads(), all);
    assertEquals(await heads("--all"), all);
    assertEquals(await heads("--context"), [all[8], all[3], all[4], all[5], all[9]]);
    const shown = await command("show", root, "w");
    assertStringIncludes(shown.out, "5 of 10 entries, summary #9, #4 to #6, #10");
    const { json } = await command("transcript", root, "w", "--context", "--json");
    assertEquals(json, JSON.parse(JSON.stringify(await worker.context())));
    assertEquals(json.entries[0].content.length, 350_008);
    const events = await command("events", root, "-w", "w");
    for (const text of ["rewound to #6", "compacted through #3; note: "]) {
      assertStringIncludes(events.out, text);
    }
    await worker.compact({ through: 9, summary: { role: "note", content: "entry 11" } });
    assertEquals((await heads())[8], "note  #9  summary through #3, not in the context");
    await worker.rewind({ toSeq: 0 });
    assertEquals((await command("transcript", root, "w", "--context")).out, "no entries\n");
    assertStringIncludes((await command("show", root, "w")).out, "0 of 11 entries\n");
    await runtime.close();
    const refused = await command("transcript", root, "w", "--context", "--all");
    assertEquals(refused.code, 1);
    assertStringIncludes(refused.err, "--context");
  });
});

Deno.test("show and events name the origin of a fork, and transcript shows all of it", async () => {
  await withDirectory(async (root) => {
    const runtime = await openRuntime({ root });
    const worker = await runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
    for (const content of ["one", "two", "three"]) await worker.append([{ role: "user", content }]);
    const fork = await runtime.forkWorker("w", { workerId: "f", atSeq: 2 });
    await fork.append([{ role: "assistant", content: "another" }]);
    await runtime.close();
    assertStringIncludes((await command("show", root, "f")).out, "w (event 3) at entry 2");
    assertStringIncludes((await command("events", root, "-w", "f")).out, "forked from w at #2");
    const { out } = await command("transcript", root, "f");
    for (const content of ["one", "two", "another"]) assertStringIncludes(out, content);
    assertEquals(out.includes("three"), false);
    assertEquals((await command("verify", root)).code, 0);
  });
});

Deno.test("show names the first ranges of a context with many", async () => {
  await withDirectory(async (root) => {
    const runtime = await openRuntime({ root });
    const worker = await runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
    for (let seq = 1; seq < 20; seq += 2) {
      await worker.append([{ role: "user", content: "a" }, { role: "user", content: "b" }]);
      await worker.rewind({ toSeq: seq });
    }
    await runtime.close();
    const { out } = await command("show", root, "w");
    assertStringIncludes(out, "10 of 20 entries, #1, #3, #5, #7, #9, #11, 4 more ranges");
  });
});

Deno.test("events shows each change of a worker on one line", async () => {
  await withDirectory(async (root) => {
    const runtime = await openRuntime({ root });
    const worker = await everyPart(runtime);
    await worker.commit({ displayName: "New", labels: { team: null, tier: "1" } }, { meta: { actor: "me" } });
    await worker.commit({ displayName: null });
    await worker.run(async (run) => {
      const usage = [{ model: "m-1", inputTokens: 2_000 }, { model: "m-2", outputTokens: 3 }];
      const entries = [{ role: "assistant", content: "Yes\nindeed" }, { role: "note", content: { a: 1 } }];
      await run.commit({ usage, entries, data: { n: 1 }, events: [{ name: "sent", data: [1] }] });
    }, { runId: "r1" });
    await worker.beginRun({ runId: "r2" });
    await worker.stop({ reason: "pause", cancelRun: true });
    await worker.restart();
    await worker.retire();
    await runtime.close();
    const { out } = await command("events", root, "-n", "40");
    const lines = out.split("\n").filter((line) => line.includes("coder"))
      .map((line) => line.replace(/^.*coder +/, ""));
    assertEquals(lines, [
      "Coder; labels team=core",
      `user: Fix it. Here it is [image/png, ${atob(PNG).length} B] [image] [image/png, ${
        atob(PNG).length
      } B] (6 entries)`,
      "tool: [content, 312.5 KiB]",
      "tool: [content, 1.9 MiB]",
      'labels team removed, tier=1; meta {"actor":"me"}; name New',
      "name removed",
      "run began r1",
      'assistant: Yes indeed (2 entries); m-1: 2.0 k in, 0 out, $0.00; m-2: 0 in, 3 out, $0.00; sent [1]; data {"n":1}',
      "run completed r1",
      "run began r2",
      "run cancelled r2: pause; stopped: pause",
      "restarted",
      "retired",
    ]);
    const shown = await command("show", root, "coder");
    assert(/status +retired/.test(shown.out) && /labels +tier=1/.test(shown.out), shown.out);
    const listed = await command("inspect", root, "--status", "retired");
    assert(/coder +assistant +tier=1 +retired/.test(listed.out), listed.out);
  });
});
