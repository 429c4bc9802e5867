/** The contract of names: directories, renames, links, permissions, and the code of every error. */
import { assertEquals, assertRejects } from "@std/assert";
import type { FileSystem } from "../../src/fs/disk/file_system.ts";
import { type Case, type Ground, outcomeOf, put, textAt, tryOpen } from "./contract.ts";

const LONG = "é".repeat(127) + "ab";

/** Calls on {@linkcode furnish}ed ground and what they give: a value, or the code of an error. */
const outcomes: readonly (readonly [call: string, path: string, outcome: unknown])[] = [
  ["read", "none", "ENOENT"],
  ["read", "none/x", "ENOENT"],
  ["read", "file/x", "ENOTDIR"],
  ["read", "dir", "EISDIR"],
  ["read", "link", "ELOOP"],
  ["read", "dangling", "ELOOP"],
  ["read", "special", "ENXIO"],
  ["read", "special/x", "ENOTDIR"],
  ["read", "linked/x", "file"],
  ["read", "loop", "ELOOP"],
  ["read", "loop/x", "ELOOP"],
  ["update", "none", "ENOENT"],
  ["update", "file/x", "ENOTDIR"],
  ["update", "dir", "EISDIR"],
  ["update", "linked", "ELOOP"],
  ["update", "link", "ELOOP"],
  ["update", "special", "ENXIO"],
  ["update", "loop", "ELOOP"],
  ["create", "none/x", "ENOENT"],
  ["create", "file/x", "ENOTDIR"],
  ["create", "dir", "EEXIST"],
  ["create", "file", "EEXIST"],
  ["create", "link", "EEXIST"],
  ["create", "dangling", "EEXIST"],
  ["create", "special", "EEXIST"],
  ["create", "linked/x", "EEXIST"],
  ["create", "loop/x", "ELOOP"],
  ["stat", "none", undefined],
  ["stat", "none/x", undefined],
  ["stat", LONG, "ENAMETOOLONG"],
  ["stat", `none/${LONG}`, undefined],
  ["stat", "none/x".repeat(700), "ENAMETOOLONG"],
  ["create", LONG, "ENAMETOOLONG"],
  ["stat", "file/x", "ENOTDIR"],
  ["stat", "file", "file"],
  ["stat", "dir", "directory"],
  ["stat", "link", "link"],
  ["stat", "dangling", "link"],
  ["stat", "special", "other"],
  ["stat", "linked/x", "file"],
  ["stat", "loop/x", "ELOOP"],
  ["identity", "none", undefined],
  ["identity", "file/x", "ENOTDIR"],
  ["identity", "file", "file"],
  ["identity", "dir", "directory"],
  ["identity", "link", "link"],
  ["identity", "linked", "link"],
  ["identity", "loop/x", "ELOOP"],
  ["openDirectory", "none", "ENOENT"],
  ["openDirectory", "file", "ENOTDIR"],
  ["openDirectory", "dir", "directory"],
  ["openDirectory", "linked", "ENOTDIR"],
  ["openDirectory", "dangling", "ENOTDIR"],
  ["list", "none", "ENOENT"],
  ["list", "file", "ENOTDIR"],
  ["list", "file/x", "ENOTDIR"],
  ["list", "dir", "x:file"],
  ["list", "empty", ""],
  ["list", "linked", "x:file"],
  ["list", "link", "ENOTDIR"],
  ["list", "special", "ENOTDIR"],
  ["list", "dangling", "ENOENT"],
  ["list", "loop/x", "ELOOP"],
  ["syncDirectory", "none", "ENOENT"],
  ["syncDirectory", "file/x", "ENOTDIR"],
  ["syncDirectory", "dir", undefined],
  ["syncDirectory", "linked", undefined],
  ["syncDirectory", "file", "ENOTDIR"],
  ["syncDirectory", "special", "ENOTDIR"],
  ["ensureDirectory", "new", undefined],
  ["ensureDirectory", "new/a/b", undefined],
  ["ensureDirectory", "dir", undefined],
  ["ensureDirectory", "linked", undefined],
  ["ensureDirectory", "linked/new", undefined],
  ["ensureDirectory", "file/x", "ENOTDIR"],
  ["ensureDirectory", "link/x", "ENOTDIR"],
  ["ensureDirectory", "dangling", "ENOENT"],
  ["ensureDirectory", "dangling/x", "ENOENT"],
  ["ensureDirectory", "loop", "ELOOP"],
  ["ensureDirectory", "loop/x", "ELOOP"],
  ["makeDirectory", "new", true],
  ["makeDirectory", "dir", false],
  ["makeDirectory", "file", false],
  ["makeDirectory", "dangling", false],
  ["makeDirectory", "special", false],
  ["makeDirectory", "none/x", "ENOENT"],
  ["makeDirectory", "file/x", "ENOTDIR"],
  ["remove", "none", false],
  ["remove", "none/x", false],
  ["remove", "file", true],
  ["remove", "link", true],
  ["remove", "linked", true],
  ["remove", "special", true],
  ["remove", "dir", "ENOTEMPTY"],
  ["remove", "file/x", "ENOTDIR"],
  ["remove", "loop/x", "ELOOP"],
  ["removeDirectory", "none", false],
  ["removeDirectory", "none/x", false],
  ["removeDirectory", "empty", true],
  ["removeDirectory", "dir", "ENOTEMPTY"],
  ["removeDirectory", "file", "ENOTDIR"],
  ["removeDirectory", "file/x", "ENOTDIR"],
  ["removeDirectory", "linked", "ENOTDIR"],
  ["removeDirectory", "special", "ENOTDIR"],
  ["lock", "none/x", "ENOENT"],
  ["lock", "file/x", "ENOTDIR"],
  ["lock", "dir", "EISDIR"],
  ["lock", "link", "ELOOP"],
  ["lock", "dangling", "ELOOP"],
  ["lock", "special", "ENXIO"],
  ["lock", "loop", "ELOOP"],
];

const renames: readonly (readonly [from: string, to: string, outcome: unknown])[] = [
  ["none", "new", "ENOENT"],
  ["file", "new", undefined],
  ["file", "file", undefined],
  ["file", "dir", "EISDIR"],
  ["file", "dir/x", undefined],
  ["file", "none/x", "ENOENT"],
  ["file", "file/x", "ENOTDIR"],
  ["file/x", "new", "ENOTDIR"],
  ["dir", "file", "ENOTDIR"],
  ["dir", "dir", undefined],
  ["dir", "dir/inner", "EINVAL"],
  ["dir", "empty", undefined],
  ["dir", "new", undefined],
  ["empty", "dir", "ENOTEMPTY"],
  ["link", "file", undefined],
  ["special", "new", undefined],
  ["special", "file", undefined],
  ["special", "dir", "EISDIR"],
  ["file", "special", undefined],
  ["dir", "special", "ENOTDIR"],
];

/** Calls without permission: by mode of a directory `s` (with a file `x` in it) and of a file `f`. */
const denials: readonly (readonly [mode: number, call: string, path: string, outcome: unknown])[] = [
  [0o000, "read", "f", "EACCES"],
  [0o400, "read", "f", "file"],
  [0o400, "update", "f", "EACCES"],
  [0o200, "update", "f", "EACCES"],
  [0o400, "lock", "f", "EACCES"],
  [0o000, "stat", "f", "file"],
  [0o000, "identity", "s/x", "EACCES"],
  [0o000, "openDirectory", "s", "EACCES"],
  [0o000, "list", "s", "EACCES"],
  [0o000, "stat", "s/x", "EACCES"],
  [0o000, "stat", "s/none", "EACCES"],
  [0o000, "remove", "s/none", "EACCES"],
  [0o000, "syncDirectory", "s", "EACCES"],
  [0o400, "list", "s", "x:file"],
  [0o400, "read", "s/x", "EACCES"],
  [0o500, "list", "s", "x:file"],
  [0o500, "update", "s/x", "file"],
  [0o500, "create", "s/new", "EACCES"],
  [0o500, "create", "s/x", "EEXIST"],
  [0o500, "lock", "s/x", "held"],
  [0o500, "lock", "s/new", "EACCES"],
  [0o500, "ensureDirectory", "s/new", "EACCES"],
  [0o500, "ensureDirectory", "s", undefined],
  [0o500, "makeDirectory", "s/new", "EACCES"],
  [0o500, "makeDirectory", "s/x", false],
  [0o500, "remove", "s/x", "EACCES"],
  [0o500, "remove", "s/none", false],
  [0o300, "list", "s", "EACCES"],
  [0o300, "syncDirectory", "s", "EACCES"],
  [0o300, "create", "s/new", "file"],
  [0o300, "remove", "s/x", true],
];

function furnish({ fs, root, link }: Ground): void {
  put(fs, `${root}/file`, "hello");
  fs.makeDirectory(`${root}/empty`);
  fs.makeDirectory(`${root}/dir`);
  put(fs, `${root}/dir/x`, "x");
  link(`${root}/link`, "file");
  link(`${root}/linked`, "dir");
  link(`${root}/dangling`, "nowhere");
  link(`${root}/loop`, "loop");
}

/** Makes a call by name; its result in a form that both disks share. */
export async function call(fs: FileSystem, name: string, path: string): Promise<unknown> {
  switch (name) {
    case "read":
    case "update":
    case "create":
      return tryOpen(fs, path, name);
    case "stat":
    case "identity":
      return fs[name](path)?.kind;
    case "openDirectory": {
      const directory = fs.openDirectory(path);
      const { kind } = directory.identity();
      directory.close();
      return kind;
    }
    case "list":
      return fs.list(path).map((entry) => `${entry.name}:${entry.kind}`).sort().join(" ");
    case "ensureDirectory":
    case "syncDirectory":
      return await fs[name](path);
    case "makeDirectory":
    case "remove":
    case "removeDirectory":
      return fs[name](path);
    case "lock": {
      const lock = fs.lock(path);
      lock?.release();
      return lock && "held";
    }
  }
  throw new TypeError(`Cannot call ${name}: there is no such call`);
}

const tableCases: readonly Case[] = [
  ...outcomes.map(([name, path, outcome]): Case => ({
    name: `${name}() returns ${outcome === "" ? "nothing" : outcome} when called with ${path.slice(0, 40)}`,
    needs: path.startsWith("special") ? "special" : "posix",
    async run(ground): Promise<void> {
      furnish(ground);
      if (path.startsWith("special")) ground.special(`${ground.root}/special`);
      assertEquals(await outcomeOf(() => call(ground.fs, name, `${ground.root}/${path}`)), outcome);
    },
  })),
  ...renames.map(([from, to, outcome]): Case => ({
    name: `rename() returns ${outcome} when ${from} is renamed to ${to}`,
    needs: from === "special" || to === "special" ? "special" : "posix",
    async run(ground): Promise<void> {
      furnish(ground);
      const { fs, root } = ground;
      if (from === "special" || to === "special") ground.special(`${root}/special`);
      assertEquals(await outcomeOf(() => fs.rename(`${root}/${from}`, `${root}/${to}`)), outcome);
    },
  })),
  ...denials.map(([mode, name, path, outcome]): Case => ({
    name: `${name}() returns ${outcome} when called with ${path} of mode ${mode.toString(8)}`,
    needs: "permissions",
    async run({ fs, root, chmod }): Promise<void> {
      put(fs, `${root}/f`, "f");
      fs.makeDirectory(`${root}/s`);
      put(fs, `${root}/s/x`, "x");
      for (const changed of ["f", "s"]) chmod(`${root}/${changed}`, mode);
      try {
        assertEquals(await outcomeOf(() => call(fs, name, `${root}/${path}`)), outcome);
      } finally {
        for (const changed of ["f", "s"]) chmod(`${root}/${changed}`, 0o700);
      }
    },
  })),
];

/** Cases about names. */
export const nameCases: readonly Case[] = [
  {
    name: "list() returns every name and its kind",
    run({ fs, root }): void {
      fs.makeDirectory(`${root}/dir`);
      put(fs, `${root}/file`, "");
      const entries = fs.list(root).toSorted((a, b) => a.name < b.name ? -1 : 1);
      assertEquals(entries, [{ name: "dir", kind: "directory" }, { name: "file", kind: "file" }]);
    },
  },
  {
    name: "ensureDirectory() creates missing parents too",
    async run({ fs, root }): Promise<void> {
      await fs.ensureDirectory(`${root}/a/b/c`);
      await fs.ensureDirectory(`${root}/a/b`);
      assertEquals(fs.stat(`${root}/a/b/c`)?.kind, "directory");
    },
  },
  {
    name: "ensureDirectory() fails when the name is a file",
    async run({ fs, root }): Promise<void> {
      put(fs, `${root}/a`, "x");
      await assertRejects(() => fs.ensureDirectory(`${root}/a`), Error, "expected 'dir', got 'file'");
    },
  },
  {
    name: "rename() replaces the target when there is one",
    async run({ fs, root }): Promise<void> {
      put(fs, `${root}/old`, "old");
      put(fs, `${root}/new`, "new");
      await fs.rename(`${root}/new`, `${root}/old`);
      assertEquals(textAt(fs, `${root}/old`), "new");
      assertEquals(fs.stat(`${root}/new`), undefined);
    },
  },
  {
    name: "rename() moves a directory with its contents when the target is free",
    async run({ fs, root }): Promise<void> {
      fs.makeDirectory(`${root}/a`);
      fs.makeDirectory(`${root}/b`);
      put(fs, `${root}/a/x`, "x");
      await fs.rename(`${root}/a`, `${root}/b/c`);
      assertEquals(textAt(fs, `${root}/b/c/x`), "x");
      assertEquals(fs.stat(`${root}/a`), undefined);
    },
  },
  {
    name: "rename() changes nothing when it fails",
    needs: "posix",
    async run(ground): Promise<void> {
      furnish(ground);
      const { fs, root } = ground;
      await outcomeOf(() => fs.rename(`${root}/file`, `${root}/dir`));
      assertEquals(textAt(fs, `${root}/file`), "hello");
      assertEquals(textAt(fs, `${root}/dir/x`), "x");
    },
  },
  {
    name: "rename() fails with EACCES when one of the directories is not writable",
    needs: "permissions",
    async run({ fs, root, chmod }): Promise<void> {
      for (const name of ["open", "closed"]) fs.makeDirectory(`${root}/${name}`);
      put(fs, `${root}/open/x`, "x");
      put(fs, `${root}/closed/y`, "y");
      chmod(`${root}/closed`, 0o500);
      assertEquals(await outcomeOf(() => fs.rename(`${root}/open/x`, `${root}/closed/x`)), "EACCES");
      assertEquals(await outcomeOf(() => fs.rename(`${root}/closed/y`, `${root}/open/y`)), "EACCES");
      assertEquals(await outcomeOf(() => fs.rename(`${root}/closed/none`, `${root}/open/y`)), "ENOENT");
      assertEquals(await outcomeOf(() => fs.rename(`${root}/closed/y`, `${root}/closed/y`)), undefined);
      chmod(`${root}/closed`, 0o700);
    },
  },
  {
    name: "remove() removes the link when it leads to a directory",
    needs: "posix",
    run(ground): void {
      furnish(ground);
      ground.fs.remove(`${ground.root}/linked`);
      assertEquals(textAt(ground.fs, `${ground.root}/dir/x`), "x");
    },
  },
  ...tableCases,
];
