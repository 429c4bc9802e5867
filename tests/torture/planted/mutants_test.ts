// A planted bug whose text is no longer in the source would not be planted.

import { assertEquals } from "@std/assert";
import { occurrences } from "./copy.ts";
import { mutants } from "./mutants.ts";

Deno.test("the text that each planted bug replaces occurs once in its file", () => {
  assertEquals(mutants.filter((mutant) => occurrences(mutant) !== 1).map(({ name }) => name), []);
});
