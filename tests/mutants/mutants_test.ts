// Mutations of source text, and the lines that a diff changes.

import { assert, assertEquals } from "@std/assert";
import { parseDiff } from "./changed.ts";
import { privileged } from "../privileged.ts";
import type { Mutation } from "./mutations.ts";
import { ROOT } from "./workspace.ts";

/** The compiler reads the environment when it is imported. */
const compiler = (): Promise<typeof import("./mutations.ts")> => import("./mutations.ts");

/** Mutations of a text as `kind: text that is left`. */
async function mutationsOf(text: string): Promise<string[]> {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/a.ts`, text);
    const apply = ({ kind, start, end, replacement }: Mutation): string =>
      `${kind}: ${text.slice(0, start)}${replacement}${text.slice(end)}`;
    const { Sources } = await compiler();
    return new Sources(directory, ["a.ts"]).mutationsOf("a.ts").map(apply);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const cases: Readonly<Record<string, readonly string[]>> = {
  "const f = (a: number, b: number) => a < b;": [
    "boundary: const f = (a: number, b: number) => a <= b;",
    "negation: const f = (a: number, b: number) => a >= b;",
  ],
  "const f = (a: number) => a + a;": ["arithmetic: const f = (a: number) => a - a;"],
  "const f = (a: string) => a + a;": [],
  "const f = (a?: string) => a ?? g();": ["logic: const f = (a?: string) => a;"],
  "for (;;) if (a) f();": [
    "condition: for (;;) if (true) f();",
    "condition: for (;;) if (false) f();",
    "statement: for (;;) if (a) ;",
  ],
  "const a = 7;": ["constant: const a = (7 + 1);"],
  "const f = async () => await g();": ["await: const f = async () => g();"],
  "const f = (a: number, b: number): number => f(a, b);": [
    "swap: const f = (a: number, b: number): number => f(b, a);",
  ],
  "const f = (a: number, b: string): number => f(a, b);": [],
  "const f = (a: number, b: number) => Math.max(a, b);": [
    "arithmetic: const f = (a: number, b: number) => Math.min(a, b);",
  ],
  "function f() { a(); b(); c(); }": [
    "block: function f() {}",
    "early return: function f() { a(); return; b(); c(); }",
    "statement: function f() { ; b(); c(); }",
    "statement: function f() { a(); ; c(); }",
    "statement: function f() { a(); b(); ; }",
  ],
  "try { } finally { a(); }": ["finally: try { } finally {}", "statement: try { } finally { ; }"],
  "interface A { readonly b: 1 }": [],
};

Deno.test({
  ...privileged("mutationsOf() finds the mutations of a text"),
  fn: async () => {
    for (const [text, expected] of Object.entries(cases)) {
      assertEquals((await mutationsOf(text)).toSorted(), expected.toSorted(), text);
    }
  },
});

Deno.test({
  ...privileged("mutationsOf() finds every kind in the sources"),
  fn: async () => {
    const file = "src/core/group_commit.ts";
    const { Sources } = await compiler();
    const found = new Sources(ROOT, [file]).mutationsOf(file);
    const kinds = new Set(found.map(({ kind }) => kind));
    assert(kinds.size >= 10, [...kinds].join());
  },
});

Deno.test("parseDiff() lists added lines by file", () => {
  const diff = "--- a/x.ts\n+++ b/x.ts\n@@ -3 +3,2 @@ f\n-a\n+b\n+c\n@@ -9,2 +10,0 @@\n-d\n-e\n" +
    "--- a/y.ts\n+++ b/y.ts\n@@ -0,0 +1 @@\n+f\n";
  assertEquals(parseDiff(diff), new Map([["x.ts", new Set([3, 4])], ["y.ts", new Set([1])]]));
});
