// The search command: output, options and exit codes.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { main } from "../../cli/mod.ts";
import { capture, command, flip, withDirectory } from "./kit.ts";
import { everyEventStore } from "./stores.ts";

async function withStore(work: (root: string) => Promise<void>): Promise<void> {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    await work(root);
  });
}

Deno.test("search prints worker, entry and the match in its text", async () => {
  await withStore(async (root) => {
    const { code, out, err } = await command("search", root, "script>");
    assertEquals([code, err], [0, ""]);
    assertEquals(
      out,
      "reviewer  #2  2026-07-29 15:00:00  assistant\n" +
        '  Looks good. <script>document.title = "owned"</script>\n',
    );
    const { out: tool } = await command("search", root, "DIFF", "-i", "--role", "tool");
    assertEquals(tool, "reviewer  #3  2026-07-29 15:00:00  tool git\n  diff --git a/x b/x\n");
  });
});

Deno.test("search highlights the match where there are colours", async () => {
  await withStore(async (root) => {
    const io = capture({ color: true });
    assertEquals(await main(["search", root, "PR 42"], io), 0);
    assertStringIncludes(io.text().out, "Please review \u001b[1m\u001b[31mPR 42\u001b[39m\u001b[22m\n");
  });
});

Deno.test("search takes a regular expression, a worker, times and a limit, and exits with 1 without a match", async () => {
  await withStore(async (root) => {
    const calls: [number, number, ...string[]][] = [
      [0, 5, "."],
      [0, 1, "^Please.*\\d{2}$"],
      [0, 1, "^please", "--ignore-case"],
      [0, 4, ".", "--worker", "reviewer"],
      [0, 2, ".", "--limit", "2"],
      [0, 2, ".", "--since", "2026-07-29T16:00Z"],
      [0, 5, ".", "--since", "2d"],
      [0, 1, ".", "--since", "12h"],
      [0, 3, ".", "--until", "2026-07-29T16:00Z"],
      [1, 0, "^please"],
      [1, 0, ".", "--role", "nobody"],
    ];
    for (const [code, hits, ...args] of calls) {
      const io = capture({ now: () => Date.parse("2026-07-30T22:00:00Z") });
      const found = await main(["search", root, ...args, "--regexp", "--json"], io);
      const { out, err } = io.text();
      const lines = out.split("\n").slice(0, -1).map((line) => JSON.parse(line));
      assertEquals([args, found, lines.length, err], [args, code, hits, ""]);
    }
  });
});

Deno.test("search --json prints one object per line", async () => {
  await withStore(async (root) => {
    const { out } = await command("search", root, "42", "--json");
    assertEquals(JSON.parse(out), {
      workerId: "reviewer",
      seq: 1,
      eventId: 4,
      at: "2026-07-29T13:00:00.000Z",
      role: "user",
      path: [],
      index: 17,
      length: 19,
      excerpt: { text: "Please review PR 42", start: 17, end: 19 },
    });
  });
});

Deno.test("search says what is wrong with its arguments", async () => {
  await withStore(async (root) => {
    const calls: [string, ...string[]][] = [
      ["--regexp: Invalid regular expression", "(", "--regexp"],
      ["--since: a time such as", "x", "--since", "yesterday"],
      ["--until: a time such as", "x", "--until", ""],
      ["a text that is not empty", ""],
      ["the runtime has no such worker", "x", "--worker", "nobody"],
    ];
    for (const [problem, ...args] of calls) {
      const { code, err } = await command("search", root, ...args);
      assertEquals(code, 1);
      assertStringIncludes(err, problem);
    }
  });
});

Deno.test("search reports damage, and exits with 3 if entries are lost to it", async () => {
  await withStore(async (root) => {
    const directory = join(root, "runtimes", "local");
    flip(join(directory, "workers", "reviewer", "transcript.jsonl"), "Please review");
    const noted = await command("search", root, "Please");
    assertEquals(noted.code, 0);
    assertStringIncludes(noted.out, "Please review PR 42");
    assertStringIncludes(noted.err, 'note: Transcript of "reviewer" is damaged; it is read from the log\n');
    flip(join(directory, "events", "0000000000000001.jsonl"), "Please review");
    const lost = await command("search", root, "Looks");
    assertEquals(lost.code, 3);
    assertStringIncludes(lost.out, "Looks good.");
    assertStringIncludes(lost.err, "damaged: ");
  });
});
