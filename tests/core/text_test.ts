// Bytes of texts: exact at every bound, whatever the characters.

import { assertEquals } from "@std/assert";
import { byteLength, fittingCount, truncated, Utf8Sum } from "../../src/core/text.ts";

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

Deno.test("fittingCount() counts as many texts as fit, and at least one", () => {
  const counts = [0, 9, 10, 29, 30, 59, 60, 99, 100, 103, 104, 999].map((max) => fittingCount(texts, max));
  assertEquals(counts, [1, 1, 1, 1, 2, 2, 3, 3, 5, 5, 6, 6]);
  assertEquals(fittingCount([], 10), 0);
});

Deno.test("truncated() keeps the beginning of a text that fits, in whole code points", () => {
  const text = "aé字😀b";
  const kept = ["", "a", "a", "aé", "aé", "aé", "aé字", "aé字", "aé字", "aé字", "aé字😀", text, text];
  assertEquals(kept.map((_, bytesMax) => truncated(text, bytesMax)), kept);
  for (const whole of ["", "x".repeat(10), "😀".repeat(3)]) assertEquals(truncated(whole, 12), whole);
  // A combining mark is a code point of its own; a lone surrogate takes three bytes, as U+FFFD does.
  assertEquals([truncated("e\u0301e", 1), truncated("e\u0301e", 3)], ["e", "e\u0301"]);
  assertEquals([truncated("a\ud800b", 3), truncated("a\ud800b", 4)], ["a", "a\ud800"]);
});

Deno.test("truncated() never exceeds its bound, and never ends within a code point", () => {
  for (const text of texts) {
    for (let bytesMax = 0; bytesMax <= 42; bytesMax++) {
      const kept = truncated(text, bytesMax);
      assertEquals([byteLength(kept) <= bytesMax, text.startsWith(kept), kept.isWellFormed()], [
        true,
        true,
        true,
      ]);
      const next = [...text][[...kept].length] ?? "";
      assertEquals(next === "" || byteLength(kept + next) > bytesMax, true);
    }
  }
});
