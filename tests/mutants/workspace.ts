/**
 * Copies of the repository in which files are replaced and tests are run.
 *
 * @module
 */
import { dirname } from "@std/path";

/** Root directory of the repository, without a slash at its end. */
export const ROOT: string = Deno.realPathSync(new URL("../..", import.meta.url).pathname);

/** Output kept of a run. */
const OUTPUT_CHARS_MAX = 2_000;

/** Result of a run of tests. */
export interface TestRun {
  /** Every test passed. */
  readonly passed: boolean;
  /** The run was stopped at its time limit. */
  readonly timedOut: boolean;
  /** Duration in milliseconds. */
  readonly ms: number;
  /** End of what the run printed. */
  readonly output: string;
}

/** A test file, or the tests of one whose names match a filter. */
export interface Unit {
  /** Path relative to the repository. */
  readonly file: string;
  /** Value of `--filter`; empty for all tests of the file. */
  readonly filter: string;
}

/** Files below directories or with exact paths, as git lists them: tracked, or new and not ignored. */
export async function listFiles(...paths: readonly string[]): Promise<string[]> {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", ...paths];
  const files = (await git(args)).split("\n");
  return files.filter((file) => file !== "" && exists(`${ROOT}/${file}`)).sort();
}

/** Standard output of a git command in the repository. Throws if it fails. */
export async function git(args: readonly string[]): Promise<string> {
  const command = new Deno.Command("git", { args: [...args], cwd: ROOT, stdout: "piped", stderr: "piped" });
  const { success, stdout, stderr } = await command.output();
  if (!success) throw new Error(`Cannot run git ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** A copy of the repository, removed when disposed of. */
export class Workspace implements Disposable {
  /** Root directory of the copy. */
  readonly directory: string = Deno.makeTempDirSync({ prefix: "worker-runtime-mutants-" });

  /** Copies files, whose paths are relative to the repository. */
  constructor(files: readonly string[]) {
    for (const file of files) {
      const to = `${this.directory}/tree/${file}`;
      Deno.mkdirSync(dirname(to), { recursive: true });
      Deno.copyFileSync(`${ROOT}/${file}`, to);
    }
  }

  /** Replaces a file during `work`. */
  async withText<T>(file: string, text: string, work: () => Promise<T>): Promise<T> {
    const path = `${this.directory}/tree/${file}`;
    Deno.writeTextFileSync(path, text);
    try {
      return await work();
    } finally {
      Deno.copyFileSync(`${ROOT}/${file}`, path);
    }
  }

  /** Runs tests until the first failure, without type checks. */
  async test(units: readonly Unit[], options: readonly string[], timeoutMs: number): Promise<TestRun> {
    const filter = units.find((unit) => unit.filter !== "")?.filter;
    const files = [...new Set(units.map(({ file }) => file))];
    const filtered = filter === undefined ? [] : [`--filter=${filter}`];
    const args = ["test", "-A", "--no-check", "--quiet", "--fail-fast", "--permit-no-files"];
    return await this.#run([...args, ...options, ...filtered, ...files], timeoutMs);
  }

  /** Removes the copy. */
  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }

  async #run(args: readonly string[], timeoutMs: number): Promise<TestRun> {
    // Temporary files of a mutant are often left behind: each run gets a directory of its own.
    const temporary = `${this.directory}/tmp`;
    Deno.mkdirSync(temporary);
    const startedAt = performance.now();
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      const child = new Deno.Command(Deno.execPath(), {
        args: [...args],
        cwd: `${this.directory}/tree`,
        env: { NO_COLOR: "1", TMPDIR: temporary },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const stop = () => child.kill("SIGKILL");
      signal.addEventListener("abort", stop, { once: true });
      const { success, stdout, stderr } = await child.output();
      signal.removeEventListener("abort", stop);
      const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      const ms = performance.now() - startedAt;
      return { passed: success, timedOut: signal.aborted, ms, output: text.slice(-OUTPUT_CHARS_MAX) };
    } finally {
      Deno.removeSync(temporary, { recursive: true });
    }
  }
}
