// The error and diagnostic codes that `deno task torture:coverage` expects are those of the source.

import { assert, assertEquals } from "@std/assert";
import { codesOf, sitesOf } from "./codes.ts";
import { excused } from "./excused.ts";

Deno.test("every code of an error or a diagnostic is created somewhere in the source", async () => {
  const codes = await codesOf();
  for (const code of ["blob_missing", "blob_corrupt", "run_ended", "no_space", "torn_tail_cut"]) {
    assert(codes.some((each) => each.code === code), code);
  }
  for (const { kind, code } of codes) assert((await sitesOf(kind, code)).length > 0, `${kind} ${code}`);
});

Deno.test("the text of each excused branch is in its file once", async () => {
  for (const { file, text } of excused) {
    const source = await Deno.readTextFile(new URL(`../../../src/fs/${file}`, import.meta.url));
    assertEquals(source.replaceAll(/\s+/g, " ").split(text).length - 1, 1, `${file}: ${text}`);
  }
});
