/**
 * Everything that must pass before a change is merged, in the order of how soon it fails. The first failure ends
 * the run. `--junit DIR` writes the results of the tests there.
 *
 *     deno task ok [--junit DIR]
 *
 * @module
 */
// deno-lint-ignore-file no-console

import { selection } from "../tests/privileged.ts";
import { run } from "./run.ts";

interface Step {
  readonly name: string;
  /** Arguments for `deno`. */
  readonly args: string[];
  /** Where to run it; by default the root of the repository. */
  readonly cwd?: string;
}

const root = Deno.realPathSync(`${import.meta.dirname}/..`);
const config: { exports: Record<string, string> } = JSON.parse(Deno.readTextFileSync(`${root}/deno.json`));
const entryPoints = Object.values(config.exports);
/** Entry points only re-export: the examples are in the files behind them. */
const documented = [...entryPoints, "src", "testing", "README.md", "docs/errors.md"];

function steps(scratch: string, junit: string | undefined): Step[] {
  const report = (name: string): string[] => junit === undefined ? [] : [`--junit-path=${junit}/${name}.xml`];
  const absolute = documented.map((path) => Deno.realPathSync(`${root}/${path}`));
  return [
    { name: "format", args: ["fmt", "--check"] },
    { name: "lint", args: ["lint"] },
    { name: "types", args: ["check", "--doc", ".", "README.md", "docs/errors.md"] },
    { name: "documentation", args: ["doc", "--lint", ...entryPoints] },
    { name: "publication", args: ["publish", "--dry-run", "--allow-dirty"] },
    { name: "core types", args: ["check", "mod.ts"] },
    { name: "core tests, no permission", args: ["test", "--no-prompt", ...report("core"), "tests/core/"] },
    {
      name: "all tests that need only files",
      args: ["test", "--no-prompt", "--allow-read", "--allow-write", ...report("files")],
    },
    { name: "tests that need more", args: ["test", "-A", ...report("privileged"), ...selection()] },
    // Examples may write files, so they run elsewhere.
    {
      name: "examples in the documentation",
      args: ["test", "-A", "--doc", `--config=${root}/deno.json`, ...report("docs"), ...absolute],
      cwd: scratch,
    },
  ];
}

/** An argument as it is printed: a filter names many tests. */
function short(argument: string): string {
  return argument.length > 100 ? `${argument.slice(0, 99)}…` : argument;
}

/** Runs the steps and prints how each one went; resolves to the exit code. */
async function runAll(all: Step[]): Promise<number> {
  const summary: string[] = [];
  let code = 0;
  for (const { name, args, cwd = root } of all) {
    console.log(`\n--- ${name}: deno ${args.map(short).join(" ")}`);
    const startedAt = performance.now();
    code = await run(["deno", ...args], { cwd });
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    summary.push(`${code === 0 ? "ok    " : "FAILED"} ${seconds.padStart(6)} s  ${name}`);
    if (code !== 0) break;
  }
  console.log(`\n${summary.join("\n")}`);
  if (summary.length < all.length) console.log(`${all.length - summary.length} steps not run`);
  return code;
}

const junit = Deno.args[0] === "--junit" ? Deno.args[1] : undefined;
const scratch = Deno.makeTempDirSync({ prefix: "worker-runtime-docs-" });
try {
  Deno.exitCode = await runAll(steps(scratch, junit));
} finally {
  Deno.removeSync(scratch, { recursive: true });
}
