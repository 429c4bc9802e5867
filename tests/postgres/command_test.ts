// The command on a database: the same output as on disk, permissions, owners and errors.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { connect } from "../../cli/database.ts";
import { main } from "../../cli/mod.ts";
import { Runtime } from "../../mod.ts";
import { createSchema, PostgresRuntimeStore } from "../../postgres_store.ts";
import { capture, cli, entry, followed, type Ran, textOf, withDirectory } from "../cli/kit.ts";
import { everyEventStore, openRuntime } from "../cli/stores.ts";
import { fill, hashOf, large } from "../operate/blobs.ts";
import { privileged } from "../privileged.ts";
import { binaries, type Server, startServer } from "./server.ts";

const obstacle = binaries === undefined ? "needs PostgreSQL" : undefined;
const PASSWORD = "a%2Fsecret";

function serverTest(
  name: string,
  work: (server: Server, url: string, directory: string) => Promise<void>,
): void {
  Deno.test({
    ...privileged(name, obstacle),
    fn: () =>
      withDirectory(async (directory) => {
        await using server = await startServer(["fsync=off"]);
        await work(server, `postgres://postgres:${PASSWORD}@127.0.0.1:${server.port}/postgres`, directory);
      }),
  });
}

/** Runs the command in this process, at a given time. It never prints the password. */
async function run(...args: readonly string[]): Promise<Ran> {
  const io = capture({ now: () => Date.UTC(2026, 7, 30) });
  const code = await main(args, io);
  const { out, err } = io.text();
  assert(!`${out}${err}`.includes("secret"), `${args}`);
  const isObject = args.includes("--json") && out.startsWith("{") && out.endsWith("\n}\n");
  return { code, out, err, json: isObject ? JSON.parse(out) : undefined };
}

/** Output without what names the place, and without sizes. */
function withoutPlace({ code, out, err }: Ran, name: string): string {
  return `${code} ${err} ${out}`.replaceAll(name, "PLACE")
    .replace(/^ {2}size .*$/m, "").replace(/"sizes": \{[^}]*\}/, "")
    .replace(/<dt>Size<\/dt>\s*<dd>.*?<\/dd>/, "");
}

serverTest(
  "each command prints the same of a runtime in PostgreSQL as of one on disk",
  async (_server, url, directory) => {
    const root = join(directory, "store");
    await everyEventStore({ root });
    const filled = await openRuntime({ root, runtimeId: "blobs" });
    await fill(filled);
    const begun = await filled.worker("a").beginRun({ runId: "r" });
    for (const draft of ["half of ", "it"]) await begun.commit({ draft });
    await filled.close();
    for (const runtimeId of ["local", "blobs"]) {
      const file = join(directory, runtimeId);
      assertEquals((await run("export", root, "-r", runtimeId, "-o", file)).code, 0);
      const imported = await run("import", file, url, "--space", "a b");
      assertEquals([imported.code, imported.err], [0, ""]);
      assertStringIncludes(imported.out, '/postgres, space "a b"');
      const again = await run("import", file, url, "--space", "a b", "--json");
      assertEquals([again.code, again.json.error.code], [1, "invalid_request"]);
    }
    const inDatabase = `${url.replace(`postgres:${PASSWORD}@`, "")}, space "a b"`;
    const { pathname } = new URL(`file://${join(root, "runtimes")}`);
    const commands: Readonly<Record<string, string[][]>> = {
      local: [
        ["inspect"],
        ["inspect", "--status", "stopped"],
        ["show", "reviewer"],
        ["show", "nobody"],
        ["transcript", "reviewer", "--all", "--full"],
        ["transcript", "reviewer", "--limit", "2"],
        ["search", "PR 42"],
        ["search", "nothing of this"],
        ["transcript", "reviewer", "--context"],
        ["events"],
        ["events", "--after", "3", "--limit", "5"],
        ["events", "--worker", "reviewer", "--limit", "3"],
        ["usage"],
        ["usage", "--worker", "reviewer", "--by", "day"],
        ["report"],
        ["export"],
        ["export", "--worker", "reviewer"],
      ],
      blobs: [
        ["inspect"],
        ["show", "a"],
        ["transcript", "a", "--all"],
        ["blobs", "a"],
        ["blob", "a", hashOf(large)],
        ["usage"],
        ["report"],
        ["export"],
      ],
    };
    const shown = await run("show", url, "a", "-r", "blobs", "--space", "a b");
    assertStringIncludes(shown.out, "of the open run r: half of it");
    for (const [runtimeId, lines] of Object.entries(commands)) {
      for (const [name = "", ...args] of lines) {
        for (
          const json of name === "export" || name === "blob" || name === "report" ? [[]] : [[], ["--json"]]
        ) {
          const onDisk = await run(name, root, ...args, "-r", runtimeId, ...json);
          const found = await run(name, url, ...args, "-r", runtimeId, "--space", "a b", ...json);
          assertEquals(
            withoutPlace(found, JSON.stringify(inDatabase).slice(1, -1)).replaceAll(inDatabase, "PLACE")
              .replaceAll(inDatabase.replaceAll('"', "&quot;"), "PLACE"),
            withoutPlace(onDisk, join(pathname, runtimeId)),
            [name, ...args, ...json].join(" "),
          );
        }
      }
    }
    const taken = ["--worker", "a", "--as", "again", "--runtime", "blobs"];
    const one = await run("import", join(directory, "blobs"), url, "--space", "a b", ...taken);
    assertEquals([one.code, one.out], [0, 'Imported: worker "again" with 3 entries\n']);
    const found = await run("search", url, "again", "-r", "blobs", "--space", "a b", "--worker", "again");
    assertEquals([found.code, found.out.split("\n").length], [0, 3]);
  },
);

serverTest("inspect lists the runtimes of a space with their owners", async (_server, url) => {
  await using opened = await connect(url);
  const { client } = opened;
  const empty = await run("inspect", url, "--json");
  assertEquals([empty.code, empty.json.error.code], [1, "store_missing"]);
  assertStringIncludes(empty.json.error.message, "no tables");
  await createSchema(client);
  const none = await run("inspect", url, "--json");
  assertEquals([none.code, none.json.runtimes], [0, []]);
  const store = (runtimeId: string) =>
    new PostgresRuntimeStore({ client, runtimeId, owner: "worker 7", address: "10.0.0.7:80" });
  await using owned = await Runtime.open({ store: store("a") });
  const { out, json } = { ...await run("inspect", url), json: (await run("inspect", url, "--json")).json };
  assertStringIncludes(out, "open, or not closed (worker 7 at 10.0.0.7:80)");
  assertEquals(json.owner, "worker 7 at 10.0.0.7:80");
  await (await Runtime.open({ store: store("b") })).close();
  const listed = await run("inspect", url, "--json");
  assertEquals(
    listed.json.runtimes.map((
      { runtimeId, owner, address, problem }: Record<string, unknown>,
    ) => [runtimeId, owner, address, problem]),
    [["a", "worker 7", "10.0.0.7:80", null], ["b", null, null, null]],
  );
  assertStringIncludes((await run("inspect", url)).out, "worker 7  10.0.0.7:80");
  const undecided = await run("events", url);
  assertEquals(undecided.code, 1);
  assertStringIncludes(undecided.err, 'choose one with --runtime: "a", "b"');
  assertEquals((await run("events", url, "-r", "b")).code, 0);
  assertStringIncludes(
    (await run("show", url, "x", "-r", "a", "--space", "other")).err,
    'space "other" has no runtime "a"',
  );
  for (const disk of [["verify"], ["repair"], ["prune"], ["purge", "a"], ["backup", "x"]]) {
    const [name = "", ...args] = disk;
    const refused = await run(name, url, ...args);
    assertEquals([refused.code, refused.out], [1, ""]);
    assertStringIncludes(refused.err, "on a store on disk");
  }
  const apply = await run("blobs", url, "a", "-r", "a", "--apply");
  assertStringIncludes(apply.err, "--apply");
  assertEquals(owned.health.status, "ok");
});

serverTest(
  "commands on a database need --allow-net=HOST:PORT alone, and say so",
  async ({ port }, url, directory) => {
    const root = join(directory, "store");
    await everyEventStore({ root });
    const [file, page] = ["stream", "page"].map((name) => join(directory, name));
    await run("export", root, "-o", file ?? "");
    const net = `--allow-net=127.0.0.1:${port}`;
    const imported = await cli([net, `--allow-read=${directory}`], "import", file ?? "", url);
    assertEquals([imported.code, imported.err], [0, ""]);
    for (
      const args of [
        ["inspect"],
        ["show", "reviewer"],
        ["transcript", "reviewer"],
        ["events"],
        ["usage"],
        ["report"],
        ["export"],
        ["blobs", "reviewer"],
      ]
    ) {
      const [name = "", ...rest] = args;
      const { code, err } = await cli([net], name, url, ...rest);
      assertEquals([name, code, err], [name, 0, ""]);
    }
    const written = await cli(
      [net, `--allow-read=${directory}`, `--allow-write=${directory}`],
      "report",
      url,
      "-o",
      page ?? "",
    );
    assertEquals([written.code, written.err], [0, ""]);
    for (const [host, flags] of [["127.0.0.1", []], ["localhost", [net]]] as const) {
      const denied = await cli(flags, "inspect", url.replace("127.0.0.1", host), "--json");
      const { code, details } = denied.json.error;
      assertEquals([denied.code, code, details.flag], [1, "store_permission", `--allow-net=${host}:${port}`]);
      assert(!denied.out.includes("secret"));
    }
  },
);

/** Starts the command with these permissions. */
function start(permissions: readonly string[], ...args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", ...permissions, entry, ...args],
    env: { DENO_NO_UPDATE_CHECK: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

serverTest("events --follow prints events of a runtime in PostgreSQL as they come", async (server, url) => {
  await using opened = await connect(url);
  await createSchema(opened.client);
  await using runtime = await Runtime.open({
    store: new PostgresRuntimeStore({ client: opened.client, runtimeId: "a" }),
  });
  const child = start([`--allow-net=127.0.0.1:${server.port}`], "events", url, "-f", "--json");
  await child.stdin.close();
  await followed(child, runtime);
  const error = await textOf(child.stderr);
  assertEquals([(await child.status).code, error], [0, ""]);
});

serverTest(
  "import of a killed process leaves nothing to see, and can be repeated",
  async (server, url, directory) => {
    const root = join(directory, "store");
    await everyEventStore({ root });
    const { out: stream } = await run("export", root);
    await using opened = await connect(url);
    const { client } = opened;
    await createSchema(client);
    const child = start([`--allow-net=127.0.0.1:${server.port}`], "import", "-", url);
    const input = child.stdin.getWriter();
    await input.write(new TextEncoder().encode(stream.slice(0, stream.length / 2)));
    const begun = async (): Promise<boolean> => {
      const { rows } = await client.query("SELECT FROM worker_runtime.runtimes WHERE epoch > 0", []) as {
        rows: unknown[];
      };
      return rows.length > 0;
    };
    for (const until = performance.now() + 60_000; !await begun();) assert(performance.now() < until);
    child.kill("SIGKILL");
    await child.status;
    await Promise.all([child.stdout.cancel(), child.stderr.cancel(), input.abort().catch(() => {})]);
    const { runtimes, unfinishedImports } = (await run("inspect", url, "--json")).json;
    assertEquals([runtimes, unfinishedImports], [[], ["local"]]);
    const file = join(directory, "stream");
    await Deno.writeTextFile(file, stream);
    const locked = await run("import", file, url, "--json");
    assertEquals(locked.json.error.code, "store_locked");
    // The lease of the killed process runs out.
    await client.query("UPDATE worker_runtime.hosts SET lease_until = now()", []);
    await client.query("UPDATE worker_runtime.runtimes SET claimed_until = now()", []);
    assertEquals((await run("import", file, url)).code, 0);
    assertEquals((await run("export", url)).out, stream);
  },
);

Deno.test({
  ...privileged("commands fail in time when a database cannot be reached or does not answer"),
  fn: async () => {
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepting = silent.accept();
    const { port } = silent.addr;
    const cases: [string, string, string][] = [
      [`postgres://u:${PASSWORD}@127.0.0.1:1/x`, "store_io", "ECONNREFUSED"],
      [`postgres://u:${PASSWORD}@127.0.0.1:${port}/x`, "store_io", "timeout"],
      [`postgres://u:${PASSWORD}@/x`, "invalid_request", "HOST:PORT"],
      [`postgres://u:${PASSWORD}%@127.0.0.1:1/x`, "invalid_request", "hexadecimal"],
      [`postgres://u:${PASSWORD}@127.0.0.1:1/x?sslmode=perhaps`, "invalid_request", "sslmode"],
      [`postgres://u:${PASSWORD}@127.0.0.1:1/x?host=secret`, "invalid_request", "sslmode"],
    ];
    for (const [url, code, part] of cases) {
      const { json, code: exitCode } = await run("inspect", url, "--json");
      assertEquals([exitCode, json.error.code], [1, code], url);
      assertStringIncludes(json.error.message, part);
    }
    (await accepting).close();
  },
});
