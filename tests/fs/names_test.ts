// Names of files: reversible, never the same for two ids, on no disk.

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { limits } from "../../mod.ts";
import { decodeName, encodeName } from "../../src/fs/names.ts";
import { Random } from "../disk/mod.ts";

const PIECES = [
  ..."abcxyz0189_-",
  ..."ABCXYZ",
  ..."/\\.:*?\"<>|~%$ '`;&",
  "..",
  "../",
  "~61",
  "日本語",
  "ß",
  "ſ",
  "İ",
  "é",
  "🦊",
  "👩‍👩‍👧",
  "\u202E",
  "\uFEFF",
  "\u{10FFFF}",
  "con",
  "NUL",
  "com1",
  ".jsonl",
];

const encoder = new TextEncoder();

/** Ids of 1 to 80 bytes, without two equal ones. */
function ids(count: number): string[] {
  const random = new Random(1);
  const found = new Set<string>();
  while (found.size < count) {
    let id = "";
    for (let left = 1 + random.below(40); left > 0; left--) id += PIECES[random.below(PIECES.length)] ?? "";
    if (encoder.encode(id).length <= limits.idBytesMax) found.add(id);
  }
  return [...found];
}

Deno.test("encodeName() gives 10,000 ids names that differ even where case is folded, and decodeName() the ids", () => {
  const names = new Map<string, string>();
  for (const id of ids(10_000)) {
    const name = encodeName(id);
    assertMatch(name, /^[a-z0-9_~-]{1,240}$/);
    assertEquals(decodeName(name), id);
    const folded = name.toLowerCase().normalize("NFKC");
    assertEquals(names.get(folded), undefined, `${JSON.stringify(id)} has a name of its own`);
    names.set(folded, id);
  }
  assertEquals(names.size, 10_000);
});

Deno.test("encodeName() keeps lower case letters, digits, _ and -, and escapes every other byte", () => {
  assertEquals(encodeName("abc-xyz_019"), "abc-xyz_019");
  assertEquals(encodeName("aB"), "a~42");
  assertEquals(encodeName("../x"), "~2e~2e~2fx");
  assertEquals(encodeName("~"), "~7e");
  assertEquals(encodeName("語"), "~e8~aa~9e");
});

Deno.test("encodeName() gives an id of 80 bytes at most 240 characters", () => {
  for (const id of ["X".repeat(80), "🦊".repeat(20), "\u202E".repeat(26) + "AA"]) {
    assertEquals(encoder.encode(id).length, 80);
    assertEquals(encodeName(id).length, 240);
    assertEquals(decodeName(encodeName(id)), id);
  }
});

Deno.test("encodeName() gives no name that Windows reserves", () => {
  const reserved = ["con", "prn", "aux", "nul"];
  for (let digit = 0; digit <= 9; digit++) reserved.push(`com${digit}`, `lpt${digit}`);
  for (const id of reserved) {
    assertNotEquals(encodeName(id), id);
    assertEquals(decodeName(encodeName(id)), id);
    // With more behind it, it is a name like any other.
    assertEquals(encodeName(`${id}x`), `${id}x`);
  }
});

Deno.test("decodeName() gives nothing for a name that no id has", () => {
  const wrong = ["A", "a.b", "con", "~61", "~4", "~4G", "~AB", "~ff", "~c3", "~e8~aa", "..", "a b", "日本"];
  for (const name of wrong) assertEquals([name, decodeName(name)], [name, undefined]);
  assert(decodeName("~41") === "A");
});
