// Many workers: those that are cancelled end cancelled, the others are not touched by it.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { Example, exampleTest } from "./kit.ts";

exampleTest(
  "workers cancels the slow ones and lets the others finish, without any permission",
  async (directory) => {
    const { code, out, err } = await new Example("workers", directory, []).finish();
    assertEquals(code, 0, err);
    assertStringIncludes(out, "20 workers: 15 running, 5 cancelled, 0 busy\n15 requests\n");
    const cancelled = [...out.matchAll(/^(worker-\d+): cancelled \(took too long\)$/gm)].map(([, name]) =>
      name
    );
    assertEquals(cancelled, ["worker-1", "worker-5", "worker-9", "worker-13", "worker-17"]);
    assertEquals(out.match(/: completed$/gm)?.length, 15);
  },
);
