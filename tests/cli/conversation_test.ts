// Conversations in the report: what the model sees, compactions, rewinds, runs, drafts and calls, as markup and in a browser.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { CONTRAST, findChromium, look, type Spoken } from "./chromium.ts";
import { command, flip, segments, withDirectory } from "./kit.ts";
import { privileged } from "../privileged.ts";
import { conversationStore, openRuntime } from "./stores.ts";

/** The conversation of "coder" as lines of text, without its markup. */
async function conversation(root: string, ...options: readonly string[]): Promise<string[]> {
  const { code, out, err } = await command("report", root, ...options);
  assertEquals([code, err], [0, ""]);
  const [, article = ""] =
    /(<article[^>]*><h3[^>]*>coder[\s\S]*?<\/article>)/.exec(out.replace(/>\s+</g, "><")) ?? [];
  const text = article.replaceAll("&quot;", "").replace(/<\/(?:p|li|summary|div|h3|pre)>|<pre>/g, "\n")
    .replace(/<[^>]*>/g, "");
  return text.split("\n").map((line) => line.replace(/\s+/g, " ").trim()).filter((line) => line !== "");
}

const at = (text: string) => text.replace(/, 2026-07-29 \d\d:\d\d:\d\d/g, "");

Deno.test("report tells a conversation in order, with runs, folds, the context and drafts", async () => {
  await withDirectory(async (root) => {
    await conversationStore(root);
    const lines = (await conversation(root)).map(at).map((line) => line.replace(/(?:long )+.*$/, "long"));
    assertEquals(lines, EXPECTED);
  });
});

const EXPECTED: readonly string[] = [
  "coder",
  "Coder",
  "Fix the test (running).",
  "Its parent is lead.",
  "Conversation, 14 entries",
  "In the context: 8 of 14 entries, summary #6, #5, #7, #10 to #14.",
  "Skip to the context,",
  "to the newest entry",
  "#1 to #4: not in the context, replaced by summary #6",
  "user Mika #1",
  "Why does it fail?",
  "Run r-1 began",
  "assistant #2",
  "I read it.",
  "call read12 B{ of: t-1 }result19.5 KiBline long",
  "{",
  "of: t-1",
  "}",
  "result #4",
  "line long",
  "Cut after 8,000 of 20,005 characters.",
  "call run12 B{ of: t-2 }failedresult11 Bexit code 1",
  "{",
  "of: t-2",
  "}",
  "failed",
  "result #3",
  "exit code 1",
  "The model sees nothing above this line.",
  "assistant #5",
  "It is the clock:",
  "```ts",
  "Date.now()",
  "```",
  "Shall I?",
  "Run r-1 completed after 2.0 s",
  "user #6",
  "Summary: it replaces the context through #4. The model sees it first.",
  "The clock is the cause.",
  "user #7",
  "Yes.",
  "Run r-2 began",
  "#8 to #9: not in the context, rewound away",
  "assistant #8",
  "call rewrite12 B{ of: t-3 }result17 Beverything is new",
  "{",
  "of: t-3",
  "}",
  "result #9",
  "everything is new",
  "Run r-2 cancelled after 3.0 s",
  "Rewound to #7",
  "Run r-3 began",
  "assistant #10",
  "call edit12 B{ of: t-4 }result6 Bedited",
  "{",
  "of: t-4",
  "}",
  "result #11",
  "edited",
  "Run r-3 was interrupted: the process that ran it is gone",
  "draft 17 B of the interrupted run r-3",
  "Half of an answer",
  "Run r-4 began",
  "assistant #12",
  "It is fixed.",
  "Run r-4 failed after 2.0 s: overloaded",
  "user #13",
  "And the docs?",
  "system #14",
  "Be brief.",
  "Run r-5 began",
  "Run r-5 is open",
  "draft 12 B of the open run r-5",
  "The docs are",
  "Back to the workers",
];

Deno.test("report names the run of each entry and marks what is outside, if the log cannot be read", async () => {
  await withDirectory(async (root) => {
    await conversationStore(root);
    flip(segments(join(root, "runtimes", "local"))[0] ?? "", "Ship it.");
    const lines = (await conversation(root)).map(at);
    assert(lines.some((line) => /^assistant #2, run r-1$/.test(line)), lines.join("\n"));
    assert(!lines.some((line) => line.includes("began")));
  });
});

Deno.test("report begins a shortened conversation with the run that it is in", async () => {
  await withDirectory(async (root) => {
    await conversationStore(root);
    const lines = (await conversation(root, "--entries", "3")).map(at);
    const from = lines.findIndex((line) => line.startsWith("The last 3 of "));
    assertStringIncludes(lines.slice(from).join("\n"), "Run r-4 began");
    assert(!lines.some((line) => line.includes("Run r-1")));
  });
});

Deno.test("report links a fork to its origin", async () => {
  await withDirectory(async (root) => {
    await using runtime = await openRuntime({ root });
    const worker = await runtime.createWorker({ workerId: "origin", intent: { kind: "assistant" } });
    await worker.append([{ role: "user", content: "one" }, { role: "user", content: "two" }]);
    await runtime.forkWorker("origin", { workerId: "branch", atSeq: 1 });
    const { out } = await command("report", root);
    const [, id] = /It was forked from <a href="#(w\d+)">origin<\/a> after entry 1\./
      .exec(out.replace(/\s+/g, " ")) ?? [];
    assertStringIncludes(out, `id="${id}"`);
  });
});

Deno.test("report links a worker to its parent", async () => {
  await withDirectory(async (root) => {
    await conversationStore(root);
    const { out } = await command("report", root);
    const [, id] = /Its parent is <a href="#(w\d+)">lead<\/a>/.exec(out.replace(/\s+/g, " ")) ?? [];
    assertStringIncludes(out, `id="${id}"`);
    const alone = await command("report", root, "--workers", "1");
    assertStringIncludes(alone.out, "Its parent is lead.");
  });
});

for (
  const { width, dark } of [320, 1200].flatMap((width) => [{ width, dark: false }, { width, dark: true }])
) {
  Deno.test({
    ...privileged(
      `report is a conversation for keyboards and screen readers, ${width} wide and ${
        dark ? "dark" : "light"
      }`,
      findChromium() === undefined ? "no Chromium" : undefined,
    ),
    fn: async () => {
      await withDirectory(async (directory) => {
        const [root, file] = [join(directory, "store"), join(directory, "report.html")];
        await conversationStore(root);
        assertEquals((await command("report", root, "-o", file)).code, 0);
        const { values, spoken, focused, console } = await look(
          findChromium() ?? "",
          `file://${file}`,
          { width, dark, tabs: 16 },
          [
            "document.documentElement.scrollWidth <= innerWidth",
            "document.querySelector('article:has(h3[id]) details').open",
            // Folds open for a link to what they hold.
            "new Promise((done) => { addEventListener('hashchange', () => requestAnimationFrame(done)); location.hash = document.querySelector('tbody a').hash; })",
            "[...document.querySelectorAll('article > details')].filter((e) => e.open).length",
            "document.querySelectorAll('details').forEach((e) => e.open = true)",
            "document.documentElement.scrollWidth <= innerWidth",
            CONTRAST,
            "new Set([...document.querySelectorAll('[id]')].map(({ id }) => id)).size === document.querySelectorAll('[id]').length",
            "[...document.querySelectorAll('a[href]')].every((a) => document.querySelector(a.getAttribute('href')))",
            "history.replaceState(null, '', location.pathname); document.querySelectorAll('article > details').forEach((e, i) => e.open = i === 0); document.querySelectorAll('.part').forEach((e) => e.open = false); document.querySelector('.skip').focus()",
          ],
        );
        const [folded, isOpen, , opened, , unfolded, contrast, unique, linked] = values;
        assertEquals([folded, isOpen, opened, unfolded, unique, linked], [true, false, 1, true, true, true]);
        assert(Number(contrast) >= 4.5, `contrast ${contrast}`);
        assertEquals(console, []);
        checkSpoken(spoken);
        assertEquals(focused, FOCUSED);
      });
    },
  });
}

/** The focus order after the first skip link. */
const FOCUSED: readonly string[] = [
  "Skip to the conversations",
  "The numbers",
  "Running workers at the end of ",
  "The newest interrupted runs",
  "The last active first",
  "coder",
  "lead",
  "lead",
  "Conversation, 14 entries",
  "Skip to the context",
  "to the newest entry",
  "#1 to #4: not in the context, ",
  'call read 12 B { "of": "t-1" }',
  'call run 12 B { "of": "t-2" } ',
  "replaces the context",
  "#8 to #9: not in the context, ",
];

const ROLES = ["User Mika", "Assistant", "Assistant", "User", "User", "Assistant", "Assistant", "Assistant"];

/** The accessibility tree: landmarks, headings in order, and folds with their names. */
function checkSpoken(spoken: readonly Spoken[]): void {
  const of = (role: string) => spoken.filter((node) => node.role === role);
  for (const role of ["banner", "main", "contentinfo"]) assertEquals(of(role).length, 1, role);
  const headings = of("heading").map(({ level, name }) => `${level} ${name}`);
  assertEquals(headings, [
    "1 local",
    ...["Workers over time", "Interrupted runs", "Workers", "Conversations"].map((name) => `2 ${name}`),
    "3 coder Coder",
    ...[...ROLES, "User", "System"].map((name) => `4 ${name}`),
    "3 lead",
  ]);
  assertEquals(of("article").map(({ name }) => name), ["coder Coder", "lead"]);
  const folds = of("DisclosureTriangle").map(({ name }) => name);
  assertEquals(folds.filter((name) => /^[#dC]/.test(name)), [
    "Conversation, 14 entries",
    "#1 to #4: not in the context, replaced by summary #6",
    "#8 to #9: not in the context, rewound away",
    "draft 17 B of the interrupted run r-3",
    "draft 12 B of the open run r-5",
    "Conversation, 1 entry",
  ]);
  // The outcome of a call is in the name of its fold.
  assert(folds.some((name) => /^call run .* failed result 11 B exit code 1$/.test(name)), folds.join("\n"));
  assert(of("StaticText").some(({ name }) => name === "The model sees nothing above this line."));
}
