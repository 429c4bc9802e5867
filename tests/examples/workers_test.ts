// Many workers: runs that are cancelled end as cancelled, the others complete.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { Example, exampleTest } from "./kit.ts";

exampleTest(
  "workers cancels the slow ones and lets the others finish, without any permission",
  async (directory) => {
    const { code, out, err } = await new Example("workers", directory, []).finish();
    assertEquals(code, 0, err);
    assertStringIncludes(out, "20 workers: 0 busy, 5 cancelled\n15 requests\n");
    const cancelled = [...out.matchAll(/^(worker-\d+): cancelled \(took too long\)$/gm)].map(([, name]) =>
      name
    );
    assertEquals(cancelled, ["worker-1", "worker-5", "worker-9", "worker-13", "worker-17"]);
    assertEquals(out.match(/: completed$/gm)?.length, 15);
  },
);
