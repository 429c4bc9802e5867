// The list of tests that need more than --allow-read --allow-write is exact.

import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { privileged, privilegedTests, selection, WITHHOLD } from "./privileged.ts";
import { readResults } from "../tools/counts.ts";

const repository = fromFileUrl(new URL("..", import.meta.url));
const name = "every listed test exists, and fails with --allow-read --allow-write alone";

Deno.test({
  ...privileged(name),
  ignore: Deno.args.includes(WITHHOLD) || privileged(name).ignore,
  fn: async () => {
    const report = Deno.makeTempFileSync({ suffix: ".xml" });
    try {
      const args = ["test", "-A", "--no-check", `--junit-path=${report}`, ...selection(), "--", WITHHOLD];
      const env = { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
      const { stderr } = await new Deno.Command(Deno.execPath(), {
        args,
        env,
        cwd: repository,
        stdin: "null",
      })
        .output();
      const results = readResults(Deno.readTextFileSync(report));
      const passed = results.filter(({ outcome }) => outcome === "passed").map(({ name }) => name);
      assertEquals(passed, [], "these need no more than --allow-read --allow-write");
      const found = new Set(results.map(({ name }) => name.replace(/ \(ignored: .*\)$/, "")));
      const listed = Object.values(privilegedTests).flatMap((tests) => Object.keys(tests));
      assertEquals(new Set(listed).size, listed.length, "each name is listed once");
      assertEquals(listed.filter((name) => !found.has(name)), [], new TextDecoder().decode(stderr));
    } finally {
      Deno.removeSync(report);
    }
  },
});
