/**
 * Copies of the source, in which bugs can be planted.
 *
 * @module
 */
import type { Mutant } from "./mutants.ts";
import type { Verdict } from "./probe.ts";

const ROOT = new URL("../../../", import.meta.url);
/** Parts of the repository that the suites need. */
const PARTS = [
  "deno.json",
  "mod.ts",
  "fs_store.ts",
  "memory_store.ts",
  "postgres_store.ts",
  "operate.ts",
  "store.ts",
  "src",
  "cli",
  "testing",
  "tests",
];
/** A run that takes longer hangs. */
const TIMEOUT_MS = 300_000;

/** Returns the number of occurrences of a mutant's text in the source: it must be one. */
export function occurrences({ file, find }: Mutant): number {
  return Deno.readTextFileSync(new URL(`src/${file}`, ROOT)).split(find).length - 1;
}

/** A copy of the source in a temporary directory, removed when disposed of. */
export class SourceCopy implements Disposable {
  readonly #directory: string;

  constructor() {
    this.#directory = Deno.makeTempDirSync({ prefix: "worker-runtime-planted-" });
    for (const part of PARTS) copy(new URL(part, ROOT).pathname, `${this.#directory}/${part}`);
  }

  /** Plants a bug, if given, and runs the suites. Afterwards the copy is restored. */
  async judge(mutant: Mutant | undefined): Promise<Verdict> {
    if (mutant === undefined) return await this.#probe({});
    const path = `${this.#directory}/src/${mutant.file}`;
    const sound = Deno.readTextFileSync(path);
    Deno.writeTextFileSync(path, sound.replace(mutant.find, () => mutant.replace));
    try {
      await this.#check(path);
      return await this.#probe(mutant);
    } finally {
      Deno.writeTextFileSync(path, sound);
    }
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#directory, { recursive: true });
  }

  /** A bug that the compiler finds is not worth planting. */
  async #check(path: string): Promise<void> {
    const { success, stderr } = await this.#deno(["check", "--quiet", path]);
    if (!success) throw new Error(`Cannot plant a bug that does not type-check: ${stderr}`);
  }

  async #probe({ first = [], share }: Pick<Mutant, "first" | "share">): Promise<Verdict> {
    const asked = [first.join(","), String(share ?? "")];
    const args = ["run", "-A", "--no-check", "tests/torture/planted/probe.ts", ...asked];
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const { success, stdout, stderr } = await this.#deno(args, signal);
    if (signal.aborted) return { suite: "probe", oracle: "I7", why: "it hung" };
    if (!success) throw new Error(`Cannot judge: the probe ended early: ${stderr}`);
    return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
  }

  async #deno(args: string[], signal?: AbortSignal): Promise<Ended> {
    const cwd = this.#directory;
    const env = { NO_COLOR: "1" };
    const command = new Deno.Command(Deno.execPath(), {
      args,
      cwd,
      env,
      ...(signal === undefined ? {} : { signal }),
      stdout: "piped",
      stderr: "piped",
    });
    const { success, stdout, stderr } = await command.output();
    return { success, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  }
}

/** Result of a Deno process. */
interface Ended {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

function copy(from: string, to: string): void {
  if (Deno.statSync(from).isFile) return Deno.copyFileSync(from, to);
  Deno.mkdirSync(to);
  for (const { name } of Deno.readDirSync(from)) copy(`${from}/${name}`, `${to}/${name}`);
}
