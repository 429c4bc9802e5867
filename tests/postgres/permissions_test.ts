// The PostgreSQL store needs --allow-net for its server alone; without it, opening says which flag is missing.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { privileged } from "../privileged.ts";
import { binaries, startServer } from "./server.ts";

const repository = fromFileUrl(new URL("../..", import.meta.url));
const script = fromFileUrl(new URL("children/permissions.ts", import.meta.url));

type Outcomes = Readonly<
  Record<
    string,
    { readonly code?: string; readonly flag?: string; readonly message?: string; readonly result?: unknown }
  >
>;

/** Runs a process with these flags, and returns its outcomes. */
async function underFlags(flags: readonly string[], ...args: readonly string[]): Promise<Outcomes> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--quiet", `--config=${repository}deno.json`, ...flags, script, ...args],
    cwd: repository,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  assertEquals([code, text(stderr)], [0, ""]);
  return JSON.parse(text(stdout));
}

/** Both drivers look for options in the environment. This flag hides it, and grants nothing. */
const HIDE = "--ignore-env";

for (const driver of ["pg", "postgres"]) {
  Deno.test({
    ...privileged(
      `PostgresRuntimeStore works through ${driver} with --allow-net=HOST:PORT alone`,
      binaries === undefined ? "needs PostgreSQL" : undefined,
    ),
    fn: async () => {
      await using server = await startServer(["fsync=off"]);
      const flags = [HIDE, `--allow-net=127.0.0.1:${server.port}`];
      assertEquals(await underFlags(flags, driver, "127.0.0.1", String(server.port)), {
        use: { result: ["hello"] },
        "Runtime.open": {},
        "RuntimeReader.open": {},
        "RuntimeHost.start": {},
        "RuntimeDirectory.list": { result: 2 },
      });
    },
  });

  Deno.test({
    ...privileged(`store_permission names the flag that ${driver} lacks, however it is opened`),
    fn: async () => {
      const cases = [
        [[], "127.0.0.1", "--allow-net=127.0.0.1:5432"],
        [["--allow-net=127.0.0.1:5433"], "127.0.0.1", "--allow-net=127.0.0.1:5432"],
        // The look-up of a name is denied before a port is used.
        [["--allow-net=127.0.0.1:5432"], "localhost", "--allow-net=localhost"],
      ] as const;
      for (const [flags, host, flag] of cases) {
        const outcomes = await underFlags([HIDE, ...flags], driver, host, "5432");
        assertEquals(Object.keys(outcomes).length, 5);
        for (const [name, outcome] of Object.entries(outcomes)) {
          assertEquals([outcome.code, outcome.flag], ["store_permission", flag], name);
          assertStringIncludes(String(outcome.message), `run again with ${flag}`);
        }
      }
    },
  });
}

Deno.test({
  ...privileged("store_permission names --allow-env if pg reads the environment"),
  fn: async () => {
    const outcomes = await underFlags([], "pg", "127.0.0.1", "5432");
    const { code, flag } = outcomes.use ?? {};
    assertEquals([code, flag?.startsWith("--allow-env=PG")], ["store_permission", true], String(flag));
  },
});
