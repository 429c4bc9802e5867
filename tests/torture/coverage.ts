/**
 * Runs the tests with coverage and says what of the store's heart they leave
 * out: branches of the files that decide over acknowledged data, and error and
 * diagnostic codes that no test produces.
 *
 *     deno run -A tools/jsr.ts deno run -A tests/torture/coverage.ts [--keep DIR] [--use DIR]
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { codesOf, sitesOf } from "./coverage/codes.ts";
import { type FileCoverage, parseLcov } from "./coverage/lcov.ts";

/** Files of which every branch must be taken. */
const WHOLE = [
  "lines",
  "line_scanner",
  "sorted_lines",
  "line_pages",
  "sealed",
  "log_recovery",
  "recovery_table",
  "log_writer",
  "log_pages",
  "checkpoint",
  "checkpoints",
  "tail_mending",
].map((name) => `src/fs/${name}.ts`);

/** What is run: the tests of all parts that exist, and the simulated suites in small. */
const TESTS = [
  "core/",
  "fs/",
  "memory_store_test.ts",
  "fs_store_test.ts",
  "permissions_test.ts",
  "torture/coverage/",
  "torture/interleavings/",
].map((
  name,
) => `tests/${name}`);
const SUITES = "faults,crash-states,programs,recovery-crashes,corruption,model,interleavings";
const SHARE = "0.005";

function option(name: string): string | undefined {
  const at = Deno.args.indexOf(`--${name}`);
  return at === -1 ? undefined : Deno.args[at + 1];
}

async function run(args: readonly string[]): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), { args: [...args], stdout: "piped", stderr: "inherit" });
  const { success, stdout } = await command.output();
  if (!success) console.error(`deno ${args.join(" ")} failed; its coverage counts all the same`);
  return new TextDecoder().decode(stdout);
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

async function measured(): Promise<FileCoverage[]> {
  const used = option("use");
  const directory = used ?? option("keep") ?? await Deno.makeTempDir({ prefix: "worker-runtime-coverage-" });
  if (used === undefined) {
    await run(["test", "-A", "--no-check", `--coverage=${directory}`, ...TESTS.filter(exists)]);
    const runner = new URL("./main.ts", import.meta.url).pathname;
    await run([
      "run",
      "-A",
      "--no-check",
      `--coverage=${directory}`,
      runner,
      "--suite",
      SUITES,
      "--share",
      SHARE,
    ]);
  }
  const lcov = await run(["coverage", "--lcov", "--include=/src/", directory]);
  if (used === undefined && option("keep") === undefined) await Deno.remove(directory, { recursive: true });
  return parseLcov(lcov);
}

/** Never taken, and right so: what the types ask for, and the ends of functions that end before. */
function isForTypes(name: string, line: number): boolean {
  const lines = Deno.readTextFileSync(name).split("\n");
  const [here = "", next = ""] = lines.slice(line - 1);
  return here.includes(" ?? ") || here.includes("the last row applies always") ||
    next.includes("the log has no segment");
}

/** Branches that no test takes, of the files that must be covered whole. */
function missingBranches(files: readonly FileCoverage[]): string[] {
  return WHOLE.flatMap((name) => {
    const file = files.find(({ path }) => path.endsWith(`/${name}`));
    if (file === undefined) return [`${name}: never loaded`];
    const missing = file.branches.filter(({ taken, line }) => taken === 0 && !isForTypes(name, line));
    return missing.map(({ line }) => `${name}:${line}: a branch is never taken`);
  });
}

/** Codes of which no place in the source that makes them was ever run. */
async function missingCodes(files: readonly FileCoverage[]): Promise<string[]> {
  const missing: string[] = [];
  for (const { kind, code } of await codesOf()) {
    const sites = await sitesOf(kind, code);
    const ran = sites.some(({ path, line }) => {
      const lines = files.find((file) => file.path.endsWith(`/${path}`))?.lines;
      return (lines?.get(line) ?? 0) > 0;
    });
    if (!ran) {
      missing.push(
        `${kind} code ${code}: made at ${sites.map(({ path, line }) => `${path}:${line}`)}, never run`,
      );
    }
  }
  return missing;
}

const files = await measured();
const missing = [...missingBranches(files), ...await missingCodes(files)];
for (const one of missing) console.log(one);
console.log(missing.length === 0 ? "Nothing is left out" : `${missing.length} left out`);
Deno.exit(missing.length === 0 ? 0 : 1);
