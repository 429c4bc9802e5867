// Which folder may import which: no cycles, no upward imports, and the command uses public entry points only.

import { assert, assertEquals } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { cyclesIn, importsOf, modulesIn } from "./module_graph.ts";

const ignore = Deno.permissions.querySync({ name: "read" }).state !== "granted";
const options = { permissions: { read: true }, ignore } as const;

const entryPoints = Object.values(config.exports).map((path) => path.slice(2));

/** Rooms of the file system store, from the bottom up: each may import those before it. */
const FS_ROOMS = [
  "src/fs/disk",
  "src/fs/names.ts",
  "src/fs/layout.ts",
  "src/fs/lines",
  "src/fs/aside.ts",
  "src/fs/quarantine.ts",
  "src/fs/place",
  "src/fs/options.ts",
  "src/fs/log",
  "src/fs/blobs/name.ts",
  "src/fs/workers",
  "src/fs/blobs",
  "src/fs/transcripts",
  "src/fs/checkpoint",
  "src/fs/recovery",
  "src/fs/reading",
  "src/fs/store.ts",
] as const;

const OPERATE_ROOMS = [
  "src/operate",
  "src/operate/read",
  "src/operate/verify",
  "src/operate/search",
  "src/operate/repair",
  "src/operate/transfer",
] as const;

/** Rooms that each room may import. A room is a folder without the rooms in it, or one file. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "src/core": [],
  "src/memory": ["src/core"],
  "src/postgres": ["src/core"],
  ...upward(FS_ROOMS, ["src/core"]),
  ...upward(OPERATE_ROOMS, ["src/core", "src/postgres", ...FS_ROOMS]),
  "mod.ts": ["src/core", "src/memory"],
  "memory_store.ts": ["src/memory"],
  "store.ts": ["src/core"],
  "fs_store.ts": ["src/fs/disk", "src/fs/place", "src/fs/reading", "src/fs/store.ts"],
  "postgres_store.ts": ["src/postgres"],
  "operate.ts": ["src/fs/place", "src/postgres", ...OPERATE_ROOMS],
  "testing": ["src/core"],
  "cli": ["mod.ts", "store.ts", "fs_store.ts", "postgres_store.ts", "operate.ts"],
  "cli/report": ["cli", "mod.ts", "fs_store.ts", "operate.ts"],
  "cli/commands": [
    "cli",
    "cli/report",
    "mod.ts",
    "store.ts",
    "fs_store.ts",
    "postgres_store.ts",
    "operate.ts",
  ],
  "cli/program.ts": ["cli", "cli/commands", "store.ts", "operate.ts"],
  "cli/mod.ts": ["cli", "cli/program.ts"],
};

function upward(rooms: readonly string[], below: readonly string[]): Record<string, readonly string[]> {
  return Object.fromEntries(rooms.map((room, index) => [room, [...below, ...rooms.slice(0, index)]]));
}

/** The innermost room that holds a file. */
function roomOf(path: string): string {
  const rooms = Object.keys(MAY_IMPORT).filter((room) => path === room || path.startsWith(`${room}/`));
  return rooms.reduce((a, b) => b.length > a.length ? b : a, "");
}

/** Every shipped module with the files that it imports. */
function graph(): Map<string, string[]> {
  const paths = [...["src", "cli", "testing"].flatMap(modulesIn), ...entryPoints];
  return new Map([...new Set(paths)].map((path) => [path, importsOf(path).files]));
}

Deno.test("every module lies in a room, and imports only rooms below its own", options, () => {
  const modules = graph();
  assert(modules.size > 150, `${modules.size} modules`);
  assertEquals([...modules.keys()].filter((path) => roomOf(path) === ""), []);
  const wrong = [...modules].flatMap(([path, imports]) => {
    const allowed = [roomOf(path), ...MAY_IMPORT[roomOf(path)] ?? []];
    return imports.filter((target) => !allowed.includes(roomOf(target))).map((target) =>
      `${path} -> ${target}`
    );
  });
  assertEquals(wrong, []);
});

Deno.test("no modules import each other in a cycle", options, () => {
  assertEquals(cyclesIn(graph()), []);
});

Deno.test("the table of rooms has no cycle, and names only rooms that exist", options, () => {
  assertEquals(cyclesIn(new Map(Object.entries(MAY_IMPORT))), []);
  const used = new Set([...graph().keys()].map(roomOf));
  assertEquals(Object.keys(MAY_IMPORT).filter((room) => !used.has(room)), []);
});

Deno.test("the command imports public entry points only", options, () => {
  const outside = modulesIn("cli").flatMap((path) => importsOf(path).files)
    .filter((target) => !target.startsWith("cli/"));
  assert(outside.length > 10, `${outside.length} imports`);
  assertEquals(outside.filter((target) => !entryPoints.includes(target)), []);
});

Deno.test("cyclesIn() finds the nodes that reach each other", () => {
  const edges = { a: ["b"], b: ["c"], c: ["a", "d"], d: ["e"], e: [], f: ["f"] };
  assertEquals(cyclesIn(new Map(Object.entries(edges))), [["a", "b", "c"], ["f"]]);
});
