// The stand-ins for @std in tools/std. Each test runs on the stand-in and on what `@std/x` resolves to in this run,
// which is the original wherever JSR can be reached.

import * as fsStd from "@std/fs";
import * as jsoncStd from "@std/jsonc";
import * as pathStd from "@std/path";
import { assert, assertEquals, assertRejects, assertThrows } from "../tools/std/assert/mod.ts";
import * as fsStandIn from "../tools/std/fs/mod.ts";
import * as jsoncStandIn from "../tools/std/jsonc/mod.ts";
import * as pathStandIn from "../tools/std/path/mod.ts";

const isGranted = (name: "read" | "write"): boolean =>
  Deno.permissions.querySync({ name }).state === "granted";
const files = { permissions: { read: true, write: true }, ignore: !isGranted("read") || !isGranted("write") };
const isPosix = Deno.build.os !== "windows";

testFs("stand-in", fsStandIn);
testFs("@std", fsStd);
testPath("stand-in", pathStandIn);
testPath("@std", pathStd);
testJsonc("stand-in", jsoncStandIn);
testJsonc("@std", jsoncStd);

function testFs(kind: string, { ensureDir }: typeof fsStandIn): void {
  Deno.test(`${kind}: ensureDir() creates missing directories and rejects a file`, files, async () => {
    const dir = Deno.makeTempDirSync();
    try {
      await ensureDir(`${dir}/x/y`);
      await ensureDir(pathStd.toFileUrl(`${dir}/x/y`));
      assert(Deno.statSync(`${dir}/x/y`).isDirectory);
      Deno.writeTextFileSync(`${dir}/file`, "x");
      await assertRejects(() => ensureDir(`${dir}/file`), Error, "expected 'dir', got 'file'");
      await assertRejects(() => ensureDir(`${dir}/file/below`));
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  });
}

function testPath(kind: string, path: typeof pathStandIn): void {
  Deno.test({
    name: `${kind}: the functions of a path return the documented results`,
    ignore: !isPosix,
    fn: () => {
      assertEquals(path.SEPARATOR, "/");
      assertEquals(path.join("/a", "", "../b", "c/"), "/b/c/");
      assertEquals(path.join(new URL("file:///a%20b"), "c"), "/a b/c");
      assertEquals(path.join(""), ".");
      assertEquals(path.resolve("/a/b", "../c"), "/a/c");
      assertEquals([path.dirname("/a//b/"), path.dirname("//a"), path.dirname("a")], ["/a", "/", "."]);
      assertEquals([path.basename("/"), path.basename("a", "a")], ["/", "a"]);
      assertEquals([path.basename("/a/b.ts/"), path.basename("/a/b.ts", ".ts")], ["b.ts", "b"]);
      assertEquals([path.extname("a.b.ts"), path.extname(".env"), path.extname("a")], [".ts", "", ""]);
      assertEquals([path.relative("/a/b", "/a/c/d"), path.relative("/a", "/a")], ["../c/d", ""]);
      assertEquals([path.isAbsolute("/a"), path.isAbsolute("a")], [true, false]);
    },
  });

  Deno.test({
    name: `${kind}: fromFileUrl() and toFileUrl() are inverse, and reject what they cannot convert`,
    ignore: !isPosix,
    fn: () => {
      for (const file of ["/a b/%41#?\\\n.ts", "/ü/~/'\"`", "/", "/a/"]) {
        assertEquals(path.fromFileUrl(path.toFileUrl(file)), file);
      }
      assertEquals(path.toFileUrl("//a b/%").href, "file:///a%20b/%25");
      assertEquals(path.fromFileUrl("file:///a%2Fb%"), "/a/b%");
      assertThrows(() => path.toFileUrl("a"), TypeError, 'Path must be absolute: received "a"');
      assertThrows(() => path.fromFileUrl("https://a/"), TypeError, 'must be a file URL: received "https:"');
    },
  });
}

function testJsonc(kind: string, { parse }: typeof jsoncStandIn): void {
  Deno.test(`${kind}: parse() accepts comments and trailing commas`, () => {
    assertEquals(parse('{ "a": [1, 2 /* , */ , ], // b\r "c": {"d": null,}, } //'), {
      a: [1, 2],
      c: { d: null },
    });
    assertEquals(parse('"// \\" /* */ ,]"'), '// " /* */ ,]');
    assertEquals(parse("/**/-1e3/*/*/"), -1000);
    assertEquals(Object.keys(parse('{"__proto__": 1}') as object), ["__proto__"]);
  });

  Deno.test(`${kind}: parse() throws a SyntaxError for anything else`, () => {
    const wrong = [
      "",
      " ",
      "//",
      "[,]",
      "{,}",
      "[1,,]",
      "[1,",
      '{"a",}',
      "{a: 1}",
      "'a'",
      "/* ",
      '"',
      '"\n"',
      "1 2",
    ];
    for (const text of [...wrong, "1/**/2", "tr/**/ue", "+1", "NaN", '"\\x"', "[1]]", ",1", "1,", "/"]) {
      assertThrows(() => parse(text), SyntaxError, "Cannot parse JSONC: ", text);
    }
  });
}
