// The hash of the core is that of the platform, however the bytes arrive.

import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { WebHash } from "../../src/core/sha256.ts";
import { Random } from "../kit/random.ts";

Deno.test("WebHash.digest() is that of the platform, however the bytes arrive", async () => {
  const random = new Random(2);
  for (let round = 0; round < 50; round++) {
    const bytes = random.bytes(random.below(2_000));
    const hash = new WebHash();
    const piece = new Uint8Array(300);
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + random.below(random.pick([2, 65, 300])));
      // The buffer of a piece is used again.
      piece.set(part);
      hash.update(piece.subarray(0, part.length));
      at += part.length;
    }
    assertEquals(await hash.digest(), createHash("sha256").update(bytes).digest("hex"));
  }
});
