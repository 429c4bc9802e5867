// report: one page that holds everything, asks for nothing, and runs nothing of what a worker said.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { CONTRAST, findChromium, look } from "./chromium.ts";
import { command, flip, segments, withDirectory } from "./kit.ts";
import { privileged } from "../privileged.ts";
import { everyEvent, everyEventStore, everyPart, openRuntime, PNG } from "./stores.ts";

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
      assert(/^(?:#(?:w\d+(?:end)?|workers|conversations)|data:,)$/.test(value), value);
    }
    assertStringIncludes(page, "default-src 'none'");
    assertStringIncludes(page, "The last 155 of 158 entries");
    assertStringIncludes(page, "Cut after 8,000 of 20,000 characters");
  });
});

Deno.test("report marks summaries, and the entries that are outside of the context", async () => {
  await withDirectory(async (root) => {
    const runtime = await openRuntime({ root });
    const worker = await runtime.createWorker({ workerId: "w", intent: { kind: "assistant" } });
    await worker.append(["one", "two", "three"].map((content) => ({ role: "user", content })));
    const before = (await command("report", root)).out;
    assert(!before.includes("In the context") && !before.includes("not in the context"));
    await worker.compact({ through: 2, summary: { role: "user", content: "so far" } });
    const { out } = await command("report", root);
    assertStringIncludes(out, "In the context: 2 of 4 entries, summary #4, #3.");
    assertStringIncludes(out, "<summary>#1 to #2: not in the context, replaced by summary #4</summary>");
    assertStringIncludes(out, "through #2. The model sees it first.");
    await runtime.close();
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
    "report is complete in a browser, requests nothing and runs nothing",
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
          "document.querySelectorAll('article li.entry').length",
          "document.querySelectorAll('svg rect.bar').length > 0 && document.querySelectorAll('svg polyline').length",
          "document.documentElement.scrollWidth <= innerWidth",
          "getComputedStyle(document.body).backgroundColor",
          "[...document.querySelectorAll('svg, .wide')].every((e) => e.getAttribute('aria-label'))",
          "document.querySelectorAll('script, img, iframe, base').length",
          "[...document.querySelectorAll('.text')].some((e) => e.textContent.includes('<script>document.title'))",
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
        "Conversations",
      ]);
      assertEquals([entries, charts, fits, background], [104, 1, true, "rgb(21, 23, 26)"]);
      assertEquals([labelled, active, shown, links], [true, 0, true, true]);
    });
  },
});

/** A text that would run, load, steer and reverse, if anything let it. */
const SAID = hostile.slice(0, 5).join(" ") + "\u001b[2J\u202Eabc\ud800";

async function partStore(root: string): Promise<void> {
  const runtime = await openRuntime({ root });
  const worker = await everyPart(runtime, SAID);
  await worker.append([{ role: hostile[1] ?? "", name: hostile[4] ?? "", content: "a role of its own" }]);
  await runtime.close();
}

Deno.test("report shows parts folded with their size, and thumbnails of images", async () => {
  await withDirectory(async (root) => {
    await partStore(root);
    const { code, out, err } = await command("report", root);
    assertEquals([code, err], [0, ""]);
    const images = [...out.matchAll(/<img src="([^"]*)"/g)].map(([, url]) => url);
    const fake = new TextEncoder().encode(SAID).toBase64();
    const png = `data:image/png;base64,${PNG}`;
    assertEquals(images, [png, png, `data:image/png;base64,${fake}`]);
    for (const text of ["image/svg+xml, 41 B, not shown", "text/plain, 5 B", "is kept in a blob"]) {
      assertStringIncludes(out, text);
    }
    assertStringIncludes(out, "<code>http://127.0.0.1:9/leak.png</code>");
    assertStringIncludes(out, "Cut after 8,000 of");
    // deno-lint-ignore no-control-regex -- that is the point
    assertEquals(/[\u0000-\u0008\u000b-\u001f\u007f\u202e\ufffd]/.test(out), false);
    assertStringIncludes(out, "&lt;U+D800&gt;");
  });
});

Deno.test("report and transcript name a missing blob, and show the rest", async () => {
  await withDirectory(async (root) => {
    await partStore(root);
    const blobs = join(root, "runtimes", "local", "workers", "coder", "blobs");
    for (const { name } of [...Deno.readDirSync(blobs)]) Deno.removeSync(join(blobs, name));
    for (const args of [["report", root], ["transcript", root, "coder"]]) {
      const { code, out } = await command(...args);
      assertEquals(code, args[0] === "report" ? 0 : 3, args[0]);
      assertStringIncludes(out, "blob");
      assertStringIncludes(out, "coder");
      assertStringIncludes(out, "a.ts");
      assert(/missing|Cannot read blob/.test(out), out.slice(-2_000));
    }
  });
});

for (
  const { width, dark } of [360, 1200].flatMap((width) => [{ width, dark: false }, { width, dark: true }])
) {
  Deno.test({
    ...privileged(
      `report shows parts in a browser that is ${width} wide and ${dark ? "dark" : "light"}`,
      findChromium() === undefined ? "no Chromium" : undefined,
    ),
    fn: async () => {
      await withDirectory(async (directory) => {
        const [root, file] = [join(directory, "store"), join(directory, "report.html")];
        await partStore(root);
        assertEquals((await command("report", root, "-o", file)).code, 0);
        const url = `file://${file}`;
        const seen = await look(findChromium() ?? "", url, { width, dark }, [
          "[...document.querySelectorAll('.part:not([open]) .kind')].map((e) => e.textContent.slice(0, 12))",
          "document.querySelectorAll('details').forEach((e) => e.open = true)",
          "Promise.all([...document.images].map((e) => e.decode().then(() => [e.naturalWidth, e.clientWidth > 0], () => 'broken')))",
          "document.documentElement.scrollWidth <= innerWidth",
          CONTRAST,
          "document.querySelectorAll('script, iframe, base, object, form, style:not(head *), [href^=http], [src^=http]').length",
          "[...document.querySelectorAll('*')].filter((e) => [...e.attributes].some(({ name }) => name.startsWith('on'))).length",
          "[document.title, getComputedStyle(document.body).backgroundColor]",
          "[...document.querySelectorAll('pre, .text')].filter((e) => e.textContent.includes('<script>document.title')).length",
        ]);
        assertEquals(seen.requests.filter((request) => request !== url && !request.startsWith("data:")), []);
        assertEquals(seen.console, []);
        const [folded, , images, fits, contrast, active, handlers, state, shown] = seen.values;
        assertEquals(folded, ["call <script", "result", "thinking", "call grep", "result", "result"]);
        assertEquals(images, [[4, true], [4, true], "broken"]);
        assertEquals([fits, active, handlers], [true, 0, 0]);
        assert(Number(contrast) >= 4.5, `contrast ${contrast}`);
        assertEquals(state, ["local: worker runtime", dark ? "rgb(21, 23, 26)" : "rgb(251, 251, 250)"]);
        assert(Number(shown) >= 6, `${shown} texts`);
      });
    },
  });
}
