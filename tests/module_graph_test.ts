// The module graphs of the entry points: each loads no more than its permissions and its platforms allow.

import { assert, assertEquals } from "@std/assert";
import { importsOf, readText, withoutComments } from "./module_graph.ts";

const ignore = Deno.permissions.querySync({ name: "read" }).state !== "granted";
const options = { permissions: { read: true }, ignore } as const;

/** The files that a module reaches by relative imports, sorted, and the packages that these import. */
function graphOf(entry: string): { readonly files: readonly string[]; readonly packages: Set<string> } {
  const files = new Set([entry]);
  const packages = new Set<string>();
  for (const path of files) {
    const imports = importsOf(path);
    for (const file of imports.files) files.add(file);
    for (const specifier of imports.packages) packages.add(specifier);
  }
  return { files: [...files].sort(), packages };
}

for (
  const [entry, expected] of [
    ["mod.ts", "src/memory/memory_store.ts"],
    ["memory_store.ts", "src/memory/memory_store.ts"],
    ["store.ts", "src/core/store.ts"],
    ["testing/mod.ts", "testing/suite.ts"],
  ] as const
) {
  Deno.test(`the module graph of ${entry} holds no file system and nothing of Deno`, options, () => {
    const { files, packages } = graphOf(entry);
    assert(files.length > 5 && files.includes(expected), entry);
    assertEquals(
      files.filter((path) => /^(?:src\/(?:fs|operate)|cli)\/|fs_store\.ts|operate\.ts/.test(path)),
      [],
    );
    // The messages of the suite name Deno.
    const own = entry === "testing/mod.ts" ? /\bDeno\./ : /\bDeno\b|["']node:|globalThis\.(?:process|Bun)\b/;
    assertEquals(files.filter((path) => own.test(withoutComments(readText(path)))), []);
    // SHA-256 in JavaScript, which needs nothing of a platform.
    assertEquals([...packages].filter((name) => !name.startsWith("@noble/hashes/")), []);
  });
}

Deno.test("the module graph of fs_store.ts holds nothing of src/operate, and no command", options, () => {
  const { files, packages } = graphOf("fs_store.ts");
  assert(files.includes("src/fs/store.ts") && files.includes("src/fs/reading/source.ts"));
  assertEquals(files.filter((path) => /^(?:src\/operate|cli|testing)\/|^operate\.ts/.test(path)), []);
  assertEquals([...packages].filter((name) => !/^(?:@std\/|@noble\/hashes\/|node:|zod$)/.test(name)), []);
});

Deno.test("the module graph of postgres_store.ts holds no file system, and no driver", options, () => {
  const { files, packages } = graphOf("postgres_store.ts");
  assert(files.includes("src/postgres/store.ts") && files.includes("src/core/runtime.ts"));
  assertEquals(files.filter((path) => /^(?:src\/(?:fs|operate)|cli|testing)\//.test(path)), []);
  assertEquals([...packages].filter((name) => !/^(?:@noble\/hashes\/|node:)/.test(name)), []);
});

Deno.test("only one module of the command loads a database driver, when it is called", options, () => {
  const { files } = graphOf("cli/mod.ts");
  const drivers = files.filter((path) =>
    importsOf(path).packages.some((name) => /^(?:npm:)?(?:pg|postgres)\b/.test(name))
  );
  assertEquals(drivers, ["cli/database.ts"]);
  assertEquals(readText("cli/database.ts").match(/^import .*"pg"/m), null);
});

Deno.test("the module graph of operate.ts holds no command", options, () => {
  const { files } = graphOf("operate.ts");
  assert(files.includes("src/operate/verify/verify.ts"));
  assertEquals(files.filter((path) => /^(?:cli|testing)\//.test(path)), []);
});
