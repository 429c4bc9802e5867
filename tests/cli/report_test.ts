// report: one page that holds everything, asks for nothing, and runs nothing of what a worker said.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { findChromium, look } from "./chromium.ts";
import { command, flip, segments, withDirectory } from "./kit.ts";
import { privileged } from "../privileged.ts";
import { everyEvent, everyEventStore, openRuntime } from "./stores.ts";

const hostile = [
  '<script>document.title = "owned"</script>',
  '<img src="http://127.0.0.1:9/leak.png" onerror="document.title = \'owned\'">',
  '</pre></li></ol></details><iframe src="http://127.0.0.1:9/frame"></iframe>',
  "<style>@import url(http://127.0.0.1:9/x.css); body { background: url(http://127.0.0.1:9/y) }</style>",
  '" onmouseover="document.title=1" x="',
  "<!-- unclosed",
  "</script><base href='http://127.0.0.1:9/'>",
];

/** A store with more than a page shows, said by somebody hostile. */
async function hostileStore(root: string): Promise<void> {
  const runtime = await openRuntime({ root });
  await everyEvent(runtime);
  const worker = await runtime.createWorker({
    workerId: hostile[0]?.slice(0, 40) ?? "",
    displayName: hostile[4],
    intent: { kind: "task", objective: hostile.join(" ") },
    labels: { x: "<b>" },
  });
  for (const content of hostile) await worker.append([{ role: "assistant", name: hostile[4], content }]);
  await worker.append([{ role: "tool", content: "long ".repeat(4_000) }]);
  await worker.commit({ usage: { model: hostile[2]?.slice(0, 100) ?? "", inputTokens: 5, costMicroUsd: 9 } });
  for (let n = 0; n < 150; n++) await worker.append([{ role: "user", content: `entry ${n}` }]);
  await runtime.close();
}

Deno.test("report writes a page without script that names nothing outside of it", async () => {
  await withDirectory(async (directory) => {
    const [root, file] = [join(directory, "store"), join(directory, "report.html")];
    await hostileStore(root);
    const { code, err } = await command("report", root, "-o", file, "--entries", "155");
    assertEquals([code, err], [0, ""]);
    const page = Deno.readTextFileSync(file);
    const tags = new Set([...page.matchAll(/<([a-z0-9]+)/gi)].map(([, tag = ""]) => tag.toLowerCase()));
    for (const tag of ["script", "img", "iframe", "base", "object", "form"]) assert(!tags.has(tag), tag);
    for (const [, value = ""] of page.matchAll(/ (?:src|href)="([^"]*)"/g)) {
      assert(/^(?:#w\d+|data:,)$/.test(value), value);
    }
    assertStringIncludes(page, "default-src 'none'");
    assertStringIncludes(page, "The last 155 of 158 entries");
    assertStringIncludes(page, "Cut after 8,000 of 20,000 characters");
  });
});

Deno.test("report shows what is damaged, and what can be read of it", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    flip(segments(join(root, "runtimes", "local"))[0] ?? "", "Looks good");
    const { code, out } = await command("report", root);
    assertEquals(code, 0);
    assertStringIncludes(out, "Damaged.");
    assertStringIncludes(out, "You were interrupted");
  });
});

Deno.test({
  ...privileged(
    "report is read in a browser: all of it is there, nothing is asked for, nothing runs",
    findChromium() === undefined ? "no Chromium" : undefined,
  ),
  fn: async () => {
    await withDirectory(async (directory) => {
      const [root, file] = [join(directory, "store"), join(directory, "report.html")];
      await hostileStore(root);
      assertEquals((await command("report", root, "-o", file)).code, 0);
      const url = `file://${file}`;
      const { requests, values, console } = await look(
        findChromium() ?? "",
        url,
        { width: 360, dark: true },
        [
          "document.title",
          "[...document.querySelectorAll('h2')].map((e) => e.textContent)",
          "document.querySelectorAll('details[id] ol > li').length",
          "document.querySelectorAll('svg rect.bar').length > 0 && document.querySelectorAll('svg polyline').length",
          "document.documentElement.scrollWidth <= innerWidth",
          "getComputedStyle(document.body).backgroundColor",
          "[...document.querySelectorAll('svg, .wide')].every((e) => e.getAttribute('aria-label'))",
          "document.querySelectorAll('script, img, iframe, base').length",
          "[...document.querySelectorAll('pre')].some((e) => e.textContent.includes('<script>document.title'))",
          "[...document.querySelectorAll('a[href]')].every((a) => document.querySelector(a.getAttribute('href')))",
        ],
      );
      assertEquals(requests.filter((request) => request !== url && request !== "data:,"), []);
      assertEquals(console, []);
      const [title, headings, entries, charts, fits, background, labelled, active, shown, links] = values;
      assertEquals(title, "local: worker runtime");
      assertEquals(headings, [
        "Cost by day",
        "Usage by model",
        "Workers over time",
        "Workers",
        "Transcripts",
      ]);
      assertEquals([entries, charts, fits, background], [104, 1, true, "rgb(21, 23, 26)"]);
      assertEquals([labelled, active, shown, links], [true, 0, true, true]);
    });
  },
});
