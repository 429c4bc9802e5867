// Two hosts on a PostgreSQL server: one is killed, the other continues its runtimes where they stopped.

import { assertEquals } from "@std/assert";
import { Runtime } from "../../mod.ts";
import { PostgresRuntimeStore } from "../../postgres_store.ts";
import { pgClient } from "../postgres/clients.ts";
import { binaries, startServer } from "../postgres/server.ts";
import { Example, exampleTest, until } from "./kit.ts";

const RUNTIMES = ["east", "north", "south", "west"];

exampleTest(
  "hosts share the runtimes, and one takes over when the other is killed",
  async (directory) => {
    await using server = await startServer(["fsync=off"]);
    const flags = ["--ignore-env", `--allow-net=127.0.0.1:${server.port}`];
    const start = (...args: string[]) => new Example("hosts", directory, flags, [server.url, ...args]);
    /** Owner and steps of each runtime, as the third command lists them. */
    const listed = async (): Promise<{ owners: string; steps: number[] }> => {
      const { out, err } = await start().finish();
      const rows = [...out.matchAll(/^(\w+): owner (\w+), (\d+) steps$/gm)];
      assertEquals(rows.map(([, runtime]) => runtime), out === "" ? [] : RUNTIMES, err);
      return {
        owners: rows.map(([, , owner]) => owner).sort().join(" "),
        steps: rows.map((row) => Number(row[3])),
      };
    };
    const a = start("a");
    await until(async () => (await listed()).owners === "a a a a");
    const b = start("b");
    await until(async () => (await listed()).owners === "a a b b");
    const { steps: early } = await listed();
    await until(async () => (await listed()).steps.every((count, index) => count > (early[index] ?? 0) + 5));
    assertEquals((await b.kill()).signal, "SIGKILL");
    const { steps: before } = await listed();
    await until(async () => (await listed()).owners === "a a a a");
    await until(async () => (await listed()).steps.every((count, index) => count > (before[index] ?? 0)));
    const { code, out, err } = await a.interrupt();
    assertEquals([code, err], [0, ""]);
    assertEquals((await listed()).owners, "none none none none");
    // Four at first, and again the two that b had.
    assertEquals(out.match(/^a hosts /gm)?.length, 6, out);

    await using opened = await pgClient(server);
    const hosts = new Set<string>();
    for (const runtimeId of RUNTIMES) {
      await using runtime = await Runtime.open({
        store: new PostgresRuntimeStore({ client: opened.client, runtimeId, create: false }),
      });
      const entries = await Array.fromAsync(runtime.worker("counter").entries());
      assertEquals(entries.map(({ content }) => content), entries.map((_, index) => index + 1), runtimeId);
      // Runs of one host: their steps are consecutive.
      const names = entries.map(({ name }) => name);
      hosts.add(names.filter((name, index) => name !== names[index - 1]).join(" "));
    }
    assertEquals([...hosts].sort(), ["a", "a b a"]);
  },
  binaries === undefined ? "needs PostgreSQL" : undefined,
);
