// The stand-ins for @std in tools/std. Each test runs on the stand-in and on what `@std/x` is in this run: where
// JSR can be reached that is the original, so the test holds the two together.

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

async function withTree(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = Deno.realPathSync(Deno.makeTempDirSync());
  try {
    Deno.mkdirSync(`${dir}/a/deep`, { recursive: true });
    for (const file of ["a/deep/two.json", "a/one.ts", "three.ts"]) {
      Deno.writeTextFileSync(`${dir}/${file}`, "x");
    }
    if (isPosix) Deno.symlinkSync(`${dir}/a`, `${dir}/link`);
    await body(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

function testFs(kind: string, { walk, ensureDir, exists, emptyDir }: typeof fsStandIn): void {
  const list = async (root: string, options?: fsStandIn.WalkOptions): Promise<string[]> => {
    const entries = await Array.fromAsync(walk(root, options));
    return entries.map(({ path }) => pathStd.relative(root, path).replaceAll("\\", "/")).sort();
  };

  Deno.test(
    `${kind}: walk() yields the root and everything below, not following links`,
    files,
    () =>
      withTree(async (dir) => {
        const all = ["", "a", "a/deep", "a/deep/two.json", "a/one.ts", "three.ts"];
        assertEquals(
          await list(dir),
          isPosix ? ["", "a", "a/deep", "a/deep/two.json", "a/one.ts", "link", "three.ts"] : all,
        );
        assertEquals(await list(dir, { includeSymlinks: false }), all);
        const [root] = await Array.fromAsync(walk(`${dir}/./a/`, { maxDepth: 0 }));
        assertEquals(root?.name, "a");
        assertEquals([root?.isFile, root?.isDirectory, root?.isSymlink], [false, true, false]);
      }),
  );

  Deno.test(`${kind}: walk() yields a directory before its contents`, files, () =>
    withTree(async (dir) => {
      const paths = (await Array.fromAsync(walk(dir))).map(({ path }) => path);
      for (const path of paths.slice(1)) assert(paths.indexOf(pathStd.dirname(path)) < paths.indexOf(path));
    }));

  Deno.test(
    `${kind}: walk() filters by depth, kind, extension and pattern`,
    files,
    () =>
      withTree(async (dir) => {
        const options = { includeSymlinks: false };
        assertEquals(await list(dir, { ...options, maxDepth: 1 }), ["", "a", "three.ts"]);
        assertEquals(await list(dir, { maxDepth: -1 }), []);
        assertEquals(await list(dir, { ...options, includeFiles: false }), ["", "a", "a/deep"]);
        assertEquals(await list(dir, { ...options, includeDirs: false, exts: ["ts"] }), [
          "a/one.ts",
          "three.ts",
        ]);
        assertEquals(await list(dir, { exts: [".json"] }), ["a/deep/two.json"]);
        assertEquals(await list(dir, { ...options, match: [/one/, /two/] }), ["a/deep/two.json", "a/one.ts"]);
        assertEquals(await list(dir, { ...options, skip: [/deep/] }), ["", "a", "a/one.ts", "three.ts"]);
        await assertRejects(() => list(`${dir}/none`), Deno.errors.NotFound);
      }),
  );

  Deno.test(
    `${kind}: ensureDir() creates what is missing and refuses a file`,
    files,
    () =>
      withTree(async (dir) => {
        await ensureDir(`${dir}/x/y`);
        await ensureDir(pathStd.toFileUrl(`${dir}/x/y`));
        assert(Deno.statSync(`${dir}/x/y`).isDirectory);
        await assertRejects(() => ensureDir(`${dir}/three.ts`), Error, "expected 'dir', got 'file'");
      }),
  );

  Deno.test(`${kind}: exists() and emptyDir() see and remove`, files, () =>
    withTree(async (dir) => {
      assert(await exists(`${dir}/a`, { isDirectory: true }));
      assertEquals(await exists(`${dir}/a`, { isFile: true }), false);
      assertEquals(await exists(`${dir}/none`), false);
      await assertRejects(
        () => exists(dir, { isFile: true, isDirectory: true }),
        TypeError,
        "must not be true",
      );
      await emptyDir(`${dir}/a`);
      await emptyDir(`${dir}/new`);
      assertEquals(await list(`${dir}/a`), [""]);
      assertEquals(await list(`${dir}/new`), [""]);
    }));
}

function testPath(kind: string, path: typeof pathStandIn): void {
  Deno.test({
    name: `${kind}: the functions of a path do what they say`,
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
    name: `${kind}: fromFileUrl() and toFileUrl() are inverse, and refuse what they cannot convert`,
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
  Deno.test(`${kind}: parse() takes comments and trailing commas`, () => {
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
