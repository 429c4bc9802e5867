/**
 * Runs the tests with coverage and says what of the store's heart they leave
 * out: branches of the files that decide over acknowledged data, and error and
 * diagnostic codes that no test produces.
 *
 *     deno task torture:coverage [--keep DIR] [--use DIR]
 *
 * `--keep` leaves what was measured in a directory, `--use` judges it again.
 * What need not be taken is listed, each branch with its reason, in
 * `coverage/excused.ts`; an entry that is not needed any more is told too.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { codesOf, sitesOf } from "./coverage/codes.ts";
import { type Excuse, excused } from "./coverage/excused.ts";
import { type FileCoverage, parseLcov } from "./coverage/lcov.ts";

/** Files of which every branch must be taken. */
const WHOLE = [
  "lines/codec",
  "lines/scanner",
  "lines/search",
  "lines/pages",
  "lines/sealed",
  "recovery/recover",
  "log/tail_table",
  "log/writer",
  "log/pages",
  "checkpoint/checkpoint",
  "checkpoint/checkpoints",
  "recovery/tail",
  "recovery/effects",
  "recovery/witness",
  "blobs/blobs",
].map((name) => `src/fs/${name}.ts`);

/** Commands to measure: the tests of all existing parts, and the simulated suites with a small budget. */
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
const SUITES = "faults,crash-states,programs,recovery-crashes,paths,corruption,model,interleavings";
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

/** Branches of fully covered files that no test takes and that are not excused; and excuses for no branch. */
function missingBranches(files: readonly FileCoverage[]): string[] {
  const used = new Set<Excuse>();
  const missing = WHOLE.flatMap((name) => {
    const file = files.find(({ path }) => path.endsWith(`/${name}`));
    if (file === undefined) return [`${name}: never loaded`];
    const lines = Deno.readTextFileSync(name).split("\n");
    return file.branches.filter(({ taken }) => taken === 0).flatMap(({ line }) => {
      const [text = "", next = ""] = lines.slice(line - 1, line + 1).map((line) => line.trim());
      const excuse = excused.find((one) =>
        name.endsWith(`/${one.file}`) && `${text} ${next}`.includes(one.text)
      );
      if (excuse === undefined) return [`${name}:${line}: a branch is never taken: ${text}`];
      used.add(excuse);
      return [];
    });
  });
  const idle = excused.filter((excuse) => !used.has(excuse));
  return [...missing, ...idle.map(({ file, text }) => `${file}: excused, and taken or gone: ${text}`)];
}

/** Codes that no executed place in the source creates. */
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
const reasons = excused.map(({ file, text, reason }) => `excused: ${file}: ${text}: ${reason}`);
for (const reason of reasons) console.log(reason);
console.log(missing.length === 0 ? "Nothing else is left out" : `${missing.length} left out`);
Deno.exit(missing.length === 0 ? 0 : 1);
