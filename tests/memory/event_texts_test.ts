import { assert, assertEquals, assertThrows } from "@std/assert";
import { EventTexts } from "../../src/memory/event_texts.ts";

/** Texts of many lengths, some of which are not ASCII. */
function made(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index} ${"äß€😀x".repeat(index % 97)}`);
}

Deno.test("EventTexts gives back any part of what was added, across blocks", () => {
  const all = made(20_000);
  const texts = new EventTexts();
  for (let index = 0; index < all.length;) {
    const count = 1 + index % 7;
    texts.add(all.slice(index, index + count));
    index += count;
  }
  assertEquals(texts.length, all.length);
  assertEquals(texts.slice(0, all.length), all);
  for (let start = 0; start < all.length; start += 317) {
    for (const count of [0, 1, 2, 63]) {
      assertEquals(texts.slice(start, start + count), all.slice(start, start + count));
    }
  }
});

Deno.test("EventTexts gives nothing past its end", () => {
  const texts = new EventTexts();
  assertEquals(texts.slice(0, 3), []);
  texts.add([]);
  texts.add(["a", "b"]);
  assertEquals(texts.slice(1, 9), ["b"]);
  assertEquals(texts.slice(2, 9), []);
});

Deno.test("EventTexts takes a text that is larger than a block", () => {
  const texts = new EventTexts();
  const large = "ä".repeat(2_000_000);
  texts.add(["before"]);
  texts.add([large]);
  texts.add(["after"]);
  assert(texts.slice(0, 3).every((text, index) => text === ["before", large, "after"][index]));
});

Deno.test("EventTexts refuses a text of more than one line, and keeps none of its batch", () => {
  const texts = new EventTexts();
  assertThrows(() => texts.add(["a", "b\nc"]), TypeError, "more than one line");
  texts.add(["first"]);
  assertThrows(() => texts.add(["a", "b\nc"]), TypeError, "more than one line");
  texts.add(["second"]);
  assertEquals(texts.length, 2);
  assertEquals(texts.slice(0, 2), ["first", "second"]);
});
