// The operator's config.jsonc.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { diskTest, refused, type TestPlace } from "../../kit/place.ts";
import { defaultConfig, readConfig } from "../../../src/fs/place/config.ts";
import { DenoFileSystem } from "../../../src/fs/disk/deno_file_system.ts";

function write(place: TestPlace, text: string): void {
  Deno.mkdirSync(place.layout.directory, { recursive: true });
  Deno.writeTextFileSync(place.layout.config, text);
}

async function issuesOf(place: TestPlace, text: string): Promise<string> {
  write(place, text);
  const error = await refused("invalid_request", () => place.open());
  assertStringIncludes(error.message, JSON.stringify(place.layout.config));
  return error.details.issues.join("; ");
}

diskTest("readConfig() gives the defaults when there is no file, or nothing in it", (place) => {
  const fs = new DenoFileSystem();
  assertEquals(readConfig(fs, place.layout.config), defaultConfig);
  write(place, "{}");
  assertEquals(readConfig(fs, place.layout.config), defaultConfig);
  assertEquals(defaultConfig, {
    durability: "synced",
    limits: {
      segmentBytes: 67_108_864,
      checkpointBytes: 25_165_824,
      checkpointEvents: 45_000,
      transcriptBufferBytes: 16_777_216,
      quarantineBytes: 67_108_864,
      quarantineFiles: 64,
    },
  });
});

diskTest("readConfig() takes comments and trailing commas", (place) => {
  write(
    place,
    `// For the night shift
    {
      "displayName": "Night // shift", /* in
      two lines */
      "durability": "written",
      "limits": { "segmentBytes": 4096, },
    }`,
  );
  const config = readConfig(new DenoFileSystem(), place.layout.config);
  assertEquals(config.displayName, "Night // shift");
  assertEquals(config.durability, "written");
  assertEquals(config.limits, { ...defaultConfig.limits, segmentBytes: 4_096 });
});

diskTest("Runtime.overview() shows the operator's name of the runtime", async (place) => {
  place.configure({ displayName: "Night shift" });
  const runtime = await place.open();
  assertEquals(runtime.overview().displayName, "Night shift");
});

diskTest(
  "FsRuntimeStore.acquire() keeps a snapshot of the config in runtime.json, current at each opening",
  async (place) => {
    const snapshot = (): unknown => JSON.parse(Deno.readTextFileSync(place.layout.identity)).config;
    await (await place.openStore()).close();
    assertEquals(snapshot(), JSON.parse(JSON.stringify(defaultConfig)));
    const { createdAt } = JSON.parse(Deno.readTextFileSync(place.layout.identity));
    place.configure({ durability: "written" });
    await (await place.openStore()).close();
    assertEquals(snapshot(), { ...JSON.parse(JSON.stringify(defaultConfig)), durability: "written" });
    assertEquals(JSON.parse(Deno.readTextFileSync(place.layout.identity)).createdAt, createdAt);
  },
);

diskTest("FsRuntimeStore.acquire() throws invalid_request that names each wrong member", async (place) => {
  const issues = await issuesOf(
    place,
    `{"displayName": " ", "durability": "maybe", "colour": 1, "limits": {
      "segmentBytes": 4095, "checkpointBytes": "1", "transcriptBufferBytes": 1.5,
      "quarantineBytes": -1, "quarantineFiles": 3, "more": 1}}`,
  );
  const members = ["displayName", "durability", "colour", "limits.segmentBytes", "limits.checkpointBytes"];
  members.push("limits.transcriptBufferBytes", "limits.quarantineBytes", "limits.quarantineFiles", '"more"');
  for (const member of members) assertStringIncludes(issues, member);
});

diskTest(
  "FsRuntimeStore.acquire() throws invalid_request for a config that cannot be parsed",
  async (place) => {
    for (const text of ["", "{", '{"displayName": }', "[1", "{'a': 1}", "nonsense"]) {
      await issuesOf(place, text);
    }
    for (const text of ["[]", "1", "null", '"x"']) await issuesOf(place, text);
  },
);

diskTest(
  "FsRuntimeStore.acquire() throws invalid_request for a config that is no UTF-8, and changes nothing",
  async (place) => {
    Deno.mkdirSync(place.layout.directory, { recursive: true });
    Deno.writeFileSync(place.layout.config, new Uint8Array([0x7b, 0xff, 0x7d]));
    await refused("invalid_request", () => place.open());
    assertEquals(place.names("").includes("runtime.json"), false);
    // Once it is right, the store opens.
    place.configure({});
    await place.open();
  },
);

diskTest(
  "FsRuntimeStore.acquire() throws invalid_request for a config that is no file or too large",
  async (place) => {
    Deno.mkdirSync(place.layout.config, { recursive: true });
    await refused("invalid_request", () => place.open());
    Deno.removeSync(place.layout.config);
    write(place, `{${" ".repeat(70_000)}}`);
    await refused("invalid_request", () => place.open());
  },
);
