/** The contract of open files and locks. */
import { assert, assertEquals } from "@std/assert";
import { assertCode, bytesOf, type Case, put, textAt, textOf } from "./contract.ts";

/** Cases about the content of files. */
export const fileCases: readonly Case[] = [
  {
    name: "open() creates a file that is absent",
    run({ fs, root }): void {
      const file = fs.open(`${root}/a`, "create");
      assertEquals(file.stat(), { kind: "file", size: 0, links: 1 });
      assertEquals(file.write(bytesOf("hello"), 0), 5);
      assertEquals(textOf(file), "hello");
      file.close();
      assertEquals(fs.stat(`${root}/a`), { kind: "file", size: 5, links: 1 });
    },
  },
  {
    name: "write() changes, extends and leaves zeros in a gap when given a position",
    run({ fs, root }): void {
      const file = fs.open(`${root}/a`, "create");
      file.write(bytesOf("hello"), 0);
      file.write(bytesOf("J"), 0);
      file.write(bytesOf("end"), 1030);
      assertEquals(file.stat().size, 1033);
      assertEquals(textOf(file), "Jello" + "\0".repeat(1025) + "end");
      assertEquals(file.write(new Uint8Array(), 5000), 0);
      assertEquals(file.stat().size, 1033);
      file.close();
    },
  },
  {
    name: "write() keeps its own copy when the caller reuses the buffer",
    run({ fs, root }): void {
      const file = fs.open(`${root}/a`, "create");
      const bytes = bytesOf("x".repeat(2000));
      file.write(bytes, 100);
      bytes.fill(0);
      assertEquals(textOf(file).slice(100), "x".repeat(2000));
      file.close();
    },
  },
  {
    name: "read() returns fewer bytes at the end of the file",
    run({ fs, root }): void {
      put(fs, `${root}/a`, "x".repeat(600) + "end");
      const file = fs.open(`${root}/a`, "read");
      const target = new Uint8Array(10);
      assertEquals(file.read(target, 600), 3);
      assertEquals(target.subarray(0, 4), Uint8Array.of(...bytesOf("end"), 0));
      assertEquals(file.read(target, 603), 0);
      assertEquals(file.read(target, 5000), 0);
      assertEquals(file.read(new Uint8Array(), 0), 0);
      file.close();
    },
  },
  {
    name: "truncate() shortens, and extends with zeros",
    run({ fs, root }): void {
      const file = fs.open(`${root}/a`, "create");
      file.write(bytesOf("x".repeat(1500)), 0);
      file.truncate(700);
      assertEquals(file.stat().size, 700);
      file.truncate(1200);
      assertEquals(textOf(file), "x".repeat(700) + "\0".repeat(500));
      file.truncate(0);
      file.write(bytesOf("y"), 600);
      assertEquals(textOf(file), "\0".repeat(600) + "y");
      file.close();
    },
  },
  {
    name: "write() and truncate() fail when the file was opened to read",
    needs: "posix",
    async run({ fs, root }): Promise<void> {
      put(fs, `${root}/a`, "x");
      const file = fs.open(`${root}/a`, "read");
      await assertCode(() => file.write(bytesOf("y"), 0), "EBADF");
      await assertCode(() => file.truncate(0), "EINVAL");
      await file.syncData();
      file.close();
    },
  },
  {
    name: "syncDataNow(), syncData() and sync() succeed when the file is open",
    async run({ fs, root }): Promise<void> {
      const file = fs.open(`${root}/a`, "create");
      file.write(bytesOf("x"), 0);
      file.syncDataNow();
      await Promise.all([file.syncData(), file.sync()]);
      file.close();
      assertEquals(textAt(fs, `${root}/a`), "x");
    },
  },
  {
    name: "close() makes every later call fail with EBADF when done",
    needs: "posix",
    async run({ fs, root }): Promise<void> {
      const file = fs.open(`${root}/a`, "create");
      file.close();
      await assertCode(() => file.read(new Uint8Array(1), 0), "EBADF");
      await assertCode(() => file.write(new Uint8Array(1), 0), "EBADF");
      await assertCode(() => file.truncate(0), "EBADF");
      await assertCode(() => file.stat(), "EBADF");
      await assertCode(() => file.syncDataNow(), "EBADF");
      await assertCode(() => file.syncData(), "EBADF");
      await assertCode(() => file.sync(), "EBADF");
      await assertCode(() => file.close(), "EBADF");
    },
  },
  {
    name: "syncData() returns a promise when it fails",
    async run({ fs, root }): Promise<void> {
      const file = fs.open(`${root}/a`, "create");
      file.close();
      const promise = file.syncData();
      assert(promise instanceof Promise);
      await assertCode(() => promise, "EBADF");
    },
  },
  {
    name: "stat() of an open file reports no links when its name was removed",
    needs: "posix",
    async run({ fs, root }): Promise<void> {
      const file = fs.open(`${root}/a`, "create");
      file.write(bytesOf("x"), 0);
      fs.remove(`${root}/a`);
      assertEquals(file.stat(), { kind: "file", size: 1, links: 0 });
      file.write(bytesOf("yz"), 0);
      await file.syncData();
      assertEquals(textOf(file), "yz");
      file.close();
    },
  },
  {
    name: "stat() of an open file reports no links when another was renamed over it",
    needs: "posix",
    async run({ fs, root }): Promise<void> {
      put(fs, `${root}/b`, "new");
      const file = fs.open(`${root}/a`, "create");
      await fs.rename(`${root}/b`, `${root}/a`);
      assertEquals(file.stat().links, 0);
      file.close();
      const renamed = fs.open(`${root}/a`, "update");
      await fs.rename(`${root}/a`, `${root}/c`);
      assertEquals(renamed.stat(), { kind: "file", size: 3, links: 1 });
      renamed.close();
    },
  },
  {
    name: "lock() rejects a second holder until the first releases",
    run({ fs, root }): void {
      const first = fs.lock(`${root}/lock`);
      assert(first !== undefined);
      assertEquals(fs.stat(`${root}/lock`), { kind: "file", size: 0, links: 1 });
      assertEquals(fs.lock(`${root}/lock`), undefined);
      first.release();
      first.release();
      const second = fs.lock(`${root}/lock`);
      assert(second !== undefined);
      first.release();
      assertEquals(fs.lock(`${root}/lock`), undefined);
      second.release();
    },
  },
  {
    name: "lock() is on the file, not on its name",
    needs: "posix",
    async run({ fs, root }): Promise<void> {
      const first = fs.lock(`${root}/lock`);
      await fs.rename(`${root}/lock`, `${root}/moved`);
      assertEquals(fs.lock(`${root}/moved`), undefined);
      const second = fs.lock(`${root}/lock`);
      assert(second !== undefined);
      second.release();
      first?.release();
    },
  },
  {
    name: "lock() does not prevent others from opening the file",
    needs: "posix",
    run({ fs, root }): void {
      put(fs, `${root}/lock`, "x");
      const lock = fs.lock(`${root}/lock`);
      assertEquals(textAt(fs, `${root}/lock`), "x");
      lock?.release();
    },
  },
];
