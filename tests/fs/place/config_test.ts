// Settings: those of the host, and the operator's config.jsonc.

import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { FsRuntimeSource } from "../../../fs_store.ts";
import { Runtime, RuntimeError, RuntimeReader } from "../../../mod.ts";
import { openRuntime } from "../../../operate.ts";
import { sealedBytes } from "../../../src/fs/lines/codec.ts";
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

/** The config snapshot in runtime.json. */
function snapshotOf(place: TestPlace): Record<string, unknown> {
  return JSON.parse(Deno.readTextFileSync(place.layout.identity)).config;
}

diskTest("FsRuntimeStore takes settings in code, and keeps a snapshot of them", async (place) => {
  const limits = { segmentBytes: 4_096, quarantineFiles: undefined };
  const store = place.store({ displayName: "Night shift", durability: "written", limits });
  await using runtime = await Runtime.open({ store });
  assertEquals(runtime.overview().displayName, "Night shift");
  assertEquals(snapshotOf(place), {
    displayName: "Night shift",
    durability: "written",
    limits: { ...defaultConfig.limits, segmentBytes: 4_096 },
  });
  // The bound holds: each of these events is longer than a segment.
  for (let count = 0; count < 3; count++) await runtime.record("x", "y".repeat(5_000));
  assertEquals(place.names("events").length, 3);
});

diskTest("config.jsonc replaces the settings that it names, each limit alone", async (place) => {
  const settings = {
    displayName: "Night shift",
    durability: "written",
    limits: { segmentBytes: 8_192, checkpointEvents: 16 },
  } as const;
  place.configure({ displayName: "Day shift", limits: { segmentBytes: 4_096, quarantineFiles: 4 } });
  await (await place.openStore(settings)).close();
  assertEquals(snapshotOf(place), {
    displayName: "Day shift",
    durability: "written",
    limits: { ...defaultConfig.limits, segmentBytes: 4_096, checkpointEvents: 16, quarantineFiles: 4 },
  });
  // The settings of the host are in effect again without it, and none of them is kept without the host.
  Deno.removeSync(place.layout.config);
  await (await place.openStore(settings)).close();
  assertEquals(snapshotOf(place).displayName, "Night shift");
  await (await place.openStore()).close();
  assertEquals(snapshotOf(place), JSON.parse(JSON.stringify(defaultConfig)));
});

diskTest("new FsRuntimeStore() throws invalid_request that names each wrong option", (place) => {
  const wrong: Readonly<Record<string, object>> = {
    "displayName": { displayName: " " },
    "durability": { durability: "maybe" },
    "limits": { limits: 1 },
    "limits.segmentBytes": { limits: { segmentBytes: 4_095 } },
    "limits.quarantineFiles": { limits: { quarantineFiles: 4.5 } },
    "limits: ": { limits: { colour: 1 } },
    "lockWaitMs": { lockWaitMs: -1 },
    "lockWaitMs: ": { lockWaitMs: 86_400_001 },
    "lockWaitMs: Inv": { lockWaitMs: NaN },
  };
  for (const [member, options] of Object.entries(wrong)) {
    const error = assertThrows(() => place.store(options), RuntimeError);
    assertEquals(error.code, "invalid_request");
    assertStringIncludes(error.message, `Cannot create store: ${member}`);
  }
});

diskTest("new FsRuntimeStore() copies its settings", async (place) => {
  const limits = { segmentBytes: 4_096 };
  const store = place.store({ limits });
  limits.segmentBytes = 8_192;
  await using _ = await Runtime.open({ store });
  assertEquals(snapshotOf(place).limits, { ...defaultConfig.limits, segmentBytes: 4_096 });
});

diskTest("a reader and the operator's tools take the settings of the last opening", async (place) => {
  const limits = { segmentBytes: 4_096 };
  const store = place.store({ displayName: "Night shift", durability: "written", limits });
  await (await Runtime.open({ store })).close();
  const location = { root: place.root, runtimeId: "local" };
  const nameOf = async (): Promise<string | undefined> => {
    await using reader = await RuntimeReader.open({ source: new FsRuntimeSource(location) });
    return reader.overview().displayName;
  };
  assertEquals(await nameOf(), "Night shift");
  const snapshot = snapshotOf(place);
  {
    await using runtime = await openRuntime(location);
    assertEquals(runtime.overview().displayName, "Night shift");
  }
  assertEquals(snapshotOf(place), snapshot);
  // The operator's file comes first.
  place.configure({ displayName: "Day shift" });
  assertEquals(await nameOf(), "Day shift");
});

diskTest("a reader of a store whose config snapshot makes no sense takes none", async (place) => {
  await (await place.openStore({ displayName: "Night shift" })).close();
  const identity = JSON.parse(Deno.readTextFileSync(place.layout.identity));
  const { crc: _, ...content } = { ...identity, config: { ...identity.config, limits: 1 } };
  Deno.writeFileSync(place.layout.identity, sealedBytes(JSON.stringify(content)));
  const source = new FsRuntimeSource({ root: place.root, runtimeId: "local" });
  await using reader = await RuntimeReader.open({ source });
  assertEquals(reader.overview().displayName, undefined);
});
