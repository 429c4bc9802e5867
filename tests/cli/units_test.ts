// Numbers as people read them, and tables that fit.

import { assert, assertEquals } from "@std/assert";
import { beginningOf, oneLine } from "../../cli/style.ts";
import { table } from "../../cli/table.ts";
import { amount, bytes, dollars, duration, parseAge, whole } from "../../cli/units.ts";

Deno.test("bytes() and amount() choose the unit that a person would", () => {
  assertEquals([0, 1_023, 1_024, 1_048_575, 1_048_576, 5e9].map(bytes), [
    "0 B",
    "1023 B",
    "1.0 KiB",
    "1.0 MiB",
    "1.0 MiB",
    "4.7 GiB",
  ]);
  assertEquals([0, 999, 1_000, 999_999, 1_500_000].map(amount), ["0", "999", "1.0 k", "1.0 M", "1.5 M"]);
});

Deno.test("duration(), dollars(), whole() and parseAge() read well", () => {
  assertEquals([0, 999, 1_500, 60_000, 600_000, 7_200_000, 864_000_000].map(duration), [
    "0 ms",
    "999 ms",
    "1.5 s",
    "60 s",
    "10 min",
    "2 h",
    "10 days",
  ]);
  assertEquals([0, 1, 15, 310, 12_345, 12_345_678].map(dollars), [
    "$0.00",
    "$0.000001",
    "$0.000015",
    "$0.000310",
    "$0.0123",
    "$12.35",
  ]);
  assertEquals([0, 1_234, 1_234_567].map(whole), ["0", "1,234", "1,234,567"]);
  assertEquals(["30d", "12h", "90m", "x", "-1d"].map(parseAge), [
    2_592_000_000,
    43_200_000,
    5_400_000,
    undefined,
    undefined,
  ]);
});

Deno.test("table() aligns wide characters, and cuts flexible columns to the terminal", () => {
  const io = { columns: 40, color: false } as Parameters<typeof table>[0];
  const columns = [{ name: "NAME", flexible: true }, { name: "N", align: "right" as const }];
  const lines = table(io, columns, [["日本語の作業者".repeat(5), "1"], ["a", "1,000"]]).trimEnd().split("\n");
  assertEquals(lines.length, 3);
  assertEquals(lines[2], `a${" ".repeat(34)}1,000`);
  assert(lines.every((line) => line.length <= 40));
});

Deno.test("oneLine() makes what steers a terminal visible", () => {
  assertEquals(oneLine("a\u001b[31m\nb\u202Ec"), "a␛[31m b<U+202E>c");
});

Deno.test("oneLine() makes lone surrogates visible, and beginningOf() makes none", () => {
  assertEquals(oneLine("a\ud800b😀\udfff"), "a<U+D800>b😀<U+DFFF>");
  assertEquals(["😀😀", "a😀", "\ud800x", "abc"].map((text) => beginningOf(text, 1)), [
    "",
    "a",
    "\ud800",
    "a",
  ]);
  assertEquals(beginningOf("😀", 2), "😀");
});
