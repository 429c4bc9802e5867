// Roots: a relative one is that of the moment it is given, wherever the process goes afterwards.

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { join, toFileUrl } from "@std/path";
import { FsRuntimeSource, FsRuntimeStore } from "../../fs_store.ts";
import { backup, exportRuntime, importRuntime, listRuntimes, repair, verify } from "../../operate.ts";
import { Runtime, RuntimeError, RuntimeReader } from "../../mod.ts";
import { absolutePath } from "../../src/fs/layout.ts";
import { contentsOf, diskTest, refused, speak, type TestPlace, treeOf } from "../kit/place.ts";

/** Runs `work` in a directory that holds the store `./data` of one thing said; the process leaves it with `leave`. */
async function within(
  place: TestPlace,
  work: (directory: string, leave: () => void) => Promise<void>,
): Promise<void> {
  const before = Deno.cwd();
  const [home, elsewhere] = ["home", "elsewhere"].map((name) => join(place.root, name));
  for (const directory of [home, elsewhere]) {
    Deno.mkdirSync(directory ?? "");
    await using runtime = await opened(join(directory ?? "", "data"));
    await speak(runtime, "agent", [`in ${directory}`]);
  }
  const other = treeOf(elsewhere ?? "");
  try {
    Deno.chdir(home ?? "");
    await work(home ?? "", () => Deno.chdir(elsewhere ?? ""));
  } finally {
    Deno.chdir(before);
  }
  assertEquals(treeOf(elsewhere ?? ""), other, "the other directory is not touched");
}

async function opened(root: string | URL): Promise<Runtime> {
  return await Runtime.open({ store: new FsRuntimeStore({ root, runtimeId: "local" }) });
}

async function contentsIn(root: string): Promise<string[]> {
  await using runtime = await opened(root);
  return await contentsOf(runtime, "agent");
}

async function collected(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const local = { root: "./data", runtimeId: "local" } as const;

diskTest(
  "FsRuntimeStore.acquire() keeps to the directory of a relative root when the process leaves it",
  async (place) => {
    await within(place, async (home, leave) => {
      const runtime = await opened("./data");
      leave();
      await speak(runtime, "agent", ["two"]);
      assertEquals(await contentsOf(runtime, "agent"), [`in ${home}`, "two"]);
      await runtime.close();
      assertEquals(await contentsIn(join(home, "data")), [`in ${home}`, "two"]);
    });
  },
);

diskTest(
  "FsRuntimeSource keeps to the directory of a relative root when the process leaves it",
  async (place) => {
    await within(place, async (home, leave) => {
      const source = new FsRuntimeSource(local);
      await using view = await RuntimeReader.open({ source });
      leave();
      const { items } = await view.transcript("agent");
      assertEquals(items.map(({ content }) => content), [`in ${home}`]);
      assertEquals(source.directory, join(home, "data", "runtimes", "local"));
    });
  },
);

diskTest(
  "backup() keeps to the directories of relative roots when the process leaves them",
  async (place) => {
    await within(place, async (home, leave) => {
      const copying = backup(local, { to: "copy" });
      leave();
      const { directory, verified } = await copying;
      assertEquals([directory, verified?.verdict], [join(home, "copy", "runtimes", "local"), "clean"]);
      assertEquals(await contentsIn(join(home, "copy")), [`in ${home}`]);
    });
  },
);

diskTest(
  "exportRuntime() and importRuntime() keep to relative roots when the process leaves them",
  async (place) => {
    await within(place, async (home, leave) => {
      const stream = exportRuntime(local);
      leave();
      const chunks = await collected(stream);
      Deno.chdir(home);
      const importing = importRuntime(
        "copy",
        (async function* (): AsyncGenerator<Uint8Array> {
          await Promise.resolve();
          yield* chunks;
        })(),
      );
      leave();
      assertEquals((await importing).directory, join(home, "copy", "runtimes", "local"));
      assertEquals(await contentsIn(join(home, "copy")), [`in ${home}`]);
    });
  },
);

diskTest(
  "verify() and repair() keep to the directory of a relative root when the process leaves it",
  async (place) => {
    await within(place, async (home, leave) => {
      Deno.removeSync(join(home, "data/runtimes/local/workers/agent/transcript.jsonl"));
      for (const at of [local, { directory: "data/runtimes/local" }]) {
        Deno.chdir(home);
        const verifying = verify(at);
        leave();
        assertEquals((await verifying).verdict, "healable");
      }
      Deno.chdir(home);
      const repairing = repair({ directory: "data/runtimes/local" }, { apply: true });
      leave();
      const { applied } = await repairing;
      assertEquals(applied, true);
      assertEquals(await contentsIn(join(home, "data")), [`in ${home}`]);
    });
  },
);

diskTest("Runtime.open() and the other operations take a file URL", async (place) => {
  const root = join(place.root, "a b");
  for (const url of [toFileUrl(root), toFileUrl(root).href]) {
    await using runtime = await opened(url);
    await speak(runtime, "agent", ["one"]);
  }
  assertEquals(await contentsIn(root), ["one", "one"]);
  assertEquals(listRuntimes(toFileUrl(root)).runtimes.map(({ runtimeId }) => runtimeId), ["local"]);
  assertEquals((await verify({ root: toFileUrl(root).href, runtimeId: "local" })).verdict, "clean");
  const directory = toFileUrl(join(root, "runtimes", "local"));
  assertEquals((await verify({ directory })).verdict, "clean");
  await backup({ directory }, { to: toFileUrl(join(place.root, "copy")) });
  assertEquals(await contentsIn(join(place.root, "copy")), ["one", "one"]);
});

diskTest("FsRuntimeStore.acquire() refuses URLs that are no files", async () => {
  for (const root of ["https://example.com/x", new URL("https://example.com/x")]) {
    const error = await refused("invalid_request", () => opened(root));
    assertMatch(error.message, /a path or a file URL is needed/);
  }
});

Deno.test("absolutePath() refuses a file URL that names no local path, or more than one", () => {
  const urls = ["file:data", "file:///data?x", "file:///data#1"];
  if (Deno.build.os !== "windows") urls.push("file://data/store");
  for (const url of urls) {
    const error = assertThrows(() => absolutePath(url), RuntimeError);
    assertEquals(error.code, "invalid_request", url);
  }
  if (Deno.build.os === "windows") return;
  const good = [
    "file:///data/a%20b",
    "file:/data/a%20b",
    "FILE:///data/a%20b",
    "file://localhost/data/a%20b",
  ];
  for (const url of good) assertEquals(absolutePath(url), "/data/a b", url);
});

diskTest("backup() refuses the store itself as its target, also by a link to its root", async (place) => {
  const root = join(place.root, "data");
  {
    await using runtime = await opened(root);
    await speak(runtime, "agent", ["once"]);
  }
  const linked = join(place.root, "linked");
  Deno.symlinkSync(root, linked);
  const before = treeOf(root);
  await refused("invalid_request", () => backup({ root, runtimeId: "local" }, { to: linked }));
  await refused("invalid_request", () => backup({ root: linked, runtimeId: "local" }, { to: root }));
  assertEquals(treeOf(root), before);
});
