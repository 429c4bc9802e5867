// The hash of the core is that of the platform, and hashes more than 2^32 bits.

import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { newSha256 } from "../../src/core/sha256.ts";
import { Random } from "../kit/random.ts";

Deno.test("newSha256() hashes bytes in pieces of any length as the platform does", () => {
  const random = new Random(2);
  for (let round = 0; round < 100; round++) {
    const bytes = random.bytes(random.below(2_000));
    const hash = newSha256();
    for (let at = 0; at < bytes.length;) {
      const length = random.below(random.pick([2, 65, 300]));
      hash.update(bytes.subarray(at, at + length));
      at += length;
    }
    assertEquals(hash.digest("hex"), createHash("sha256").update(bytes).digest("hex"));
  }
});
