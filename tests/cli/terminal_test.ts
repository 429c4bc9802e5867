// On a terminal: colours unless NO_COLOR is set, tables that fit, a progress bar on the standard error.

import { assert, assertEquals } from "@std/assert";
import { type Io, main } from "../../cli/mod.ts";
import { withDirectory } from "./kit.ts";
import { everyEventStore } from "./stores.ts";

/** A terminal of a certain width, and what was written to it. */
function terminal(columns: number, color: boolean): Io & { text: () => string } {
  let text = "";
  return {
    out: (part) => text += part,
    outBytes: (bytes) => text += new TextDecoder().decode(bytes),
    err: (part) => text += part,
    columns,
    color,
    progress: false,
    now: () => Date.parse("2026-07-31T00:00:00Z"),
    signal: new AbortController().signal,
    text: () => text,
  };
}

// deno-lint-ignore no-control-regex -- colours are control characters
const COLORS = /\u001b\[[0-9;]*m/g;

Deno.test("main() writes tables that fit the terminal, in colours where there are any", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    for (const args of [["inspect", root], ["events", root], ["usage", root], ["verify", root]]) {
      const [colored, plain] = [terminal(60, true), terminal(60, false)];
      assertEquals([await main(args, colored), await main(args, plain)], [0, 0]);
      assert(COLORS.test(colored.text()), "colours");
      assertEquals(plain.text().match(COLORS), null);
      assertEquals(colored.text().replace(COLORS, ""), plain.text());
      const rows = plain.text().split("\n").filter((line) =>
        /^(?:WORKER|EVENT|reviewer|m-large| +\d+ {2}[a-z])/.test(line)
      );
      for (const row of rows) assert(row.length <= 60, `${row.length}: ${row}`);
    }
  });
});

Deno.test("main() ends quietly when nobody reads on", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    const entry = new URL("../../cli/mod.ts", import.meta.url).pathname;
    const args = ["run", "--no-prompt", "--no-check", `--allow-read=${root}`, entry, "events", root, "-f"];
    const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "piped", stdin: "null" })
      .spawn();
    await child.stdout.cancel();
    const error = await new Response(child.stderr).text();
    assertEquals([(await child.status).code, error], [0, ""]);
  });
});
