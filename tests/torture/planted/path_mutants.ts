/**
 * Bugs in the detection of replaced paths of an open store.
 *
 * @module
 */
import type { Mutant } from "./mutants.ts";

/** All of them. */
export const pathMutants: readonly Mutant[] = [
  {
    name: "a commit does not check its paths after the sync",
    file: "fs/log/writer.ts",
    find: "    this.#checked(() => guard?.confirm(file, this.#path, this.#segments));\n",
    replace: "",
    first: ["paths"],
  },
  {
    name: "a commit checks its paths before the sync only",
    file: "fs/log/writer.ts",
    find: "    if (isSynced || this.#unsyncedBytes >= UNSYNCED_BYTES_MAX) await this.#syncFile(file);\n" +
      "    // Checks after the sync, before the batch is acknowledged, that the path names the file written.\n" +
      "    this.#checked(() => guard?.confirm(file, this.#path, this.#segments));\n",
    replace: "    this.#checked(() => guard?.confirm(file, this.#path, this.#segments));\n" +
      "    if (isSynced || this.#unsyncedBytes >= UNSYNCED_BYTES_MAX) await this.#syncFile(file);\n",
    first: ["paths"],
  },
  {
    name: "directories are compared with numbers of handles that were closed",
    file: "fs/place/guard.ts",
    find: "    const directory = heldAt(path, handle);\n",
    replace: "    const identity = handle.identity();\n    this.#directories.pop()?.close();\n" +
      "    const directory = heldAt(path, { identity: () => identity });\n",
    first: ["paths"],
    share: 0.2,
  },
  {
    name: "nobody looks whether the path of the lock names it",
    file: "fs/place/guard.ts",
    find: "      this.#inside.push(inside);\n      this.#look(inside);\n",
    replace: "      this.#look(inside);\n",
    first: ["paths"],
  },
  {
    name: "a change within one step of the clock is overlooked",
    file: "fs/place/guard.ts",
    find: "found.modifiedMs === seen?.modifiedMs && found.changedMs",
    replace: "seen !== undefined && Object.is(found.modifiedMs, seen.modifiedMs) && found.changedMs",
    first: ["paths"],
    share: 0.2,
  },
  {
    name: "the path of the open segment is not looked up",
    file: "fs/place/guard.ts",
    find: "    this.#look(this.#segment);\n",
    replace: "",
    first: ["paths"],
  },
  {
    name: "a lost place is found again",
    file: "fs/place/guard.ts",
    find: "    this.#failure = error;\n",
    replace: "",
    first: ["paths"],
    share: 0.2,
  },
  {
    name: "files are written without a look at their paths",
    file: "fs/place/guarded_disk.ts",
    find: "  const writing = <T>(call: () => T): T => {\n    guard.check();",
    replace: "  const writing = <T>(call: () => T): T => {",
    first: ["paths"],
  },
  {
    name: "names are changed without a look at where they lead",
    file: "fs/place/guarded_disk.ts",
    find: "  const waiting = async <T>(call: () => Promise<T>): Promise<T> => {\n    guard.check();",
    replace: "  const waiting = async <T>(call: () => Promise<T>): Promise<T> => {",
    first: ["paths"],
  },
  {
    name: "a file is read wherever its path leads",
    file: "fs/place/guarded_disk.ts",
    find: "      const file = explained(() => fs.open(path, mode));\n      try {\n        guard.check();",
    replace: "      const file = explained(() => fs.open(path, mode));\n      try {\n" +
      "        if (file.size() < 0) guard.check();",
    first: ["paths"],
    share: 0.2,
  },
];
