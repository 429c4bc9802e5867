/**
 * Runs a command of the command line and kills itself at its n-th call to the
 * disk: `child.ts N ARGS...`. With 0 it runs to its end and prints the number
 * of calls.
 *
 * @module
 */
import { main } from "../../../cli/mod.ts";
import { DenoFileSystem } from "../../../src/fs/disk/deno_file_system.ts";

const [at = "0", ...args] = Deno.args;
let calls = 0;

// deno-lint-ignore no-explicit-any -- methods of any kind are wrapped alike
type Methods = Record<string, (...args: any[]) => unknown>;

/** Counts every call of these methods, and is killed before the wanted one. */
function count(methods: Methods, names: readonly string[]): void {
  for (const name of names) {
    const original = methods[name];
    if (original === undefined) throw new TypeError(`Cannot count calls: there is no method ${name}`);
    methods[name] = function (this: unknown, ...given): unknown {
      if (++calls === Number(at)) Deno.kill(Deno.pid, "SIGKILL");
      return original.apply(this, given);
    };
  }
}

const disk = DenoFileSystem.prototype as unknown as Methods;
const any = new DenoFileSystem().open(Deno.execPath(), "read");
count(Object.getPrototypeOf(any), ["write", "truncate", "syncDataNow", "syncData", "sync", "close"]);
any.close();
count(disk, [
  "open",
  "ensureDirectory",
  "makeDirectory",
  "remove",
  "removeDirectory",
  "rename",
  "syncDirectory",
  "lock",
]);
calls = 0;

const { signal } = new AbortController();
const nothing = (): void => {};
const io = { out: nothing, outBytes: nothing, err: nothing, columns: 80, color: false, progress: false };
const code = await main(args, { ...io, now: () => 0, signal });
Deno.stdout.writeSync(new TextEncoder().encode(`${calls}\n`));
Deno.exit(code);
