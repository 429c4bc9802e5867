// On a terminal: colours unless NO_COLOR is set, tables that fit, a progress bar on the standard error.

import { assert, assertEquals } from "@std/assert";
import { main } from "../../cli/mod.ts";
import { capture, withDirectory } from "./kit.ts";
import { everyEventStore } from "./stores.ts";

// deno-lint-ignore no-control-regex -- colours are control characters
const COLORS = /\u001b\[[0-9;]*m/g;

Deno.test("main() writes tables that fit the terminal, in colours where there are any", async () => {
  await withDirectory(async (root) => {
    await everyEventStore({ root });
    for (const args of [["inspect", root], ["events", root], ["usage", root], ["verify", root]]) {
      const at60 = { columns: 60, now: () => Date.parse("2026-07-31T00:00:00Z") };
      const [colored, plain] = [capture({ ...at60, color: true }), capture(at60)];
      assertEquals([await main(args, colored), await main(args, plain)], [0, 0]);
      const [inColor, text] = [colored, plain].map((io) => io.text().out) as [string, string];
      assert(COLORS.test(inColor), "colours");
      assertEquals(text.match(COLORS), null);
      assertEquals(inColor.replace(COLORS, ""), text);
      const rows = text.split("\n").filter((line) =>
        /^(?:WORKER|EVENT|reviewer|m-large| +\d+ {2}[a-z])/.test(line)
      );
      for (const row of rows) assert(row.length <= 60, `${row.length}: ${row}`);
    }
  });
});

Deno.test("main() names --help after a wrong use", async () => {
  for (
    const [args, problem] of [
      [["frobnicate"], "unknown command 'frobnicate'"],
      [["inspect"], "missing required argument 'dir'"],
    ] as const
  ) {
    const io = capture();
    assertEquals(await main(args, io), 1);
    assertEquals(io.text(), { out: "", err: `error: ${problem}\n  try: --help\n` });
  }
});
