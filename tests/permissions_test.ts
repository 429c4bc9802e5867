// Permissions are the feature gate: with its flags the file system store works, without them it says which is missing.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl, relative } from "@std/path";
import { privileged } from "./privileged.ts";

const repository = fromFileUrl(new URL("..", import.meta.url));
const script = fromFileUrl(new URL("fs/children/permissions.ts", import.meta.url));
const config = `--config=${repository}deno.json`;

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function deno(...args: string[]): Promise<Result> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: repository,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

/** What the script tells of itself under these flags; `what` is "fs" or "core". */
async function underFlags(what: string, root: string, ...flags: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await deno(
    "run",
    "--no-prompt",
    "--quiet",
    config,
    ...flags,
    script,
    what,
    root,
  );
  assertEquals(code, 0, err);
  return JSON.parse(out);
}

function processTest(name: string, body: (root: string) => Promise<void>): void {
  Deno.test({
    ...privileged(name),
    fn: async () => {
      const root = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "worker-runtime-test-" }));
      try {
        await body(root);
      } finally {
        Deno.removeSync(root, { recursive: true });
      }
    },
  });
}

const worked = { contents: ["hello"], overview: 1, epoch: 2, interrupted: 1 };

processTest("FsRuntimeStore works with read and write of its root, and nothing else", async (root) => {
  assertEquals(await underFlags("fs", root, `--allow-read=${root}`, `--allow-write=${root}`), worked);
});

processTest(
  "FsRuntimeStore creates its root below a directory it may not see, if it may make it",
  async (root) => {
    const data = `${root}/deep/data`;
    assertEquals(await underFlags("fs", data, `--allow-read=${data}`, `--allow-write=${data}`), worked);
  },
);

processTest("FsRuntimeStore takes a root relative to the working directory", async () => {
  const name = `data-${crypto.randomUUID()}`;
  try {
    assertEquals(
      await underFlags("fs", `./${name}`, `--allow-read=./${name}`, `--allow-write=./${name}`),
      worked,
    );
  } finally {
    Deno.removeSync(`${repository}${name}`, { recursive: true });
  }
});

processTest("FsRuntimeStore takes a relative root with permission for it alone", async (root) => {
  const data = relative(repository, `${root}/data`);
  const flags = [`--allow-read=${root}/data`, `--allow-write=${root}/data`];
  assertEquals(await underFlags("fs", data, ...flags), worked);
});

processTest(
  "FsRuntimeStore.acquire() names what a link leads to when only the link is allowed",
  async (root) => {
    Deno.mkdirSync(`${root}/real`);
    Deno.symlinkSync("real", `${root}/link`);
    const flags = [`--allow-read=${root}/link`, `--allow-write=${root}/link`];
    const { code, details, message } = await underFlags("fs", `${root}/link`, ...flags);
    assertEquals([code, (details as { flag: string }).flag], ["store_permission", "--allow-read"]);
    assertStringIncludes(String(message), `a link leads to "${root}/real/`);
    const both = [`--allow-read=${root}/link,${root}/real`, `--allow-write=${root}/link,${root}/real`];
    assertEquals(await underFlags("fs", `${root}/link`, ...both), worked);
  },
);

const missing: readonly { readonly flags: (root: string) => string[]; readonly flag: string }[] = [
  { flags: () => [], flag: "--allow-read" },
  { flags: (root) => [`--allow-read=${root}`], flag: "--allow-write" },
  { flags: (root) => [`--allow-write=${root}`], flag: "--allow-read" },
  { flags: (root) => [`--allow-read=${root}`, `--allow-write=${root}/other`], flag: "--allow-write" },
];

for (const { flags, flag } of missing) {
  const given = flags("ROOT").join(" ") || "no flag";
  processTest(
    `FsRuntimeStore.acquire() throws store_permission that names ${flag} under ${given}`,
    async (root) => {
      const { code, details, cause, message } = await underFlags("fs", root, ...flags(root));
      assertEquals([code, cause], ["store_permission", "NotCapable"]);
      assertEquals((details as { flag: string }).flag, flag);
      assertStringIncludes(String(message), flag);
      assertEquals([...Deno.readDirSync(root)], [], "nothing was created");
    },
  );
}

processTest(
  "FsRuntimeStore.acquire() takes no store for a new one because reading is ignored",
  async (root) => {
    await underFlags("fs", root, `--allow-read=${root}`, `--allow-write=${root}`);
    const names = (): string[] =>
      [...Deno.readDirSync(`${root}/runtimes/local/events`)].map(({ name }) => name).sort();
    const identity = Deno.readTextFileSync(`${root}/runtimes/local/runtime.json`);
    const before = names();
    const { code } = await underFlags("fs", root, `--ignore-read=${root}`, `--allow-write=${root}`);
    assert(
      ["store_permission", "store_missing", "store_io", "store_locked"].includes(String(code)),
      String(code),
    );
    assertEquals(Deno.readTextFileSync(`${root}/runtimes/local/runtime.json`), identity);
    assertEquals(names(), before);
    // And what was there is there.
    const { contents, epoch } = await underFlags("fs", root, `--allow-read=${root}`, `--allow-write=${root}`);
    assertEquals([contents, epoch], [["hello", "hello"], 4]);
  },
);

processTest(
  "FsRuntimeStore.acquire() takes no store for a new one because only its identity is ignored",
  async (root) => {
    const flags = [`--allow-read=${root}`, `--allow-write=${root}`];
    await underFlags("fs", root, ...flags);
    const path = `${root}/runtimes/local/runtime.json`;
    const identity = Deno.readTextFileSync(path);
    const { code } = await underFlags("fs", root, ...flags, `--ignore-read=${path}`);
    assert(["store_permission", "store_missing"].includes(String(code)), String(code));
    assertEquals(Deno.readTextFileSync(path), identity);
  },
);

processTest("the core and the memory store work with no permission at all", async (root) => {
  assertEquals(await underFlags("core", root), {
    contents: ["hello"],
    overview: 1,
    epoch: 1,
    interrupted: 0,
  });
});

processTest("importing fs_store.ts needs no permission", async (root) => {
  assertEquals(await underFlags("import", root), { imported: "function" });
});

processTest("the module graph of mod.ts holds nothing of the file system", async () => {
  const { code, out, err } = await deno("info", "--json", "mod.ts");
  assertEquals(code, 0, err);
  const modules = (JSON.parse(out) as { modules: { specifier: string }[] }).modules;
  const specifiers = modules.map(({ specifier }) => specifier);
  assert(specifiers.some((specifier) => specifier.endsWith("/src/core/runtime.ts")));
  const wrong = specifiers.filter((specifier) => /\/src\/fs\/|fs_store|@std\/|^node:/.test(specifier));
  assertEquals(wrong, []);
});
