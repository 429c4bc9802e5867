// SHA-256 in JavaScript: the same as that of the platform.

import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { Sha256 } from "../../src/core/sha256.ts";
import { Random } from "../kit/random.ts";

Deno.test("Sha256.digest() gives the hashes of the standard", () => {
  const hashOf = (text: string): string => new Sha256().update(new TextEncoder().encode(text)).digest("hex");
  assertEquals(hashOf(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  assertEquals(hashOf("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assertEquals(
    hashOf("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  );
});

Deno.test("Sha256.digest() of every length up to four blocks is that of the platform", () => {
  const bytes = new Random(1).bytes(256);
  for (let length = 0; length <= bytes.length; length++) {
    const part = bytes.subarray(0, length);
    assertEquals(new Sha256().update(part).digest("hex"), createHash("sha256").update(part).digest("hex"));
  }
});

Deno.test("Sha256.digest() does not depend on how the bytes arrive", () => {
  const random = new Random(2);
  for (let round = 0; round < 100; round++) {
    const bytes = random.bytes(random.below(2_000));
    const hash = new Sha256();
    for (let at = 0; at < bytes.length;) {
      const length = random.below(random.pick([2, 65, 300]));
      hash.update(bytes.subarray(at, at + length));
      at += length;
    }
    assertEquals(hash.digest("hex"), createHash("sha256").update(bytes).digest("hex"));
  }
});

Deno.test("Sha256.digest() counts more than 2^32 bits", () => {
  const bytes = new Uint8Array(8_388_608);
  const [hash, wanted] = [new Sha256(), createHash("sha256")];
  for (let count = 0; count < 65; count++) {
    hash.update(bytes);
    wanted.update(bytes);
  }
  assertEquals(hash.digest("hex"), wanted.digest("hex"));
});
