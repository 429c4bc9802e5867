// Bytes of texts: exact at every bound, whatever the characters.

import { assertEquals } from "@std/assert";
import { byteLength, fittingCount, Utf8Sum } from "../../src/core/text.ts";

const texts = ["a".repeat(10), "é".repeat(10), "字".repeat(10), "😀".repeat(10), "", "a字"];

Deno.test("Utf8Sum reports exactly what fits, also while texts are added", () => {
  const total = texts.reduce((sum, text) => sum + byteLength(text), 0);
  for (let bytesMax = 0; bytesMax <= total + 40; bytesMax++) {
    const sum = new Utf8Sum();
    let bytes = 0;
    for (const text of texts) {
      sum.add(text);
      bytes += byteLength(text);
      assertEquals([bytesMax, sum.fits(bytesMax)], [bytesMax, bytes <= bytesMax]);
    }
  }
});

Deno.test("fittingCount() takes as many texts as fit, and one at least", () => {
  const counts = [0, 9, 10, 29, 30, 59, 60, 99, 100, 103, 104, 999].map((max) => fittingCount(texts, max));
  assertEquals(counts, [1, 1, 1, 1, 2, 2, 3, 3, 5, 5, 6, 6]);
  assertEquals(fittingCount([], 10), 0);
});
