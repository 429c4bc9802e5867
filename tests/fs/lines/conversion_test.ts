// Messages name the cause where the bytes or the file show it.

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { exportRuntime, importRuntime, verify } from "../../../operate.ts";
import { storeFault } from "../../../src/fs/disk/faults.ts";
import { streamOf, textOf } from "../../cli/kit.ts";
import { appendTo, diskTest, refused, speak } from "../../kit/place.ts";

const conversions: readonly { name: string; convert: (text: string) => string; hint: string }[] = [
  { name: "CRLF", convert: (text) => text.replaceAll("\n", "\r\n"), hint: "its lines end in CRLF" },
  { name: "a byte order mark", convert: (text) => `\uFEFF${text}`, hint: "it begins with a byte order mark" },
];

for (const { name, convert, hint } of conversions) {
  diskTest(`a store whose files got ${name} is refused with that cause`, async (place) => {
    const runtime = await place.open();
    await speak(runtime, "a", ["one", "two"]);
    await runtime.close();
    const location = { root: place.root, runtimeId: "local" };
    const stream = await textOf(exportRuntime(location));
    for (const path of [place.segment(1), place.layout.identity, place.layout.checkpoint]) {
      const text = Deno.readTextFileSync(path);
      Deno.writeTextFileSync(path, convert(text));
      const { findings } = await verify(location);
      assertStringIncludes(findings.map(({ message }) => message).join("\n"), hint, path);
      if (path === place.segment(1)) {
        for (const work of [() => place.open(), () => textOf(exportRuntime(location))]) {
          assertStringIncludes((await refused("store_corrupt", work)).message, hint);
        }
      }
      Deno.writeTextFileSync(path, text);
    }
    const to = `${place.root}/imported`;
    const error = await refused("store_corrupt", () => importRuntime(to, streamOf(convert(stream))));
    assertStringIncludes(error.message, `Cannot import line 1: ${hint}`);
  });
}

diskTest("Runtime.open() of a store that was not closed counts the events that it replays", async (place) => {
  const told = async (): Promise<string | undefined> => {
    const runtime = await place.open();
    const found = runtime.diagnostics().items.find(({ code }) => code === "unclean_open");
    await runtime.close();
    return found?.message.replace("The last writer did not close this store; ", "");
  };
  assertEquals(await told(), undefined);
  appendTo(place.segment(1), '{"id":');
  assertEquals(await told(), "its checkpoint covers every event");
  await place.kill(await place.open());
  assertMatch(String(await told()), /^event \d+ was replayed$/);
  const runtime = await place.open();
  await speak(runtime, "a", ["one"]);
  await place.kill(runtime);
  assertMatch(String(await told()), /^events \d+ to \d+ were replayed$/);
});

diskTest("store_permission names owner and mode of a file that the system denies", (place) => {
  const path = `${place.root}/owned`;
  Deno.writeTextFileSync(path, "");
  Deno.chmodSync(path, 0o640);
  const denied = Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
  const uid = Deno.statSync(path).uid ?? "unknown";
  const { code, message } = storeFault(denied, "open", path);
  assertEquals(code, "store_permission");
  if (Deno.build.os === "windows") return;
  assertStringIncludes(message, `${JSON.stringify(path)} belongs to user ${uid} and has mode 0640`);
  const below = storeFault(denied, "open", `${place.root}/none/file`).message;
  assertStringIncludes(below, `${JSON.stringify(place.root)} belongs to user ${uid} and has mode 0700`);
});

diskTest("FsRuntimeStore.acquire() refuses a config that is a link, and verify() finds it", async (place) => {
  await (await place.open()).close();
  Deno.writeTextFileSync(`${place.root}/elsewhere.jsonc`, "{}");
  Deno.symlinkSync(`${place.root}/elsewhere.jsonc`, place.layout.config);
  const { message } = await refused("invalid_request", () => place.openStore());
  assertStringIncludes(
    message,
    'config.jsonc": it is a symbolic link, not a file; put a copy of the file in its place',
  );
  const { verdict, counts } = await verify({ root: place.root, runtimeId: "local" });
  assertEquals([verdict, counts.config_invalid], ["healable", 1]);
});
