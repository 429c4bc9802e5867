// The core's module graph: nothing in it can touch a file, and it runs where Deno is not.

import { assert, assertEquals } from "@std/assert";

const root = new URL("../", import.meta.url);
const readable = (await Deno.permissions.query({ name: "read", path: root })).state === "granted";

/** The files that a module reaches by relative imports, and the packages that these import. */
async function graphOf(entry: string): Promise<{ files: Map<string, string>; packages: Set<string> }> {
  const files = new Map<string, string>();
  const packages = new Set<string>();
  const waiting = [new URL(entry, root)];
  for (let url = waiting.pop(); url !== undefined; url = waiting.pop()) {
    const path = url.href.slice(root.href.length);
    if (files.has(path)) continue;
    const text = await Deno.readTextFile(url);
    files.set(path, text);
    for (const specifier of specifiersOf(text)) {
      if (specifier.startsWith(".")) waiting.push(new URL(specifier, url));
      else packages.add(specifier);
    }
  }
  return { files, packages };
}

function specifiersOf(text: string): string[] {
  const code = withoutComments(text);
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+)["']([^"']+)["']/gm;
  return [...code.matchAll(pattern)].map(([, specifier]) => specifier ?? "");
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
}

for (const entry of ["mod.ts", "memory_store.ts"]) {
  Deno.test({
    name: `the module graph of ${entry} holds no file system and nothing of Deno`,
    ignore: !readable,
    fn: async () => {
      const { files, packages } = await graphOf(entry);
      assert(files.size > 5 && files.has("src/memory/memory_store.ts"));
      for (const [path, text] of files) {
        assertEquals([/^src\/(?:fs|operate)\//.test(path), path === "fs_store.ts"], [false, false], path);
        assertEquals(
          withoutComments(text).match(/\bDeno\b|["']node:|globalThis\.(?:process|Bun)\b/g),
          null,
          path,
        );
      }
      assertEquals([...packages].filter((name) => name !== "zod"), []);
    },
  });
}

Deno.test({
  name: "the module graph of testing/mod.ts holds no file system and nothing of Deno",
  ignore: !readable,
  fn: async () => {
    const { files, packages } = await graphOf("testing/mod.ts");
    assert(files.has("testing/suite.ts"));
    for (const [path, text] of files) {
      assertEquals([/^src\/(?:fs|operate)\//.test(path), path === "fs_store.ts"], [false, false], path);
      assertEquals(withoutComments(text).match(/\bDeno\./g), null, path);
    }
    assertEquals([...packages], []);
  },
});
