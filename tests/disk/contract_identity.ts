/** The contract of identities: the file at a path compared with the file of a handle. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { FileIdentity, FileSystem } from "../../src/fs/disk/file_system.ts";
import { assertCode, type Case, put } from "./contract.ts";

/** Device and number of a file. */
function numbers({ device, inode }: FileIdentity): readonly number[] {
  return [device, inode];
}

function numbersAt(fs: FileSystem, path: string): readonly number[] {
  const identity = fs.identity(path);
  assert(identity !== undefined);
  return numbers(identity);
}

/** Cases about identities. */
export const identityCases: readonly Case[] = [
  {
    name: "identity() of path and handle agree for a file, a directory and a lock",
    needs: "posix",
    run({ fs, root }): void {
      const file = fs.open(`${root}/a`, "create");
      fs.makeDirectory(`${root}/dir`);
      const directory = fs.openDirectory(`${root}/dir`);
      const lock = fs.lock(`${root}/lock`);
      assert(lock !== undefined);
      assertEquals(numbersAt(fs, `${root}/a`), numbers(file.identity()));
      assertEquals(numbersAt(fs, `${root}/dir`), numbers(directory.identity()));
      assertEquals(numbersAt(fs, `${root}/lock`), numbers(lock.identity()));
      const all = [file, directory, lock].map((handle) => handle.identity().inode);
      assertEquals(new Set([0, ...all]).size, 4);
      assertEquals([file, directory, lock].map((handle) => handle.identity().kind), [
        "file",
        "directory",
        "file",
      ]);
      for (const handle of [file, directory]) handle.close();
      lock.release();
    },
  },
  {
    name: "identity() of a handle is that of the opened file when its name was moved",
    needs: "posix",
    async run({ fs, root }): Promise<void> {
      fs.makeDirectory(`${root}/dir`);
      const directory = fs.openDirectory(`${root}/dir`);
      const before = numbers(directory.identity());
      await fs.rename(`${root}/dir`, `${root}/moved`);
      assertEquals(fs.identity(`${root}/dir`), undefined);
      fs.makeDirectory(`${root}/dir`);
      assertEquals(numbers(directory.identity()), before);
      assertEquals(numbersAt(fs, `${root}/moved`), before);
      assertNotEquals(numbersAt(fs, `${root}/dir`), before);
      directory.close();
    },
  },
  {
    name: "openDirectory() prevents reuse of the number of a removed directory",
    needs: "posix",
    run({ fs, root }): void {
      fs.makeDirectory(`${root}/dir`);
      const directory = fs.openDirectory(`${root}/dir`);
      fs.removeDirectory(`${root}/dir`);
      for (let count = 0; count < 20; count++) {
        fs.makeDirectory(`${root}/dir`);
        assertNotEquals(numbersAt(fs, `${root}/dir`), numbers(directory.identity()));
        fs.removeDirectory(`${root}/dir`);
      }
      directory.close();
    },
  },
  {
    name: "identity() of a directory has another time after a name in it changed",
    needs: "posix",
    async run({ fs, root }): Promise<void> {
      fs.makeDirectory(`${root}/dir`);
      put(fs, `${root}/dir/a`, "a");
      const changes: readonly (() => unknown)[] = [
        () => put(fs, `${root}/dir/b`, "b"),
        () => fs.rename(`${root}/dir/b`, `${root}/dir/a`),
        () => fs.makeDirectory(`${root}/dir/inner`),
        () => fs.remove(`${root}/dir/a`),
      ];
      for (const change of changes) {
        const before = fs.identity(`${root}/dir`);
        await change();
        const after = fs.identity(`${root}/dir`);
        assert(before?.modifiedMs !== after?.modifiedMs || before?.changedMs !== after?.changedMs);
      }
    },
  },
  {
    name: "identity() of a closed handle fails with EBADF",
    needs: "posix",
    async run({ fs, root }): Promise<void> {
      const file = fs.open(`${root}/a`, "create");
      fs.makeDirectory(`${root}/dir`);
      const directory = fs.openDirectory(`${root}/dir`);
      const lock = fs.lock(`${root}/lock`);
      for (const handle of [file, directory]) handle.close();
      lock?.release();
      for (const handle of [file, directory, lock]) {
        await assertCode(() => handle?.identity(), "EBADF");
      }
      await assertCode(() => directory.close(), "EBADF");
    },
  },
];
