// The benchmark of a long conversation runs: each of its processes reads the context that was stored.

import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { privileged } from "./privileged.ts";

Deno.test({
  ...privileged(
    "bench:long stores a conversation, opens it in processes of their own, and prints every figure",
  ),
  fn: async () => {
    const file = fromFileUrl(new URL("../bench/long_session.ts", import.meta.url));
    const args = ["run", "-A", "--no-check", "--quiet", file, "--quick"];
    const env = { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, env }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assertEquals([code, err], [0, ""]);
    const rows = [
      ...out?.matchAll(/^\| ([^|]+) \| ([\d.,-]+)(?: [^|]+)? \| ([\d.,-]+)(?: [^|]+)? \|$/gm) ?? [],
    ];
    const full = new Map(rows.map(([, label, , value]) => [label, value]));
    const counted = ["compactions", "rewinds", "forks"].map((label) => full.get(label));
    assertEquals(counted, ["4", "1", "4"]);
    assert(rows.length > 20 && !out?.includes("NaN"), out);
  },
});
